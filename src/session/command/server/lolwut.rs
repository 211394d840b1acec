//! LOLWUT \[VERSION version\] \[columns \[rows \[tiles\]\]\]: a trencadís, the mosaic of broken tiles that gave us our name.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;
use crate::session::command::REDIS_VERSION;

/// The picture that a terminal shows whole.
const COLUMNS: i64 = 64;
const ROWS: i64 = 20;
const TILES: i64 = 40;
/// The largest picture: what it costs to paint grows with all three.
const SIDE_MAX: i64 = 200;
const TILES_MAX: i64 = 200;

/// What a tile may be glazed with. The grout between tiles is left empty.
const GLAZES: [char; 12] = ['░', '▒', '▓', '█', '▞', '▚', '▤', '▥', '▦', '▧', '▨', '▩'];

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut at = 1;
    if args.len() >= 3 && args.is(1, "version") {
        // There is one picture, whatever version is asked for.
        args.int(2)?;
        at = 3;
    }
    let mut next = |default: i64, most: i64| {
        let number = if at < args.len() { args.int(at) } else { Ok(default) };
        at += 1;
        number.map(|number| number.clamp(1, most))
    };
    let (columns, rows, tiles) = (next(COLUMNS, SIDE_MAX)?, next(ROWS, SIDE_MAX)?, next(TILES, TILES_MAX)?);
    let mut text = paint(columns, rows, tiles, session.local.router.pick());
    text.push_str(&format!(
        "\nTrencadís: whole pictures of broken tiles. Redis ver. {REDIS_VERSION}, trencadis {}\n",
        env!("CARGO_PKG_VERSION")
    ));
    reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Every place belongs to the tile whose middle is nearest; where two are as near, there is grout.
fn paint(columns: i64, rows: i64, tiles: i64, seed: u64) -> String {
    let mut state = seed;
    let mut random = |below: i64| {
        // Numbers by Vigna's splitmix64: enough for a picture.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap_or(0) % below
    };
    let middles: Vec<(i64, i64, char)> = (0..tiles)
        .map(|_| {
            let glaze = usize::try_from(random(GLAZES.len() as i64)).unwrap_or(0);
            (random(columns), random(rows), GLAZES[glaze])
        })
        .collect();
    let mut text = String::new();
    for row in 0..rows {
        for column in 0..columns {
            let (mut nearest, mut second, mut glaze) = (i64::MAX, i64::MAX, ' ');
            for &(x, y, of) in &middles {
                // A character is about twice as high as it is wide.
                let distance = (x - column).pow(2) + 4 * (y - row).pow(2);
                if distance < nearest {
                    (nearest, second, glaze) = (distance, nearest, of);
                } else {
                    second = second.min(distance);
                }
            }
            let is_grout = second < i64::MAX && second.isqrt() - nearest.isqrt() < 1;
            text.push(if is_grout { ' ' } else { glaze });
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_size_and_its_tiles() {
        let picture = paint(30, 7, 9, 42);
        assert_eq!(picture.lines().count(), 7);
        assert!(picture.lines().all(|line| line.chars().count() == 30));
        let glazes = picture.chars().filter(|glaze| GLAZES.contains(glaze)).count();
        assert!(glazes > 100, "{picture}");
        assert_eq!(picture, paint(30, 7, 9, 42));
        assert_ne!(picture, paint(30, 7, 9, 43));
        assert_eq!(paint(2, 1, 1, 0).trim_end().chars().count(), 2);
    }
}

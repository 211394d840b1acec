//! Cells of the world: longitude and latitude halved in turn, a bit for each half. 26 halvings of both, 52 bits, are the score of a
//! place; fewer are a cell, whose places have neighbouring scores. All arithmetic is Redis's, to the last bit.

/// A place in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

pub(super) const LONGITUDE_MAX: f64 = 180.0;
/// Where the square map of the world ends.
pub(super) const LATITUDE_MAX: f64 = 85.051_128_78;
/// Halvings of a place's score.
pub(super) const STEPS_MAX: u32 = 26;

const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Characters of a geohash; 52 bits fill ten, and the last is always 0.
pub(super) const TEXT_LEN: usize = 11;

/// One of the 4^steps cells of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Counted from the west, and from the south. Below 2^steps, but for what lies on the very edge of the map.
    pub(super) column: u32,
    pub(super) row: u32,
    pub(super) steps: u32,
}

/// What a cell covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) west: f64,
    pub(super) east: f64,
    pub(super) south: f64,
    pub(super) north: f64,
}

impl Cell {
    /// The cell that a place of the map lies in.
    pub(super) fn of(point: Point, steps: u32) -> Cell {
        Cell::on(point, steps, LATITUDE_MAX)
    }

    /// The same, on a map that reaches up to `latitude_max`.
    fn on(point: Point, steps: u32, latitude_max: f64) -> Cell {
        let share = |value: f64, max: f64| ((value - -max) / (max - -max) * f64::from(1u32 << steps)) as u32;
        Cell { column: share(point.longitude, LONGITUDE_MAX), row: share(point.latitude, latitude_max), steps }
    }

    /// Column and row bit by bit, the column's first.
    pub(super) fn bits(self) -> u64 {
        spread(self.row) | spread(self.column) << 1
    }

    pub(super) fn area(self) -> Area {
        let cells = f64::from(1u32 << self.steps);
        let edge = |number: f64, max: f64| -max + number / cells * (max - -max);
        let (column, row) = (f64::from(self.column), f64::from(self.row));
        Area {
            west: edge(column, LONGITUDE_MAX),
            east: edge(column + 1.0, LONGITUDE_MAX),
            south: edge(row, LATITUDE_MAX),
            north: edge(row + 1.0, LATITUDE_MAX),
        }
    }

    /// The cell so many columns to the east and rows to the north; the map is round in both directions.
    pub(super) fn moved(self, columns: i32, rows: i32) -> Cell {
        let step = |number: u32, by: i32| if by == 0 { number } else { number.wrapping_add_signed(by) & ((1 << self.steps) - 1) };
        Cell { column: step(self.column, columns), row: step(self.row, rows), steps: self.steps }
    }

    /// The scores of the places in it: from, and up to but without.
    pub(super) fn scores(self) -> (f64, f64) {
        let low = 2 * (STEPS_MAX - self.steps);
        // Fewer than 2^55, of which doubles of this size have every even one; all but the edge of the map is below 2^53.
        ((self.bits() << low) as f64, ((self.bits() + 1) << low) as f64)
    }
}

/// The score of a place.
pub(super) fn score_of(point: Point) -> f64 {
    Cell::of(point, STEPS_MAX).scores().0
}

/// The middle of the cell that a score names; of a score that no place has, somewhere on the map.
pub(super) fn point_of(score: f64) -> Point {
    let bits = unsigned(score);
    let area = Cell { column: gather(bits >> 1), row: gather(bits), steps: STEPS_MAX }.area();
    Point {
        longitude: ((area.west + area.east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
        latitude: ((area.south + area.north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
    }
}

/// The geohash of the place that a score names, on the map of everybody else, which reaches to the poles.
pub(super) fn text_of(score: f64) -> [u8; TEXT_LEN] {
    let bits = Cell::on(point_of(score), STEPS_MAX, 90.0).bits();
    let mut text = [DIGITS[0]; TEXT_LEN];
    for (at, digit) in text[..TEXT_LEN - 1].iter_mut().enumerate() {
        *digit = DIGITS[(bits >> (52 - (at + 1) * 5)) as usize & 31];
    }
    text
}

/// A double as a 64-bit number, as processors convert it that have no instruction for it: negative ones wrap around.
fn unsigned(value: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    if value < HALF {
        (value as i64).cast_unsigned()
    } else if value < 2.0 * HALF {
        value as u64
    } else {
        0
    }
}

/// Puts a 0 before every bit.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every other bit, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From Redis 7.0.15: GEOADD, then ZSCORE, GEOPOS, GEOHASH.
    #[test]
    fn places_are_where_redis_puts_them() {
        let palermo = Point { longitude: 13.361389, latitude: 38.115556 };
        assert_eq!(score_of(palermo), 3_479_099_956_230_698.0);
        let middle = point_of(3_479_099_956_230_698.0);
        assert_eq!((middle.longitude, middle.latitude), (13.361_389_338_970_184, 38.115_556_395_496_3));
        assert_eq!(&text_of(3_479_099_956_230_698.0), b"sqc8b49rny0");
        assert_eq!(&text_of(score_of(Point { longitude: 15.087269, latitude: 37.502669 })), b"sqdtr74hyu0");
    }

    #[test]
    fn any_score_is_somewhere() {
        for score in [f64::NEG_INFINITY, -1.0, -0.0, 0.5, 1e15, 1e18, 1e19, 1e300, f64::INFINITY] {
            let point = point_of(score);
            assert!(point.longitude.abs() <= LONGITUDE_MAX && point.latitude.abs() <= LATITUDE_MAX, "{score}");
            assert!(text_of(score).is_ascii());
        }
    }

    proptest! {
        #[test]
        fn bits_come_back(number: u32) {
            prop_assert_eq!(gather(spread(number)), number);
            prop_assert_eq!(spread(number) & 0xaaaa_aaaa_aaaa_aaaa, 0);
        }

        #[test]
        fn a_place_is_near_the_middle_of_its_cell(longitude in -180.0..180.0, latitude in -85.05..85.05, steps in 1u32..=26) {
            let point = Point { longitude, latitude };
            let cell = Cell::of(point, steps);
            let area = cell.area();
            prop_assert!(area.west <= longitude && longitude <= area.east && area.south <= latitude && latitude <= area.north);
            let score = score_of(point);
            let (from, to) = cell.scores();
            prop_assert!(from <= score && score < to);
            let middle = point_of(score);
            prop_assert!((middle.longitude - longitude).abs() < 1e-5 && (middle.latitude - latitude).abs() < 1e-5);
            prop_assert_eq!(score_of(middle), score);
        }

        #[test]
        fn neighbours_are_neighbours(column in 0u32..64, row in 0u32..64, columns in -1i32..=1, rows in -1i32..=1) {
            let cell = Cell { column, row, steps: 6 };
            let there = cell.moved(columns, rows);
            prop_assert!(there.column < 64 && there.row < 64);
            prop_assert_eq!(there.moved(-columns, -rows), cell);
        }
    }
}

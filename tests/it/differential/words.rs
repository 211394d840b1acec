//! What stands where a syntax says "key", "score" or "count": mostly what makes sense there, sometimes what is at its edge or beyond it.

use super::dice::Dice;
use super::grammar::{Argument, Kind};

pub type Word = Vec<u8>;

/// Where a word is wanted.
pub struct Place<'a> {
    pub command: &'a str,
    pub group: &'a str,
    pub argument: &'a Argument,
    /// Many elements are wanted, all different.
    pub is_bulk: bool,
}

/// Keys by family: few, so that commands meet. `w_` and `h_` are what SORT's patterns lead to; braces put keys on one shard.
const KEYS: &[(&str, &[&[u8]])] = &[
    ("string", &[b"s1", b"s2", b"w_1", b"w_a"]),
    ("bitmap", &[b"b1", b"b2", b"s1"]),
    ("hyperloglog", &[b"p1", b"p2", b"p3"]),
    ("list", &[b"l1", b"l2", b"{l1}l"]),
    ("set", &[b"t1", b"t2", b"{t1}t"]),
    ("hash", &[b"h1", b"h2", b"h_1"]),
    ("sorted-set", &[b"z1", b"z2", b"{z1}z"]),
    ("geo", &[b"g1", b"g2", b"{g1}g"]),
    ("stream", &[b"x1", b"x2", b"{x1}x"]),
];
const ODD_KEYS: &[&[u8]] = &[b"missing", b"", b"\x00\xff\r\n", b"{", b"{}s1", b"s1 "];

const TEXTS: &[&[u8]] = &[b"a", b"b", b"c", b"d", b"e", b"f", b"aa", b"ab"];
const ODD_TEXTS: &[&[u8]] = &[
    b"",
    b"0",
    b"1",
    b"-1",
    b"10",
    b"007",
    b" 1",
    b"+1",
    b"-0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"1.5",
    b"3.0e5",
    b"inf",
    b"nan",
    b"\x00\xff\r\n",
    b"\xc3\xa9",
    b"ohmytext",
    b"mynewtext",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    b"ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
];

const ODD_INTEGERS: &[&[u8]] = &[
    b"9223372036854775807",
    b"-9223372036854775808",
    b"-9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"2147483648",
    b"-2147483649",
    b"4294967295",
    b"4294967296",
    b"9007199254740993",
    b"",
    b"1.0",
    b" 1",
    b"1 ",
    b"+5",
    b"-0",
    b"00",
    b"abc",
    b"0x10",
    b"1e2",
];
/// For what a server would fill with as many bytes or elements.
const REFUSED_INTEGERS: &[&[u8]] = &[
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"4294967296",
    b"18446744073709551615",
    b"",
    b"1.0",
    b" 1",
    b"+5",
    b"-0",
    b"abc",
];
/// Integers beyond these fill nothing, and are refused at once or mean "all".
const REFUSED_COUNTS: &[&[u8]] =
    &[b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"", b"1.5", b"+1", b"-0", b"abc"];

const REFUSED_COUNTERS: &[&[u8]] = &[b"-1", b"-2", b"9223372036854775808", b"", b"1.5", b"abc"];

const DOUBLES: &[&[u8]] = &[b"0", b"1", b"2", b"3", b"-1", b"10", b"0.5", b"1.5", b"-2.5", b"0.1", b"100"];
const ODD_DOUBLES: &[&[u8]] = &[
    b"inf",
    b"-inf",
    b"+inf",
    b"Infinity",
    b"-INFINITY",
    b"nan",
    b"-0",
    b"-0.0",
    b"1e308",
    b"-1.7976931348623157e308",
    b"1e309",
    b"5e-324",
    b"1e-400",
    b"3.141592653589793",
    b"1e17",
    b"123456789012345680",
    b"9007199254740993",
    b"9223372036854775807",
    b"1e21",
    b"0.000001",
    b"1e-7",
    b"0x10",
    b"0x1p-3",
    b".5",
    b"5.",
    b"+3",
    b"1e",
    b"1 ",
    b" 1",
    b"",
    b"abc",
    b"1.0000000000000000000000000000000000001",
];
const SCORE_BOUNDS: &[&[u8]] = &[b"-inf", b"+inf", b"inf", b"(1", b"(2", b"(-inf", b"(inf", b"(0.5", b"0", b"1", b"2", b"3", b"-1"];
const ODD_SCORE_BOUNDS: &[&[u8]] = &[b"(", b"((1", b"nan", b"(nan", b"", b"[1", b"abc", b"( 1", b"1 ", b"0x1", b"-", b"+", b"1e400"];
const LEX_BOUNDS: &[&[u8]] = &[b"-", b"+", b"[a", b"(a", b"[b", b"(c", b"[d", b"(f", b"[", b"(", b"[aa"];
const ODD_LEX_BOUNDS: &[&[u8]] = &[b"", b"a", b"--", b"++", b"[\x00\xff", b"(-", b"-inf", b"1", b" [a"];
const IDS: &[&[u8]] = &[b"-", b"+", b"0", b"0-0", b"1", b"3", b"5", b"1-1", b"2-1", b"3-0", b"(2-1", b"(3", b"7-2", b"9", b"20", b"$"];
const ODD_IDS: &[&[u8]] = &[
    b"18446744073709551615-18446744073709551615",
    b"18446744073709551615-*",
    b"18446744073709551614",
    b"0-1",
    b"5-*",
    b"30-*",
    b"(-",
    b"(+",
    b"(0-0",
    b"(18446744073709551615-18446744073709551615",
    b"18446744073709551616",
    b">",
    b"bad",
    b"1-",
    b"-1",
    b"1-1-1",
    b"",
    b"1-x",
    b"+1-1",
    b"01-01",
    b"1 -1",
    b"*-1",
];
/// So many of them would be the last entry of their stream for ever.
const ENDLESS_IDS: usize = 3;
/// `**` is missing: whether several stars match the empty text is where we differ on purpose (`src/glob.rs`).
const PATTERNS: &[&[u8]] =
    &[b"*", b"s*", b"*1", b"[a-c]*", b"?", b"??", b"[^a]*", b"h*", b"a", b"\\*", b"[", b"[a", b"a**", b"", b"*\\", b"[z-a]"];
const SORT_PATTERNS: &[&[u8]] = &[b"w_*", b"h_*->f", b"h_*->a", b"#", b"nosort", b"*", b"h_*->", b"w_*w_*", b"x", b"", b"h1->a", b"*->a"];
const PLACES: &[(f64, f64)] = &[
    (13.361389, 38.115556),
    (15.087269, 37.502669),
    (2.349014, 48.864716),
    (-73.935242, 40.730610),
    (139.839478, 35.652832),
    (0.0, 0.0),
    (-180.0, -85.05112878),
    (180.0, 85.05112878),
    (179.99, 10.0),
    (-179.99, 10.0),
    (13.5, 38.0),
];
const RADII: &[&[u8]] = &[b"0", b"1", b"100", b"200", b"400", b"5000", b"25000", b"1e7", b"0.5"];
const ENCODINGS: &[&[u8]] = &[b"u8", b"i8", b"u4", b"i5", b"u1", b"i64", b"u63", b"i16", b"u32"];
const ODD_ENCODINGS: &[&[u8]] = &[b"u64", b"i65", b"u0", b"i0", b"x8", b"8", b"", b"u", b"I8", b"u-1", b"i1"];
const GROUPS: &[&[u8]] = &[b"g1", b"g1", b"g1", b"g2", b"g3", b""];
const CONSUMERS: &[&[u8]] = &[b"c1", b"c1", b"c2", b"c3", b""];
const TYPES: &[&[u8]] = &[b"string", b"list", b"set", b"zset", b"hash", b"stream", b"nothing", b"STRING"];
const OPERATIONS: &[&[u8]] = &[b"AND", b"OR", b"XOR", b"NOT", b"and", b"Not", b"NAND"];
/// The idle times that streams are asked for and told: far apart, so that what passes while a test runs makes no difference.
const IDLE_MS: &[&[u8]] = &[b"0", b"0", b"1000000", b"500000", b"100000000000", b"-1", b"abc", b"9223372036854775807"];
const RELATIVE_ODD: &[&[u8]] = &[
    b"0",
    b"-1",
    b"-1000",
    b"abc",
    b"",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775",
    b"9223372036854776",
    b"1.5",
    b"+100000",
];
const TIMES_PAST: &[&[u8]] = &[b"0", b"1", b"-1", b"1000000000", b"-5"];
const TIMES_ODD: &[&[u8]] =
    &[b"9223372036854775807", b"9223372036854775", b"9223372036854776", b"-9223372036854775808", b"abc", b"", b"1.5"];

fn one_of(dice: &mut Dice, usual: &[&[u8]], odd: &[&[u8]], odd_percent: usize) -> Word {
    let from = if dice.percent(odd_percent) { odd } else { usual };
    dice.pick(from).to_vec()
}

fn number(value: i64) -> Word {
    value.to_string().into_bytes()
}

/// A key for a command of this family.
pub fn key(dice: &mut Dice, group: &str) -> Word {
    let any = dice.percent(12);
    if dice.percent(3) {
        return dice.pick(ODD_KEYS).to_vec();
    }
    match KEYS.iter().find(|(family, _)| *family == group).filter(|_| !any) {
        Some((_, keys)) => dice.pick(keys).to_vec(),
        None => {
            let (_, keys) = *dice.pick(KEYS);
            dice.pick(keys).to_vec()
        }
    }
}

/// A word for this place.
pub fn word(dice: &mut Dice, place: &Place<'_>) -> Word {
    let name = place.argument.name.as_str();
    match (place.command, name) {
        (_, "min" | "max") => return bound(dice, place.command.contains("lex")),
        ("zrange" | "zrangestore", "start" | "stop") => return integer(dice),
        (_, "longitude" | "latitude") => return coordinate(dice, name),
        (_, "radius" | "width" | "height") => return one_of(dice, RADII, ODD_DOUBLES, 8),
        (_, "encoding") => return one_of(dice, ENCODINGS, ODD_ENCODINGS, 10),
        (_, "offset") if place.group == "bitmap" => return bit_offset(dice, place.command),
        ("setrange", "offset") => return one_of(dice, &[b"0", b"1", b"3", b"10", b"40", b"200", b"-1"], REFUSED_INTEGERS, 10),
        ("bitop", "operation") => return dice.pick(OPERATIONS).to_vec(),
        ("srandmember" | "hrandfield" | "zrandmember" | "spop", "count") => {
            return if dice.percent(10) { dice.pick(REFUSED_COUNTS).to_vec() } else { number(dice.from(-8, 12)) };
        }
        (_, "group" | "groupname") => return dice.pick(GROUPS).to_vec(),
        (_, "consumer" | "consumername") => return dice.pick(CONSUMERS).to_vec(),
        (_, "min-idle-time" | "ms") => return dice.pick(IDLE_MS).to_vec(),
        // Behind all entries there may ever be: 7.2 looks at the last deleted one too.
        ("xsetid", "last-id") => return format!("{}-{}", dice.from(61, 99), dice.from(0, 3)).into_bytes(),
        ("xadd", "id") => return entry_id(dice),
        (_, "id" | "start" | "end" | "last-id" | "max_deleted_entry_id") if place.group == "stream" => {
            return stream_id(dice, place.command);
        }
        (_, "threshold") => return if dice.percent(70) { number(dice.from(0, 12)) } else { stream_id(dice, "") },
        (_, "cursor") => return one_of(dice, &[b"0"], &[b"abc", b"", b"18446744073709551616", b"0x0", b" 0"], 8),
        (_, "destination-db" | "db" | "index" | "index1" | "index2") if place.group != "list" => {
            return one_of(dice, &[b"0", b"0", b"1"], &[b"2", b"15", b"16", b"-1", b"abc", b"2147483648"], 10);
        }
        (_, "type") => return dice.pick(TYPES).to_vec(),
        (_, "seconds") => return relative(dice, 1),
        (_, "milliseconds") => return relative(dice, 1000),
        (_, "unix-time-seconds") => return absolute(dice, 1, place.command),
        (_, "unix-time-milliseconds") => return absolute(dice, 1000, place.command),
        ("sort" | "sort_ro", "pattern") => return dice.pick(SORT_PATTERNS).to_vec(),
        // A number of entries that wraps is of use to nobody, and memory for more than fit is not asked for.
        (_, "entries_read" | "entries_added") => return one_of(dice, &[b"0", b"1", b"3", b"10"], REFUSED_COUNTERS, 15),
        ("xautoclaim", "count") => return one_of(dice, &[b"1", b"2", b"10"], &[b"0", b"-1", b"abc", b"", b"1000"], 15),
        ("zincrby", "increment") | (_, "weight") => return one_of(dice, DOUBLES, ODD_DOUBLES, 15),
        _ => {}
    }
    match place.argument.kind {
        Kind::Key => key(dice, place.group),
        Kind::Integer | Kind::Time => integer(dice),
        Kind::Double => one_of(dice, DOUBLES, ODD_DOUBLES, 12),
        Kind::Pattern => dice.pick(PATTERNS).to_vec(),
        _ if place.is_bulk => format!("m{}", dice.below(1500)).into_bytes(),
        _ if place.command.starts_with('s') && place.group == "set" && dice.percent(40) => number(dice.from(-5, 20)),
        _ => one_of(dice, TEXTS, ODD_TEXTS, 20),
    }
}

fn integer(dice: &mut Dice) -> Word {
    match dice.below(100) {
        0..=77 => number(dice.from(-4, 8)),
        78..=89 => number(dice.from(-150, 300)),
        _ => dice.pick(ODD_INTEGERS).to_vec(),
    }
}

pub fn bound(dice: &mut Dice, is_lex: bool) -> Word {
    if is_lex != dice.percent(3) { one_of(dice, LEX_BOUNDS, ODD_LEX_BOUNDS, 7) } else { one_of(dice, SCORE_BOUNDS, ODD_SCORE_BOUNDS, 7) }
}

/// Whatever is said of the other one of the pair, some places come together often. Never twice the same: of what is equally far away, either
/// may come first.
fn coordinate(dice: &mut Dice, name: &str) -> Word {
    if dice.percent(4) {
        return dice.pick(ODD_DOUBLES).to_vec();
    }
    let (longitude, latitude) = *dice.pick(PLACES);
    let place = if name == "longitude" { longitude } else { latitude };
    // Away from the edge, towards the middle.
    let aside = f64::from(u32::try_from(dice.below(1_000_000)).unwrap_or(0)) * 1e-6;
    format!("{:.7}", place - place.signum() * aside).into_bytes()
}

fn bit_offset(dice: &mut Dice, command: &str) -> Word {
    if dice.percent(8) {
        return dice.pick(REFUSED_INTEGERS).to_vec();
    }
    let most = if dice.percent(20) { 3000 } else { 40 };
    let offset = dice.from(0, most);
    if command.starts_with("bitfield") && dice.percent(30) { format!("#{}", offset % 50).into_bytes() } else { number(offset) }
}

/// Mostly one that comes late enough to be taken.
fn entry_id(dice: &mut Dice) -> Word {
    match dice.below(100) {
        0..=69 => format!("{}-{}", dice.from(1, 60), dice.from(0, 3)).into_bytes(),
        70..=84 => format!("{}-*", dice.from(1, 60)).into_bytes(),
        85..=92 => number(dice.from(0, 60)),
        _ => dice.pick(&ODD_IDS[ENDLESS_IDS..]).to_vec(),
    }
}

fn stream_id(dice: &mut Dice, command: &str) -> Word {
    match dice.below(100) {
        0..=29 => format!("{}-{}", dice.from(1, 60), dice.from(0, 3)).into_bytes(),
        30..=69 if command == "xreadgroup" => b">".to_vec(),
        30..=91 => dice.pick(IDS).to_vec(),
        _ => dice.pick(ODD_IDS).to_vec(),
    }
}

/// Never so soon that a key ends while its episode runs, be it read as seconds or as milliseconds.
fn relative(dice: &mut Dice, per_second: i64) -> Word {
    if dice.percent(12) { dice.pick(RELATIVE_ODD).to_vec() } else { number(dice.from(100_000, 2_000_000) * per_second) }
}

/// Round, which is how they are told from times that were counted from now. SET is not given a time that is past: it makes a key that is
/// counted until somebody looks.
fn absolute(dice: &mut Dice, per_second: i64, command: &str) -> Word {
    match dice.below(100) {
        0..=9 if command != "set" => dice.pick(TIMES_PAST).to_vec(),
        10..=17 => dice.pick(TIMES_ODD).to_vec(),
        _ => number(dice.from(2_000_000, 4_000_000) * 1000 * per_second),
    }
}

//! HyperLogLog: how many different elements were added, within 0.81 %, in at most 12 KiB.
//!
//! It is a string, byte for byte that of Redis, so that GET, SET, DUMP and replicas of either kind agree about it:
//!
//! ```text
//! 0       4          5     8                     16
//! +-------+----------+-----+---------------------+------------------------------------------------+
//! | HYLL  | 0 dense  | 000 | the last count, LE; | dense: 16384 registers of 6 bits, lowest first |
//! |       | 1 sparse |     | its top bit: stale  | sparse: runs of equal registers                |
//! +-------+----------+-----+---------------------+------------------------------------------------+
//! ```
//!
//! An element's hash names a register by its low 14 bits; the register keeps the longest run of zeros, plus one, that the other 50 bits ever
//! began with (at their low end). Clients can write any bytes here, so every read is checked: what does not add up is [`Corrupt`].

use super::hyperloglog_sparse::{Cursor, Raised, Run, Runs, raise};

/// Bits of a hash that name the register.
const INDEX_BITS: u32 = 14;
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// Bits of a hash that are looked at for zeros.
const RANK_BITS: usize = 64 - INDEX_BITS as usize;
const REGISTER_BITS: usize = 6;
/// The highest value of six bits.
const RANK_MAX: usize = (1 << REGISTER_BITS) - 1;
pub(super) const HEADER_BYTES: usize = 16;
const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * REGISTER_BITS / 8;
const MAGIC: &[u8; 4] = b"HYLL";
/// The seed that Redis hashes elements with: part of the format.
const SEED: u64 = 0xadc8_3b19;
/// 1 / (2 ln 2): the limit of HyperLogLog's correction for many registers.
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The runs of a sparse string do not make up 16384 registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Dense,
    Sparse,
}

/// The form of a string that looks like a HyperLogLog; `None` if it does not.
#[must_use]
pub fn form(text: &[u8]) -> Option<Form> {
    let (header, _) = text.split_first_chunk::<HEADER_BYTES>()?;
    match (header.starts_with(MAGIC), header[4]) {
        (true, 0) if text.len() == DENSE_BYTES => Some(Form::Dense),
        (true, 1) => Some(Form::Sparse),
        _ => None,
    }
}

/// One without any element, in the sparse form.
#[must_use]
pub fn empty() -> Vec<u8> {
    let mut text = vec![0; HEADER_BYTES];
    text[..4].copy_from_slice(MAGIC);
    text[4] = 1;
    Run::Zeros(REGISTERS).write(&mut text);
    text
}

/// The count of last time, unless registers have changed since.
#[must_use]
pub fn cached(text: &[u8]) -> Option<u64> {
    let count = text.get(8..HEADER_BYTES).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)?;
    (count >> 63 == 0).then_some(count)
}

/// Keeps a count for next time.
pub fn remember(text: &mut [u8], count: u64) {
    if let Some(place) = text.get_mut(8..HEADER_BYTES) {
        place.copy_from_slice(&count.to_le_bytes());
    }
}

/// Says that the count is stale.
pub fn forget(text: &mut [u8]) {
    if let Some(top) = text.get_mut(HEADER_BYTES - 1) {
        *top |= 0x80;
    }
}

/// The register of an element, and the rank it wants there.
#[must_use]
pub fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, SEED);
    let index = (hash as usize) & (REGISTERS - 1);
    // A bit behind the last, so that the rank ends.
    let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
    (index, rest.trailing_zeros() as u8 + 1)
}

/// MurmurHash64A, which Austin Appleby gave to the public domain.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let stir = |word: u64| {
        let word = word.wrapping_mul(FACTOR);
        (word ^ word >> 47).wrapping_mul(FACTOR)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        hash = (hash ^ stir(u64::from_le_bytes(*word))).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ last).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(FACTOR);
    hash ^ hash >> 47
}

/// Raises registers of one string, in either form; a sparse one becomes dense when it must.
pub struct Writer<'a> {
    text: &'a mut Vec<u8>,
    form: Form,
    cursor: Cursor,
    sparse_bytes_max: usize,
}

impl<'a> Writer<'a> {
    /// `None` if the string is no HyperLogLog. A sparse one may grow up to `sparse_bytes_max`, its header included.
    pub fn new(text: &'a mut Vec<u8>, sparse_bytes_max: usize) -> Option<Writer<'a>> {
        let form = form(text)?;
        Some(Writer { text, form, cursor: Cursor::default(), sparse_bytes_max })
    }

    /// Raises a register to a rank of at least 1; says whether it was lower.
    ///
    /// # Errors
    /// The sparse runs end before they come to the register.
    pub fn raise(&mut self, index: usize, rank: u8) -> Result<bool, Corrupt> {
        if self.form == Form::Sparse {
            match raise(self.text, &mut self.cursor, index, rank, self.sparse_bytes_max)? {
                Raised::Yes => return Ok(true),
                Raised::No => return Ok(false),
                Raised::TooLarge => self.make_dense()?,
            }
        }
        Ok(raise_dense(self.text, index, rank))
    }

    /// Says that the count is stale.
    pub fn forget(&mut self) {
        forget(self.text);
    }

    /// Gives the string the dense form.
    ///
    /// # Errors
    /// The sparse runs are not 16384 registers.
    pub fn make_dense(&mut self) -> Result<(), Corrupt> {
        if self.form == Form::Sparse {
            *self.text = dense(self.text)?;
            self.form = Form::Dense;
        }
        Ok(())
    }
}

/// Raises a register of a dense string; says whether it was lower.
pub fn raise_dense(text: &mut [u8], index: usize, rank: u8) -> bool {
    let bit = index * REGISTER_BITS;
    let at = HEADER_BYTES + bit / 8;
    let shift = bit % 8;
    // A register ends in the byte it began in, or in the next; the last one ends with the string.
    let next = text.get(at + 1).copied().unwrap_or(0);
    let Some(first) = text.get_mut(at) else { return false };
    let both = u16::from_le_bytes([*first, next]);
    if (both >> shift) as usize & RANK_MAX >= usize::from(rank) {
        return false;
    }
    let both = both & !((RANK_MAX as u16) << shift) | u16::from(rank) << shift;
    let [low, high] = both.to_le_bytes();
    *first = low;
    if let Some(next) = text.get_mut(at + 1) {
        *next = high;
    }
    true
}

/// The dense form of a sparse string, with the header's count as it is.
///
/// # Errors
/// The runs are not 16384 registers.
fn dense(sparse: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut registers = [0; REGISTERS];
    merge(sparse, &mut registers)?;
    let mut text = vec![0; DENSE_BYTES];
    text[..HEADER_BYTES].copy_from_slice(sparse.get(..HEADER_BYTES).ok_or(Corrupt)?);
    text[4] = 0;
    for (bytes, four) in text[HEADER_BYTES..].as_chunks_mut::<3>().0.iter_mut().zip(registers.as_chunks::<4>().0) {
        let packed = four.iter().rev().fold(0_u32, |packed, rank| packed << REGISTER_BITS | u32::from(*rank));
        bytes.copy_from_slice(&packed.to_le_bytes()[..3]);
    }
    Ok(text)
}

/// Visits the registers of a dense string by fours: three bytes at a time.
fn dense_fours(text: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    let registers = text.get(HEADER_BYTES..).unwrap_or_default();
    registers.as_chunks::<3>().0.iter().map(|&[a, b, c]| {
        let packed = u32::from_le_bytes([a, b, c, 0]);
        [0, 6, 12, 18].map(|shift| (packed >> shift) as u8 & RANK_MAX as u8)
    })
}

/// Raises `registers` to those of a string, of either form.
///
/// # Errors
/// The sparse runs are not 16384 registers.
pub fn merge(text: &[u8], registers: &mut [u8; REGISTERS]) -> Result<(), Corrupt> {
    if form(text) == Some(Form::Dense) {
        for (registers, four) in registers.as_chunks_mut::<4>().0.iter_mut().zip(dense_fours(text)) {
            for (register, rank) in registers.iter_mut().zip(four) {
                *register = rank.max(*register);
            }
        }
        return Ok(());
    }
    let mut at = 0;
    for run in Runs::of(text) {
        let (run, _) = run?;
        let place = registers.get_mut(at..at + run.len()).ok_or(Corrupt)?;
        if let Run::Ranks { rank, .. } = run {
            place.iter_mut().for_each(|register| *register = rank.max(*register));
        }
        at += run.len();
    }
    if at == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

/// How many registers there are of each rank.
#[derive(Clone, Debug)]
pub struct Histogram([u32; RANK_MAX + 1]);

impl Histogram {
    /// # Errors
    /// The sparse runs are not 16384 registers.
    pub fn of(text: &[u8]) -> Result<Histogram, Corrupt> {
        let mut ranks = [0; RANK_MAX + 1];
        if form(text) == Some(Form::Dense) {
            for rank in dense_fours(text).flatten() {
                ranks[usize::from(rank)] += 1;
            }
            return Ok(Histogram(ranks));
        }
        let mut registers = 0;
        for run in Runs::of(text) {
            let (run, _) = run?;
            registers += run.len();
            if registers > REGISTERS {
                return Err(Corrupt);
            }
            ranks[usize::from(run.rank())] += run.len() as u32;
        }
        if registers == REGISTERS { Ok(Histogram(ranks)) } else { Err(Corrupt) }
    }

    /// Of registers that were merged.
    #[must_use]
    pub fn of_registers(registers: &[u8; REGISTERS]) -> Histogram {
        let mut ranks = [0; RANK_MAX + 1];
        for &rank in registers {
            ranks[usize::from(rank) & RANK_MAX] += 1;
        }
        Histogram(ranks)
    }

    /// The estimate of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6, in the order of
    /// operations that gives Redis's digits.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        let all = REGISTERS as f64;
        let mut sum = all * tau((all - f64::from(self.0[RANK_BITS + 1])) / all);
        for rank in (1..=RANK_BITS).rev() {
            sum = 0.5 * (sum + f64::from(self.0[rank]));
        }
        sum += all * sigma(f64::from(self.0[0]) / all);
        (ALPHA * all * all / sum).round() as u64
    }
}

/// What the full registers add: (1/3) (1 - x - sum over k of (1 - x^(1/2^k))^2 / 2^k).
fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        weight *= 0.5;
        let next = sum - (1.0 - root) * (1.0 - root) * weight;
        if next == sum {
            return sum / 3.0;
        }
        sum = next;
    }
}

/// What the empty registers add: x + sum over k of x^(2^k) 2^(k-1). Endless if all are empty.
fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let next = sum + power * weight;
        weight += weight;
        if next == sum {
            return sum;
        }
        sum = next;
    }
}

/// What PFDEBUG DECODE answers: the runs of a sparse string, as far as they can be read.
#[must_use]
pub fn describe(text: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut told = String::new();
    for (run, width) in Runs::of(text).map_while(Result::ok) {
        let space = if told.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = match run {
            Run::Zeros(len) if width == 1 => write!(told, "{space}z:{len}"),
            Run::Zeros(len) => write!(told, "{space}Z:{len}"),
            Run::Ranks { rank, len } => write!(told, "{space}v:{rank},{len}"),
        };
    }
    told
}

#[cfg(test)]
mod tests;

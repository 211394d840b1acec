//! Where a key lives: key -> hash tag -> CRC16 -> one of 16384 slots -> shard.
//!
//! The slot is the one of the Redis Cluster specification (CRC16/XMODEM over the hash tag, if the key has one), so that it is
//! the same after a restart, on every machine, and in a cluster client's own tables.

/// Slots of the Redis Cluster key space.
pub(crate) const SLOTS: u16 = 16384;

/// CRC16/XMODEM (polynomial 0x1021, no reflection), eight bytes a step: `TABLES[k][b]` is the effect of byte `b` with `k` bytes behind it.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut distance = 1;
    while distance < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[distance - 1][byte];
            tables[distance][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        distance += 1;
    }
    tables
}

fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(eight[0] ^ high)]
            ^ TABLES[6][usize::from(eight[1] ^ low)]
            ^ TABLES[5][usize::from(eight[2])]
            ^ TABLES[4][usize::from(eight[3])]
            ^ TABLES[3][usize::from(eight[4])]
            ^ TABLES[2][usize::from(eight[5])]
            ^ TABLES[1][usize::from(eight[6])]
            ^ TABLES[0][usize::from(eight[7])];
    }
    for &byte in rest {
        crc = (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// The part of a key that decides its slot: what stands between the first `{` and the next `}`, if that is not empty.
fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let inside = &key[open + 1..];
    match inside.iter().position(|&byte| byte == b'}') {
        None | Some(0) => key,
        Some(close) => &inside[..close],
    }
}

/// The slot of a key, 0 to 16383.
pub(crate) fn of(key: &[u8]) -> u16 {
    crc16(tag(key)) & (SLOTS - 1)
}

/// The shard that owns a slot when there are `shards`: equal runs of neighbouring slots.
pub(crate) fn shard(slot: u16, shards: u32) -> u32 {
    (u32::from(slot) * shards) / u32::from(SLOTS)
}

/// The shard of a key. With one shard nothing is computed.
pub(crate) fn shard_of(key: &[u8], shards: u32) -> u32 {
    if shards == 1 { 0 } else { shard(of(key), shards) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn eight_at_a_time_is_the_same_as_one_at_a_time() {
        let bytes: Vec<u8> = (0..200u32).map(|n| (n * 37 + 11) as u8).collect();
        for end in 0..bytes.len() {
            let slow = bytes[..end].iter().fold(0u16, |crc, &byte| (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)]);
            assert_eq!(crc16(&bytes[..end]), slow, "{end} bytes");
        }
    }

    #[test]
    fn tags_choose_the_slot() {
        assert_eq!(of(b"{user1000}.following"), of(b"{user1000}.followers"));
        assert_eq!(of(b"foo{}{bar}"), crc16(b"foo{}{bar}") & 16383);
        assert_eq!(of(b"foo{{bar}}zap"), of(b"{bar"));
        assert_eq!(of(b"foo{bar}{zap}"), of(b"bar"));
        assert_eq!(of(b"somekey"), 11058);
    }

    #[test]
    fn every_shard_gets_an_equal_run_of_slots() {
        for shards in 1..=64 {
            let mut counts = vec![0u32; shards as usize];
            for slot in 0..SLOTS {
                counts[shard(slot, shards) as usize] += 1;
            }
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1, "{shards} shards: {least} to {most}");
        }
    }
}

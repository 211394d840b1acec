//! The journal on a disk that fails and loses power: what was promised is found again, whole, and nothing that hides damage.
//!
//! One run writes blocks of commands, syncs now and then, turns pages, replaces bases, and stops at an operation of the disk that fails, or at none. Then
//! the power fails: each seed is one of the states in which the disk may be found. What is read must be a beginning of what was written, in
//! whole blocks, and reach at least to the last sync that succeeded.

use std::sync::Arc;

use crate::command::Record;
use crate::persist::disk::Disk;
use crate::persist::disk::tests::simulated::{BROKEN, FULL, Simulated};
use crate::persist::journal::BASE_IN_THE_MAKING;
use crate::persist::recover::Manner;
use crate::persist::{History, Journal, Place, Redo, recover};
use crate::rdb;
use crate::store::types::Thresholds;

/// Numbers of the blocks that were read, and how many keys their bases stand for.
struct Seen {
    thresholds: Thresholds,
    /// The last block that the base has.
    base: u64,
    blocks: Vec<u64>,
}

impl Redo for Seen {
    fn key(&mut self, _: u64, record: rdb::Record) -> Result<(), String> {
        self.base = String::from_utf8_lossy(&record.key).parse().map_err(|_| "no number".to_owned())?;
        Ok(())
    }

    fn commands(&mut self, commands: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(commands);
        let words: Vec<&str> = text.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$'])).collect();
        let mut at = 0;
        while at < words.len() {
            // A block is MULTI, N times SET block, EXEC; its number is in every one of its words.
            match words[at] {
                "SELECT" => at += 2,
                "MULTI" => {
                    let number: u64 = words[at + 1].parse().map_err(|_| format!("{words:?}"))?;
                    let size = usize::try_from(number % 4 + 2).unwrap_or(2);
                    let whole = words.get(at + 1..at + 1 + size).is_some_and(|all| all.iter().all(|word| *word == words[at + 1]));
                    if !whole || words.get(at + 1 + size) != Some(&"EXEC") {
                        return Err(format!("half a block: {words:?}"));
                    }
                    self.blocks.push(number);
                    at += size + 2;
                }
                other => return Err(format!("what is {other}?")),
            }
        }
        Ok(())
    }

    fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }
}

fn place(disk: &Simulated) -> Place {
    Place { disk: Arc::new(disk.clone()), folder: "appendonlydir".to_owned(), prefix: "appendonly.aof".to_owned() }
}

/// A record of one block.
fn block(number: u64) -> Record {
    let mut record = Record::default();
    let word = number.to_string();
    record.begin_block();
    (0..number % 4 + 2).for_each(|_| record.besides(0, [word.as_bytes()]));
    record.end_block();
    record
}

/// A base that stands for all blocks up to one.
fn write_base(disk: &Simulated, place: &Place, upto: u64) -> std::io::Result<u64> {
    let mut file = disk.create(&place.path(BASE_IN_THE_MAKING))?;
    let bytes = base(upto);
    file.append(&bytes)?;
    file.sync()?;
    Ok(bytes.len() as u64)
}

/// The smallest file of one key, whose name is the number.
fn base(upto: u64) -> Vec<u8> {
    let name = upto.to_string();
    let mut bytes = b"REDIS0010\xfe\x00\x00".to_vec();
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\x01v\xff");
    let checksum = rdb::checksum(0, &bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    written: u64,
    durable: u64,
}

fn dice(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    *seed >> 33
}

/// Writes until the disk fails or the steps are over.
fn run(disk: &Simulated, journal: &mut Journal, from: u64, seed: u64, steps: usize) -> Course {
    let (mut history, mut seed) = (History::default(), seed);
    history.begin_file();
    let mut course = Course { written: from, durable: from };
    let mut making = None;
    for _ in 0..steps {
        let done = match dice(&mut seed) % 12 {
            0..=5 => {
                course.written += 1;
                history.add(&block(course.written));
                journal.append(&mut history)
            }
            6..=8 => journal.sync().inspect(|()| course.durable = course.written),
            9 => journal.turn_page().inspect(|()| {
                history.begin_file();
                course.durable = course.written;
                making = Some(course.written);
            }),
            _ => match making.take() {
                Some(upto) => write_base(disk, &place(disk), upto).and_then(|bytes| journal.replace_base(Some(bytes))),
                None => Ok(()),
            },
        };
        if done.is_err() {
            break;
        }
    }
    course
}

/// What is found, and the journal open to go on.
fn find(disk: &Simulated) -> Result<(u64, Option<Journal>), String> {
    let mut seen = Seen { thresholds: Thresholds::default(), base: 0, blocks: Vec::new() };
    let found = recover(&place(disk), Manner { may_cut: true }, &mut seen).map_err(|refused| format!("{refused:?}"))?;
    let expected: Vec<u64> = (seen.base + 1..).take(seen.blocks.len()).collect();
    // Blocks that a base has already may come again before those that follow it, while the file they are in is still listed.
    if seen.blocks != expected {
        return Err(format!("behind {} come {:?}", seen.base, seen.blocks));
    }
    Ok((seen.base + seen.blocks.len() as u64, found.map(|(journal, _)| journal)))
}

fn images() -> u64 {
    std::env::var("TRENCADIS_IMAGES").ok().and_then(|images| images.parse().ok()).unwrap_or(4000)
}

#[test]
fn what_was_promised_is_found_after_a_power_cut() {
    let (mut looked, mut lost) = (0, 0);
    for seed in 0..images() / 4 {
        let disk = Simulated::default();
        let mut course = Course::default();
        // Now and then an operation fails, once or from then on.
        match seed % 4 {
            1 => disk.fail_at(seed / 4 % 90, false, BROKEN),
            2 => disk.fail_at(seed / 4 % 90, true, FULL),
            _ => {}
        }
        if let Ok(mut journal) = Journal::create(place(&disk), None) {
            course = run(&disk, &mut journal, 0, seed + 1, 40);
        }
        for image in 0..4 {
            let after = disk.after_power_cut(seed * 31 + image);
            looked += 1;
            let (found, journal) = find(&after).unwrap_or_else(|why| panic!("seed {seed}, image {image}: {why}"));
            assert!((course.durable..=course.written).contains(&found), "seed {seed}, image {image}: {course:?}, found {found}");
            lost += u64::from(found < course.written);
            // A fault during the recovery, and another cut: nothing more is lost, and it goes on.
            let Some(journal) = journal else { continue };
            drop(journal);
            let again = disk.after_power_cut(seed * 31 + image);
            again.fail_at(image, true, BROKEN);
            drop(find(&again));
            let again = again.after_power_cut(image);
            let (second, journal) = find(&again).unwrap_or_else(|why| panic!("seed {seed}, image {image}, again: {why}"));
            assert!((course.durable..=course.written).contains(&second), "seed {seed}, image {image}: {course:?}, then {second}");
            if let Some(mut journal) = journal {
                let course = run(&again, &mut journal, second, seed + 7, 12);
                let third = again.after_power_cut(image + 1);
                let (found, _) = find(&third).unwrap_or_else(|why| panic!("seed {seed}, image {image}, third: {why}"));
                assert!((course.durable..=course.written).contains(&found), "seed {seed}, image {image}: {course:?}, third {found}");
            }
        }
    }
    println!("{looked} images, {lost} of which lost something that was not promised");
    assert!(lost > looked / 20, "a cut that loses nothing tests nothing");
}

#[test]
fn damage_to_what_was_durable_is_refused() {
    let disk = Simulated::default();
    let mut journal = Journal::create(place(&disk), None).expect("a sound disk");
    let mut history = History::default();
    for number in 1..=6 {
        history.add(&block(number));
        journal.append(&mut history).expect("a sound disk");
        journal.sync().expect("a sound disk");
    }
    journal.close(&mut history).expect("a sound disk");
    let name = "appendonlydir/appendonly.aof.1.incr.aof";
    let whole = disk.contents(name).expect("the log");
    assert_eq!(find(&disk).expect("sound").0, 6);
    let end = whole.len() - whole.iter().rev().skip(2).position(|&byte| byte == b'\n').expect("a line before the last") - 2;
    for at in 0..end {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        disk.put(name, &damaged);
        let found = find(&disk);
        assert!(found.is_err(), "a flipped bit in byte {at} of {} passes: {:?}", whole.len(), found.map(|(found, _)| found));
    }
    // And a file that is gone is not taken for an empty one.
    disk.put(name, &whole);
    disk.remove(name).expect("it is there");
    assert!(find(&disk).is_err_and(|why| why.contains(name)));
}

#[test]
fn a_full_disk_takes_up_again_where_it_stopped() {
    let disk = Simulated::default();
    let mut journal = Journal::create(place(&disk), None).expect("a sound disk");
    let (mut history, mut failed) = (History::default(), 0);
    disk.limit(2000);
    for number in 1..=100 {
        history.add(&block(number));
        failed += u64::from(journal.append(&mut history).is_err());
        if number == 60 {
            disk.heal();
        }
    }
    journal.append(&mut history).expect("there is room again");
    journal.close(&mut history).expect("there is room again");
    assert!(failed > 10);
    assert_eq!(find(&disk).expect("sound").0, 100);
}

//! How many resident bytes do small collections cost beyond what is in them, and the members of a large one?
//!
//! What is in them: the key, fields, values and members as they were sent, eight bytes for an integer of a set or a score.

use std::time::Duration;

use crate::Outcome;
use crate::options::Options;
use crate::seat::{Recipe, Seat, Shards};
use crate::wire::encode;

pub struct Report {
    pub rows: Vec<Row>,
}

pub struct Row {
    pub shape: &'static str,
    pub server: String,
    /// For each key, or for each member of the one large collection.
    pub overhead: f64,
    elsewhere: f64,
}

struct Shape {
    name: &'static str,
    command: &'static str,
    content: Content,
    /// Redis 8 and Valkey 8, as others measured them: not in this run, and not on this machine.
    elsewhere: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Fields,
    Elements,
    Integers,
    Members,
    /// One key with all of them.
    ManyMembers,
}

const SHAPES: [Shape; 5] = [
    Shape { name: "hash of 8 fields", command: "HSET", content: Content::Fields, elsewhere: 134.0 },
    Shape { name: "list of 8", command: "RPUSH", content: Content::Elements, elsewhere: 101.0 },
    Shape { name: "integer set of 8", command: "SADD", content: Content::Integers, elsewhere: 45.0 },
    Shape { name: "sorted set of 8", command: "ZADD", content: Content::Members, elsewhere: 46.0 },
    Shape { name: "one large sorted set, a member", command: "ZADD", content: Content::ManyMembers, elsewhere: 85.0 },
];

const ELEMENTS: u64 = 8;
const KEY_BYTES: u64 = 16;
const NUMBER_BYTES: u64 = 8;

pub fn measure(options: &Options) -> Outcome<Report> {
    let (keys, members) = if options.smoke {
        (1_000, 5_000)
    } else if options.quick {
        (30_000, 100_000)
    } else {
        (200_000, 500_000)
    };
    println!("\n== collections: {keys} of each small one, one of {members} members ==\n");
    let mut rows = Vec::new();
    for shape in &SHAPES {
        for recipe in [Recipe::ours(options, Shards::Exactly(1)), Recipe::ours(options, Shards::Default), Recipe::theirs(options)] {
            let count = if shape.content == Content::ManyMembers { members } else { keys };
            let overhead = overhead(&recipe.start()?, shape, count, options.smoke)?;
            println!("{}, {}: {overhead:.1} bytes over what is in it ({:.0} elsewhere)", shape.name, recipe.name, shape.elsewhere);
            rows.push(Row { shape: shape.name, server: recipe.name.clone(), overhead, elsewhere: shape.elsewhere });
        }
    }
    Ok(Report { rows })
}

fn overhead(seat: &Seat, shape: &Shape, count: u64, is_smoke: bool) -> Outcome<f64> {
    let mut wire = seat.wire()?;
    std::thread::sleep(Duration::from_millis(if is_smoke { 10 } else { 500 }));
    let empty_bytes = seat.resident_bytes();
    let mut payload = 0;
    wire.fill(count, |i, out| {
        let words = words(shape, i);
        payload += payload_of(shape.content, &words);
        encode(out, &words.iter().map(String::as_bytes).collect::<Vec<_>>());
    })?;
    if !is_smoke {
        // Tables that grow in steps are given the time to finish, and allocators to hand back what they hold in between.
        seat.settle();
        std::thread::sleep(Duration::from_secs(2));
        seat.settle();
    }
    Ok(seat.resident_bytes().saturating_sub(empty_bytes) as f64 / count as f64 - payload as f64 / count as f64)
}

/// Call `i` of those that fill a server with this shape.
fn words(shape: &Shape, i: u64) -> Vec<String> {
    let mut words = vec![shape.command.to_owned(), format!("key:{i:012}")];
    for n in 0..ELEMENTS {
        match shape.content {
            Content::Fields => words.extend([format!("field{n}"), format!("value:{:04}", (i + n) % 10_000)]),
            Content::Elements => words.push(format!("value:{:04}", (i + n) % 10_000)),
            Content::Integers => words.push((100_000 + i * ELEMENTS + n).to_string()),
            Content::Members => words.extend([((i + n * 7) % 1_000).to_string(), format!("member:{n:03}")]),
            Content::ManyMembers => {}
        }
    }
    if shape.content == Content::ManyMembers {
        words[1] = "large_zset".to_owned();
        words.extend([i.wrapping_mul(0x9e37_79b9).rem_euclid(1 << 32).to_string(), format!("element:{i:012}")]);
    }
    words
}

fn payload_of(content: Content, words: &[String]) -> u64 {
    let bytes = |words: &mut dyn Iterator<Item = &String>| words.map(|word| word.len() as u64).sum::<u64>();
    match content {
        Content::Fields | Content::Elements => bytes(&mut words[1..].iter()),
        Content::Integers => KEY_BYTES + NUMBER_BYTES * ELEMENTS,
        Content::Members => KEY_BYTES + NUMBER_BYTES * ELEMENTS + bytes(&mut words[3..].iter().step_by(2)),
        Content::ManyMembers => NUMBER_BYTES + bytes(&mut words[3..].iter()),
    }
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = "Resident bytes over what is in them: for each key, and for each member of the large sorted set. What is in them are the key, \
                        fields, values and members as they were sent, 8 bytes for an integer or a score. The last column is for Redis 8 and \
                        Valkey 8 as measured elsewhere.\n\n"
            .to_owned();
        text += "| shape | server | bytes over what is in it | Redis 8, Valkey 8 |\n|---|---|---|---|\n";
        for row in &self.rows {
            text += &format!("| {} | {} | {:.1} | {:.0} |\n", row.shape, row.server, row.overhead, row.elsewhere);
        }
        text
    }
}

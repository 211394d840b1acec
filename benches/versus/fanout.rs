//! What does a message to a hundred subscribers cost?
//!
//! One thread reads for all subscribers, others publish: one that waits for each reply, several that do, and one with a pipeline. What is counted is
//! messages that arrived, over the CPU time that the server spent: how many sockets a message is written to at once, and how many messages go out
//! with one write, is the server's doing.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::runtime::Builder;

use crate::Outcome;
use crate::options::Options;
use crate::seat::{Recipe, Seat, Shards};
use crate::spread::Spread;
use crate::wire::encode;

const SUBSCRIBERS: usize = 100;
const TEXT: &[u8] = b"xxxxxxxxxxxxxxxx";
/// Publishers, and how many messages each sends before it waits.
const LOADS: [(usize, usize); 3] = [(1, 1), (10, 1), (1, 16)];

pub struct Report {
    pub rows: Vec<Row>,
}

pub struct Row {
    name: String,
    load: (usize, usize),
    /// Messages that arrived, per microsecond of the server's CPU: ours over theirs.
    pub ratio: Spread,
    micros: Spread,
}

pub fn measure(options: &Options) -> Outcome<Report> {
    let messages = if options.quick { 2_000 } else { 20_000 };
    println!("\n== fan-out: {messages} messages to {SUBSCRIBERS} subscribers ==\n");
    let theirs = Recipe::theirs(options);
    let seats = [Recipe::ours(options, Shards::Exactly(1)), Recipe::ours(options, Shards::Exactly(2))];
    let mut rows = Vec::new();
    for ours in &seats {
        for load in LOADS {
            let (mut ratios, mut micros) = (Vec::new(), Vec::new());
            for _ in 0..options.rounds {
                let cost = run(&ours.start()?, load, messages)?;
                let peer = run(&theirs.start()?, load, messages)?;
                ratios.push(peer / cost);
                micros.push(cost);
            }
            let row = Row { name: ours.name.clone(), load, ratio: Spread::of(ratios), micros: Spread::of(micros) };
            println!("{}: {} us a message, {} times {}", row.label(), row.micros, row.ratio, theirs.name);
            rows.push(row);
        }
    }
    Ok(Report { rows })
}

/// Microseconds of the server's CPU for each message that arrived.
fn run(seat: &Seat, (publishers, depth): (usize, usize), messages: usize) -> Outcome<f64> {
    let mut one = Vec::new();
    encode(&mut one, &[b"message", b"channel", TEXT]);
    let share = messages / publishers / depth * depth;
    let bytes = one.len() * share * publishers;
    let mut sockets = Vec::new();
    for _ in 0..SUBSCRIBERS {
        sockets.push(subscriber(seat.port)?);
    }
    seat.settle();
    let mut request = Vec::new();
    (0..depth).for_each(|_| encode(&mut request, &[b"PUBLISH", b"channel", TEXT]));
    let request = &request;
    let before = seat.cpu();
    std::thread::scope(|scope| -> Outcome<()> {
        let reading = scope.spawn(move || read_all(sockets, bytes).map_err(|error| error.to_string()));
        let publishing: Vec<_> = (0..publishers)
            .map(|_| {
                scope.spawn(move || -> Result<(), String> {
                    let mut wire = seat.wire().map_err(|error| error.to_string())?;
                    (0..share / depth).try_for_each(|_| wire.pipeline(request, depth)).map_err(|error| error.to_string())
                })
            })
            .collect();
        for publisher in publishing {
            publisher.join().map_err(|_| "a publisher panicked")??;
        }
        reading.join().map_err(|_| "the reader panicked")??;
        Ok(())
    })?;
    let cost = seat.cpu().since(&before);
    Ok(cost.as_secs_f64() * 1e6 / (share * publishers * SUBSCRIBERS) as f64)
}

/// A socket that is subscribed, its confirmation read.
fn subscriber(port: u16) -> Outcome<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    let (mut request, mut confirmation) = (Vec::new(), b"*3\r\n$9\r\nsubscribe\r\n$7\r\nchannel\r\n:1\r\n".to_vec());
    encode(&mut request, &[b"SUBSCRIBE", b"channel"]);
    std::io::Write::write_all(&mut socket, &request)?;
    socket.read_exact(&mut confirmation)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Reads `bytes` from each socket.
fn read_all(sockets: Vec<TcpStream>, bytes: usize) -> Outcome<()> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let started = Instant::now();
    runtime.block_on(async {
        let mut reading = tokio::task::JoinSet::new();
        for socket in sockets {
            let mut socket = tokio::net::TcpStream::from_std(socket)?;
            reading.spawn(async move {
                let (mut room, mut left) = (vec![0; 16 << 10], bytes);
                while left > 0 {
                    match socket.read(&mut room).await? {
                        0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                        read => left = left.saturating_sub(read),
                    }
                }
                std::io::Result::Ok(())
            });
        }
        while let Some(read) = tokio::time::timeout(PATIENCE.saturating_sub(started.elapsed()), reading.join_next()).await? {
            read??;
        }
        Ok(())
    })
}

impl Row {
    pub fn label(&self) -> String {
        format!("{}, {} publishers, depth {}", self.name, self.load.0, self.load.1)
    }
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Messages of {} bytes to {SUBSCRIBERS} subscribers: messages that arrive per CPU second of the server.\n\n",
            TEXT.len()
        );
        text += "| server | publishers | pipeline | us of CPU a message | times redis-server |\n|---|---|---|---|---|\n";
        for Row { name, load: (publishers, depth), ratio, micros } in &self.rows {
            text += &format!("| {name} | {publishers} | {depth} | {micros} | {ratio} |\n");
        }
        text
    }
}

//! Writes the file of a snapshot: pieces come from every shard, the file takes them as they come.
//!
//! It is written under another name, made durable, and then renamed: whoever looks for the file finds the old one whole or the new one whole.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::mpsc;

use crate::persist::disk::{Disk, DiskFile};
use crate::rdb::Writer;
use crate::shard::saving::Cut;
use crate::store::{PartEnd, Piece};

/// The file that is being written. There is one at a time, and what a crash left of it the next one overwrites.
const UNFINISHED: &str = "temp-snapshot.rdb";
/// Bytes after which what was written is made durable, so that it is not all left to the end.
const SYNC_BYTES: u64 = 32 << 20;

/// How a file is to be written.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) name: String,
    pub(crate) version: u16,
    pub(crate) has_checksum: bool,
    /// Whether it is made durable as it is written, and not only at the end.
    pub(crate) syncs: bool,
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Sources of libraries of functions.
    pub(crate) libraries: Vec<Vec<u8>>,
}

/// Why there is no new file.
#[derive(Debug)]
pub(crate) enum Failure {
    Io {
        doing: &'static str,
        error: io::Error,
    },
    /// A shard has stopped sending before all was sent.
    Cut,
    Cancelled,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Io { doing, error } => write!(f, "{doing}: {error}"),
            Failure::Cut => f.write_str("the disk is so far behind the writes of clients that too much memory would be used"),
            Failure::Cancelled => f.write_str("it was cancelled"),
        }
    }
}

/// What is said when the disk refuses.
fn doing(doing: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::Io { doing, error }
}

/// Writes the file. `sources` end with the pieces of their shards; `cancelled` is awaited besides them.
pub(crate) async fn write(
    plan: &Plan,
    cuts: &[Cut],
    sources: Vec<mpsc::Receiver<Piece>>,
    cancelled: impl Future<Output = ()>,
) -> Result<u64, Failure> {
    let file = plan.disk.create(UNFINISHED).map_err(doing("making the file"))?;
    let mut sink = Sink { file, writer: begin(plan), len: 0, synced: 0, syncs: plan.syncs };
    let mut cancelled = pin!(cancelled);
    let taken = tokio::select! {
        biased;
        () = &mut cancelled => Err(Failure::Cancelled),
        taken = take_all(&mut sink, cuts, sources) => taken,
    };
    let finished = taken.and_then(|()| sink.finish());
    // Making it durable may have taken a while. Behind this point it is too late.
    let is_cancelled = poll_fn(|cx| Poll::Ready(cancelled.as_mut().poll(cx).is_ready())).await;
    let finished = if is_cancelled { finished.and(Err(Failure::Cancelled)) } else { finished };
    let named = finished.and_then(|len| {
        plan.disk.rename(UNFINISHED, &plan.name).map_err(doing("giving the file its name"))?;
        plan.disk.sync_directory("").map_err(doing("making the name of the file durable"))?;
        Ok(len)
    });
    if named.is_err() {
        // It may be what fills the disk. If it cannot be removed the next one overwrites it.
        let _ = plan.disk.remove(UNFINISHED);
    }
    named
}

fn begin(plan: &Plan) -> Writer {
    let facts: Vec<(&str, &str)> = plan.facts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut writer = Writer::new(plan.version, &facts);
    if !plan.has_checksum {
        writer.without_checksum();
    }
    plan.libraries.iter().for_each(|library| writer.library(library));
    writer
}

/// Takes every piece of every shard.
async fn take_all(sink: &mut Sink, cuts: &[Cut], mut sources: Vec<mpsc::Receiver<Piece>>) -> Result<(), Failure> {
    let mut sizes: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for extent in cuts.iter().flat_map(|cut| &cut.extents) {
        let size = sizes.entry(extent.database).or_default();
        *size = (size.0 + extent.keys, size.1 + extent.volatile);
    }
    let (mut database, mut open, mut next) = (None, None::<usize>, 0);
    loop {
        // The one whose entry is half written has the file for itself.
        let (source, piece) = match open {
            Some(source) => (source, sources.get_mut(source).ok_or(Failure::Cut)?.recv().await),
            None if sources.is_empty() => return Ok(()),
            None => receive_any(&mut sources, &mut next).await,
        };
        let Some(piece) = piece else {
            if open.is_some() {
                return Err(Failure::Cut);
            }
            sources.swap_remove(source);
            continue;
        };
        open = (piece.part == Some(PartEnd::GoesOn)).then_some(source);
        if database.replace(piece.database) != Some(piece.database) {
            sink.writer.database(piece.database);
            if let Some((keys, volatile)) = sizes.remove(&piece.database) {
                sink.writer.sizes(keys, volatile);
            }
        }
        sink.put(&piece.bytes)?;
    }
}

/// The next piece of any source, or that one has ended; each has its turn.
async fn receive_any(sources: &mut [mpsc::Receiver<Piece>], next: &mut usize) -> (usize, Option<Piece>) {
    let count = sources.len();
    poll_fn(|cx| {
        for turn in 0..count {
            let at = (*next + turn) % count;
            if let Poll::Ready(piece) = sources[at].poll_recv(cx) {
                *next = at + 1;
                return Poll::Ready((at, piece));
            }
        }
        Poll::Pending
    })
    .await
}

/// The file, and what is on its way there.
struct Sink {
    file: Box<dyn DiskFile>,
    writer: Writer,
    len: u64,
    synced: u64,
    syncs: bool,
}

impl Sink {
    /// Puts what the writer has behind what is there, and then these bytes.
    fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Sink { file, writer, len, .. } = self;
        if writer.waiting() > 0 {
            *len += writer.waiting() as u64;
            writer.take(|own| file.append(own)).map_err(doing("writing the file"))?;
        }
        writer.pass(bytes);
        *len += bytes.len() as u64;
        file.append(bytes).map_err(doing("writing the file"))?;
        if self.syncs && self.len - self.synced >= SYNC_BYTES {
            self.synced = self.len;
            self.file.sync().map_err(doing("making the file durable"))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64, Failure> {
        self.writer.finish();
        self.put(b"")?;
        self.file.sync().map_err(doing("making the file durable"))?;
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests;

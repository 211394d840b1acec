//! A blocking client that hides nothing: bytes out, one reply's bytes in, with a time limit on everything.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::reply::{self, Reply};

pub struct Wire {
    socket: TcpStream,
    arrived: Vec<u8>,
    closed: bool,
}

/// How long a reply may take before a test calls it missing.
const PATIENCE: Duration = Duration::from_secs(10);

impl Wire {
    pub fn connect(port: u16) -> io::Result<Wire> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Wire { socket, arrived: Vec::new(), closed: false })
    }

    /// One request, as an array of bulk strings.
    pub fn send(&mut self, words: &[impl AsRef<[u8]>]) {
        self.send_raw(&request(words));
    }

    /// Any bytes. A server may close while we still write, which is for the reply to show, not for the write.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Writes `bytes` so many times without reading, until the server stops taking them for `patience`, or closes.
    pub fn flood(&mut self, bytes: &[u8], times: usize, patience: Duration) {
        let _ = self.socket.set_write_timeout(Some(patience));
        for _ in 0..times {
            if self.socket.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = self.socket.set_write_timeout(Some(PATIENCE));
    }

    /// One whole reply as it came, or None: nothing (more) came in time, or the server closed.
    pub fn reply(&mut self) -> Option<Vec<u8>> {
        self.reply_within(PATIENCE)
    }

    pub fn reply_within(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let started = Instant::now();
        loop {
            if let Some(end) = reply::end(&self.arrived) {
                return Some(self.arrived.drain(..end).collect());
            }
            if self.closed || started.elapsed() >= patience {
                return None;
            }
            self.receive(patience.saturating_sub(started.elapsed()));
        }
    }

    /// One request and its reply's bytes; no reply is a failure.
    pub fn call(&mut self, words: &[impl AsRef<[u8]>]) -> Vec<u8> {
        self.send(words);
        self.reply().unwrap_or_else(|| panic!("no reply to {}", reply::quote_words(words)))
    }

    /// As `call`, with a server that may end meanwhile.
    pub fn call_or_none(&mut self, words: &[impl AsRef<[u8]>]) -> Option<Vec<u8>> {
        self.send(words);
        self.reply()
    }

    /// One request and its reply as a tree.
    pub fn ask(&mut self, words: &[impl AsRef<[u8]>]) -> Reply {
        Reply::decode(&self.call(words)).expect("a whole reply arrived").0
    }

    /// `ask` with the words of one line: `wire.line("SET k v")`.
    pub fn line(&mut self, line: &str) -> Reply {
        self.ask(&reply::words(line).expect("the line's quotes are balanced"))
    }

    /// Everything until the server closes; a server that does not close is a failure.
    pub fn until_closed(&mut self) -> Vec<u8> {
        let started = Instant::now();
        while !self.closed {
            assert!(started.elapsed() < PATIENCE, "not closed; so far came {:?}", String::from_utf8_lossy(&self.arrived));
            self.receive(PATIENCE);
        }
        std::mem::take(&mut self.arrived)
    }

    /// Did the server close, with nothing left unread?
    pub fn is_closed_within(&mut self, patience: Duration) -> bool {
        let started = Instant::now();
        while !self.closed && self.arrived.is_empty() && started.elapsed() < patience {
            self.receive(patience.saturating_sub(started.elapsed()));
        }
        self.closed && self.arrived.is_empty()
    }

    /// Has the server closed, as far as was seen? What came before may still be unread.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn receive(&mut self, patience: Duration) {
        let mut room = [0; 16 * 1024];
        // A limit of zero would mean none.
        let _ = self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))));
        match self.socket.read(&mut room) {
            Ok(0) => self.closed = true,
            Ok(length) => self.arrived.extend_from_slice(&room[..length]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted) => {}
            Err(_) => self.closed = true,
        }
    }
}

/// A request's bytes.
pub fn request(words: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

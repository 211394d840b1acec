//! A blocking client that writes RESP itself: enough to fill a server and to ask it something.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

pub struct Wire {
    socket: TcpStream,
    arrived: Vec<u8>,
}

impl Wire {
    pub fn connect(port: u16) -> Outcome<Wire> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        socket.set_write_timeout(Some(Duration::from_secs(60)))?;
        Ok(Wire { socket, arrived: Vec::new() })
    }

    /// One call, one reply of one line (or of a bulk); an error reply is an error.
    pub fn call(&mut self, words: &[&[u8]]) -> Outcome<Vec<u8>> {
        let mut request = Vec::new();
        encode(&mut request, words);
        self.socket.write_all(&request)?;
        loop {
            if let Some(end) = end_of_reply(&self.arrived, 0) {
                let reply = self.arrived.drain(..end).collect::<Vec<u8>>();
                if reply.starts_with(b"-") {
                    return Err(String::from_utf8_lossy(&reply).trim().into());
                }
                return Ok(reply);
            }
            self.receive()?;
        }
    }

    /// Sends requests that are already encoded and waits for as many replies.
    pub fn pipeline(&mut self, requests: &[u8], mut replies: usize) -> Outcome<()> {
        self.socket.write_all(requests)?;
        let mut at = 0;
        while replies > 0 {
            match end_of_reply(&self.arrived, at) {
                Some(end) => {
                    if self.arrived[at] == b'-' {
                        return Err(String::from_utf8_lossy(&self.arrived[at..end]).trim().into());
                    }
                    at = end;
                    replies -= 1;
                }
                None => self.receive()?,
            }
        }
        self.arrived.drain(..at);
        Ok(())
    }

    /// One call whose reply is a flat collection of bulk strings, which is read to its end but not kept: how many there were.
    pub fn count_elements(&mut self, words: &[&[u8]]) -> Outcome<u64> {
        let head = self.call(words)?;
        let head = std::str::from_utf8(&head)?.trim();
        let count: u64 = head.strip_prefix(['*', '~']).ok_or_else(|| format!("not a collection: {head}"))?.parse()?;
        let (mut at, mut left) = (0, count);
        while left > 0 {
            match end_of_reply(&self.arrived, at) {
                Some(end) => {
                    at = end;
                    left -= 1;
                }
                None => {
                    self.arrived.drain(..std::mem::take(&mut at));
                    self.receive()?;
                }
            }
        }
        self.arrived.drain(..at);
        Ok(count)
    }

    /// `count` calls made by `words(i)`, in pipelines of 500.
    pub fn fill(&mut self, count: u64, mut words: impl FnMut(u64, &mut Vec<u8>)) -> Outcome<()> {
        const PIPELINE: u64 = 500;
        let mut requests = Vec::new();
        for start in (0..count).step_by(PIPELINE as usize) {
            requests.clear();
            let end = (start + PIPELINE).min(count);
            for i in start..end {
                words(i, &mut requests);
            }
            self.pipeline(&requests, (end - start) as usize)?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Outcome<()> {
        let mut room = [0; 16 * 1024];
        match self.socket.read(&mut room)? {
            0 => Err("the server closed the connection".into()),
            length => {
                self.arrived.extend_from_slice(&room[..length]);
                Ok(())
            }
        }
    }
}

pub fn encode(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Where the reply that begins at `at` ends; nested arrays are not needed here.
fn end_of_reply(bytes: &[u8], at: usize) -> Option<usize> {
    let line = at + bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n")? + 2;
    if bytes[at] != b'$' {
        return Some(line);
    }
    match std::str::from_utf8(&bytes[at + 1..line - 2]).ok()?.parse::<i64>().ok()? {
        -1 => Some(line),
        length => Some(line + length as usize + 2).filter(|end| *end <= bytes.len()),
    }
}

//! The typed view of a few commands that the tokio tutorial uses: `Command::from_frame`, then `Get` or `Set` with its parts.
//!
//! The daemon does not know these types; its commands are rows of a table.

use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::resp::frame::Frame;

/// A request, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Get(Get),
    Set(Set),
    Ping(Ping),
    /// A command that has no type here.
    Unknown(Unknown),
}

/// `GET key`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    key: String,
}

/// `SET key value [EX seconds | PX milliseconds]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    key: String,
    value: Bytes,
    expire: Option<Duration>,
}

/// `PING [message]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    message: Option<Bytes>,
}

/// Any other request: its name in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    name: String,
}

impl Command {
    /// Takes apart a request as it arrives: an array of bulk strings.
    pub fn from_frame(frame: Frame) -> Result<Command> {
        let mut words = Words::new(frame)?;
        let name = words.text()?.to_ascii_lowercase();
        let command = match name.as_str() {
            "get" => Command::Get(Get { key: words.text()? }),
            "set" => Command::Set(Set::from_words(&mut words)?),
            "ping" => Command::Ping(Ping { message: if words.is_empty() { None } else { Some(words.bytes()?) } }),
            _ => return Ok(Command::Unknown(Unknown { name })),
        };
        if words.is_empty() { Ok(command) } else { Err(Error::from("protocol error: more words than the command has")) }
    }

    /// The command's name in lower case.
    pub fn name(&self) -> &str {
        match self {
            Command::Get(_) => "get",
            Command::Set(_) => "set",
            Command::Ping(_) => "ping",
            Command::Unknown(unknown) => unknown.name(),
        }
    }
}

impl Get {
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Set {
    fn from_words(words: &mut Words) -> Result<Set> {
        let (key, value) = (words.text()?, words.bytes()?);
        let mut expire = None;
        if !words.is_empty() {
            let unit = words.text()?.to_ascii_lowercase();
            let count = words.text()?.parse().map_err(|_| Error::from("protocol error: an expiry is a whole number"))?;
            expire = Some(match unit.as_str() {
                "ex" => Duration::from_secs(count),
                "px" => Duration::from_millis(count),
                _ => return Err(Error::from("protocol error: of the options of SET, only EX and PX are known here")),
            });
        }
        Ok(Set { key, value, expire })
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    pub fn value(&self) -> &Bytes {
        &self.value
    }

    /// How long the value is to live, if that was said.
    pub fn expire(&self) -> Option<Duration> {
        self.expire
    }
}

impl Ping {
    pub fn message(&self) -> Option<&Bytes> {
        self.message.as_ref()
    }
}

impl Unknown {
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The words of a request, one after the other.
struct Words {
    frames: std::vec::IntoIter<Frame>,
}

impl Words {
    fn new(frame: Frame) -> Result<Words> {
        match frame {
            Frame::Array(frames) => Ok(Words { frames: frames.into_iter() }),
            _ => Err(Error::from("protocol error: a request is an array")),
        }
    }

    fn is_empty(&self) -> bool {
        self.frames.as_slice().is_empty()
    }

    fn bytes(&mut self) -> Result<Bytes> {
        match self.frames.next() {
            Some(Frame::Bulk(bytes)) => Ok(bytes),
            Some(Frame::Simple(text)) => Ok(Bytes::from(text)),
            Some(_) => Err(Error::from("protocol error: a word is a bulk string")),
            None => Err(Error::from("protocol error: fewer words than the command has")),
        }
    }

    fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Error::from("protocol error: a name or key is UTF-8 here"))
    }
}

/// For `return Err("..".into())`, as the tutorial's programs write it.
impl From<&str> for Error {
    fn from(problem: &str) -> Error {
        Error::Peer(problem.to_owned())
    }
}

impl From<String> for Error {
    fn from(problem: String) -> Error {
        Error::Peer(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&'static str]) -> Result<Command> {
        Command::from_frame(Frame::Array(words.iter().map(|word| Frame::Bulk(Bytes::from_static(word.as_bytes()))).collect()))
    }

    #[test]
    fn requests_are_taken_apart() {
        let Command::Get(get) = command(&["GET", "k"]).unwrap() else { panic!("not a Get") };
        assert_eq!(get.key(), "k");
        let Command::Set(set) = command(&["set", "k", "v", "EX", "3"]).unwrap() else { panic!("not a Set") };
        assert_eq!((set.key(), &set.value()[..], set.expire()), ("k", &b"v"[..], Some(Duration::from_secs(3))));
        let Command::Ping(ping) = command(&["PING", "hi"]).unwrap() else { panic!("not a Ping") };
        assert_eq!(ping.message().map(|message| &message[..]), Some(&b"hi"[..]));
        assert_eq!(command(&["LLEN", "k", "x"]).unwrap().name(), "llen");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for words in [
            &[][..],
            &["GET"],
            &["GET", "a", "b"],
            &["SET", "k"],
            &["SET", "k", "v", "EX"],
            &["SET", "k", "v", "EX", "x"],
            &["SET", "k", "v", "NX", "1"],
        ] {
            assert!(command(words).is_err(), "{words:?}");
        }
        assert!(Command::from_frame(Frame::Null).is_err());
        assert!(Command::from_frame(Frame::Array(vec![Frame::Integer(1)])).is_err());
    }
}

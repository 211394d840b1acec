//! The protocol: bytes of a connection become words, and what a command answers becomes bytes. No I/O, and nothing of ours imported.
//!
//! A **request** is an array of bulk strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) or one line of words (`GET k\r\n`). [`Decoder`]
//! finds its words in the read buffer and names them by [`Span`]s; no word is copied. A **reply** is written by [`Reply`] straight
//! into a buffer in the client's [`Protocol`]: RESP2, or RESP3 after `HELLO 3`. [`Frame`](frame::Frame) is one value of either
//! protocol as a tree, for those who want to hold one: the tutorial, the link to a primary, tests.
//!
//! | value | RESP2 | RESP3 |
//! |---|---|---|
//! | status, error | `+OK`, `-ERR text` | the same |
//! | integer | `:7` | the same |
//! | bytes | `$3`, `abc` | the same |
//! | nothing | `$-1`, `*-1` | `_` |
//! | array | `*2` | the same |
//! | map of n pairs, set, push | `*2n`, `*n`, `*n` | `%n`, `~n`, `>n` |
//! | double, boolean | bulk string, `:1` or `:0` | `,1.5`, `#t` or `#f` |
//! | verbatim text, big number | bulk string | `=7`, `txt:abc` and `(123` |

mod decode;
mod error;
pub mod frame;
mod long_double;
pub mod number;
mod reply;
mod request;

pub use decode::Decoder;
pub use error::Violation;
pub use reply::Reply;
pub use request::Span;

/// The version of the protocol that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// What a request may announce before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest word (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// The most words of one request, its name included.
    pub words_max: usize,
    /// Before a client has authenticated, [`UNAUTHENTICATED_WORDS_MAX`] and [`UNAUTHENTICATED_BULK_BYTES_MAX`] hold besides.
    pub authenticated: bool,
}

/// `proto-max-bulk-len` unless set otherwise: 512 MiB, as in Redis.
pub const BULK_BYTES_MAX: usize = 512 << 20;
/// Redis accepts 2^31 - 1 words. Every word costs a span of 8 bytes, so this many cost 8 MiB before one of them is looked at.
pub const WORDS_MAX: usize = 1 << 20;
/// `HELLO 3 AUTH user password SETNAME name` has 7 words.
pub const UNAUTHENTICATED_WORDS_MAX: usize = 10;
/// A stranger's longest word: 16 KiB, enough for any password.
pub const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 << 10;
/// A line (inline request, or header of an array or of a word) without its line end.
pub const LINE_BYTES_MAX: usize = 64 << 10;

impl Default for Limits {
    fn default() -> Limits {
        Limits { bulk_bytes_max: BULK_BYTES_MAX, words_max: WORDS_MAX, authenticated: true }
    }
}

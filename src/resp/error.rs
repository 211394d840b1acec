//! What a peer's bytes can do wrong: each violation of the protocol with the text that its sender is told before the close.

use std::fmt;

/// A request that cannot be read on from. The connection is closed after the text is sent (as `-ERR text`), because what follows
/// cannot be told from data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// `*` is followed by what is no number, or by more words than one request may have.
    MultibulkLength,
    /// More words than a client may send before it has authenticated.
    UnauthenticatedMultibulkLength,
    /// `$` is followed by what is no number, by a negative one, or by more than one word may hold.
    BulkLength,
    /// A longer word than a client may send before it has authenticated.
    UnauthenticatedBulkLength,
    /// A word of an array begins with this byte and not with `$`.
    Expected(u8),
    /// A line of words that does not end.
    InlineTooBig,
    /// An array's header that does not end.
    MultibulkCountTooBig,
    /// A word's header that does not end.
    BulkCountTooBig,
    /// A quote that is not closed, or is followed by something else than a space.
    UnbalancedQuotes,
    /// `POST` or `Host:` where a command's name should be: a browser was made to speak to us. Closed without a reply, because a
    /// reply would be read by the page that did it.
    Smuggled,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Violation::MultibulkLength => "invalid multibulk length",
            Violation::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Violation::BulkLength => "invalid bulk length",
            Violation::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Violation::InlineTooBig => "too big inline request",
            Violation::MultibulkCountTooBig => "too big mbulk count string",
            Violation::BulkCountTooBig => "too big bulk count string",
            Violation::UnbalancedQuotes => "unbalanced quotes in request",
            Violation::Expected(byte) => {
                // An error is one line of text, so a line end becomes a space (as in Redis), and half a character a mark.
                let got = match byte {
                    b'\r' | b'\n' => ' ',
                    byte if byte.is_ascii() => char::from(*byte),
                    _ => char::REPLACEMENT_CHARACTER,
                };
                return write!(f, "Protocol error: expected '$', got '{got}'");
            }
            Violation::Smuggled => return f.write_str("Possible SECURITY ATTACK detected."),
        };
        write!(f, "Protocol error: {what}")
    }
}

impl std::error::Error for Violation {}

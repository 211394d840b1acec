//! AUTH \[username\] password: says who the client is. HELLO does the same on its way.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

/// The only user until there are access lists.
const DEFAULT_USER: &[u8] = b"default";

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        2 => {
            if session.local.settings().requirepass.is_none() {
                return Err(Fault::Because(
                    "ERR AUTH <password> called without any password configured for the default user. \
                     Are you sure your configuration is correct?",
                ));
            }
            authenticate(session, DEFAULT_USER, args.get(1))?;
        }
        3 => authenticate(session, args.get(1), args.get(2))?,
        _ => return Err(Fault::Syntax),
    }
    reply.ok();
    Ok(())
}

/// Lets the client in, if name and password are right. Without `requirepass` the default user takes any password, as in Redis.
pub(super) fn authenticate(session: &mut Session, user: &[u8], password: &[u8]) -> Result<(), Fault> {
    let right = {
        let settings = session.local.settings();
        user == DEFAULT_USER && settings.requirepass.as_ref().is_none_or(|wanted| is_same(wanted.as_bytes(), password))
    };
    if !right {
        return Err(Fault::Because("WRONGPASS invalid username-password pair or user is disabled."));
    }
    session.authenticated = true;
    session.client.authenticated.set(true);
    Ok(())
}

/// Compares in a time that tells nothing but the length of the guess.
fn is_same(wanted: &[u8], guess: &[u8]) -> bool {
    let mut difference = wanted.len() ^ guess.len();
    for (at, &byte) in guess.iter().enumerate() {
        // Behind the end it goes on comparing with something.
        let against = wanted.get(at).copied().unwrap_or(!byte);
        difference |= usize::from(byte ^ against);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn only_the_password_itself_is_right() {
        assert!(is_same(b"secret", b"secret"));
        for wrong in [b"".as_slice(), b"secre", b"secrex", b"secrets", b"secret\0", b"Secret"] {
            assert!(!is_same(b"secret", wrong), "{wrong:?}");
        }
        assert!(is_same(b"", b""));
    }
}

//! HELLO [protover [AUTH username password] [SETNAME name]]: opens the conversation and chooses its protocol.

use crate::command::{Args, Fault};
use crate::resp::{Protocol, Reply, number};
use crate::session::Session;
use crate::session::command::REDIS_VERSION;
use crate::session::command::connection::{auth, client};

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut wanted = None;
    if args.len() >= 2 {
        wanted = Some(match number::parse_integer(args.get(1)) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Fault::Because("NOPROTO unsupported protocol version")),
            None => return Err(Fault::Because("ERR Protocol version is not an integer or out of range")),
        });
    }
    let (mut credentials, mut name) = (None, None);
    let mut options = args.options(2);
    while let Some(option) = options.next() {
        if option.eq_ignore_ascii_case(b"auth") && options.left() >= 2 {
            credentials = options.next().zip(options.next());
        } else if option.eq_ignore_ascii_case(b"setname") && options.left() >= 1 {
            name = options.next();
            client::check_name(name.unwrap_or_default())?;
        } else {
            return Err(Fault::told(format!("ERR Syntax error in HELLO option '{}'", String::from_utf8_lossy(option))));
        }
    }
    if let Some((user, password)) = credentials {
        auth::authenticate(session, user, password)?;
    }
    if !session.is_authenticated() {
        return Err(Fault::Because(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be \
             used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        client::name(session, name);
    }
    if let Some(protocol) = wanted {
        session.speak(protocol);
    }
    reply.speak(session.protocol);
    greet(session, reply);
    Ok(())
}

fn greet(session: &Session, reply: &mut Reply<'_>) {
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if session.protocol == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(session.client.number());
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

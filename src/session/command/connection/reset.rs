//! RESET and QUIT: the connection starts anew, or ends.

use crate::command::{Args, Fault};
use crate::resp::{Protocol, Reply};
use crate::session::command::connection::tracking;
use crate::session::{Asked, Replies, Session, subscribe};

pub(super) fn run<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        subscribe::leave_all(session).await?;
        tracking::turn_off(session).await?;
        start_anew(session);
        reply.simple("RESET");
        Ok(())
    })
}

fn start_anew(session: &mut Session) {
    session.forget_transaction();
    session.select(0);
    session.speak(Protocol::Resp2);
    session.authenticated = session.local.settings().requirepass.is_none();
    session.touches = true;
    session.replies = Replies::On;
    let client = &session.client;
    client.authenticated.set(session.authenticated);
    client.name.take();
    client.no_evict.set(false);
    client.no_touch.set(false);
}

/// Whatever follows in the same pipeline is not done any more.
pub(super) fn quit(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    session.closing = true;
    reply.ok();
    Ok(())
}

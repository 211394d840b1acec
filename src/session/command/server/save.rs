//! SAVE, BGSAVE \[SCHEDULE | CANCEL\] and LASTSAVE: the snapshot of all data.

use crate::command::{Args, Fault};
use crate::persist::keeper::{Order, Refused};
use crate::resp::Reply;
use crate::session::{Asked, Session};

const BUSY: Fault = Fault::Because("ERR Background save already in progress");

/// Others go on meanwhile: the file is that of the moment when it was asked for.
pub(super) fn save<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        match session.local.board.keeper.ask(|answer| Order::Save { answer }).await {
            Some(Ok(())) => reply.ok(),
            Some(Err(Refused::Busy)) => return Err(BUSY),
            // Redis says no more either; the log does.
            Some(Err(Refused::Failed | Refused::Idle)) | None => return Err(Fault::Because("ERR")),
        }
        Ok(())
    })
}

pub(super) fn bgsave<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let keeper = &session.local.board.keeper;
        match args.len() {
            1 => {}
            // There is nothing else that would have to end first.
            2 if args.is(1, "schedule") => {}
            2 if args.is(1, "cancel") => {
                return match keeper.ask(|answer| Order::Cancel { answer }).await {
                    Some(Ok(())) => {
                        reply.simple("Background saving cancelled");
                        Ok(())
                    }
                    _ => Err(Fault::Because("ERR Background saving is currently not in progress or scheduled")),
                };
            }
            _ => return Err(Fault::Syntax),
        }
        match keeper.ask(|answer| Order::Begin { answer }).await {
            Some(Ok(())) => reply.simple("Background saving started"),
            Some(Err(Refused::Busy)) => return Err(BUSY),
            Some(Err(Refused::Failed | Refused::Idle)) | None => return Err(Fault::Because("ERR")),
        }
        Ok(())
    })
}

pub(super) fn lastsave(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let seconds = session.local.board.keeper.saves.borrow().last.seconds();
    reply.integer(i64::try_from(seconds).unwrap_or(i64::MAX));
    Ok(())
}

//! PUBSUB CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS and SHARDNUMSUB: who listens to what.

use crate::command::{Args, Fault};
use crate::pubsub::{Registry, Space};
use crate::resp::Reply;
use crate::session::{Asked, Session, misused};

pub(super) fn channels<'a>(session: &'a mut Session, args: Args<'a>, reply: Reply<'a>) -> Asked<'a> {
    names(session, args, reply, Space::Channels)
}

pub(super) fn shardchannels<'a>(session: &'a mut Session, args: Args<'a>, reply: Reply<'a>) -> Asked<'a> {
    names(session, args, reply, Space::ShardChannels)
}

pub(super) fn numsub<'a>(session: &'a mut Session, args: Args<'a>, reply: Reply<'a>) -> Asked<'a> {
    listeners(session, args, reply, Space::Channels)
}

pub(super) fn shardnumsub<'a>(session: &'a mut Session, args: Args<'a>, reply: Reply<'a>) -> Asked<'a> {
    listeners(session, args, reply, Space::ShardChannels)
}

pub(super) fn numpat<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let patterns = look(session, |registry| registry.count(Space::Patterns)).await?;
        reply.integer(i64::try_from(patterns).unwrap_or(i64::MAX));
        Ok(())
    })
}

fn names<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>, space: Space) -> Asked<'a> {
    Box::pin(async move {
        if args.len() > 3 {
            return Err(misused(&args));
        }
        let pattern: Option<Box<[u8]>> = args.from(2).next().map(Box::from);
        let names = look(session, move |registry| registry.names(space, pattern.as_deref())).await?;
        reply.array(names.len());
        names.iter().for_each(|name| reply.bulk(name));
        Ok(())
    })
}

fn listeners<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>, space: Space) -> Asked<'a> {
    Box::pin(async move {
        let asked: Vec<Box<[u8]>> = args.from(2).map(Box::from).collect();
        let counts = look(session, move |registry| asked.iter().map(|name| registry.listeners(space, name)).collect::<Vec<_>>()).await?;
        reply.array(counts.len() * 2);
        for (name, count) in args.from(2).zip(counts) {
            reply.bulk(name);
            reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
        }
        Ok(())
    })
}

async fn look<T: Send + 'static>(session: &Session, look: impl FnOnce(&Registry) -> T + Send + 'static) -> Result<T, Fault> {
    session.local.board.broker.look(look).await.ok_or(Fault::Because("ERR the server is stopping"))
}

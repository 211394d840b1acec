//! CLIENT KILL addr, or CLIENT KILL filter value [filter value ...]: closes connections.

use crate::command::{Args, Fault};
use crate::resp::{Reply, number};
use crate::session::command::connection::filter::{Filter, Kind};
use crate::session::{Asked, Session, clients};
use crate::time::UnixMillis;

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let is_old_form = args.len() == 3;
        let (filter, spare_self) =
            if is_old_form { (Filter { address: Some(args.get(2).into()), ..Filter::default() }, false) } else { read(args)? };
        let (me, now) = (session.client.id, UnixMillis::now().seconds());
        let killed = clients::look_at_all(&session.local, || {
            let filter = filter.clone();
            Box::new(move |client| {
                if !filter.admits(client, now) || spare_self && client.id == me {
                    return None;
                }
                // The one who asks is answered first. Anybody else ends at once, even if he is not reading what we write.
                if client.id != me {
                    client.end(true);
                }
                Some(String::new())
            })
        })
        .await;
        session.closing = killed.iter().any(|&(id, _)| id == me);
        match (is_old_form, killed.is_empty()) {
            (true, true) => return Err(Fault::Because("ERR No such client")),
            (true, false) => reply.ok(),
            (false, _) => reply.integer(i64::try_from(killed.len()).unwrap_or(i64::MAX)),
        }
        Ok(())
    })
}

/// Reads the filters, and whether the caller is spared.
fn read(args: Args<'_>) -> Result<(Filter, bool), Fault> {
    let (mut filter, mut spare_self) = (Filter::default(), true);
    let mut options = args.options(2);
    while let Some(option) = options.next() {
        let value = options.operand()?;
        let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("id") => {
                let id = number::parse_integer(value).and_then(|id| u64::try_from(id).ok()).filter(|&id| id > 0);
                filter.id = Some(id.ok_or(Fault::Because("ERR client-id should be greater than 0"))?);
            }
            () if is("maxage") => {
                let age = number::parse_integer(value).ok_or(Fault::Because("ERR maxage is not an integer or out of range"))?;
                let age = u64::try_from(age).ok().filter(|&age| age > 0);
                filter.age_seconds_least = Some(age.ok_or(Fault::Because("ERR maxage should be greater than 0"))?);
            }
            () if is("type") => filter.kind = Some(Kind::read(value)?),
            () if is("addr") => filter.address = Some(value.into()),
            () if is("laddr") => filter.own_address = Some(value.into()),
            () if is("user") => {
                let user = String::from_utf8_lossy(value);
                if user != "default" {
                    return Err(Fault::told(format!("ERR No such user '{user}'")));
                }
                filter.user = Some(user.into());
            }
            () if is("skipme") && value.eq_ignore_ascii_case(b"yes") => spare_self = true,
            () if is("skipme") && value.eq_ignore_ascii_case(b"no") => spare_self = false,
            () => return Err(Fault::Syntax),
        }
    }
    Ok((filter, spare_self))
}

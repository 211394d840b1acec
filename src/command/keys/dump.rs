//! DUMP and RESTORE: a value as bytes that any server of the family takes, and back.

use crate::command::{Args, Classes, Cx, Fault, Limits, decimal};
use crate::rdb;
use crate::resp::{Reply, number};
use crate::time::UnixMillis;

const BUSY: Fault = Fault::Because("BUSYKEY Target key name already exists.");
const BAD_TTL: Fault = Fault::Because("ERR Invalid TTL value, must be >= 0");
const BAD_IDLE_TIME: Fault = Fault::Because("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: Fault = Fault::Because("ERR Invalid FREQ value, must be >= 0 and <= 255");
const BAD_ENVELOPE: Fault = Fault::Because("ERR DUMP payload version or checksum are wrong");
const BAD_BODY: Fault = Fault::Because("ERR Bad data format");

pub(super) fn dump(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match cx.read(args.key(1)) {
        Some(entry) => reply.bulk(&rdb::dump(entry)),
        None => reply.null(),
    }
    Ok(())
}

#[derive(Default)]
struct Options {
    replace: bool,
    /// The deadline is a time, not a span.
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

impl Options {
    fn read(args: &Args<'_>) -> Result<Options, Fault> {
        let mut read = Options::default();
        let mut options = args.options(4);
        while let Some(word) = options.next() {
            let has_operand = options.left() > 0;
            if word.eq_ignore_ascii_case(b"replace") {
                read.replace = true;
            } else if word.eq_ignore_ascii_case(b"absttl") {
                read.absolute = true;
            } else if word.eq_ignore_ascii_case(b"idletime") && has_operand && read.frequency.is_none() {
                let seconds = options.int()?;
                read.idle_seconds = Some(seconds).filter(|seconds| *seconds >= 0);
                read.idle_seconds.ok_or(BAD_IDLE_TIME)?;
            } else if word.eq_ignore_ascii_case(b"freq") && has_operand && read.idle_seconds.is_none() {
                read.frequency = Some(u8::try_from(options.int()?).map_err(|_| BAD_FREQUENCY)?);
            } else {
                return Err(Fault::Syntax);
            }
        }
        Ok(read)
    }

    /// The access bits that were asked for, if the policy of eviction keeps such.
    fn access(&self, limits: &Limits, now: UnixMillis) -> Option<u32> {
        if limits.frequency {
            self.frequency.map(|frequency| Limits::used_so_often(frequency, now))
        } else {
            self.idle_seconds.map(|seconds| Limits::last_used(seconds.unsigned_abs(), now))
        }
    }
}

pub(super) fn restore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = Options::read(args)?;
    let (key, now, limits) = (args.key(1), cx.now, cx.limits);
    if !options.replace && cx.exists(cx.database, key) {
        return Err(BUSY);
    }
    let ttl = u64::try_from(number::parse_integer(args.get(2)).ok_or(Fault::NotInteger)?).map_err(|_| BAD_TTL)?;
    let value = rdb::restore(args.get(3), cx.thresholds()).map_err(|refused| match refused {
        rdb::Refused::Envelope => BAD_ENVELOPE,
        rdb::Refused::Body(_) => BAD_BODY,
    })?;
    let deadline = match ttl {
        0 => None,
        time if options.absolute => Some(UnixMillis(time)),
        // A span beyond all times lies in the past for Redis, whose sum turns negative.
        span => now.0.checked_add(span).filter(|time| i64::try_from(*time).is_ok()).or(Some(0)).map(UnixMillis),
    };
    let removed = options.replace && cx.remove(key);
    if deadline.is_some_and(|deadline| deadline <= cx.expiry) {
        if let Some(record) = cx.record().filter(|_| removed) {
            record.instead([b"DEL".as_slice(), key]);
        }
        // It has expired on the way: what was here is replaced by nothing.
        cx.effects.discard(value);
        if removed {
            cx.changed(1);
            cx.event(Classes::GENERIC, "del", key);
        }
    } else {
        cx.put(key, value, deadline);
        if let Some(access) = options.access(limits, now)
            && let Some(mut entry) = cx.write(key)
        {
            entry.set_access(access);
        }
        if let (Some(record), Some(deadline), false) = (cx.record(), deadline, options.absolute) {
            let head = [b"RESTORE".as_slice(), key, &decimal(deadline.0)];
            record.instead(head.into_iter().chain(args.from(3)).chain([b"ABSTTL".as_slice()]).collect::<Vec<_>>());
        }
        cx.changed(1);
        cx.event(Classes::GENERIC, "restore", key);
    }
    reply.ok();
    Ok(())
}

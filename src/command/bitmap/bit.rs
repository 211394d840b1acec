//! SETBIT and GETBIT: one bit of a string.

use super::{offset, store};
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::bits;

pub(super) fn setbit(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let bit = offset(args.get(2), None, cx.limits)?;
    let on = match args.get(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(Fault::Because("ERR bit is not an integer or out of range")),
    };
    let bytes = usize::try_from(bit / 8).map_or(usize::MAX, |at| at + 1);
    let (before, grew) = match cx.write(key) {
        Some(mut entry) => {
            let grew = entry.text().ok_or(Fault::WrongType)?.len() < bytes;
            let text = entry.text_mut(bytes).ok_or(Fault::WrongType)?;
            let before = bits::get(text, bit);
            bits::set(text, bit, on);
            (before, grew)
        }
        None => {
            let mut text = vec![0; bytes];
            bits::set(&mut text, bit, on);
            store(cx, key, text);
            (false, true)
        }
    };
    if grew || before != on {
        cx.changed(1);
        cx.event(Classes::STRING, "setbit", key);
    }
    reply.integer(i64::from(before));
    Ok(())
}

pub(super) fn getbit(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let bit = offset(args.get(2), None, cx.limits)?;
    let text = cx.read_text(args.key(1))?;
    reply.integer(text.map_or(0, |text| i64::from(bits::get(text.bytes(&mut [0; 20]), bit))));
    Ok(())
}

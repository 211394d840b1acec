//! SADD key member [member ...]: members that are there already do not count; they lose their deadline, as fields do that HSET writes.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::{Mortals, Perishable, Set};

pub(super) fn sadd(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let mut set = cx.create_as(args.key(1), Set::new)?;
    let words = args.from(2);
    if words.len() > 1 || set.is_empty() {
        set.expect(args.get(2), words.len(), thresholds);
    }
    let mortals = set.mortals().map_or(0, Mortals::len);
    let added = words.filter(|member| set.add(member, thresholds)).count();
    let persisted = mortals - set.mortals().map_or(0, Mortals::len);
    drop(set);
    if added + persisted > 0 {
        cx.changed((added + persisted) as u64);
        cx.event(Classes::SET, "sadd", args.key(1));
    }
    answer::count(added, reply);
    Ok(())
}

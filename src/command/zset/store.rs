//! How the result of a command becomes the value of a key: ZRANGESTORE, ZUNIONSTORE and kin, GEOSEARCHSTORE.

use crate::command::{Classes, Cx, answer};
use crate::resp::Reply;
use crate::store::Typed;
use crate::store::types::SortedSet;

/// Puts the set at the key, whatever was there; an empty one takes the key away. Answers how many members there are.
/// Keeping it counts as so many changes, taking it away as one; `event` is what is told of it when it is kept.
pub(in crate::command) fn keep(cx: &mut Cx<'_>, key: &[u8], set: SortedSet, changes: u64, event: &'static str, reply: &mut Reply<'_>) {
    let count = set.len();
    if count > 0 {
        cx.put(key, Box::new(set).into_value(), None);
        cx.changed(changes);
        cx.event(Classes::ZSET, event, key);
    } else if cx.delete(key) {
        cx.changed(1);
    }
    answer::count(count, reply);
}

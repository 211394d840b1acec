//! How the result of a command becomes the value of a key: ZRANGESTORE, ZUNIONSTORE and kin, GEOSEARCHSTORE.

use crate::command::{Cx, answer};
use crate::resp::Reply;
use crate::store::Typed;
use crate::store::types::SortedSet;

/// Puts the set at the key, whatever was there; an empty one takes the key away. Answers how many members there are.
/// Keeping it counts as so many changes, taking it away as one.
pub(in crate::command) fn keep(cx: &mut Cx<'_>, key: &[u8], set: SortedSet, changes: u64, reply: &mut Reply<'_>) {
    let count = set.len();
    if count > 0 {
        cx.put(key, Box::new(set).into_value(), None);
        cx.changed(changes);
    } else if cx.remove(key) {
        cx.changed(1);
    }
    answer::count(count, reply);
}

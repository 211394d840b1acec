//! How members are written into a reply: alone, or each with its score.

use crate::resp::{Protocol, Reply};
use crate::store::types::zset::Score;

/// Announces `count` members. With scores they are pairs of their own in RESP3, and one after the other in RESP2.
#[inline]
pub(super) fn begin(count: usize, scores: bool, reply: &mut Reply<'_>) {
    let flat = scores && reply.protocol() == Protocol::Resp2;
    reply.array(if flat { count.saturating_mul(2) } else { count });
}

/// One of the members that were announced.
#[inline]
pub(super) fn write(member: &[u8], score: Score, scores: bool, reply: &mut Reply<'_>) {
    if scores && reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
    reply.bulk(member);
    if scores {
        reply.double(score.get());
    }
}

/// All of them.
pub(super) fn write_all<'a>(pairs: impl ExactSizeIterator<Item = (&'a [u8], Score)>, scores: bool, reply: &mut Reply<'_>) {
    begin(pairs.len(), scores, reply);
    pairs.for_each(|(member, score)| write(member, score, scores, reply));
}

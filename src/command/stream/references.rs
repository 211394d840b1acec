//! KEEPREF, DELREF and ACKED: what becomes of pending entries whose entry is deleted.

use crate::store::types::stream::References;

/// What the word asks for, if it is one of the three.
pub(super) fn option(word: &[u8]) -> Option<References> {
    const OPTIONS: [(&[u8], References); 3] =
        [(b"keepref", References::Keep), (b"delref", References::Delete), (b"acked", References::Acknowledged)];
    OPTIONS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, references)| *references)
}

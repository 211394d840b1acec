//! The pattern language of KEYS, PSUBSCRIBE, ACL and CONFIG GET.
pub(crate) fn matches(_pattern: &[u8], _text: &[u8], _fold_case: bool) -> bool {
    unimplemented!()
}

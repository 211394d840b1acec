//! tmp
use crate::session::SessionRow;
pub(crate) static TABLE: &[SessionRow] = &[];

//! What those who cache keys are told: what has changed since they read it (CLIENT TRACKING).

use std::fmt;
use std::sync::Arc;

use crate::store::Stale;

/// Something that caches hold is not so any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outdated {
    /// The client whose call did it; nobody's, if it went by itself.
    pub(crate) by: Option<u64>,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Key(Stale),
    /// Everything: databases were emptied or exchanged.
    All,
}

impl Outdated {
    /// Bytes that it takes while it is on its way, roughly.
    pub(crate) fn weight(&self) -> usize {
        let more = match &self.what {
            What::Key(stale) => stale.key.len() + stale.readers.len() * size_of::<(u64, u32)>(),
            What::All => 0,
        };
        size_of::<Outdated>() + more
    }
}

/// Travels with news, and is let go when everybody it is for has it: who holds the other end of what is inside learns that then.
#[derive(Clone)]
pub(crate) struct Receipt(#[allow(dead_code, reason = "held only to be dropped")] Arc<dyn Send + Sync>);

impl Receipt {
    pub(crate) fn new(inside: impl Send + Sync + 'static) -> Receipt {
        Receipt(Arc::new(inside))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

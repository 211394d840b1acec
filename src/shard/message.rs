//! The messages of a shard. A feature is a row of the command table, not another message.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::metrics::Tally;
use crate::shard::saving::Save;
use crate::shard::{Batch, Claim, Gate, Loan};

/// What a shard can be asked.
#[derive(Debug)]
pub(crate) enum Message {
    /// Run these calls in order and send the batch back.
    Run(Box<Batch>),
    /// The same, as this shard's part of a unit: not before the gate opens. Placed by the sequencer only.
    Part(Box<Batch>, Arc<Gate>),
    /// Hand over the keyspace and park until it is back. Placed by the sequencer only.
    Borrow(Borrow),
    /// This client waits no more.
    Forget(Arc<Claim>),
    /// Begin a snapshot when the gate opens: what the keyspace holds then is to be written down. Placed by the sequencer only.
    Save(Box<Save>, Arc<Gate>),
    /// How are you? Being answered at all is the heartbeat. `reset` forgets the statistics first (CONFIG RESETSTAT).
    Report { answer: oneshot::Sender<Tally>, reset: bool },
}

/// A request for the whole keyspace of a shard.
#[derive(Debug)]
pub(crate) struct Borrow {
    /// Where the keyspace goes. If the borrower is gone, it comes straight back.
    pub(crate) lend_to: oneshot::Sender<Loan>,
}

//! A lent keyspace: ownership by message, there and back.

use tokio::sync::oneshot;

use crate::command::Effects;
use crate::metrics::CommandTally;
use crate::store::Keyspace;

/// What a shard gets back.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) keyspace: Keyspace,
    /// What the unit left behind; told to the first of the shards it borrowed.
    pub(crate) effects: Effects,
    /// The calls it ran, by the row's number.
    pub(crate) tallies: Vec<(u16, CommandTally)>,
}

/// A keyspace away from home. Dropping it sends it back, whatever became of the borrower.
#[derive(Debug)]
pub(crate) struct Loan {
    lent: Option<(Keyspace, oneshot::Sender<Returned>)>,
}

impl Loan {
    pub(crate) fn new(keyspace: Keyspace, home: oneshot::Sender<Returned>) -> Loan {
        Loan { lent: Some((keyspace, home)) }
    }

    /// Takes the keyspace out of its wrapper, to be run on; `home` is where it must go.
    pub(crate) fn open(mut self) -> Option<(Keyspace, oneshot::Sender<Returned>)> {
        self.lent.take()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some((keyspace, home)) = self.lent.take() {
            // A shard that is gone was ended by a panic or by the end of the process: nothing is left to own the data.
            let _ = home.send(Returned { keyspace, effects: Effects::default(), tallies: Vec::new() });
        }
    }
}

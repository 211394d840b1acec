//! Asks every shard how it is.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::metrics::Tally;
use crate::router::{Router, ShardsGone};
use crate::shard::Message;

/// How long a shard may take to answer while a script runs somewhere.
const PATIENCE: Duration = Duration::from_millis(5);

impl Router {
    /// The figures of every shard, in shard order. `reset` makes them forget their statistics first.
    ///
    /// # Errors
    /// A shard has ended.
    pub(crate) async fn survey(&self, reset: bool) -> Result<Vec<Tally>, ShardsGone> {
        let mut asked = Vec::with_capacity(self.mailboxes().len());
        for mailbox in self.mailboxes() {
            let (answer, tally) = oneshot::channel();
            if !mailbox.send(Message::Report { answer, reset }).await {
                return Err(ShardsGone);
            }
            asked.push(tally);
        }
        let mut tallies = Vec::with_capacity(asked.len());
        for tally in asked {
            tallies.push(tally.await.map_err(|_| ShardsGone)?);
        }
        Ok(tallies)
    }

    /// As [`Router::survey`], of those shards that answer at once: the others, whose thread runs a script, are told of as empty.
    pub(crate) async fn survey_of_some(&self) -> Vec<Tally> {
        let mut tallies = Vec::with_capacity(self.mailboxes().len());
        for mailbox in self.mailboxes() {
            let (answer, tally) = oneshot::channel();
            let asked = async {
                mailbox.send(Message::Report { answer, reset: false }).await;
                tally.await.ok()
            };
            tallies.push(tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or_default());
        }
        tallies
    }
}

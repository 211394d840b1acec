//! Asks every shard how it is.

use tokio::sync::oneshot;

use crate::metrics::Tally;
use crate::router::{Router, ShardsGone};
use crate::shard::Message;

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
}

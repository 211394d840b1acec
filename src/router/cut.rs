//! The cut of a snapshot: one moment between all units, the same on every shard.

use std::sync::Arc;

use crate::router::{Router, ShardsGone};
use crate::shard::saving::Save;
use crate::shard::{Gate, Message};

impl Router {
    /// Lets every shard begin a snapshot, as one unit. `saves`: one for each shard.
    ///
    /// # Errors
    /// A shard has ended.
    pub(crate) async fn cut(&self, saves: Vec<Save>) -> Result<(), ShardsGone> {
        debug_assert_eq!(saves.len(), self.mailboxes().len());
        let mut permits = Vec::with_capacity(saves.len());
        for mailbox in self.mailboxes() {
            permits.push(mailbox.reserve().await.ok_or(ShardsGone)?);
        }
        // As for any unit: placed whole, and begun nowhere before it is placed everywhere. A client that was answered before the cut on one
        // shard and asks another afterwards comes after the cut there too.
        let gate = Arc::new(Gate::new(u64::MAX, false));
        let messages = saves.into_iter().map(|save| Message::Save(Box::new(save), gate.clone()));
        let unit = self.sequencer().place(permits.into_iter().zip(messages));
        gate.open(unit);
        Ok(())
    }
}

//! The handle of a shard: its bounded mailbox. The one home of the channel type, so that it can be swapped.

use tokio::sync::mpsc;

use crate::shard::Message;

/// Batches waiting for one shard: eight workers with 128 busy connections each, one batch in flight apiece. A full mailbox makes the
/// connection wait, and with it its client's socket: that is the back pressure.
pub(crate) const MAILBOX_MESSAGES_MAX: usize = 8 * 128;

/// A place in a mailbox, reserved before anything is placed.
pub(crate) type Permit<'a> = mpsc::Permit<'a, Message>;

/// The end of the mailbox that the shard's task reads.
pub(crate) type Inbox = mpsc::Receiver<Message>;

/// Where to send what a shard shall do. Small and cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox(mpsc::Sender<Message>);

impl Mailbox {
    pub(crate) fn new() -> (Mailbox, Inbox) {
        let (sender, inbox) = mpsc::channel(MAILBOX_MESSAGES_MAX);
        (Mailbox(sender), inbox)
    }

    /// Sends a message, waiting for room if there is none. False if the shard is gone, which ends the process anyway.
    #[inline]
    pub(crate) async fn send(&self, message: Message) -> bool {
        // The common case costs no future: there is room.
        match self.0.try_send(message) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(message)) => self.0.send(message).await.is_ok(),
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Sends a message if there is room, and hands it back if there is none.
    pub(crate) fn try_send(&self, message: Message) -> Option<Message> {
        match self.0.try_send(message) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            Err(mpsc::error::TrySendError::Full(message)) => Some(message),
        }
    }

    /// Reserves a place; `None` if the shard is gone.
    pub(crate) async fn reserve(&self) -> Option<Permit<'_>> {
        match self.0.try_reserve() {
            Ok(permit) => Some(permit),
            Err(mpsc::error::TrySendError::Full(())) => self.0.reserve().await.ok(),
            Err(mpsc::error::TrySendError::Closed(())) => None,
        }
    }

    /// Messages that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
    }
}

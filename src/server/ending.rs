//! The end: what asks for it, and the last snapshot, after which nothing more is changed.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};
use crate::persist::Trouble;
use crate::persist::keeper::Order;
use crate::router::Router;
use crate::session::{Board, NotEnding, Shutdown};
use crate::settings::Stop;
use crate::time::UnixMillis;

/// Writes are held for so long at most while the last snapshot is made. If that takes longer they go on, and another one follows.
const HELD: Duration = Duration::from_secs(24 * 3600);

/// What the daemon is told from outside.
pub(super) struct Calls {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    shutdown: mpsc::Receiver<Shutdown>,
    /// Who asked while the end was under way: told if it does not come.
    asked_again: Vec<oneshot::Sender<std::result::Result<(), NotEnding>>>,
}

/// What was told.
pub(super) enum Call {
    /// To end, and whom to tell how that goes.
    End(Stop, Option<oneshot::Sender<std::result::Result<(), NotEnding>>>),
    /// To read the settings again.
    Reload,
}

impl Calls {
    /// # Errors
    /// The system takes no handlers of signals.
    pub(super) fn new(shutdown: mpsc::Receiver<Shutdown>) -> Result<Calls> {
        let refused = |source| Error::Io { doing: "installing signal handlers", source };
        Ok(Calls {
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            hangup: signal(SignalKind::hangup()).map_err(refused)?,
            shutdown,
            asked_again: Vec::new(),
        })
    }

    /// Returns with the next call.
    pub(super) async fn next(&mut self, board: &Board) -> Call {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {
                    tracing::info!("SIGTERM: draining");
                    return Call::End(board.settings.borrow().shutdown_on_sigterm, None);
                }
                _ = self.interrupt.recv() => {
                    tracing::info!("SIGINT: draining");
                    return Call::End(board.settings.borrow().shutdown_on_sigint, None);
                }
                _ = self.hangup.recv() => return Call::Reload,
                Some(asked) = self.shutdown.recv() => match asked {
                    Shutdown::Begin { how, answer } => {
                        tracing::info!("SHUTDOWN: draining");
                        return Call::End(how, Some(answer));
                    }
                    Shutdown::Abort { answer } => drop(answer.send(false)),
                },
            }
        }
    }

    /// A second signal, from someone who will not wait.
    pub(super) async fn impatience(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Makes the last snapshot, if one is to be made. Says how many changes it has; `None`: none was made. Writes are held when it returns.
    ///
    /// # Errors
    /// It could not be made, or somebody thought better of it: the daemon goes on.
    pub(super) async fn save(&mut self, board: &Board, how: Stop) -> std::result::Result<Option<u64>, NotEnding> {
        let wanted = how.save.unwrap_or(!board.settings.borrow().save.is_empty());
        if !wanted || board.health.has(Trouble::Loading) {
            return Ok(None);
        }
        tracing::info!("Saving the final RDB snapshot before exiting.");
        let now = UnixMillis::now();
        board.pause.begin(UnixMillis(now.0 + u64::try_from(HELD.as_millis()).unwrap_or(u64::MAX)), true, now);
        let mut saved = std::pin::pin!(board.keeper.ask(|answer| Order::Last { answer }));
        let result = loop {
            tokio::select! {
                saved = &mut saved => break saved,
                // Who interrupts twice insists.
                _ = self.interrupt.recv() => {
                    tracing::warn!("a second SIGINT: the data is not saved");
                    return Ok(None);
                }
                Some(asked) = self.shutdown.recv() => match asked {
                    Shutdown::Abort { answer } => {
                        tracing::warn!("the shutdown was aborted");
                        let _ = answer.send(true);
                        return Err(self.go_on(board));
                    }
                    // It is under way; the end of the connection will tell.
                    Shutdown::Begin { answer, .. } => self.asked_again.push(answer),
                },
            }
        };
        match result {
            Some(Ok(changed)) => Ok(Some(changed)),
            _ if how.force => {
                tracing::error!("the data could not be saved; ending all the same, as was asked");
                Ok(None)
            }
            _ => {
                tracing::error!("Error trying to save the DB, can't exit.");
                Err(self.go_on(board))
            }
        }
    }

    /// The end does not come.
    fn go_on(&mut self, board: &Board) -> NotEnding {
        board.pause.end();
        for answer in self.asked_again.drain(..) {
            let _ = answer.send(Err(NotEnding::Failed));
        }
        NotEnding::Failed
    }
}

/// Saves once more if something was changed since the last snapshot: a call that was on its way when writes were held. Nobody is connected any more.
pub(super) async fn save_the_rest(board: &Board, router: &Router, saved: Option<u64>) {
    let Some(saved) = saved else { return };
    let Ok(tallies) = router.survey(false).await else { return };
    if tallies.iter().map(|tally| tally.changed).sum::<u64>() != saved {
        let again = board.keeper.ask(|answer| Order::Last { answer }).await;
        if !matches!(again, Some(Ok(_))) {
            tracing::error!("what was changed last could not be saved");
        }
    }
}

//! The scribe: the thread that writes the journal. It takes every page that has arrived, writes them as one batch, and makes durable at once what that
//! many senders wait for: one fsync serves all of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::persist::{Gather, Health, History, Journal, Place, Trouble};
use crate::shard::pages::{Content, Intake, Page, Policy, Turn};

/// Pages taken at once: more than all shards send while a disk syncs.
const PAGES_MAX: usize = 4096;

/// With `everysec`, how long something may be written and not durable. A disk needs some time for it: after a second at most it is done.
const SYNC_AFTER: Duration = Duration::from_millis(800);

/// How long to wait before something is tried again that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the scribe tells everybody.
#[derive(Debug)]
pub(crate) struct Account {
    /// Where everybody sees that writes are refused.
    health: Arc<Health>,
    reason: watch::Sender<Option<Arc<str>>>,
    /// Nothing helps but to write all data anew.
    pub(crate) broken: AtomicBool,
    /// All data are being written anew.
    pub(crate) rewriting: AtomicBool,
    pub(crate) rewrites: AtomicU64,
    pub(crate) rewrites_failed: AtomicU64,
    pub(crate) rewrite_millis: AtomicU64,
    pub(crate) size: AtomicU64,
    pub(crate) base_size: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_nanos: AtomicU64,
    /// Syncs that took so long that with `everysec` more than a second may have been lost.
    pub(crate) late_syncs: AtomicU64,
}

impl Account {
    pub(crate) fn new(health: Arc<Health>) -> Account {
        let (zero, no) = (|| AtomicU64::new(0), || AtomicBool::new(false));
        Account {
            health,
            reason: watch::Sender::new(None),
            broken: no(),
            rewriting: no(),
            rewrites: zero(),
            rewrites_failed: zero(),
            rewrite_millis: zero(),
            size: zero(),
            base_size: zero(),
            batches: zero(),
            syncs: zero(),
            sync_nanos: zero(),
            late_syncs: zero(),
        }
    }

    /// Whether writes are refused.
    pub(crate) fn is_failing(&self) -> bool {
        self.health.has(Trouble::Unwritten)
    }

    /// Why writes are refused, while they are.
    /// Whether the log has grown by so many percent since it was last written anew, and is not small.
    pub(crate) fn is_overgrown(&self, percentage: u64, min_size: u64) -> bool {
        let (size, base) = (self.size.load(Ordering::Relaxed), self.base_size.load(Ordering::Relaxed).max(1));
        percentage > 0 && size > min_size && size.saturating_sub(base).saturating_mul(100) / base >= percentage
    }

    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.reason.borrow().clone()
    }

    fn fail(&self, why: &str) {
        self.reason.send_replace(Some(why.into()));
        self.health.set(Trouble::Unwritten, true);
    }

    fn recover(&self) {
        self.health.set(Trouble::Unwritten, false);
        self.reason.send_replace(None);
    }
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Scribe {
    intake: Intake,
    /// Where a log may be begun; nowhere, if another daemon works in the directory.
    place: Option<Place>,
    journal: Option<Journal>,
    gather: Gather,
    history: History,
    account: Arc<Account>,
    /// Since when something is written that is not durable.
    dirty_since: Option<Instant>,
    /// When to try again what failed.
    retry_at: Option<Instant>,
    /// Somebody waits for durability, whatever the policy.
    urged: bool,
    /// What is in the file so far, and up to where that is durable.
    written: u64,
}

impl Scribe {
    /// `journal` is the log that was read, if there was one and it is to go on.
    pub(crate) fn new(intake: Intake, place: Option<Place>, journal: Option<Journal>, account: Arc<Account>) -> Scribe {
        let (gather, history) = (Gather::default(), History::default());
        let scribe =
            Scribe { intake, place, journal, gather, history, account, dirty_since: None, retry_at: None, urged: false, written: 0 };
        scribe.tell_sizes();
        scribe
    }

    /// Writes until every pages is gone. With `always` an error ends it: what was not written must not be answered, and a sync that failed once
    /// says nothing by succeeding later.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let mut pages = Vec::with_capacity(PAGES_MAX);
        loop {
            let wait = self.wake_at();
            let received = match wait {
                None => self.intake.pages.recv_many(&mut pages, PAGES_MAX).await,
                Some(at) => {
                    let received = self.intake.pages.recv_many(&mut pages, PAGES_MAX);
                    tokio::time::timeout_at(at.into(), received).await.unwrap_or(usize::MAX)
                }
            };
            if received == 0 {
                return self.finish();
            }
            self.intake.took(&pages);
            for page in pages.drain(..) {
                self.take(page)?;
            }
            self.write(Instant::now())?;
        }
    }

    /// When to wake up although nothing arrives.
    fn wake_at(&self) -> Option<Instant> {
        let sync_at = self.dirty_since.filter(|_| self.intake.policy() == Policy::EverySecond).map(|since| since + SYNC_AFTER);
        match (sync_at, self.retry_at) {
            (Some(sync_at), Some(retry_at)) => Some(sync_at.min(retry_at)),
            (sync_at, retry_at) => sync_at.or(retry_at),
        }
    }

    fn take(&mut self, page: Page) -> io::Result<()> {
        if let Content::Turn(turn, answer) = page.content {
            // Whoever turns holds every keyspace: no unit is half here.
            debug_assert!(self.gather.is_idle(), "a turn amid a unit");
            self.gather.take(page.number, Content::Sync, &mut self.history);
            return self.turn(turn, answer);
        }
        self.urged |= matches!(page.content, Content::Sync);
        self.gather.take(page.number, page.content, &mut self.history);
        Ok(())
    }

    /// Writes what the history has, and makes it durable if it is time.
    fn write(&mut self, now: Instant) -> io::Result<()> {
        let Some(journal) = &mut self.journal else {
            // Pages that were under way when it was switched off.
            self.history.clear();
            self.intake.settle(self.gather.settled());
            return Ok(());
        };
        let policy = self.intake.policy();
        if let Some(retry_at) = self.retry_at
            && now < retry_at
            && policy != Policy::Always
        {
            return Ok(());
        }
        self.retry_at = None;
        let had = journal.len();
        if let Err(error) = journal.append(&mut self.history) {
            if policy == Policy::Always {
                return Err(error);
            }
            if !self.account.is_failing() {
                tracing::error!(%error, "the journal cannot be written; writes are refused until it can");
            }
            self.account.fail(&error.to_string());
            self.retry_at = Some(now + RETRY_AFTER);
            return Ok(());
        }
        self.written = self.gather.settled();
        if journal.len() > had {
            self.account.batches.fetch_add(1, Ordering::Relaxed);
        }
        if journal.is_dirty() {
            self.dirty_since.get_or_insert(now);
        }
        let is_due = self.urged
            || match policy {
                Policy::Always => true,
                Policy::EverySecond => self.dirty_since.is_some_and(|since| now.duration_since(since) >= SYNC_AFTER),
                Policy::No => false,
            };
        if is_due && journal.is_dirty() {
            let began = Instant::now();
            if let Err(error) = journal.sync() {
                if policy == Policy::Always {
                    return Err(error);
                }
                if !self.account.is_failing() {
                    tracing::error!(%error, "the journal cannot be made durable; writes are refused until all data are written anew (BGREWRITEAOF)");
                }
                self.account.fail(&error.to_string());
                self.account.broken.store(true, Ordering::Release);
                self.retry_at = Some(now + RETRY_AFTER);
                return Ok(());
            }
            let took = began.elapsed();
            self.account.syncs.fetch_add(1, Ordering::Relaxed);
            self.account.sync_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            if self.dirty_since.is_some_and(|since| since.elapsed() > Duration::from_secs(1)) {
                self.account.late_syncs.fetch_add(1, Ordering::Relaxed);
            }
        }
        if !journal.is_dirty() {
            self.dirty_since = None;
            self.urged = false;
            self.intake.settle(self.written);
        }
        if self.account.is_failing() && !journal.is_broken() {
            tracing::info!("the journal is written again; writes are taken");
            self.account.recover();
        }
        self.tell_sizes();
        Ok(())
    }

    fn turn(&mut self, turn: Turn, answer: oneshot::Sender<Result<(), String>>) -> io::Result<()> {
        let done = self.do_turn(turn);
        self.tell_sizes();
        let said = done.as_ref().map_err(ToString::to_string).copied();
        if let Err(error) = &done {
            tracing::error!(%error, ?turn, "the journal could not turn");
        }
        let _ = answer.send(said);
        // With `always` nothing that was promised is lost by it: the file before is still the one that is written.
        Ok(())
    }

    fn do_turn(&mut self, turn: Turn) -> io::Result<()> {
        match (turn, &mut self.journal) {
            (Turn::Open { base }, None) => {
                let taken = || io::Error::other("another daemon works in this directory");
                let place = self.place.clone().ok_or_else(taken)?;
                self.history.begin_file();
                self.journal = Some(Journal::create(place, base)?);
                Ok(())
            }
            (Turn::Open { .. }, Some(_)) => Ok(()),
            (Turn::NewFile, Some(journal)) => {
                journal.append(&mut self.history)?;
                journal.turn_page()?;
                self.history.begin_file();
                self.dirty_since = None;
                Ok(())
            }
            (Turn::BaseDone { bytes }, Some(journal)) => {
                journal.append(&mut self.history)?;
                journal.replace_base(bytes)?;
                self.dirty_since = None;
                self.account.broken.store(false, Ordering::Release);
                Ok(())
            }
            (Turn::Close, Some(journal)) => {
                journal.close(&mut self.history)?;
                self.journal = None;
                self.dirty_since = None;
                Ok(())
            }
            (_, None) => Err(io::Error::other("the journal is off")),
        }
    }

    /// Every sender is gone: the server stops.
    fn finish(mut self) -> io::Result<()> {
        if let Some(mut journal) = self.journal.take() {
            journal.close(&mut self.history)?;
        }
        self.intake.settle(u64::MAX);
        Ok(())
    }

    fn tell_sizes(&self) {
        let (size, base) = self.journal.as_ref().map_or((0, 0), |journal| (journal.size(), journal.base_size()));
        self.account.size.store(size, Ordering::Relaxed);
        self.account.base_size.store(base, Ordering::Relaxed);
    }
}

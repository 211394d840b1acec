//! The sections on what is stored and asked: Persistence, Stats, Replication, Commandstats, Errorstats, Cluster, Keyspace, Shards.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{CommandTally, add_errors};
use crate::persist::Trouble;

use super::Figures;
use super::text::{Text, ratio};

pub(super) fn persistence(figures: &Figures, text: &mut Text) {
    let saves = figures.board.keeper.saves.borrow().clone();
    let is_loading = figures.board.health.has(Trouble::Loading);
    text.fields(&[("loading", u64::from(is_loading)), ("async_loading", 0)]);
    text.fields(&[("current_cow_peak", 0), ("current_cow_size", 0), ("current_cow_size_age", 0)]);
    text.field("current_fork_perc", "0.00");
    let (processed, total) = saves.running.map_or((0, 0), |running| (figures.whole.saved_keys.min(running.keys), running.keys));
    text.fields(&[("current_save_keys_processed", processed), ("current_save_keys_total", total)]);
    text.field("rdb_changes_since_last_save", figures.whole.changed.saturating_sub(saves.changes_saved));
    let in_background = saves.running.filter(|running| running.in_background);
    text.field("rdb_bgsave_in_progress", u64::from(in_background.is_some()));
    text.field("rdb_last_save_time", saves.last.seconds());
    text.field("rdb_last_bgsave_status", if saves.is_sound { "ok" } else { "err" });
    let seconds = |seconds: Option<u64>| seconds.map_or(-1, |seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
    text.field("rdb_last_bgsave_time_sec", seconds(saves.last_seconds));
    text.field("rdb_current_bgsave_time_sec", seconds(in_background.map(|running| running.since.elapsed().as_secs())));
    text.fields(&[("rdb_saves", saves.count), ("rdb_last_cow_size", 0)]);
    text.fields(&[("rdb_last_load_keys_expired", saves.keys_expired), ("rdb_last_load_keys_loaded", saves.keys_loaded)]);
    let (journal, is_on) = (&figures.board.journal, figures.board.pages.is_on());
    text.field("aof_enabled", u8::from(is_on));
    let rewrites = journal.rewrites.load(Ordering::Relaxed);
    let (failed, took) = (journal.rewrites_failed.load(Ordering::Relaxed), journal.rewrite_millis.load(Ordering::Relaxed));
    text.field("aof_rewrite_in_progress", u8::from(journal.rewriting.load(Ordering::Relaxed)));
    text.field("aof_rewrite_scheduled", 0);
    text.field("aof_last_rewrite_time_sec", if rewrites + failed > 0 { i64::try_from(took / 1000).unwrap_or(0) } else { -1 });
    text.field("aof_current_rewrite_time_sec", -1);
    text.field("aof_last_bgrewrite_status", if failed > 0 { "err" } else { "ok" });
    text.fields(&[("aof_rewrites", rewrites), ("aof_rewrites_consecutive_failures", failed)]);
    text.field("aof_last_write_status", if journal.is_failing() { "err" } else { "ok" });
    text.fields(&[("aof_last_cow_size", 0), ("module_fork_in_progress", 0), ("module_fork_last_cow_size", 0)]);
    if is_on {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        text.field("aof_current_size", count(&journal.size));
        text.field("aof_base_size", count(&journal.base_size));
        text.fields(&[
            ("aof_pending_rewrite", 0),
            ("aof_buffer_length", figures.board.pages.waiting_bytes()),
            ("aof_pending_bio_fsync", 0),
        ]);
        text.field("aof_delayed_fsync", count(&journal.late_syncs));
        text.field("aof_batches", count(&journal.batches));
        text.field("aof_fsyncs", count(&journal.syncs));
        text.field("aof_fsync_usec", count(&journal.sync_nanos) / 1000);
    }
    if is_loading {
        let loading = figures.board.health.loading.now();
        text.field("loading_start_time", loading.started.seconds());
        text.field("loading_total_bytes", loading.total);
        text.field("loading_rdb_used_mem", 0);
        text.field("loading_loaded_bytes", loading.done);
        text.field("loading_loaded_perc", format_args!("{:.2}", loading.percent()));
        text.field("loading_eta_seconds", loading.seconds_left(figures.now));
    }
}

pub(super) fn stats(figures: &Figures, text: &mut Text) {
    let (board, whole) = (&figures.board, &figures.whole);
    let totals = board.totals();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let kilobytes = |counter: &AtomicU64| format!("{:.2}", read(counter) as f64 / 1024.0);
    text.field("total_connections_received", read(&board.connections_received));
    text.field("total_commands_processed", totals.calls);
    text.field("instantaneous_ops_per_sec", read(&board.pulse.calls_per_second));
    text.field("total_net_input_bytes", totals.bytes_in);
    text.field("total_net_output_bytes", totals.bytes_out);
    text.field("total_net_repl_input_bytes", 0);
    text.field("total_net_repl_output_bytes", 0);
    text.field("instantaneous_input_kbps", kilobytes(&board.pulse.bytes_in_per_second));
    text.field("instantaneous_output_kbps", kilobytes(&board.pulse.bytes_out_per_second));
    text.field("instantaneous_input_repl_kbps", "0.00");
    text.field("instantaneous_output_repl_kbps", "0.00");
    text.field("rejected_connections", read(&board.connections_rejected));
    text.fields(&[("sync_full", 0), ("sync_partial_ok", 0), ("sync_partial_err", 0)]);
    text.field("expired_keys", whole.expired);
    text.field("expired_subkeys", whole.expired_members);
    text.field("expired_stale_perc", "0.00");
    text.fields(&[("expired_time_cap_reached_count", 0), ("expire_cycle_cpu_milliseconds", 0)]);
    text.fields(&[("evicted_keys", 0), ("evicted_clients", 0), ("total_eviction_exceeded_time", 0), ("current_eviction_exceeded_time", 0)]);
    text.field("evicted_scripts", figures.board.scripts.scripts.borrow().evicted());
    text.field("keyspace_hits", whole.hits);
    text.field("keyspace_misses", whole.misses);
    let [channels, patterns, shard_channels] = figures.listened;
    text.fields(&[("pubsub_channels", channels), ("pubsub_patterns", patterns), ("pubsubshard_channels", shard_channels)]);
    text.fields(&[("latest_fork_usec", 0), ("total_forks", 0), ("migrate_cached_sockets", 0), ("slave_expires_tracked_keys", 0)]);
    text.fields(&[("active_defrag_hits", 0), ("active_defrag_misses", 0), ("active_defrag_key_hits", 0), ("active_defrag_key_misses", 0)]);
    text.fields(&[("total_active_defrag_time", 0), ("current_active_defrag_time", 0)]);
    text.fields(&[("tracking_total_keys", whole.cached_keys), ("tracking_total_items", whole.cached_items)]);
    text.field("tracking_total_prefixes", figures.tracking.1);
    text.field("unexpected_error_replies", 0);
    text.field("total_error_replies", errors(figures).values().sum::<u64>());
    text.field("dump_payload_sanitizations", 0);
    text.field("client_query_buffer_limit_disconnections", board.sum(|counters| counters.query_limit_closed.get()));
    text.fields(&[("io_threaded_reads_processed", 0), ("io_threaded_writes_processed", 0)]);
}

pub(super) fn replication(figures: &Figures, text: &mut Text) {
    text.field("role", "master");
    text.field("connected_slaves", 0);
    text.field("master_failover_state", "no-failover");
    text.field("master_replid", &figures.board.replication_id);
    text.field("master_replid2", "0000000000000000000000000000000000000000");
    text.field("master_repl_offset", 0);
    text.field("second_repl_offset", -1);
    text.fields(&[
        ("repl_backlog_active", 0),
        ("repl_backlog_size", 1 << 20),
        ("repl_backlog_first_byte_offset", 0),
        ("repl_backlog_histlen", 0),
    ]);
}

pub(super) fn commandstats(figures: &Figures, text: &mut Text) {
    for id in 0..figures.board.registry.len() {
        let mut tally = figures.sessions.calls.get(id).copied().unwrap_or_default();
        tally.add(figures.whole.commands.get(id).copied().unwrap_or_default());
        let refused = figures.sessions.refused.get(id).copied().unwrap_or_default();
        let CommandTally { calls, nanos, failed } = tally;
        if calls == 0 && refused == 0 && failed == 0 {
            continue;
        }
        let name = figures.board.registry.name(u16::try_from(id).unwrap_or(u16::MAX));
        text.field(
            &format!("cmdstat_{name}"),
            format_args!(
                "calls={calls},usec={},usec_per_call={:.2},rejected_calls={refused},failed_calls={failed}",
                nanos / 1000,
                ratio(nanos, calls) / 1000.0
            ),
        );
    }
}

fn errors(figures: &Figures) -> std::collections::BTreeMap<Box<str>, u64> {
    let mut errors = figures.whole.errors.clone();
    add_errors(&mut errors, &figures.sessions.errors);
    errors
}

pub(super) fn errorstats(figures: &Figures, text: &mut Text) {
    for (code, count) in errors(figures) {
        text.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn cluster(_: &Figures, text: &mut Text) {
    text.field("cluster_enabled", 0);
}

/// Empty databases are left out: some tools divide by the number of keys.
pub(super) fn keyspace(figures: &Figures, text: &mut Text) {
    for (number, database) in figures.whole.databases.iter().enumerate().filter(|(_, database)| database.keys > 0) {
        text.field(
            &format!("db{number}"),
            format_args!("keys={},expires={},avg_ttl={}", database.keys, database.volatile, database.ttl_ms_mean),
        );
    }
}

/// How keys and work are spread, which is ours alone to tell.
pub(super) fn shards(figures: &Figures, text: &mut Text) {
    text.field("shards", figures.shards.len());
    for (number, shard) in figures.shards.iter().enumerate() {
        let sum = |of: fn(&crate::metrics::DatabaseTally) -> u64| shard.databases.iter().map(of).sum::<u64>();
        let calls = shard.commands.iter().map(|command| command.calls).sum::<u64>();
        let waiting = figures.waiting.get(number).copied().unwrap_or_default();
        text.field(
            &format!("shard{number}"),
            format_args!(
                "keys={},bytes={},calls={calls},changes={},waiting_messages={waiting}",
                sum(|database| database.keys),
                sum(|database| database.bytes),
                shard.changed
            ),
        );
    }
}

//! The sections on the process: Server, Clients, Memory, CPU.

use std::sync::atomic::Ordering;

use crate::metrics::process;
use crate::session::command::REDIS_VERSION;

use super::Figures;
use super::text::{Text, human, ratio};

pub(super) fn server(figures: &Figures, text: &mut Text) {
    let (board, settings) = (&figures.board, &figures.settings);
    let uptime = board.started.elapsed().as_secs();
    text.field("redis_version", REDIS_VERSION);
    text.field("server_name", "trencadis");
    text.field("trencadis_version", env!("CARGO_PKG_VERSION"));
    text.field("redis_git_sha1", "00000000");
    text.field("redis_git_dirty", 0);
    text.field("redis_build_id", option_env!("TRENCADIS_BUILD_ID").unwrap_or(env!("CARGO_PKG_VERSION")));
    text.field("redis_mode", "standalone");
    text.field("os", process::system());
    text.field("arch_bits", usize::BITS);
    text.field("monotonic_clock", "POSIX clock_gettime");
    text.field("multiplexing_api", "epoll");
    text.field("process_id", std::process::id());
    text.field("process_supervised", if std::env::var_os("NOTIFY_SOCKET").is_some() { "systemd" } else { "no" });
    text.field("run_id", &board.run_id);
    text.field("tcp_port", board.tcp_port);
    text.field("server_time_usec", crate::session::command::server::time::micros());
    text.field("uptime_in_seconds", uptime);
    text.field("uptime_in_days", uptime / 86_400);
    text.field("hz", settings.hz);
    text.field("configured_hz", settings.hz);
    // Seconds in 24 bits, as entries keep them.
    text.field("lru_clock", figures.now.seconds() & 0xff_ffff);
    text.field("executable", std::env::current_exe().unwrap_or_default().display());
    text.field("config_file", settings.file().unwrap_or(std::path::Path::new("")).display());
    text.field("io_threads_active", 0);
}

pub(super) fn clients(figures: &Figures, text: &mut Text) {
    text.field("connected_clients", figures.board.sum(|counters| counters.connections.get()));
    text.field("cluster_connections", 0);
    text.field("maxclients", figures.settings.maxclients);
    text.field("client_recent_max_input_buffer", 0);
    text.field("client_recent_max_output_buffer", 0);
    text.field("blocked_clients", figures.whole.waiting);
    text.field("tracking_clients", figures.tracking.0);
    text.field("clients_in_timeout_table", 0);
    text.field("total_blocking_keys", figures.whole.awaited_keys);
    text.field("total_blocking_keys_on_nokey", figures.whole.awaited_keys_even_without);
}

pub(super) fn memory(figures: &Figures, text: &mut Text) {
    let memory = process::memory();
    let used = memory.allocated;
    let peak = figures.board.pulse.memory_peak(used);
    let at_start = figures.board.pulse.memory_at_start.load(Ordering::Relaxed);
    let dataset = figures.whole.databases.iter().map(|database| database.bytes).sum::<u64>();
    text.size("used_memory", used);
    text.size("used_memory_rss", memory.rss);
    text.size("used_memory_peak", peak);
    text.field("used_memory_peak_perc", format_args!("{:.2}%", 100.0 * ratio(used, peak)));
    text.field("used_memory_overhead", used.saturating_sub(dataset));
    text.field("used_memory_startup", at_start);
    text.field("used_memory_dataset", dataset);
    text.field("used_memory_dataset_perc", format_args!("{:.2}%", 100.0 * ratio(dataset, used.saturating_sub(at_start)).min(1.0)));
    text.field("allocator_allocated", memory.allocated);
    text.field("allocator_active", memory.active);
    text.field("allocator_resident", memory.resident);
    text.size("total_system_memory", memory.machine);
    let scripts = figures.board.scripts.scripts.borrow().clone();
    let libraries = figures.board.scripts.libraries.borrow().clone();
    // The states of Lua are counted among the rest.
    text.field("used_memory_lua", 0);
    text.field("used_memory_vm_eval", 0);
    text.field("used_memory_lua_human", human(0));
    text.fields(&[
        ("used_memory_scripts_eval", scripts.bytes() as u64),
        ("number_of_cached_scripts", scripts.len() as u64),
        ("number_of_functions", libraries.functions() as u64),
        ("number_of_libraries", libraries.all().len() as u64),
    ]);
    text.field("used_memory_vm_functions", 0);
    text.size("used_memory_vm_total", 0);
    text.field("used_memory_functions", libraries.bytes());
    text.size("used_memory_scripts", scripts.bytes() as u64);
    text.size("maxmemory", figures.settings.maxmemory);
    text.field("maxmemory_policy", &figures.settings.maxmemory_policy);
    overheads(text, "allocator_frag", memory.active, memory.allocated);
    overheads(text, "allocator_rss", memory.resident, memory.active);
    overheads(text, "rss_overhead", memory.rss, memory.resident);
    text.field("mem_fragmentation_ratio", format_args!("{:.2}", ratio(memory.rss, used)));
    text.field("mem_fragmentation_bytes", signed(memory.rss) - signed(used));
    text.field("mem_not_counted_for_evict", 0);
    text.field("mem_replication_backlog", 0);
    text.field("mem_total_replication_buffers", 0);
    text.field("mem_clients_slaves", 0);
    text.field("mem_clients_normal", 0);
    text.field("mem_cluster_links", 0);
    text.field("mem_aof_buffer", 0);
    text.field("mem_allocator", process::allocator());
    text.field("active_defrag_running", 0);
    text.field("lazyfree_pending_objects", 0);
    text.field("lazyfreed_objects", 0);
}

/// What one level of memory holds beyond the level inside it.
fn overheads(text: &mut Text, name: &str, outer: u64, inner: u64) {
    text.field(&format!("{name}_ratio"), format_args!("{:.2}", ratio(outer, inner)));
    text.field(&format!("{name}_bytes"), signed(outer) - signed(inner));
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(super) fn cpu(_: &Figures, text: &mut Text) {
    let whole = process::processor_time("/proc/self/stat");
    // The thread that accepts connections and keeps the clock; shards have threads of their own.
    let main = process::processor_time(&format!("/proc/self/task/{}/stat", std::process::id()));
    text.field("used_cpu_sys", seconds(whole.system));
    text.field("used_cpu_user", seconds(whole.user));
    text.field("used_cpu_sys_children", seconds(whole.children_system));
    text.field("used_cpu_user_children", seconds(whole.children_user));
    text.field("used_cpu_sys_main_thread", seconds(main.system));
    text.field("used_cpu_user_main_thread", seconds(main.user));
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

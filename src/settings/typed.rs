//! From canonical texts to the typed fields of `Settings`.

use std::path::PathBuf;
use std::str::FromStr;

use super::values::Values;
use super::{Settings, parse};

/// Who may use something that is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Nobody,
    Everybody,
    /// Clients on this machine.
    Local,
}

impl Access {
    /// Whether a client may, given whether it is on this machine.
    pub(crate) fn allows(self, local: bool) -> bool {
        match self {
            Access::Nobody => false,
            Access::Everybody => true,
            Access::Local => local,
        }
    }
}

/// When the log is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    Always,
    EverySecond,
    No,
}

/// How the daemon is to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Whether a snapshot is made; `None`: if there are save points.
    pub(crate) save: Option<bool>,
    /// Without waiting for clients.
    pub(crate) now: bool,
    /// Even if the data cannot be saved.
    pub(crate) force: bool,
}

impl Stop {
    fn of(flags: &str) -> Stop {
        let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
        let save = if has("save") { Some(true) } else { has("nosave").then_some(false) };
        Stop { save, now: has("now"), force: has("force") }
    }
}

/// How much is logged, from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Verbose,
    Notice,
    Warning,
}

/// When a client that does not read is disconnected: at `hard` bytes, or after `seconds` above `soft` bytes. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    pub(crate) hard: u64,
    pub(crate) soft: u64,
    pub(crate) seconds: u64,
}

/// Up to which size values keep their compact forms. The store's own thresholds are made from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encodings {
    pub(crate) hash_listpack_entries: usize,
    pub(crate) hash_listpack_value: usize,
    pub(crate) list_listpack_size: i32,
    pub(crate) list_compress_depth: u32,
    pub(crate) set_intset_entries: usize,
    pub(crate) set_listpack_entries: usize,
    pub(crate) set_listpack_value: usize,
    pub(crate) zset_listpack_entries: usize,
    pub(crate) zset_listpack_value: usize,
    pub(crate) hll_sparse_bytes: usize,
    pub(crate) stream_node_bytes: usize,
    pub(crate) stream_node_entries: usize,
}

/// Reads every field. An error is a slip of ours: a name that the table lacks, or a range wider than its field.
pub(super) fn read(values: Values, file: Option<PathBuf>) -> Result<Settings, String> {
    let from = &values;
    Ok(Settings {
        file,
        bind: from.text("bind")?.split_whitespace().map(str::to_owned).collect(),
        port: number(from, "port")?,
        protected_mode: yes(from, "protected-mode")?,
        tcp_backlog: number(from, "tcp-backlog")?,
        tcp_keepalive: number(from, "tcp-keepalive")?,
        timeout: number(from, "timeout")?,
        authentication_timeout: number(from, "authentication-timeout")?,
        unixsocket: path(from, "unixsocket")?,
        unixsocketperm: octal(from, "unixsocketperm")?,
        maxclients: number(from, "maxclients")?,
        requirepass: some(from, "requirepass")?,
        enable_protected_configs: access(from, "enable-protected-configs")?,
        enable_debug_command: access(from, "enable-debug-command")?,
        shards: match from.text("shards")? {
            "auto" => cores(),
            _ => number(from, "shards")?,
        },
        databases: number(from, "databases")?,
        dir: PathBuf::from(from.text("dir")?),
        pidfile: path(from, "pidfile")?,
        loglevel: match from.text("loglevel")? {
            "debug" => LogLevel::Debug,
            "verbose" => LogLevel::Verbose,
            "warning" => LogLevel::Warning,
            _ => LogLevel::Notice,
        },
        logfile: path(from, "logfile")?,
        hz: number(from, "hz")?,
        shutdown_timeout: number(from, "shutdown-timeout")?,
        output_limit_normal: output_limit(from, "normal")?,
        output_limit_replica: output_limit(from, "slave")?,
        output_limit_pubsub: output_limit(from, "pubsub")?,
        client_query_buffer_limit: number(from, "client-query-buffer-limit")?,
        proto_max_bulk_len: number(from, "proto-max-bulk-len")?,
        query_words_max: number(from, "query-words-max")?,
        maxmemory: number(from, "maxmemory")?,
        maxmemory_policy: from.text("maxmemory-policy")?.to_owned(),
        active_expire: yes(from, "active-expire")?,
        active_expire_effort: number(from, "active-expire-effort")?,
        tracking_keys_max: number(from, "tracking-table-max-keys")?,
        lazyfree_lazy_user_del: yes(from, "lazyfree-lazy-user-del")?,
        lazyfree_lazy_user_flush: yes(from, "lazyfree-lazy-user-flush")?,
        encodings: Encodings {
            hash_listpack_entries: number(from, "hash-max-listpack-entries")?,
            hash_listpack_value: number(from, "hash-max-listpack-value")?,
            list_listpack_size: number(from, "list-max-listpack-size")?,
            list_compress_depth: number(from, "list-compress-depth")?,
            set_intset_entries: number(from, "set-max-intset-entries")?,
            set_listpack_entries: number(from, "set-max-listpack-entries")?,
            set_listpack_value: number(from, "set-max-listpack-value")?,
            zset_listpack_entries: number(from, "zset-max-listpack-entries")?,
            zset_listpack_value: number(from, "zset-max-listpack-value")?,
            hll_sparse_bytes: number(from, "hll-sparse-max-bytes")?,
            stream_node_bytes: number(from, "stream-node-max-bytes")?,
            stream_node_entries: number(from, "stream-node-max-entries")?,
        },
        save: parse::save_points(from.text("save")?).ok_or("save is not canonical")?,
        appendonly: yes(from, "appendonly")?,
        appendfsync: match from.text("appendfsync")? {
            "always" => Fsync::Always,
            "no" => Fsync::No,
            _ => Fsync::EverySecond,
        },
        appendfilename: from.text("appendfilename")?.to_owned(),
        appenddirname: from.text("appenddirname")?.to_owned(),
        aof_load_truncated: yes(from, "aof-load-truncated")?,
        auto_aof_rewrite_percentage: number(from, "auto-aof-rewrite-percentage")?,
        auto_aof_rewrite_min_size: number(from, "auto-aof-rewrite-min-size")?,
        dbfilename: from.text("dbfilename")?.to_owned(),
        rdbcompression: yes(from, "rdbcompression")?,
        rdbchecksum: yes(from, "rdbchecksum")?,
        rdb_version: number(from, "rdb-version")?,
        stop_writes_on_bgsave_error: yes(from, "stop-writes-on-bgsave-error")?,
        rdb_save_incremental_fsync: yes(from, "rdb-save-incremental-fsync")?,
        shutdown_on_sigterm: Stop::of(from.text("shutdown-on-sigterm")?),
        shutdown_on_sigint: Stop::of(from.text("shutdown-on-sigint")?),
        slowlog_log_slower_than: number(from, "slowlog-log-slower-than")?,
        slowlog_max_len: number(from, "slowlog-max-len")?,
        latency_tracking: yes(from, "latency-tracking")?,
        latency_tracking_info_percentiles: parse::percentiles(from.text("latency-tracking-info-percentiles")?)
            .map_err(|_| "latency-tracking-info-percentiles is not canonical")?,
        notify_keyspace_events: from.text("notify-keyspace-events")?.to_owned(),
        busy_reply_threshold: number(from, "busy-reply-threshold")?,
        script_memory_limit: number(from, "script-memory-limit")?,
        script_undeclared_keys: from.text("script-undeclared-keys")? == "allow",
        values,
    })
}

/// Cores this process may use: affinity and cgroup quota are counted by the standard library.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn number<T: FromStr>(from: &Values, name: &str) -> Result<T, String> {
    from.text(name)?.parse().map_err(|_| format!("{name} does not fit its field"))
}

fn yes(from: &Values, name: &str) -> Result<bool, String> {
    Ok(from.text(name)? == "yes")
}

/// Empty text is none.
fn some(from: &Values, name: &str) -> Result<Option<String>, String> {
    Ok(Some(from.text(name)?).filter(|text| !text.is_empty()).map(str::to_owned))
}

fn path(from: &Values, name: &str) -> Result<Option<PathBuf>, String> {
    Ok(some(from, name)?.map(PathBuf::from))
}

fn octal(from: &Values, name: &str) -> Result<Option<u32>, String> {
    let bits = u32::from_str_radix(from.text(name)?, 8).map_err(|_| format!("{name} does not fit its field"))?;
    Ok(Some(bits).filter(|&bits| bits != 0))
}

fn access(from: &Values, name: &str) -> Result<Access, String> {
    Ok(match from.text(name)? {
        "yes" => Access::Everybody,
        "local" => Access::Local,
        _ => Access::Nobody,
    })
}

fn output_limit(from: &Values, class: &str) -> Result<OutputLimit, String> {
    let words: Vec<&str> = from.text("client-output-buffer-limit")?.split_whitespace().collect();
    let found = words.as_chunks::<4>().0.iter().find(|group| group[0] == class);
    let [hard, soft, seconds] =
        found.and_then(|[_, limit @ ..]| parse::output_limit(limit)).ok_or_else(|| format!("client-output-buffer-limit lacks {class}"))?;
    Ok(OutputLimit { hard, soft, seconds })
}

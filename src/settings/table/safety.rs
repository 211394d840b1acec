//! Rows on what outlives a process or a machine: snapshots, the log of writes, replicas, clusters.

use super::{BYTES, COUNT, Directive, Form, LARGE, PORT, boot, live, protected};

const REWRITE_SYNC: &str = "a base is made durable once, when it is whole, and holds up nothing";
const REPLICAS: &str = "replication is not there yet";
const CLUSTERS: &str = "cluster mode is not there yet";
/// From 1, as periods and timeouts are.
const PERIOD: Form = Form::Integer { min: 1, max: i32::MAX as i64 };

pub(super) static SNAPSHOT: &[Directive] = &[
    live(
        "save",
        "3600 1 300 100 60 10000",
        Form::SavePoints,
        "Pairs of seconds and changes: save a snapshot when so much time has passed with so many changes. Empty: never.",
    ),
    protected("dbfilename", "dump.rdb", Form::FileName, "Name of the snapshot file, in dir."),
    live("rdbcompression", "yes", Form::YesNo, "Compress long strings in snapshots."),
    boot("rdbchecksum", "yes", Form::YesNo, "End snapshots with a checksum."),
    live(
        "rdb-version",
        "10",
        Form::Integer { min: 10, max: 12 },
        "The version of the format that snapshots are written in: 10 is read by Redis since 7.0 and every Valkey. Members with deadlines need 12, and get it.",
    ),
    live("stop-writes-on-bgsave-error", "yes", Form::YesNo, "Refuse writes after a failed snapshot, while there are save points."),
    live("rdb-save-incremental-fsync", "yes", Form::YesNo, "Make a snapshot durable as it is written, and not only at its end."),
    live("rdb-del-sync-files", "no", Form::YesNo, "Delete files that only served a synchronization.").idle("there are no replicas yet"),
    live("rdb-version-check", "strict", Form::Choice(&["strict", "relaxed"]), "Whether snapshots of an unknown version are refused.")
        .later("they always are"),
    live("sanitize-dump-payload", "no", Form::Choice(&["no", "yes", "clients"]), "Check foreign data thoroughly.")
        .idle("data from outside is always checked"),
];

pub(super) static APPENDONLY: &[Directive] = &[
    live("appendonly", "no", Form::YesNo, "Log every write, so that a crash loses little or nothing."),
    live(
        "appendfsync",
        "everysec",
        Form::Choice(&["everysec", "always", "no"]),
        "When the log is forced to disk: every second, before each reply, or when the kernel likes.",
    ),
    boot("appendfilename", "appendonly.aof", Form::FileName, "Beginning of the names of the log's files."),
    boot("appenddirname", "appendonlydir", Form::FileName, "Directory of the log, in dir."),
    live("no-appendfsync-on-rewrite", "no", Form::YesNo, "Do not force the log to disk while it is rewritten.").idle(REWRITE_SYNC),
    live("auto-aof-rewrite-percentage", "100", COUNT, "Growth in percent after which the log is rewritten. 0 never does."),
    live("auto-aof-rewrite-min-size", "67108864", BYTES, "Size below which it is not."),
    live("aof-use-rdb-preamble", "yes", Form::YesNo, "Begin a rewritten log with a snapshot.").idle("a base is always a snapshot"),
    live("aof-load-truncated", "yes", Form::YesNo, "Start from a log whose end is cut off."),
    live("aof-timestamp-enabled", "no", Form::YesNo, "Write times into the log, to restore up to one of them.")
        .unenforced("times are not written yet"),
    live("aof-rewrite-incremental-fsync", "yes", Form::YesNo, "Flush a rewritten log to disk as it is written.").idle(REWRITE_SYNC),
    live("aof-disable-auto-gc", "no", Form::YesNo, "Keep the files of older logs.")
        .idle("files that a base has replaced are always removed"),
];

pub(super) static REPLICATION: &[Directive] = &[
    boot("replicaof", "", Form::Words(2), "Host and port of the primary to follow.").also(&["slaveof"]).later(REPLICAS),
    live("masterauth", "", Form::Text, "Password for the primary.").also(&["primaryauth"]).later(REPLICAS).secret(),
    live("masteruser", "", Form::Text, "User name for the primary.").also(&["primaryuser"]).later(REPLICAS),
    live("replica-read-only", "yes", Form::YesNo, "A replica refuses writes.").also(&["slave-read-only"]).later(REPLICAS),
    live("replica-serve-stale-data", "yes", Form::YesNo, "A replica without its primary goes on answering.")
        .also(&["slave-serve-stale-data"])
        .later(REPLICAS),
    live("replica-priority", "100", COUNT, "Which replica Sentinel promotes first: the lowest; 0 never.")
        .also(&["slave-priority"])
        .later(REPLICAS),
    live("replica-announce-ip", "", Form::Text, "Address a replica tells others.").also(&["slave-announce-ip"]).later(REPLICAS),
    live("replica-announce-port", "0", PORT, "Port a replica tells others.").also(&["slave-announce-port"]).later(REPLICAS),
    live("replica-announced", "yes", Form::YesNo, "Show this replica to Sentinel.").later(REPLICAS),
    live("replica-ignore-disk-write-errors", "no", Form::YesNo, "A replica goes on when its disk fails.").later(REPLICAS),
    live(
        "propagation-error-behavior",
        "ignore",
        Form::Choice(&["ignore", "panic", "panic-on-replicas"]),
        "What an error in the primary's stream causes.",
    )
    .later(REPLICAS),
    live("repl-diskless-sync", "yes", Form::YesNo, "Send a full copy straight to the socket.").later(REPLICAS),
    live("repl-diskless-sync-delay", "5", COUNT, "Seconds to wait for more replicas before that.").later(REPLICAS),
    live("repl-diskless-sync-max-replicas", "0", COUNT, "Replicas after which waiting ends.").later(REPLICAS),
    live(
        "repl-diskless-load",
        "disabled",
        Form::Choice(&["disabled", "on-empty-db", "swapdb"]),
        "Load a full copy straight from the socket.",
    )
    .later(REPLICAS),
    live("dual-channel-replication-enabled", "no", Form::YesNo, "Send the full copy on a connection of its own.").later(REPLICAS),
    live(
        "repl-backlog-size",
        "1048576",
        Form::Memory { min: 1, max: i64::MAX as u64 },
        "Bytes of history kept for replicas that come back.",
    )
    .later(REPLICAS),
    live("repl-backlog-ttl", "3600", LARGE, "Seconds after which it is dropped when no replica is left.").later(REPLICAS),
    live("repl-timeout", "60", PERIOD, "Seconds of silence after which the link counts as broken.").later(REPLICAS),
    live("repl-ping-replica-period", "10", PERIOD, "Seconds between pings to replicas.").also(&["repl-ping-slave-period"]).later(REPLICAS),
    live("repl-disable-tcp-nodelay", "no", Form::YesNo, "Fewer, larger packets to replicas.").later(REPLICAS),
    live("min-replicas-to-write", "0", COUNT, "Refuse writes with fewer replicas than this.")
        .also(&["min-slaves-to-write"])
        .later(REPLICAS),
    live("min-replicas-max-lag", "10", COUNT, "Seconds a replica may lag to count there.").also(&["min-slaves-max-lag"]).later(REPLICAS),
];

pub(super) static CLUSTER: &[Directive] = &[
    boot("cluster-enabled", "no", Form::YesNo, "Be a node of a cluster.").later(CLUSTERS),
    boot("cluster-config-file", "nodes.conf", Form::FileName, "File where the node keeps its view of the cluster.").later(CLUSTERS),
    boot("cluster-port", "0", PORT, "Port of the cluster bus. 0: 10000 above port.").later(CLUSTERS),
    boot("cluster-databases", "1", Form::Integer { min: 1, max: 65536 }, "How many databases there are in cluster mode.").later(CLUSTERS),
    live("cluster-node-timeout", "15000", LARGE, "Milliseconds of silence after which a node counts as failing.").later(CLUSTERS),
    live("cluster-replica-validity-factor", "10", COUNT, "How old a replica's data may be for it to take over.")
        .also(&["cluster-slave-validity-factor"])
        .later(CLUSTERS),
    live("cluster-migration-barrier", "1", COUNT, "Replicas a primary keeps before one may leave it.").later(CLUSTERS),
    live("cluster-allow-replica-migration", "yes", Form::YesNo, "Replicas move to primaries that have none.").later(CLUSTERS),
    live("cluster-require-full-coverage", "yes", Form::YesNo, "Stop serving when some slots have no node.").later(CLUSTERS),
    live("cluster-replica-no-failover", "no", Form::YesNo, "A replica never takes over by itself.")
        .also(&["cluster-slave-no-failover"])
        .later(CLUSTERS),
    live("cluster-allow-reads-when-down", "no", Form::YesNo, "Answer reads while the cluster is down.").later(CLUSTERS),
    live("cluster-allow-pubsubshard-when-down", "yes", Form::YesNo, "Serve sharded channels while the cluster is down.").later(CLUSTERS),
    live(
        "cluster-link-sendbuf-limit",
        "0",
        Form::Memory { min: 0, max: u64::MAX },
        "Bytes a link to another node may buffer. 0 sets no limit.",
    )
    .later(CLUSTERS),
    live("cluster-announce-ip", "", Form::Text, "Address the node tells others.").later(CLUSTERS),
    live("cluster-announce-hostname", "", Form::Text, "Host name the node tells others.").later(CLUSTERS),
    live("cluster-announce-port", "0", PORT, "Port the node tells others.").later(CLUSTERS),
    live("cluster-announce-tls-port", "0", PORT, "TLS port the node tells others.").later(CLUSTERS),
    live("cluster-announce-bus-port", "0", PORT, "Bus port the node tells others.").later(CLUSTERS),
    live("cluster-preferred-endpoint-type", "ip", Form::Choice(&["ip", "hostname", "unknown-endpoint"]), "What redirections name.")
        .later(CLUSTERS),
    live("cluster-slot-stats-enabled", "no", Form::YesNo, "Keep statistics for each slot.").later(CLUSTERS),
];

//! Rows on the process: its shards, logs, start and stop, and what it lets one observe.

use super::{COUNT, Directive, Form, LARGE, boot, live, protected};

const SHUTDOWN: Form = Form::Flags(&["default", "save", "nosave", "now", "force"]);
const FACILITIES: Form = Form::Choice(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]);
const PINNING: &str = "threads are not pinned to cores yet; CPUAffinity= in the unit pins the whole process";

pub(super) static GENERAL: &[Directive] = &[
    boot(
        "shards",
        "auto",
        Form::Shards,
        "How many parts the keyspace has, each owned by one thread. auto: as many as cores the process may use (affinity and cgroup counted). 1 is a faster Redis on one core.",
    ),
    boot("databases", "16", Form::Integer { min: 1, max: 65536 }, "How many numbered databases SELECT can choose from."),
    protected("dir", ".", Form::Directory, "The working directory, where the files of the daemon live. It must exist."),
    boot("pidfile", "", Form::Text, "A file that holds the process id while the daemon runs. Empty: none."),
    live(
        "loglevel",
        "notice",
        Form::Choice(&["debug", "verbose", "notice", "warning"]),
        "How much is logged: debug is most, warning least.",
    ),
    boot("logfile", "", Form::Text, "A file to append the log to. Empty: standard error, which is the journal under systemd."),
    boot("log-format", "legacy", Form::Choice(&["legacy", "logfmt", "json"]), "How a line of the log looks.")
        .later("there is one format yet"),
    boot("log-timestamp-format", "legacy", Form::Choice(&["legacy", "iso8601", "milliseconds"]), "How the time is written in the log.")
        .idle("the log always writes UTC as in 2026-01-31T12:00:00.000000Z"),
    boot("syslog-enabled", "no", Form::YesNo, "Log to syslog.").later("the log goes to standard error, the journal or logfile"),
    boot("syslog-ident", "trencadis", Form::Text, "The name in syslog.").idle("without syslog-enabled nothing reads it"),
    boot("syslog-facility", "local0", FACILITIES, "The facility in syslog.").idle("without syslog-enabled nothing reads it"),
    boot("supervised", "no", Form::Choice(&["upstart", "systemd", "auto", "no"]), "Who supervises the daemon.")
        .idle("systemd is told of start and stop wherever NOTIFY_SOCKET is set"),
    boot("daemonize", "no", Form::YesNo, "Go to the background at start.").later("the daemon stays in the foreground: let systemd run it"),
    boot("include", "", Form::Text, "Another file to read.").later("one file holds all settings").hidden(),
    live(
        "hz",
        "10",
        Form::Clamped { max: i32::MAX as i64, low: 1, high: 500 },
        "How many times a second each shard tidies up: expired keys, idle clients.",
    ),
    live("dynamic-hz", "yes", Form::YesNo, "Tidy up more often with many clients.").idle("each connection keeps its own time limits"),
    live("shutdown-timeout", "10", COUNT, "Seconds a stopping daemon waits for its clients' last replies and for replicas."),
    live(
        "shutdown-on-sigterm",
        "default",
        SHUTDOWN,
        "How SIGTERM stops the daemon: default saves a snapshot if there are save points. force: also when that fails.",
    ),
    live("shutdown-on-sigint", "default", SHUTDOWN, "How SIGINT stops the daemon, as above."),
    boot("io-threads", "1", Form::Integer { min: 1, max: 128 }, "Threads that read and write sockets.")
        .idle("each shard's thread serves its own connections: see shards"),
    boot("io-threads-do-reads", "no", Form::YesNo, "Whether those threads also read.")
        .idle("each shard's thread serves its own connections: see shards"),
    boot("server_cpulist", "", Form::Text, "Cores for the serving threads.").later(PINNING),
    boot("bio_cpulist", "", Form::Text, "Cores for the background threads.").later(PINNING),
    boot("aof_rewrite_cpulist", "", Form::Text, "Cores for rewriting the log.").later(PINNING),
    boot("bgsave_cpulist", "", Form::Text, "Cores for saving.").later(PINNING),
    live(
        "oom-score-adj",
        "no",
        Form::Choice(&["no", "yes", "relative", "absolute"]),
        "Tell the kernel whom to end first when memory runs out.",
    )
    .later("OOMScoreAdjust= in the unit does it"),
    live("oom-score-adj-values", "0 200 800", Form::OomScores, "The scores of a primary, a replica and a saving child.")
        .idle("without oom-score-adj nothing reads it"),
    boot("set-proc-title", "yes", Form::YesNo, "Show the state in the process list.").idle("the process keeps its name"),
    live("proc-title-template", "{title} {listen-addr} {server-mode}", Form::Text, "What the process list shows.")
        .idle("the process keeps its name"),
    boot("always-show-logo", "no", Form::YesNo, "Draw a logo at start.").idle("there is none"),
    live("crash-log-enabled", "yes", Form::YesNo, "Log what was going on in a crash.").idle("a panic is always logged with its place"),
    live("crash-memcheck-enabled", "yes", Form::YesNo, "Test memory after a crash.").idle("memory is not tested"),
    boot("disable-thp", "yes", Form::YesNo, "Keep the kernel from using huge pages for the data.")
        .idle("there is no fork that would suffer from them"),
    live("jemalloc-bg-thread", "yes", Form::YesNo, "Let the allocator return memory in a thread of its own.").idle("it always does"),
    live("activerehashing", "yes", Form::YesNo, "Grow tables in idle moments.").idle("tables grow one small segment at a time"),
    live("ignore-warnings", "", Form::Text, "Warnings about the machine to leave out.").idle("the daemon does not look for them"),
];

pub(super) static OBSERVATION: &[Directive] = &[
    live(
        "slowlog-log-slower-than",
        "10000",
        Form::Integer { min: -1, max: i64::MAX },
        "Microseconds from which a command enters the slow log. 0 takes every command, -1 none.",
    )
    .also(&["commandlog-execution-slower-than"]),
    live("slowlog-max-len", "128", LARGE, "How many commands the slow log keeps.").also(&["commandlog-slow-execution-max-len"]),
    live(
        "commandlog-request-larger-than",
        "1048576",
        Form::Integer { min: -1, max: i64::MAX },
        "Bytes from which a request is logged as large.",
    )
    .later("only slow commands are logged yet"),
    live(
        "commandlog-reply-larger-than",
        "1048576",
        Form::Integer { min: -1, max: i64::MAX },
        "Bytes from which a reply is logged as large.",
    )
    .later("only slow commands are logged yet"),
    live("latency-monitor-threshold", "0", LARGE, "Milliseconds from which LATENCY remembers an event. 0 remembers none.")
        .later("LATENCY is not there yet"),
    live("latency-tracking", "yes", Form::YesNo, "Keep a histogram of every command's latency.")
        .unenforced("latency histograms are not there yet"),
    live("latency-tracking-info-percentiles", "50 99 99.9", Form::Percentiles, "Which percentiles INFO latencystats shows.")
        .unenforced("latency histograms are not there yet"),
    live(
        "notify-keyspace-events",
        "",
        Form::Events,
        "Which changes of keys are published: K and E choose the channels; g $ l s h z x e t m d n, or A for most, the events.",
    ),
];

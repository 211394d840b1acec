//! Rows on what is stored: memory, compact encodings, scripts.

use super::{BYTES, COUNT, Directive, Form, LARGE, boot, live};

const EVICTION: &str = "memory is counted, but nothing is refused or evicted yet";
const FREEING: &str = "large values are always freed in steps, off the shard's way";
const SHARE: Form = Form::Integer { min: 0, max: 1000 };
const CYCLE: Form = Form::Integer { min: 1, max: 99 };
const DEFRAG: &str = "defragmentation is not there yet";
const DEFRAG_TUNING: &str = "without activedefrag nothing reads it";

pub(super) static MEMORY: &[Directive] = &[
    live("maxmemory", "0", Form::Memory { min: 0, max: u64::MAX }, "Bytes of data at which maxmemory-policy sets in. 0 sets no limit.")
        .unenforced(EVICTION),
    live(
        "maxmemory-policy",
        "noeviction",
        Form::Choice(&[
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ]),
        "What gives way when maxmemory is reached. volatile-: only keys with a time to live; noeviction: writes are refused.",
    )
    .unenforced(EVICTION),
    live("maxmemory-samples", "5", Form::Integer { min: 1, max: i32::MAX as i64 }, "How many keys are compared to find one to evict.")
        .unenforced(EVICTION),
    live(
        "maxmemory-eviction-tenacity",
        "10",
        Form::Integer { min: 0, max: 100 },
        "How long one command may evict: 0 briefly, 100 until there is room.",
    )
    .unenforced(EVICTION),
    live("replica-ignore-maxmemory", "yes", Form::YesNo, "A replica leaves eviction to its primary.")
        .also(&["slave-ignore-maxmemory"])
        .idle("there are no replicas yet"),
    live("lfu-log-factor", "10", COUNT, "How slowly the usage counter of a key grows.").unenforced(EVICTION),
    live("lfu-decay-time", "1", COUNT, "Minutes after which an unused key's counter goes down by one. 0: at every look.")
        .unenforced(EVICTION),
    live(
        "active-expire",
        "yes",
        Form::YesNo,
        "Remove keys in the background once their time has come. no: only when they are touched, which is for tests.",
    ),
    live(
        "active-expire-effort",
        "1",
        Form::Integer { min: 1, max: 10 },
        "How eagerly expired keys are removed in the background, 1 to 10.",
    ),
    live("lazyfree-lazy-eviction", "no", Form::YesNo, "Free evicted values in the background.").idle(FREEING),
    live("lazyfree-lazy-expire", "no", Form::YesNo, "Free expired values in the background.").idle(FREEING),
    live("lazyfree-lazy-server-del", "no", Form::YesNo, "Free overwritten values in the background.").idle(FREEING),
    live("lazyfree-lazy-user-del", "no", Form::YesNo, "Let DEL free in the background, as UNLINK does.").idle(FREEING),
    live("lazyfree-lazy-user-flush", "no", Form::YesNo, "Let FLUSHALL and FLUSHDB free in the background unless they say SYNC.")
        .idle(FREEING),
    live("replica-lazy-flush", "no", Form::YesNo, "Free the old data in the background before a full synchronization.")
        .also(&["slave-lazy-flush"])
        .idle(FREEING),
    live("activedefrag", "no", Form::YesNo, "Move data together to give memory back.").later(DEFRAG),
    live("active-defrag-ignore-bytes", "104857600", Form::Memory { min: 1, max: i64::MAX as u64 }, "Waste below which nothing is moved.")
        .idle(DEFRAG_TUNING),
    live("active-defrag-threshold-lower", "10", SHARE, "Waste in percent from which data is moved.").idle(DEFRAG_TUNING),
    live("active-defrag-threshold-upper", "100", SHARE, "Waste in percent from which it is moved with full effort.").idle(DEFRAG_TUNING),
    live("active-defrag-cycle-min", "1", CYCLE, "Least effort, in percent of a core.").idle(DEFRAG_TUNING),
    live("active-defrag-cycle-max", "25", CYCLE, "Full effort, in percent of a core.").idle(DEFRAG_TUNING),
    live(
        "active-defrag-max-scan-fields",
        "1000",
        Form::Integer { min: 1, max: i64::MAX },
        "Collections above this size are moved in steps.",
    )
    .idle(DEFRAG_TUNING),
];

pub(super) static ENCODINGS: &[Directive] = &[
    live("hash-max-listpack-entries", "512", LARGE, "Fields up to which a hash is packed.").also(&["hash-max-ziplist-entries"]),
    live("hash-max-listpack-value", "64", BYTES, "Longest field or value of a packed hash, in bytes.").also(&["hash-max-ziplist-value"]),
    live(
        "list-max-listpack-size",
        "-2",
        Form::Integer { min: i32::MIN as i64, max: i32::MAX as i64 },
        "Size of a packed list, or of one node of a larger one: a number of elements, or -1 to -5 for 4, 8, 16, 32 or 64 KiB.",
    )
    .also(&["list-max-ziplist-size"]),
    live("list-compress-depth", "0", COUNT, "Nodes at either end of a list that are never compressed. 0 compresses none.")
        .idle("lists are not compressed"),
    live("set-max-intset-entries", "512", LARGE, "Members up to which a set of integers is packed as such."),
    live("set-max-listpack-entries", "128", LARGE, "Members up to which any other set is packed."),
    live("set-max-listpack-value", "64", BYTES, "Longest member of a packed set, in bytes."),
    live("zset-max-listpack-entries", "128", LARGE, "Members up to which a sorted set is packed.").also(&["zset-max-ziplist-entries"]),
    live("zset-max-listpack-value", "64", BYTES, "Longest member of a packed sorted set, in bytes.").also(&["zset-max-ziplist-value"]),
    live("hll-sparse-max-bytes", "3000", BYTES, "Bytes up to which a HyperLogLog keeps its sparse form."),
    live("stream-node-max-bytes", "4096", BYTES, "Bytes in one node of a stream. 0 sets no limit."),
    live("stream-node-max-entries", "100", LARGE, "Entries in one node of a stream. 0 sets no limit."),
];

pub(super) static SCRIPTING: &[Directive] = &[
    live("busy-reply-threshold", "5000", LARGE, "Milliseconds after which a running script makes other clients see BUSY.")
        .also(&["lua-time-limit"]),
    boot(
        "script-memory-limit",
        "268435456",
        Form::Memory { min: 0, max: i64::MAX as u64 },
        "Bytes that the scripts of one thread may use. One that needs more fails. 0 sets no limit.",
    ),
    live(
        "script-undeclared-keys",
        "allow",
        Form::Choice(&["allow", "deny"]),
        "Whether scripts may touch keys that they were not given. deny: an error, as in Redis Cluster, and faster scripts.",
    ),
];

//! Rows on who may connect, how, and what one client may take.

use super::{COUNT, Directive, Form, LARGE, PORT, boot, live};

const TLS_LATER: &str = "TLS is not built in yet";
const ACL_LATER: &str = "users and access rules are not there yet";
const LOCK: Form = Form::Choice(&["no", "yes", "local"]);

pub(super) static NETWORK: &[Directive] = &[
    boot(
        "bind",
        "127.0.0.1 -::1",
        Form::Words(16),
        "Addresses to listen on. A leading - means: not an error if the address does not exist; * stands for all.",
    ),
    boot("port", "6379", PORT, "The TCP port clients connect to. 0 does not listen on TCP."),
    live(
        "protected-mode",
        "yes",
        Form::YesNo,
        "While the default user has no password, refuse clients that come from another machine. Turn it off only on a network you trust.",
    ),
    boot(
        "tcp-backlog",
        "511",
        COUNT,
        "How many connections the kernel may hold until they are accepted. The kernel's own somaxconn caps it.",
    ),
    live("tcp-keepalive", "300", COUNT, "Seconds between probes of a silent connection, so that dead peers are noticed. 0 sends none."),
    live("timeout", "0", COUNT, "Seconds after which an idle client is disconnected. 0 never does."),
    live(
        "authentication-timeout",
        "10",
        COUNT,
        "Seconds a client may take to authenticate where a password is required. 0 waits for ever. Redis has no such limit.",
    ),
    boot("unixsocket", "", Form::Text, "Path of a Unix socket to listen on as well. Empty: none."),
    boot("unixsocketperm", "0", Form::Octal { max: 0o777 }, "Permission bits of the Unix socket, in octal. 0 leaves them to the umask."),
    boot("unixsocketgroup", "", Form::Text, "Group that shall own the Unix socket.").later("the socket keeps the group of the process"),
    live(
        "maxclients",
        "10000",
        Form::Integer { min: 1, max: u32::MAX as i64 },
        "How many clients may be connected at once. One more is told so and closed.",
    ),
    live("max-new-connections-per-cycle", "10", Form::Integer { min: 1, max: 1000 }, "How many connections are accepted in one go.")
        .idle("the acceptor hands each socket on at once, so no turn can grow long"),
    live("max-new-tls-connections-per-cycle", "1", Form::Integer { min: 1, max: 1000 }, "How many TLS connections are accepted in one go.")
        .idle("a handshake runs in its connection's own task"),
    live("bind-source-addr", "", Form::Text, "Local address from which replicas connect to their primary.")
        .later("replication is not there yet"),
    boot(
        "socket-mark-id",
        "0",
        Form::Integer { min: 0, max: u32::MAX as i64 },
        "Mark on the packets of the listening sockets, for routing.",
    )
    .later("sockets are not marked yet"),
];

pub(super) static TLS: &[Directive] = &[
    live("tls-port", "0", PORT, "The port for encrypted connections. 0 does not listen for them.").later(TLS_LATER),
    live("tls-cert-file", "", Form::Text, "The server's certificate chain, PEM.").later(TLS_LATER),
    live("tls-key-file", "", Form::Text, "The private key of the certificate, PEM.").later(TLS_LATER),
    live("tls-key-file-pass", "", Form::Text, "The passphrase of the private key.").later(TLS_LATER).secret(),
    live("tls-client-cert-file", "", Form::Text, "The certificate shown to a primary or a peer.").later(TLS_LATER),
    live("tls-client-key-file", "", Form::Text, "The private key of that certificate.").later(TLS_LATER),
    live("tls-client-key-file-pass", "", Form::Text, "The passphrase of that key.").later(TLS_LATER).secret(),
    live("tls-dh-params-file", "", Form::Text, "Diffie-Hellman parameters for old clients.").later(TLS_LATER),
    live("tls-ca-cert-file", "", Form::Text, "Certificates that client certificates must be signed by.").later(TLS_LATER),
    live("tls-ca-cert-dir", "", Form::Text, "A directory of such certificates.").later(TLS_LATER),
    live("tls-auth-clients", "yes", Form::Choice(&["no", "yes", "optional"]), "Whether clients must show a certificate.").later(TLS_LATER),
    live("tls-replication", "no", Form::YesNo, "Encrypt the link to the primary.").later(TLS_LATER),
    live("tls-cluster", "no", Form::YesNo, "Encrypt the links between the nodes of a cluster.").later(TLS_LATER),
    live("tls-protocols", "", Form::Text, "Protocol versions to offer, such as \"TLSv1.2 TLSv1.3\".").later(TLS_LATER),
    live("tls-ciphers", "", Form::Text, "Ciphers for TLS 1.2.").later(TLS_LATER),
    live("tls-ciphersuites", "", Form::Text, "Cipher suites for TLS 1.3.").later(TLS_LATER),
    live("tls-prefer-server-ciphers", "no", Form::YesNo, "Choose the cipher by the server's order, not the client's.").later(TLS_LATER),
    live("tls-session-caching", "yes", Form::YesNo, "Let clients resume a session without a full handshake.").later(TLS_LATER),
    live("tls-session-cache-size", "20480", COUNT, "How many sessions are kept. 0 sets no limit.").later(TLS_LATER),
    live("tls-session-cache-timeout", "300", COUNT, "Seconds for which a session may be resumed.").later(TLS_LATER),
    live("tls-auto-reload-interval", "0", COUNT, "Seconds between looks for renewed certificate files. 0 never looks.").later(TLS_LATER),
];

pub(super) static SECURITY: &[Directive] = &[
    live(
        "requirepass",
        "",
        Form::Text,
        "The password of the default user. Empty: none. Under systemd, rather hand it over as the credential named requirepass.",
    )
    .secret(),
    boot("aclfile", "", Form::Text, "The file of users and their rights.").later(ACL_LATER),
    boot("user", "", Form::Text, "A user and its rights.").later(ACL_LATER).hidden(),
    live(
        "acl-pubsub-default",
        "resetchannels",
        Form::Choice(&["allchannels", "resetchannels"]),
        "Whether new users may use every channel or none.",
    )
    .later(ACL_LATER),
    live("acllog-max-len", "128", LARGE, "How many refusals ACL LOG remembers.").later(ACL_LATER),
    boot("rename-command", "", Form::Text, "Another name for a command.")
        .later("commands keep their names; access rules will lock them")
        .hidden(),
    boot("enable-protected-configs", "no", LOCK, "Who may change protected directives by CONFIG SET: nobody, everybody, or local clients."),
    boot("enable-debug-command", "no", LOCK, "Who may use DEBUG: nobody, everybody, or clients on this machine."),
    boot("enable-module-command", "no", LOCK, "Who may use MODULE.").later("there are no modules"),
    boot("loadmodule", "", Form::Text, "A module to load at start.").later("there are no modules").hidden(),
];

pub(super) static CLIENTS: &[Directive] = &[
    live(
        "client-output-buffer-limit",
        "normal 268435456 67108864 60 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Form::OutputLimits,
        "For each class of client (normal, replica, pubsub): unread replies at which it is disconnected at once, and those at which it is after so many seconds. \
         0 sets no limit. Redis has none for normal clients.",
    ),
    live(
        "client-query-buffer-limit",
        "1073741824",
        Form::Memory { min: 1024 * 1024, max: i64::MAX as u64 },
        "How many bytes one client may have sent without their being answered.",
    ),
    live(
        "proto-max-bulk-len",
        "536870912",
        Form::Memory { min: 1024 * 1024, max: i64::MAX as u64 },
        "The largest single argument of a command, in bytes, and so the largest string.",
    ),
    live(
        "query-words-max",
        "1048576",
        Form::Integer { min: 16, max: i32::MAX as i64 },
        "The most arguments a command may have. Redis allows two thousand million.",
    ),
    live("maxmemory-clients", "0", Form::MemoryOrPercent, "Memory that all clients together may take, in bytes or as a share of maxmemory, before the largest are disconnected. 0 sets no limit.")
        .later("clients are limited one by one (client-output-buffer-limit, client-query-buffer-limit), not yet together"),
    live("tracking-table-max-keys", "1000000", LARGE, "How many keys are remembered for clients that cache them (CLIENT TRACKING). 0 sets no limit."),
];

"""The table of what can be set: options of `spanhouse serve`, their environment variables, defaults and help.

The command line's options, docs/settings.md and what settings.py reads are all made from it.
"""

from typing import NamedTuple

from spanhouse_backend.retention import DEFAULT_RETENTION, retention_text

MIB = 1024 * 1024


class Setting(NamedTuple):
    """One row of the table: the option's name without dashes, and what it stands for."""

    name: str
    environment: str
    default: str
    metavar: str
    help: str


SERVE_SETTINGS = (
    Setting(
        "data",
        "SPANHOUSE_DATA",
        "",
        "DIR",
        "Where the spans are kept. Made if it is not there. Default: spanhouse in your data directory "
        "(~/.local/share/spanhouse).",
    ),
    Setting(
        "clickhouse",
        "SPANHOUSE_CLICKHOUSE",
        "",
        "URL",
        "Keep the spans in a ClickHouse server instead: http(s)://USER@HOST:PORT/DATABASE. --data, --min-free-bytes "
        "and --fsync mean nothing then.",
    ),
    Setting(
        "clickhouse-password",
        "SPANHOUSE_CLICKHOUSE_PASSWORD",
        "",
        "TEXT",
        "The user's password. Other users of the machine can read options and URLs: the variable or the next one is "
        "better.",
    ),
    Setting(
        "clickhouse-password-file",
        "SPANHOUSE_CLICKHOUSE_PASSWORD_FILE",
        "",
        "FILE",
        "Read the password from the first line of this file.",
    ),
    Setting(
        "clickhouse-ca",
        "SPANHOUSE_CLICKHOUSE_CA",
        "",
        "FILE",
        "Trust a ClickHouse server that one of these authorities (PEM) signed, instead of the system's.",
    ),
    Setting(
        "clickhouse-cert",
        "SPANHOUSE_CLICKHOUSE_CERT",
        "",
        "FILE",
        "Show this certificate (PEM) to the ClickHouse server; the user is known by it, unless there is a password.",
    ),
    Setting("clickhouse-key", "SPANHOUSE_CLICKHOUSE_KEY", "", "FILE", "The private key of --clickhouse-cert (PEM)."),
    Setting(
        "clickhouse-verify",
        "SPANHOUSE_CLICKHOUSE_VERIFY",
        "on",
        "on|off",
        "Off, whoever answers is taken for the ClickHouse server, whatever certificate it has.",
    ),
    Setting(
        "clickhouse-connect-timeout",
        "SPANHOUSE_CLICKHOUSE_CONNECT_TIMEOUT",
        "10s",
        "AGE",
        "Give up a connection to ClickHouse that is not there after this time (10s, 1m).",
    ),
    Setting(
        "clickhouse-timeout",
        "SPANHOUSE_CLICKHOUSE_TIMEOUT",
        "60s",
        "AGE",
        "Give up waiting for ClickHouse's answer after this time. An insert whose answer did not come is repeated, and "
        "stored once.",
    ),
    Setting(
        "clickhouse-wait",
        "SPANHOUSE_CLICKHOUSE_WAIT",
        "30s",
        "AGE",
        "Wait this long at the start for a ClickHouse server that cannot be reached yet (0: not at all).",
    ),
    Setting(
        "cluster",
        "SPANHOUSE_CLUSTER",
        "",
        "NAME",
        "Spread the tables over this cluster of --clickhouse, as its configuration names it: sharded and replicated.",
    ),
    Setting(
        "grpc",
        "SPANHOUSE_GRPC",
        "127.0.0.1:4317",
        "HOST:PORT",
        "Listen here for OTLP and queries over gRPC. Port 0 takes a free one.",
    ),
    Setting(
        "http",
        "SPANHOUSE_HTTP",
        "127.0.0.1:4318",
        "HOST:PORT",
        "Listen here for OTLP and queries over HTTP. Port 0 takes a free one.",
    ),
    Setting(
        "clickhouse-http",
        "SPANHOUSE_CLICKHOUSE_HTTP",
        "127.0.0.1:8123",
        "HOST:PORT|off",
        "Listen here for ClickHouse's clients (Grafana, clickhouse-connect, ..) over HTTP, for statements that read. "
        "Port 0 takes a free one. With --clickhouse there is none: ask that server.",
    ),
    Setting(
        "clickhouse-http-writes",
        "SPANHOUSE_CLICKHOUSE_HTTP_WRITES",
        "off",
        "on|off",
        "Let ClickHouse's clients with a token of the role admin (without --tokens: all) write too, and change tables.",
    ),
    Setting(
        "ready-file",
        "SPANHOUSE_READY_FILE",
        "",
        "PATH",
        "Write the process id and the bound addresses here, as JSON, once requests are answered.",
    ),
    Setting(
        "spool",
        "SPANHOUSE_SPOOL",
        "",
        "DIR|off",
        "Take in the requests that clients left here while no server answered. Default: spanhouse/spool in your data "
        "directory.",
    ),
    Setting(
        "rules",
        "SPANHOUSE_RULES",
        "",
        "FILE",
        "Keep the rules of this file: judge them on a schedule and tell webhooks; `spanhouse check` tries it. Read "
        "again when it changes.",
    ),
    Setting(
        "boards",
        "SPANHOUSE_BOARDS",
        "",
        "FILE",
        "Show the boards of this file in the dashboard: named pages of panels; `spanhouse check --boards` tries it. "
        "Read again when it changes.",
    ),
    Setting(
        "namespaces",
        "SPANHOUSE_NAMESPACES",
        "",
        "NAMES",
        "Keep these apart from all else, each in a database of its own: names with commas between them. A token is for "
        "one of them; without --tokens a client says which in the header x-spanhouse-namespace.",
    ),
    Setting(
        "roles",
        "SPANHOUSE_ROLES",
        "write,read,sql,admin",
        "ROLES",
        "Do only what needs one of these roles, whoever asks: `write` takes what is sent and answers nothing, "
        "`read,sql` answers and takes nothing.",
    ),
    Setting(
        "tokens",
        "SPANHOUSE_TOKENS",
        "",
        "FILE",
        "Let in only those who send a token of this file, for what its roles allow; `spanhouse token` writes it. Read "
        "again when it changes.",
    ),
    Setting(
        "tls-cert",
        "SPANHOUSE_TLS_CERT",
        "",
        "FILE",
        "Speak TLS on all ports, with this certificate (PEM, followed by those between it and the root). Read again "
        "when it changes, and so are the next two.",
    ),
    Setting("tls-key", "SPANHOUSE_TLS_KEY", "", "FILE", "The certificate's private key (PEM, without a password)."),
    Setting(
        "tls-client-ca",
        "SPANHOUSE_TLS_CLIENT_CA",
        "",
        "FILE",
        "Let in only clients with a certificate that one of these authorities (PEM) signed: mutual TLS.",
    ),
    Setting(
        "cors-origins",
        "SPANHOUSE_CORS_ORIGINS",
        "",
        "ORIGIN,...",
        "Let web pages of these origins send OTLP over HTTP, such as https://shop.example.org, https://*.example.org "
        "or http://localhost:*. Default: none.",
    ),
    Setting(
        "max-request-bytes",
        "SPANHOUSE_MAX_REQUEST_BYTES",
        str(64 * MIB),
        "BYTES",
        "Refuse larger requests (after decompression) with RESOURCE_EXHAUSTED or 413.",
    ),
    Setting(
        "max-json-bytes",
        "SPANHOUSE_MAX_JSON_BYTES",
        str(16 * MIB),
        "BYTES",
        "Refuse larger requests in JSON with 413, and those that would take more than 16 times this memory to read.",
    ),
    Setting(
        "max-group-bytes",
        "SPANHOUSE_MAX_GROUP_BYTES",
        str(32 * MIB),
        "BYTES",
        "Join waiting requests into one insert up to this size.",
    ),
    Setting(
        "max-waiting-bytes",
        "SPANHOUSE_MAX_WAITING_BYTES",
        str(256 * MIB),
        "BYTES",
        "Refuse requests with RESOURCE_EXHAUSTED or 429, to be sent again, while more than this is being received or "
        "waits to be stored.",
    ),
    Setting(
        "max-insert-memory",
        "SPANHOUSE_MAX_INSERT_MEMORY",
        str(384 * MIB),
        "BYTES",
        "Let the engine take about this much memory for one insert, of which two may run: groups end there, and a "
        "request that alone would take more is refused with RESOURCE_EXHAUSTED or 413.",
    ),
    Setting(
        "max-connections",
        "SPANHOUSE_MAX_CONNECTIONS",
        "4096",
        "COUNT",
        "Hold this many connections at once over HTTP, and as many over gRPC, as far as the process may open files. "
        "Over HTTP, the one that has kept the server waiting longest gives way to a new one.",
    ),
    Setting(
        "min-free-bytes",
        "SPANHOUSE_MIN_FREE_BYTES",
        str(128 * MIB),
        "BYTES",
        "Refuse requests with UNAVAILABLE or 503, to be sent again, while the data directory's disk has less than this "
        "left. The default is room for the largest request on its way and in its tables; 0 uses the disk up.",
    ),
    Setting(
        "linger",
        "SPANHOUSE_LINGER",
        "100",
        "MILLISECONDS",
        "Let a small request wait this long after the last insert for others to join it (0: never). The first one "
        "after a pause never waits.",
    ),
    Setting(
        "max-span-age",
        "SPANHOUSE_MAX_SPAN_AGE",
        "3650d",
        "AGE",
        "Refuse spans that started, and log records and data points that were made, longer ago than this (30s, 15m, "
        "12h, 90d; 0 takes any).",
    ),
    Setting(
        "max-span-ahead",
        "SPANHOUSE_MAX_SPAN_AHEAD",
        "1d",
        "AGE",
        "Refuse spans that start, and log records and data points that were made, further in the future than this (0 "
        "takes any).",
    ),
    Setting(
        "query-timeout",
        "SPANHOUSE_QUERY_TIMEOUT",
        "30s",
        "AGE",
        "Stop a question (functions, series, ..) that takes longer than this (10s, 2m), waiting included.",
    ),
    Setting(
        "query-max-memory-bytes",
        "SPANHOUSE_QUERY_MAX_MEMORY_BYTES",
        str(1024 * MIB),
        "BYTES",
        "Stop a question that needs more memory than this.",
    ),
    Setting(
        "sql-timeout",
        "SPANHOUSE_SQL_TIMEOUT",
        "30s",
        "AGE",
        "Stop a raw SQL statement that takes longer than this (10s, 2m).",
    ),
    Setting(
        "sql-max-rows",
        "SPANHOUSE_SQL_MAX_ROWS",
        "1000000",
        "ROWS",
        "Stop a raw SQL statement whose answer has more rows than this.",
    ),
    Setting(
        "sql-max-bytes",
        "SPANHOUSE_SQL_MAX_BYTES",
        str(64 * MIB),
        "BYTES",
        "Stop a raw SQL statement whose answer is larger than this, before it is written in a format.",
    ),
    Setting(
        "sql-max-memory-bytes",
        "SPANHOUSE_SQL_MAX_MEMORY_BYTES",
        str(512 * MIB),
        "BYTES",
        "Stop a raw SQL statement that needs more memory than this, its written answer included.",
    ),
    Setting(
        "log-format",
        "SPANHOUSE_LOG_FORMAT",
        "auto",
        "auto|text|json",
        "How log records look: text for people, one JSON object a line for programs; auto is text on a terminal.",
    ),
    Setting(
        "log-level",
        "SPANHOUSE_LOG_LEVEL",
        "info",
        "debug|info|warning|error",
        "Log records of this importance and above.",
    ),
    Setting(
        "retention",
        "SPANHOUSE_RETENTION",
        "",
        "KIND=AGE,...",
        "Keep raw spans, rollups by minute and by hour, logs, metrics, and what was refused for this long (12h, 7d, "
        "2y, forever). What is not named stays as the data directory has it; a new one has "
        f"{retention_text(DEFAULT_RETENTION)}.",
    ),
    Setting(
        "fsync",
        "SPANHOUSE_FSYNC",
        "off",
        "on|off",
        "Acknowledge spans when they would survive a power failure. Off, they survive the end of the server, however "
        "it ends.",
    ),
)

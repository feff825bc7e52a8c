-- The first shape of the journal. Times are microseconds since 1970 (UTC); `day` is such a time in whole days:
-- it stands first in the indexes of identifiers, so that a new row touches only today's part of them and the cost
-- of a message does not grow with the history.

-- What people and the store itself decided: mode, paused, running, node, unclean_starts.
CREATE TABLE control (
    name   TEXT NOT NULL PRIMARY KEY,
    value  TEXT NOT NULL,
    user   TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    at     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- One row per message received: where it is, what its header said, what was decided. Small; the bytes are apart.
CREATE TABLE message (
    id                    INTEGER PRIMARY KEY,  -- order of arrival, never used twice
    route                 TEXT NOT NULL,
    lane                  TEXT NOT NULL,
    state                 TEXT NOT NULL
                          CHECK (state IN ('queued', 'delivered', 'parked', 'quarantined', 'rejected')),
    day                   INTEGER NOT NULL,
    received_at           INTEGER NOT NULL,
    finished_at           INTEGER,              -- when it became delivered, rejected or quarantined
    peer_host             TEXT NOT NULL,
    peer_port             INTEGER NOT NULL,
    sending_application   BLOB NOT NULL,
    sending_facility      BLOB NOT NULL,
    receiving_application BLOB NOT NULL,
    receiving_facility    BLOB NOT NULL,
    message_type          TEXT NOT NULL,
    control_id            BLOB NOT NULL,
    version               TEXT NOT NULL,
    action                TEXT NOT NULL,        -- '' when it was not vetted
    reasons               TEXT NOT NULL,        -- JSON list
    fault_code            TEXT NOT NULL,
    fault_why             TEXT NOT NULL,
    answer_code           TEXT NOT NULL,        -- MSA-1 that its sender got
    answer                BLOB NOT NULL,
    changed               INTEGER NOT NULL,
    entry                 INTEGER               -- the log entry about it
) STRICT;
CREATE INDEX message_control_id ON message (day, control_id);
CREATE INDEX message_parked ON message (route, id) WHERE state = 'parked';
CREATE INDEX message_quarantined ON message (route, id) WHERE state = 'quarantined';
CREATE INDEX message_finished ON message (finished_at, id) WHERE finished_at IS NOT NULL;

-- The bytes, with their checksums. `outbound` is null when the same bytes go out.
CREATE TABLE payload (
    message_id INTEGER PRIMARY KEY,
    sha256_in  BLOB NOT NULL,
    sha256_out BLOB NOT NULL,
    inbound    BLOB NOT NULL,
    outbound   BLOB
) STRICT;

-- What is to be forwarded. blocked: 0 free, 1 held behind a parked message, 2 parked. head: first free one of its lane.
CREATE TABLE outbox (
    message_id         INTEGER PRIMARY KEY,
    route              TEXT NOT NULL,
    lane               TEXT NOT NULL,
    blocked            INTEGER NOT NULL,
    head               INTEGER NOT NULL DEFAULT 0,
    attempts           INTEGER NOT NULL DEFAULT 0,
    next_attempt_at    INTEGER NOT NULL DEFAULT 0,
    possible_duplicate INTEGER NOT NULL DEFAULT 0,
    why                TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_free ON outbox (route, lane, message_id) WHERE blocked = 0;
CREATE INDEX outbox_due ON outbox (route, next_attempt_at, message_id) WHERE head = 1;
CREATE INDEX outbox_head ON outbox (route, message_id) WHERE head = 1;
CREATE INDEX outbox_held ON outbox (route, message_id) WHERE blocked = 1;

-- What an undelivered message shares with others that must not overtake it: 'P' + placer order, 'L' + lane key.
CREATE TABLE hold (
    route      TEXT NOT NULL,
    key        BLOB NOT NULL,
    message_id INTEGER NOT NULL,
    blocked    INTEGER NOT NULL,
    PRIMARY KEY (route, key, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_message ON hold (message_id);
CREATE INDEX hold_blocked ON hold (route, key, message_id) WHERE blocked = 1;

-- What happened to a message after it came in; equal attempts in a row are one line.
CREATE TABLE history (
    message_id INTEGER NOT NULL,
    line       INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    times      INTEGER NOT NULL,
    outcome    TEXT NOT NULL,
    why        TEXT NOT NULL,
    ack_code   TEXT NOT NULL,
    ack        BLOB NOT NULL,
    user       TEXT NOT NULL,
    PRIMARY KEY (message_id, line)
) STRICT, WITHOUT ROWID;

-- The last thing that went wrong on a route.
CREATE TABLE trouble (
    route      TEXT NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    outcome    TEXT NOT NULL,
    why        TEXT NOT NULL,
    message_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages by which a resend is recognised. `key` is MSH-10 (its first 32 bytes) and 8 bytes of `digest`: most senders
-- count, so a new key lies beside the last one and the index costs the same whether it holds none or a million.
CREATE TABLE seen (
    message_id INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    key        BLOB NOT NULL,
    digest     BLOB NOT NULL
) STRICT;
CREATE INDEX seen_key ON seen (key);

-- What was done to a placer order, so that a later XO or CA carries the same code. Codes only.
CREATE TABLE remembered (
    placer_key BLOB NOT NULL PRIMARY KEY,
    before     TEXT NOT NULL,
    after      TEXT NOT NULL,
    rule       TEXT NOT NULL,
    control_id BLOB NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX remembered_at ON remembered (at);

-- The modification log. `body` is what is hashed; the other columns repeat parts of it for searching.
CREATE TABLE entry (
    sequence   INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    route      TEXT NOT NULL,
    action     TEXT NOT NULL,
    control_id BLOB NOT NULL,  -- bytes, as MSH-10 may be anything
    message_id INTEGER,
    body       BLOB NOT NULL,
    hash       BLOB NOT NULL
) STRICT;
CREATE INDEX entry_at ON entry (at);
CREATE INDEX entry_control_id ON entry (day, control_id) WHERE control_id <> x'';
CREATE INDEX entry_action ON entry (action, sequence);
CREATE TABLE entry_placer (
    day      INTEGER NOT NULL,
    placer   BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (day, placer, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_placer_sequence ON entry_placer (sequence);

-- Messages by route and state, counted as they move. 'received', 'duplicates', each state, 'purged:' + state.
CREATE TABLE book (
    route TEXT NOT NULL,
    name  TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (route, name)
) STRICT, WITHOUT ROWID;

-- What other processes ask the service to do.
CREATE TABLE request (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL,
    message_id INTEGER,
    value      TEXT NOT NULL,
    user       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    done_at    INTEGER,
    ok         INTEGER NOT NULL DEFAULT 0,
    message    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX request_done ON request (done_at);

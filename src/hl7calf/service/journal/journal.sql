-- Every statement of the journal, by name. Parameters are positional; `(?*)` becomes a list of any length; an
-- INSERT with one `VALUES (?, ...)` may be sent for many rows at once (statements.py).

-- ---------------------------------------------------------------- opening and control

-- name: get_control
-- One thing that was decided for the service, with who and why.
SELECT value, user, reason, at FROM control WHERE name = ?;

-- name: set_control
-- Decide it.
INSERT INTO control (name, value, user, reason, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE
SET value = excluded.value, user = excluded.user, reason = excluded.reason, at = excluded.at;

-- name: mark_heads_as_possible_duplicates
-- After an unclean stop the first of each lane may have been sent without being marked delivered (P10).
UPDATE outbox SET possible_duplicate = 1 WHERE head = 1;

-- name: last_numbers
-- Where numbering goes on, and the end of the log. Messages are numbered one by one, so the count of all received is
-- the last number, purged or not.
SELECT (SELECT max(id) FROM message), (SELECT sum(count) FROM book WHERE name = 'received'), e.sequence, e.hash
FROM (SELECT 1) LEFT JOIN entry e ON e.sequence = (SELECT max(sequence) FROM entry);

-- name: last_entry
-- The end of the modification log.
SELECT sequence, hash FROM entry ORDER BY sequence DESC LIMIT 1;

-- name: get_book
-- One count of one route.
SELECT coalesce((SELECT count FROM book WHERE route = ? AND name = ?), 0);

-- name: routes_with_parked
-- Routes where somebody may have to wait behind a parked message.
SELECT route FROM book WHERE name = 'parked' AND count > 0;

-- ---------------------------------------------------------------- arrivals

-- name: seen_before
-- Messages that these may be a resend of.
SELECT digest, message_id FROM seen WHERE key IN (?*);

-- name: insert_seen
-- From now on a resend of this message is recognised.
INSERT INTO seen (message_id, at, key, digest) VALUES (?, ?, ?, ?);

-- name: first_arrival
-- What was answered to the message that is being repeated, and what the destination said.
SELECT m.answer_code, m.answer, m.state, coalesce(o.blocked, 0),
       (SELECT h.ack FROM history h WHERE h.message_id = m.id AND h.outcome = 'delivered' LIMIT 1)
FROM message m LEFT JOIN outbox o ON o.message_id = m.id WHERE m.id = ?;

-- name: insert_message
-- A message is received.
INSERT INTO message (id, route, lane, state, day, received_at, finished_at, peer_host, peer_port,
                     sending_application, sending_facility, receiving_application, receiving_facility,
                     message_type, control_id, version, action, reasons, fault_code, fault_why,
                     answer_code, answer, changed, entry)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_payload
-- Its bytes.
INSERT INTO payload (message_id, sha256_in, sha256_out, inbound, outbound) VALUES (?, ?, ?, ?, ?);

-- name: insert_outbox
-- It is to be forwarded.
INSERT INTO outbox (message_id, route, lane, blocked, why) VALUES (?, ?, ?, ?, ?);

-- name: insert_hold
-- What it shares with others that must not overtake it.
INSERT INTO hold (route, key, message_id, blocked) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: remember
-- What was done to a placer order.
INSERT INTO remembered (placer_key, before, after, rule, control_id, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (placer_key) DO UPDATE
SET before = excluded.before, after = excluded.after, rule = excluded.rule, control_id = excluded.control_id,
    at = excluded.at;

-- name: forget
-- The placer order is a new decision now.
DELETE FROM remembered WHERE placer_key = ?;

-- name: insert_entry
-- The modification log grows.
INSERT INTO entry (sequence, at, day, kind, route, action, control_id, message_id, body, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_entry_placer
-- An entry is found by the placer order number of each of its orders.
INSERT INTO entry_placer (day, placer, sequence) VALUES (?, ?, ?);

-- name: add_to_book
-- Messages moved.
INSERT INTO book (route, name, count) VALUES (?, ?, ?)
ON CONFLICT (route, name) DO UPDATE SET count = count + excluded.count;

-- ---------------------------------------------------------------- lanes and holds

-- name: first_free
-- The message of a lane that goes next, and whether it is known as such.
SELECT message_id, head FROM outbox WHERE route = ? AND lane = ? AND blocked = 0 ORDER BY message_id LIMIT 1;

-- name: set_head
-- It is (or is no longer) the next of its lane.
UPDATE outbox SET head = ? WHERE message_id = ?;

-- name: set_blocked
-- It is parked, held, or free again; a blocked message is nobody's next.
UPDATE outbox SET blocked = ?, head = 0 WHERE message_id = ?;

-- name: set_hold_blocked
-- Whoever shares a key with it has to wait, or no longer.
UPDATE hold SET blocked = ? WHERE message_id = ?;

-- name: keys_of
-- What a message shares with others.
SELECT key FROM hold WHERE message_id = ?;

-- name: free_followers
-- Later messages with this key that nothing holds yet.
SELECT message_id FROM hold WHERE route = ? AND key = ? AND message_id > ? AND blocked = 0;

-- name: blocked_followers
-- Later messages with this key that are held or parked.
SELECT message_id FROM hold WHERE route = ? AND key = ? AND message_id > ? AND blocked = 1;

-- name: is_key_blocked
-- Whether an earlier message with this key is parked or held.
SELECT 1 FROM hold WHERE route = ? AND key = ? AND message_id < ? AND blocked = 1 LIMIT 1;

-- name: lane_and_blocked_of
-- Where an undelivered message waits.
SELECT lane, blocked FROM outbox WHERE message_id = ?;

-- ---------------------------------------------------------------- deliveries

-- name: whereabouts
-- Where a message is now.
SELECT m.route, m.lane, m.state, coalesce(o.blocked, 0), coalesce(o.attempts, 0),
       EXISTS (SELECT 1 FROM hold h WHERE h.message_id = m.id),
       coalesce((SELECT max(line) FROM history WHERE message_id = m.id), 0), coalesce(o.possible_duplicate, 0)
FROM message m LEFT JOIN outbox o ON o.message_id = m.id WHERE m.id = ?;

-- name: fault_of
-- Why a message was not taken.
SELECT fault_code FROM message WHERE id = ?;

-- name: set_state
-- A message moves; `finished_at` is null while it is undelivered.
UPDATE message SET state = ?, finished_at = ? WHERE id = ?;

-- name: delete_outbox
-- It is no longer to be forwarded.
DELETE FROM outbox WHERE message_id = ?;

-- name: delete_hold
-- It holds nobody and is held by nobody.
DELETE FROM hold WHERE message_id = ?;

-- name: postpone
-- An attempt failed.
UPDATE outbox
SET attempts = attempts + ?, next_attempt_at = ?, why = ?, possible_duplicate = max(possible_duplicate, ?)
WHERE message_id = ?;

-- name: set_why
-- Why it waits, and whether it may have arrived nevertheless.
UPDATE outbox SET why = ?, possible_duplicate = max(possible_duplicate, ?) WHERE message_id = ?;

-- name: fresh_budget
-- It is tried at once, as if for the first time.
UPDATE outbox SET attempts = 0, next_attempt_at = 0 WHERE message_id = ?;

-- name: set_outbound
-- A reviewer raised the order: other bytes go out.
UPDATE payload SET outbound = ?, sha256_out = ? WHERE message_id = ?;

-- name: set_decided
-- What was decided about the message now, and the entry that tells it.
UPDATE message SET action = ?, reasons = ?, changed = 1, entry = ? WHERE id = ?;

-- name: insert_history
-- Something happened to a message.
INSERT INTO history (message_id, line, at, last_at, times, outcome, why, ack_code, ack, user)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: last_history
-- What happened to it last.
SELECT line, outcome, why, ack_code FROM history WHERE message_id = ? ORDER BY line DESC LIMIT 1;

-- name: history_again
-- The same once more.
UPDATE history SET times = times + 1, last_at = ?, ack = ? WHERE message_id = ? AND line = ?;

-- name: set_trouble
-- The last thing that went wrong on a route.
INSERT INTO trouble (route, at, outcome, why, message_id) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (route) DO UPDATE
SET at = excluded.at, outcome = excluded.outcome, why = excluded.why, message_id = excluded.message_id;

-- ---------------------------------------------------------------- requests of other processes

-- name: insert_request
-- Another process asks for something.
INSERT INTO request (kind, message_id, value, user, reason, at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id;

-- name: get_request
-- One request and its answer.
SELECT id, kind, message_id, value, user, reason, at, done_at, ok, message FROM request WHERE id = ?;

-- name: waiting_requests
-- Requests nobody has answered yet.
SELECT id, kind, message_id, value, user, reason, at, done_at, ok, message FROM request
WHERE done_at IS NULL ORDER BY id LIMIT 100;

-- name: answer_request
-- It was done, or it cannot be done.
UPDATE request SET done_at = ?, ok = ?, message = ? WHERE id = ?;

-- ---------------------------------------------------------------- forgetting

-- name: old_finished
-- The messages that were finished first, down to an age.
SELECT m.id, m.route, m.state FROM message m
WHERE m.finished_at IS NOT NULL AND m.finished_at < ? ORDER BY m.finished_at, m.id LIMIT ?;

-- name: bytes_used
-- The size of what is in the file, without its free pages.
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size();

-- name: free_pages
-- Pages in the file that hold nothing.
SELECT freelist_count FROM pragma_freelist_count();

-- name: delete_messages
-- A message is forgotten.
DELETE FROM message WHERE id IN (?*);

-- name: delete_payloads
-- So are its bytes,
DELETE FROM payload WHERE message_id IN (?*);

-- name: delete_histories
-- and its history.
DELETE FROM history WHERE message_id IN (?*);

-- name: oldest_entries
-- The old end of the log.
SELECT sequence, hash, at FROM entry ORDER BY sequence LIMIT ?;

-- name: delete_entries
-- The oldest entries go; the chain keeps a purge entry that names the last of them.
DELETE FROM entry WHERE sequence <= ?;

-- name: delete_entry_placers
-- With what they are found by.
DELETE FROM entry_placer WHERE sequence <= ?;

-- name: oldest_seen
-- The keys that were recorded first.
SELECT message_id, at FROM seen ORDER BY message_id LIMIT ?;

-- name: delete_seen
-- Resends of these are no longer recognised: too old, or too many came since.
DELETE FROM seen WHERE message_id <= ?;

-- name: delete_old_remembered
-- Placer orders of long ago.
DELETE FROM remembered WHERE placer_key IN (SELECT placer_key FROM remembered WHERE at < ? ORDER BY at LIMIT ?);

-- name: delete_old_requests
-- Requests that were answered long ago.
DELETE FROM request WHERE done_at < ?;

-- ---------------------------------------------------------------- reading: the outbox

-- name: outbox_head
-- What goes next in a lane, without parked and held ones.
SELECT o.message_id, o.route, o.lane, p.sha256_out, coalesce(p.outbound, p.inbound), m.control_id, m.received_at,
       o.attempts, o.next_attempt_at, o.possible_duplicate
FROM outbox o JOIN payload p ON p.message_id = o.message_id JOIN message m ON m.id = o.message_id
WHERE o.route = ? AND o.lane = ? AND o.blocked = 0 ORDER BY o.message_id LIMIT ?;

-- name: due
-- The next of each lane of a route, if it may be sent by now.
SELECT o.message_id, o.route, o.lane, p.sha256_out, coalesce(p.outbound, p.inbound), m.control_id, m.received_at,
       o.attempts, o.next_attempt_at, o.possible_duplicate
FROM outbox o JOIN payload p ON p.message_id = o.message_id JOIN message m ON m.id = o.message_id
WHERE o.route = ? AND o.head = 1 AND o.next_attempt_at <= ? ORDER BY o.next_attempt_at, o.message_id LIMIT ?;

-- name: next_due_at
-- When the next of any lane of a route may be sent.
SELECT min(next_attempt_at) FROM outbox WHERE route = ? AND head = 1;

-- name: lane_heads
-- The next of each lane of a route.
SELECT o.lane, o.message_id, m.received_at, o.attempts, o.next_attempt_at, o.why
FROM outbox o JOIN message m ON m.id = o.message_id
WHERE o.route = ? AND o.head = 1 ORDER BY o.next_attempt_at, o.message_id LIMIT ?;

-- name: oldest_head
-- Who waits longest on a route, of those that go next.
SELECT o.message_id, m.received_at FROM outbox o JOIN message m ON m.id = o.message_id
WHERE o.route = ? AND o.head = 1 ORDER BY o.message_id LIMIT 1;

-- name: oldest_held
-- Who waits longest on a route, of those held behind a parked message.
SELECT o.message_id, m.received_at FROM outbox o JOIN message m ON m.id = o.message_id
WHERE o.route = ? AND o.blocked = 1 ORDER BY o.message_id LIMIT 1;

-- name: oldest_parked
-- The parked message of a route that came first.
SELECT received_at FROM message WHERE state = 'parked' AND route = ? ORDER BY id LIMIT 1;

-- name: newest_quarantined
-- The quarantined message of a route that came last.
SELECT received_at FROM message WHERE state = 'quarantined' AND route = ? ORDER BY id DESC LIMIT 1;

-- ---------------------------------------------------------------- reading: messages

-- name: message_line
-- One message without its bytes.
SELECT m.id, m.route, m.lane, m.state, m.received_at, m.finished_at, m.peer_host, m.peer_port,
       m.sending_application, m.sending_facility, m.receiving_application, m.receiving_facility,
       m.message_type, m.control_id, m.version, m.action, m.changed, m.fault_code,
       coalesce(o.attempts, 0), coalesce(o.blocked, 0), coalesce(o.possible_duplicate, 0), coalesce(o.why, '')
FROM message m LEFT JOIN outbox o ON o.message_id = m.id WHERE m.id = ?;

-- name: message_rest
-- The rest of one message: bytes, reasons, answer.
SELECT p.inbound, coalesce(p.outbound, p.inbound), p.sha256_in, p.sha256_out, m.reasons, m.fault_why,
       m.answer_code, m.answer, m.entry
FROM message m JOIN payload p ON p.message_id = m.id WHERE m.id = ?;

-- name: history_of
-- What happened to one message.
SELECT at, last_at, times, outcome, why, ack_code, ack, user FROM history WHERE message_id = ? ORDER BY line;

-- name: days
-- From which day to which there are messages.
SELECT (SELECT min(day) FROM message), (SELECT max(day) FROM message);

-- name: numbers_by_control_id
-- Messages with this control ID on one of these days.
SELECT id FROM message WHERE control_id = ? AND day IN (?*);

-- name: numbers_parked
-- Messages of a route that a person must look at, in order.
SELECT id FROM message WHERE state = 'parked' AND route = ? AND id > ? ORDER BY id LIMIT ?;

-- name: numbers_quarantined
-- Messages of a route that could not be read, in order.
SELECT id FROM message WHERE state = 'quarantined' AND route = ? AND id > ? ORDER BY id LIMIT ?;

-- name: numbers_queued
-- Messages of a route that are to be forwarded, in order.
SELECT message_id FROM outbox WHERE message_id > ? AND route = ? AND blocked < 2 ORDER BY message_id LIMIT ?;

-- name: numbers
-- All messages, in order.
SELECT id FROM message
WHERE id > ? AND (? = '' OR state = ?) AND (? = '' OR route = ?) AND received_at >= ? ORDER BY id LIMIT ?;

-- name: inbound
-- The bytes that came in, with their checksum.
SELECT inbound, sha256_in FROM payload WHERE message_id = ?;

-- ---------------------------------------------------------------- reading: log, memory, books

-- name: entry
-- One entry of the modification log.
SELECT sequence, at, kind, route, action, control_id, message_id, body, hash FROM entry WHERE sequence = ?;

-- name: entries_up
-- Entries that fit, oldest first.
SELECT sequence, at, kind, route, action, control_id, message_id, body, hash FROM entry
WHERE sequence > ? AND sequence < ? AND at >= ? AND at < ?
  AND (? = '' OR route = ?) AND (? = '' OR kind = ?)
ORDER BY sequence LIMIT ?;

-- name: entries_down
-- Entries that fit, newest first.
SELECT sequence, at, kind, route, action, control_id, message_id, body, hash FROM entry
WHERE sequence > ? AND sequence < ? AND at >= ? AND at < ?
  AND (? = '' OR route = ?) AND (? = '' OR kind = ?)
ORDER BY sequence DESC LIMIT ?;

-- name: action_up
-- Entries with one action that fit, oldest first.
SELECT sequence, at, kind, route, action, control_id, message_id, body, hash FROM entry
WHERE action = ? AND sequence > ? AND sequence < ? AND at >= ? AND at < ?
  AND (? = '' OR route = ?) AND (? = '' OR kind = ?) ORDER BY sequence LIMIT ?;

-- name: action_down
-- Entries with one action that fit, newest first.
SELECT sequence, at, kind, route, action, control_id, message_id, body, hash FROM entry
WHERE action = ? AND sequence > ? AND sequence < ? AND at >= ? AND at < ?
  AND (? = '' OR route = ?) AND (? = '' OR kind = ?) ORDER BY sequence DESC LIMIT ?;

-- name: entries_by_control_id
-- Entries about a control ID on one of these days.
SELECT sequence FROM entry WHERE control_id = ? AND control_id <> x'' AND day IN (?*);

-- name: entry_days
-- From which day to which there are entries.
SELECT (SELECT min(at) FROM entry) / 86400000000, (SELECT max(at) FROM entry) / 86400000000;

-- name: entries_by_placer
-- Entries about a placer order number on one of these days.
SELECT sequence FROM entry_placer WHERE placer = ? AND day IN (?*);

-- name: first_entry_since
-- The first entry at or after a time; the clock may have jumped, so not simply the first found.
SELECT min(sequence) FROM entry WHERE at >= ?;

-- name: whole_log
-- Everything that verifying looks at, a stretch at a time.
SELECT sequence, at, day, kind, route, action, control_id, message_id, body, hash,
       (SELECT json_group_array(hex(p.placer)) FROM entry_placer p WHERE p.sequence = e.sequence AND p.day = e.day)
FROM entry e WHERE sequence > ? ORDER BY sequence LIMIT ?;

-- name: stray_placers
-- Search rows that belong to no entry.
SELECT p.sequence FROM entry_placer p LEFT JOIN entry e ON e.sequence = p.sequence AND e.day = p.day
WHERE e.sequence IS NULL LIMIT 100;

-- name: remembered
-- What was done to a placer order.
SELECT placer_key, before, after, rule, control_id FROM remembered WHERE placer_key = ?;

-- name: remembered_keys
-- Placer orders that something was done to, a stretch at a time.
SELECT placer_key FROM remembered WHERE placer_key > ? ORDER BY placer_key LIMIT ?;

-- name: all_books
-- All counts.
SELECT route, name, count FROM book WHERE route <> '';

-- name: recount
-- All messages on disk, counted anew.
SELECT route, state, count(*) FROM message GROUP BY route, state;

-- name: trouble
-- The last thing that went wrong on a route.
SELECT at, outcome, why FROM trouble WHERE route = ?;

-- name: payloads_from
-- Bytes and checksums of all messages, a stretch at a time.
SELECT message_id, inbound, coalesce(outbound, inbound), sha256_in, sha256_out
FROM payload WHERE message_id > ? ORDER BY message_id LIMIT ?;

-- ---------------------------------------------------------------- salvaging a damaged journal

-- name: salvage_message
-- A record found. One that says that the message is finished is newer than one that says that it waits.
INSERT INTO message (id, route, lane, state, day, received_at, finished_at, peer_host, peer_port,
                     sending_application, sending_facility, receiving_application, receiving_facility,
                     message_type, control_id, version, action, reasons, fault_code, fault_why,
                     answer_code, answer, changed, entry)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, finished_at = excluded.finished_at
WHERE message.finished_at IS NULL AND (excluded.finished_at IS NOT NULL OR excluded.state = 'parked');

-- name: salvage_payload
-- Bytes found; their checksum is right.
INSERT INTO payload (message_id, sha256_in, sha256_out, inbound, outbound) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: salvage_seen
-- By which a resend is recognised.
INSERT INTO seen (message_id, at, key, digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: salvage_entry
-- An entry of the log found; its hash is right.
INSERT INTO entry (sequence, at, day, kind, route, action, control_id, message_id, body, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: salvage_history
-- A line of a message's history found.
INSERT INTO history (message_id, line, at, last_at, times, outcome, why, ack_code, ack, user)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: salvage_remembered
-- What was done to a placer order, the newest that was found.
INSERT INTO remembered (placer_key, before, after, rule, control_id, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (placer_key) DO UPDATE
SET before = excluded.before, after = excluded.after, rule = excluded.rule, control_id = excluded.control_id,
    at = excluded.at
WHERE excluded.at > remembered.at;

-- name: messages_without_bytes
-- Records whose bytes were not found.
SELECT m.id, m.state FROM message m WHERE NOT EXISTS (SELECT 1 FROM payload p WHERE p.message_id = m.id);

-- name: delete_messages_without_bytes
-- They are no messages any more.
DELETE FROM message WHERE NOT EXISTS (SELECT 1 FROM payload p WHERE p.message_id = message.id);

-- name: numbers_with_bytes
-- Messages whose bytes were found.
SELECT message_id FROM payload;

-- name: bytes_without_record
-- Bytes whose record was not found.
SELECT p.message_id, p.inbound, p.outbound IS NOT NULL FROM payload p
WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = p.message_id) ORDER BY p.message_id;

-- name: nearest_message
-- Route and time of the message that came next to a number.
SELECT route, received_at FROM (SELECT * FROM message WHERE id < ? ORDER BY id DESC LIMIT 1)
UNION ALL SELECT route, received_at FROM (SELECT * FROM message WHERE id > ? ORDER BY id LIMIT 1) LIMIT 1;

-- name: was_delivered
-- Whether its history says so.
SELECT 1 FROM history WHERE message_id = ? AND outcome = 'delivered' LIMIT 1;

-- name: state_of
-- Where a message is.
SELECT state FROM message WHERE id = ?;

-- name: salvaged_waiting
-- Messages that are to be forwarded or to be looked at, in order.
SELECT m.id, m.route, m.lane, m.state, p.inbound FROM message m JOIN payload p ON p.message_id = m.id
WHERE m.id > ? AND m.state IN ('queued', 'parked') ORDER BY m.id LIMIT ?;

-- name: salvaged_entries
-- What the entries are found by stands in their bodies.
SELECT sequence, day, body FROM entry WHERE sequence > ? ORDER BY sequence LIMIT ?;

-- name: forget_lost_entries
-- Their number may be given to another entry.
UPDATE message SET entry = NULL WHERE entry NOT IN (SELECT sequence FROM entry);

-- name: forget_lost_histories
-- Of messages that are gone.
DELETE FROM history WHERE message_id NOT IN (SELECT id FROM message);

-- name: mark_all_as_possible_duplicates
-- Nobody knows what was sent before the damage.
UPDATE outbox SET possible_duplicate = 1;

-- name: count_seen
-- How many resends can be recognised.
SELECT count(*) FROM seen;

"""The way to the syslog server: in order, none left out, going on where it left, through every kind of break."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from hl7calf.service.alarms import Alarms
from hl7calf.service.audit import AT_ONCE, POSITION, AuditTrail
from hl7calf.service.journal.views import LogFilter
from hl7calf.service.metrics import Metrics
from hl7calf.service.modlog import Anchor
from hl7calf.service.syslog import Origin
from tests.service.doubles import events


def entry(sequence: int, kind: str = "mode", **content: Any) -> Any:
    content = {"kind": kind, "node": "n", "time": "t", **content}
    return SimpleNamespace(sequence=sequence, at=0.0, kind=kind, message_id=None, content=content, hash=b"h")


class Log:
    """The modification log, as far as it is read here."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def add(self, count: int = 1, **content: Any) -> None:
        self.all += [entry(len(self.all) + n + 1, **content) for n in range(count)]

    def head(self) -> Anchor:
        return Anchor(len(self.all), b"")

    def newest_entries(self, wanted: LogFilter, limit: int) -> list[Any]:
        return [one for one in self.all if one.kind == wanted.kind][-limit:]

    def entries(self, after: int, limit: int) -> list[Any]:
        return [one for one in self.all if one.sequence > after][:limit]


class Server:
    """A syslog server that can be away."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, Deferred[Any]]] = []
        self.line: Any = None

    def connect(self, factory: Any) -> "Deferred[Any]":
        answer: Deferred[Any] = Deferred()
        self.asked.append((factory, answer))
        return answer

    def take(self) -> StringTransport:
        factory, answer = self.asked.pop()
        self.line, transport = factory.buildProtocol(None), StringTransport()
        self.line.makeConnection(transport)
        answer.callback(self.line)
        return transport

    def refuse(self) -> None:
        self.asked.pop()[1].errback(OSError("refused"))

    def hang_up(self) -> None:
        self.line.connectionLost(Failure(ConnectionDone()))


class Bench:
    def __init__(self, folder: Path, log: Log | None = None) -> None:
        self.clock, self.log, self.server = Clock(), log or Log(), Server()
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self.held: list[tuple[Any, Deferred[Any]]] | None = None
        self.trail = AuditTrail(
            self._read, self.server.connect, folder, Origin("n", 1), self.alarms, self.metrics, self.clock.seconds,
            lambda: 0.0,
        )  # fmt: skip

    def _read(self, what: Any) -> "Deferred[Any]":
        if self.held is None:
            return succeed(what(self.log))
        self.held.append((what, Deferred()))
        return self.held[-1][1]

    def pass_by(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.trail.look()


def sent(transport: StringTransport) -> list[int]:
    """The entries told on a connection, by number."""
    return [int(number) for number in re.findall(rb'ParticipantObjectID="(\d+)"', transport.value())]


def unsent(bench: Bench) -> float:
    return float(bench.metrics.audit_unsent._value.get())


def connected(folder: Path) -> tuple[Bench, StringTransport]:
    bench = Bench(folder)
    bench.trail.look()
    return bench, bench.server.take()


def test_the_first_run_begins_with_its_own_start(tmp_path: Path) -> None:
    log = Log()
    log.add(2, kind="start")
    log.add(1)
    bench = Bench(tmp_path, log)
    bench.trail.look()
    assert sent(bench.server.take()) == [2, 3]


def test_a_first_run_whose_start_is_not_in_the_log_yet_begins_with_what_is_new(tmp_path: Path) -> None:
    log = Log()
    log.add(3)
    bench = Bench(tmp_path, log)
    bench.trail.look()
    transport = bench.server.take()
    log.add(2)
    bench.trail.look()
    assert sent(transport) == [4, 5]
    bench.trail.look()
    assert sent(transport) == [4, 5]


def test_each_message_is_framed_and_those_not_audited_are_passed_over(tmp_path: Path) -> None:
    bench, transport = connected(tmp_path)
    bench.log.add(2, kind="message", changed=False)
    bench.log.add(1, kind="message", changed=True)
    bench.trail.look()
    size, _, rest = transport.value().partition(b" ")
    assert sent(transport) == [3] and len(rest) == int(size) and rest.startswith(b"<85>1 ")
    assert unsent(bench) == 0


def test_many_are_sent_page_by_page_in_order(tmp_path: Path) -> None:
    bench, transport = connected(tmp_path)
    bench.log.add(2 * AT_ONCE + 5)
    bench.trail.look()
    assert sent(transport) == list(range(1, 2 * AT_ONCE + 6))


def test_what_was_written_just_before_a_break_is_sent_again_and_what_has_settled_is_not(tmp_path: Path) -> None:
    bench, _ = connected(tmp_path)
    bench.log.add(2)
    bench.trail.look()
    bench.pass_by(10.0)
    bench.log.add(2)
    bench.pass_by(1.0)
    with events() as seen:
        bench.server.hang_up()
    assert seen.codes == ["L_SYSLOG_GONE"]
    bench.trail.look()
    assert sent(bench.server.take()) == [3, 4]


def test_what_broke_off_does_not_settle_while_the_server_is_away(tmp_path: Path) -> None:
    bench, _ = connected(tmp_path)
    bench.log.add(2)
    bench.trail.look()
    bench.server.hang_up()
    for _ in range(3):
        bench.pass_by(10.0)
    assert sent(bench.server.take()) == [1, 2]


def test_what_was_written_settles_after_ten_seconds_and_not_before(tmp_path: Path) -> None:
    bench, _ = connected(tmp_path)
    bench.log.add(1)
    bench.trail.look()
    bench.pass_by(9.5)
    bench.server.hang_up()
    bench.trail.look()
    assert sent(bench.server.take()) == [1]
    bench.pass_by(10.0)
    bench.server.hang_up()
    bench.trail.look()
    assert sent(bench.server.take()) == []


def test_the_connection_says_when_it_has_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.trail.look()
    with events() as seen:
        transport = bench.server.take()
    assert transport.producer is bench.server.line and transport.streaming
    assert seen == [{"code": "L_SYSLOG_CONNECTED", "level": "info"}]


def test_a_break_while_reading_sends_nothing_into_the_void(tmp_path: Path) -> None:
    bench, transport = connected(tmp_path)
    bench.log.add(2)
    bench.held = []
    bench.trail.look()
    bench.server.hang_up()
    what, answer = bench.held.pop()
    bench.held = None
    answer.callback(what(bench.log))
    assert sent(transport) == []
    bench.trail.look()
    assert sent(bench.server.take()) == [1, 2]


def test_a_server_that_stops_reading_is_waited_for(tmp_path: Path) -> None:
    bench, transport = connected(tmp_path)
    bench.server.line.pauseProducing()
    bench.log.add(2)
    bench.trail.look()
    assert sent(transport) == []
    bench.server.line.resumeProducing()
    assert sent(transport) == [1, 2]


def test_a_restart_goes_on_where_the_last_run_surely_was(tmp_path: Path) -> None:
    bench, _ = connected(tmp_path)
    bench.log.add(2)
    bench.trail.look()
    bench.pass_by(10.0)
    bench.log.add(1)
    bench.pass_by(1.0)
    assert POSITION == "audit-position", "as operations.md says"
    assert (tmp_path / POSITION).read_text() == "2" and (tmp_path / POSITION).stat().st_mode & 0o077 == 0
    again = Bench(tmp_path, bench.log)
    bench.log.add(1)
    again.trail.look()
    assert sent(again.server.take()) == [3, 4]


def test_a_first_run_that_is_cut_short_leaves_its_beginning_behind(tmp_path: Path) -> None:
    bench, _ = connected(tmp_path)
    bench.log.add(2)
    again = Bench(tmp_path, bench.log)
    again.trail.look()
    assert sent(again.server.take()) == [1, 2]


def test_a_position_beyond_a_restored_log_is_not_believed(tmp_path: Path) -> None:
    for kept in ("99", "not a number"):
        (tmp_path / POSITION).write_text(kept)
        bench, transport = connected(tmp_path)
        bench.log.add(1)
        bench.trail.look()
        assert sent(transport) == [1]


def test_a_server_that_is_away_for_less_than_a_minute_is_no_alarm(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(2):
        bench.trail.look()
        bench.clock.advance(59.0 / 2)
    bench.trail.look()
    assert bench.alarms.active == []
    bench.pass_by(1.0)
    assert [alarm.code for alarm in bench.alarms.active] == ["L_SYSLOG_LOST"]


def test_a_server_that_stays_away_is_an_alarm_after_a_minute_until_it_is_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with events() as seen:
        for _ in range(7):
            bench.trail.look()
            if bench.server.asked:
                bench.server.refuse()
            bench.clock.advance(10.0)
    assert [alarm.code for alarm in bench.alarms.active] == ["L_SYSLOG_LOST"]
    assert seen.codes.count("L_SYSLOG_LOST") == 1 and seen.codes.count("L_SYSLOG_UNREACHABLE") == 7
    bench.trail.look()
    bench.server.take()
    assert bench.alarms.active == []


def test_only_one_connection_is_tried_at_a_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(3):
        bench.trail.look()
    assert len(bench.server.asked) == 1


def test_an_anchor_is_told_at_once_or_as_soon_as_the_server_is_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.trail.tell("anchor", "1:aa")
    bench.trail.tell("anchor", "2:bb")
    bench.trail.look()
    transport = bench.server.take()
    assert transport.value().endswith(b" anchor - 2:bb") and b"1:aa" not in transport.value()
    bench.trail.tell("anchor", "3:cc")
    assert transport.value().endswith(b" anchor - 3:cc")


def test_a_store_that_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    bench, transport = connected(tmp_path)
    bench.log.add(1)
    bench.held = []
    bench.trail.look()
    with events() as seen:
        bench.held.pop()[1].errback(OSError("disk"))
    assert seen.codes == ["S_UNEXPECTED"]
    bench.held = None
    bench.trail.look()
    assert sent(transport) == [1]

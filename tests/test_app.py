"""The composition: what `build` puts together, what it refuses, and what a reload does. No socket is opened."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from hl7calf.app.building import Hl7calf, build
from hl7calf.app.course import limits_of, policy_of, read_course
from hl7calf.app.foreground import go_by_monotonic_time
from hl7calf.calf.verdict import Mode, Policy
from hl7calf.config import parse_settings
from hl7calf.errors import JournalLocked, MappingError, SettingsError
from hl7calf.service.journal.jobs import Limits
from hl7calf.service.mappings import shipped_mappings
from hl7calf.service.sockets import TlsFiles
from tests.service.doubles import ThreadlessClock, events

TODAY = date(2026, 6, 1)


def text(mode: str = "upgrade", mappings: Path | None = None, route: str = "", valid_until: str = "2027-01-15") -> str:
    return f"""
[service]
mode = "{mode}"
mappings = {json.dumps(str(mappings or shipped_mappings()))}
node = "n1"
[policy]
id = "RAD-1"
version = "2"
approved_by = "Chief"
approved_on = 2026-01-15
valid_until = {valid_until}
sending_facilities = ["WARD"]
[[route]]
name = "orders"
listen = "tcp:2575:interface=127.0.0.1"
forward = "tcp:127.0.0.1:2576"
{route}
"""


class Reactor(ThreadlessClock, MemoryReactorClock):
    """Twisted's reactor in memory, with calls from threads that wait until they are run."""

    def __init__(self) -> None:
        MemoryReactorClock.__init__(self)
        self.from_threads = []


class Bench:
    def __init__(self, folder: Path, **more: Any) -> None:
        self.folder = folder
        self.text = text(**more)
        self.today = TODAY
        self.halted: list[int] = []
        self.reactor = Reactor()
        self.service: Hl7calf = build(
            parse_settings(self.text, folder),
            self.reactor,
            halt=self.halted.append,
            reread=lambda: parse_settings(self.text, folder),
            today=lambda: self.today,
        )

    @property
    def mode(self) -> str:
        return next(
            line.split('"')[1]
            for line in self.service.metrics.exposition().decode().splitlines()
            if line.startswith("hl7calf_mode_info{")
        )

    def wait(self, deferred: Any) -> Any:
        found: list[Any] = []
        deferred.addBoth(found.append)
        deadline = time.monotonic() + 20
        while not found and time.monotonic() < deadline:
            self.reactor.run_from_threads()
            time.sleep(0.005)
        return found[0]

    def close(self) -> None:
        self.wait(self.service.stopService())


@contextmanager
def built(folder: Path, **more: Any) -> Iterator[Bench]:
    bench = Bench(folder, **more)
    try:
        yield bench
    finally:
        bench.close()


@pytest.fixture(autouse=True)
def _threads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what is deferred to the reactor's threads at once."""
    from twisted.internet.defer import maybeDeferred

    import hl7calf.app.building as building

    monkeypatch.setattr(building, "deferToThread", maybeDeferred)


def test_everything_is_put_together_and_the_mode_of_the_settings_is_in_force(tmp_path: Path) -> None:
    with built(tmp_path) as bench:
        assert bench.mode == "upgrade"
        assert [route.name for route in bench.service.inner.routes] == ["orders"]
        assert (tmp_path / "var" / "hl7calf.sqlite3").is_file()


def test_a_mode_that_people_set_outlives_a_restart(tmp_path: Path) -> None:
    with built(tmp_path) as bench:
        from hl7calf.service.journal import desk

        desk.ask(tmp_path / "var", "mode", user="u", reason="odd", at=1.0, value="observe")
        bench.service.startService()
        deadline = time.monotonic() + 20
        while bench.mode != "observe" and time.monotonic() < deadline:
            bench.reactor.advance(0.2)
            bench.reactor.run_from_threads()
            time.sleep(0.01)
        assert bench.mode == "observe"
    with built(tmp_path) as bench:
        assert bench.mode == "observe"


def test_a_policy_that_ran_out_means_notes_only(tmp_path: Path) -> None:
    with events() as seen, built(tmp_path, valid_until="2026-05-31") as bench:
        assert bench.mode == "annotate"
    assert "S_POLICY_LAPSED" in seen.codes


def test_two_services_on_one_store_are_one_too_many(tmp_path: Path) -> None:
    with built(tmp_path), pytest.raises(JournalLocked):
        Bench(tmp_path)


def test_wrong_mappings_stop_the_start_before_the_store_is_touched(tmp_path: Path) -> None:
    with pytest.raises(MappingError):
        Bench(tmp_path, mappings=tmp_path / "nowhere")
    assert not (tmp_path / "var").exists()


def test_a_certificate_that_cannot_be_used_stops_the_start_and_gives_the_store_back(tmp_path: Path) -> None:
    with pytest.raises(TlsFiles):
        Bench(tmp_path, route='tls = {certificate = "a.pem", key = "b.pem"}')
    with built(tmp_path):
        pass


def test_r18_a_reload_is_all_or_nothing(tmp_path: Path) -> None:
    with built(tmp_path) as bench:
        before = bench.service.metrics.exposition()
        bench.text = text(mappings=tmp_path / "nowhere")
        with events() as seen:
            ok, told = bench.wait(bench.service.reload())
        assert not ok and told.startswith("nothing was changed: ")
        assert bench.service.metrics.exposition() == before
        assert "S_RELOAD_REFUSED" in seen.codes
        bench.text = bench.text.replace("mode", "mood")
        assert not bench.wait(bench.service.reload())[0]


def test_a_reload_takes_mode_policy_and_mappings_and_says_what_needs_a_restart(tmp_path: Path) -> None:
    with built(tmp_path) as bench:
        bench.text = text(mode="annotate", route="connections = 2")
        with events() as seen:
            ok, told = bench.wait(bench.service.reload())
        assert ok and "need a restart" in told
        assert any(event["code"] == "S_RELOAD" and event["restart_needed"] for event in seen)


def test_what_was_decided_by_starting_is_in_the_modification_log(tmp_path: Path) -> None:
    with built(tmp_path):
        pass
    from hl7calf.service.journal.reader import Reader

    with Reader(tmp_path / "var") as reader:
        kinds = [entry.kind for entry in reader.entries()]
        assert "start" in kinds and reader.verify().ok


def test_the_course_holds_the_policy_and_what_it_allows_on_which_day(tmp_path: Path) -> None:
    settings = parse_settings(text(), tmp_path)
    assert policy_of(settings) == Policy("RAD-1", "2", True, ("WARD",), ())
    day = [date(2027, 1, 15)]
    course = read_course(settings, lambda: day[0])
    assert course.allowed(Mode.UPGRADE) == (Mode.UPGRADE, "")
    day[0] = date(2027, 1, 16)
    assert course.allowed(Mode.UPGRADE)[0] is Mode.ANNOTATE
    assert course.digest == course.tables[()].digest


def test_settings_without_a_policy_have_none(tmp_path: Path) -> None:
    assert (
        policy_of(
            parse_settings(
                text(mode="observe").replace("[policy]", "[[x]]").split("[[x]]")[0]
                + "[[route]]"
                + text().split("[[route]]")[1],
                tmp_path,
            )
        )
        is None
    )
    with pytest.raises(SettingsError):
        parse_settings("", tmp_path)


def test_p21_timers_do_not_go_by_the_wall_clock() -> None:
    class Reactor:
        seconds = time.time

    reactor = Reactor()
    go_by_monotonic_time(reactor)
    assert abs(reactor.seconds() - time.monotonic()) < 5


def test_the_settings_say_how_much_of_the_past_is_kept() -> None:
    more = "retention_days = 2\nretention_log_days = 3\nretention_max_bytes = 2000000\nduplicate_window_days = 4\n"
    kept = limits_of(parse_settings(text().replace("[service]", f"[service]\n{more}"), Path()))
    assert (kept.message_age_s, kept.log_age_s, kept.duplicate_age_s) == (2 * 86_400, 3 * 86_400, 4 * 86_400)
    assert kept.max_bytes == 2_000_000
    assert limits_of(parse_settings(text(), Path())) == Limits()

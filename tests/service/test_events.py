import io
import json
import re
from pathlib import Path

import pytest
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

import hl7calf.service
from hl7calf.service.events import EVENTS, JsonLines, emit, where
from tests.service.doubles import events


def line(event: dict[str, object], least: str = "debug") -> dict[str, object]:
    stream = io.StringIO()
    JsonLines(stream, least)(event)
    loaded: dict[str, object] = json.loads(stream.getvalue())
    return loaded


def own(code: str = "S_START", level: LogLevel = LogLevel.info, **details: object) -> dict[str, object]:
    return {"log_namespace": "hl7calf", "log_level": level, "log_time": 1767225600.0, "code": code, "details": details}


def test_an_event_is_one_json_line_with_time_level_and_code() -> None:
    assert line(own(route="orders", n=3)) == {
        "time": "2026-01-01T00:00:00.000Z",
        "level": "info",
        "event": "S_START",
        "route": "orders",
        "n": 3,
    }


def test_control_characters_and_everything_beyond_ascii_are_escaped() -> None:
    stream = io.StringIO()
    JsonLines(stream)(own(peer="a\n\x1b[31m\u202eb\x00"))
    written = stream.getvalue()
    assert written.count("\n") == 1 and written.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", written)


def test_levels_below_the_chosen_one_are_left_out() -> None:
    stream = io.StringIO()
    JsonLines(stream, "warn")(own(level=LogLevel.info))
    assert stream.getvalue() == ""


def test_of_a_foreign_event_only_the_template_and_the_place_are_shown() -> None:
    try:
        raise ValueError("KANARIENVOGEL")
    except ValueError:
        failure = Failure()
    shown = line(
        {
            "log_namespace": "twisted.x",
            "log_level": LogLevel.critical,
            "log_format": "Unhandled {who}",
            "who": "KANARIENVOGEL",
            "log_failure": failure,
        }
    )
    assert shown["error"] == "ValueError"
    assert "test_events.py" in str(shown["at"])
    assert "KANARIENVOGEL" not in json.dumps(shown)


def test_foreign_chatter_is_left_out() -> None:
    stream = io.StringIO()
    JsonLines(stream, "debug")({"log_namespace": "twisted.x", "log_level": LogLevel.info, "log_format": "Starting"})
    assert stream.getvalue() == ""


def test_a_log_that_cannot_be_written_is_counted_and_stops_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    lines = JsonLines(stream)
    lines(own())
    assert lines.dropped == 1


def test_the_places_of_a_failure_hold_no_values() -> None:
    secret = "KANARIENVOGEL"
    try:
        int(secret)
    except ValueError:
        assert re.fullmatch(r"test_events\.py:\d+", where(Failure()))


def test_emit_goes_through_twisteds_logger() -> None:
    with events() as seen:
        emit("C_IDLE", "warn", route="orders", code_of=3)
    assert seen == [{"code": "C_IDLE", "route": "orders", "code_of": 3, "level": "warn"}]
    assert isinstance(Logger(), Logger)


def test_an_unknown_code_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(AssertionError):
        emit("NOT_A_CODE")


def test_every_code_in_the_source_is_described_and_every_described_one_is_used() -> None:
    folder = Path(hl7calf.service.__file__).parents[1]
    source = "\n".join(
        path.read_text()
        for path in (*folder.glob("service/*.py"), *folder.glob("app/*.py"))
        if path.name != "events.py"
    )
    used = {code for code in EVENTS if f'"{code}"' in source}
    assert set(EVENTS) == used | {"S_LOG_DROPPED"}

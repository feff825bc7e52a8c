from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from hl7calf.service.alarms import Alarms
from hl7calf.service.expiry import EXPIRES, LOOK_S, Expiry
from hl7calf.service.metrics import Metrics
from tests.service.doubles import events

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Side:
    files: tuple[Path, ...]


def write(path: Path, days: int) -> None:
    path.unlink(missing_ok=True)
    issued = trustme.CA().issue_cert("a", not_after=NOW + timedelta(days=days, hours=1))
    issued.cert_chain_pems[0].write_to_path(path)


def test_a_certificate_is_alarmed_30_days_before_its_end_and_the_alarm_ends_with_its_renewal(tmp_path: Path) -> None:
    path, alarms, now = tmp_path / "own.pem", Alarms(Metrics()), [0.0]
    write(path, 30)
    expiry = Expiry({"orders": [Side((path,))], "plain": []}, alarms, lambda: now[0], NOW.timestamp)
    with events() as seen:
        expiry.look_now_and_then()
        assert seen.codes == []
        write(path, 29)
        expiry.look_now_and_then()
        assert seen.codes == [], "not before an hour has passed"
        now[0] += LOOK_S
        expiry.look_now_and_then()
        expiry.look()
    assert seen == [{"code": EXPIRES, "route": "orders", "days_left": 29, "level": "critical"}]
    write(path, 90)
    expiry.look()
    assert alarms.active == []


def test_a_file_that_became_unreadable_is_alarmed(tmp_path: Path) -> None:
    alarms = Alarms(Metrics())
    Expiry({"orders": [Side((tmp_path / "gone.pem",))]}, alarms, lambda: 0.0, NOW.timestamp).look()
    assert [alarm.code for alarm in alarms.active] == [EXPIRES]

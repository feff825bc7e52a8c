from hl7calf.service.alarms import Alarms
from hl7calf.service.metrics import Metrics
from tests.service.doubles import events


def test_an_alarm_is_one_line_in_the_log_however_often_it_is_raised() -> None:
    metrics = Metrics()
    alarms = Alarms(metrics)
    with events() as seen:
        for _ in range(3):
            alarms.sound("D_PARKED", 5.0, "orders", message=7)
    assert seen == [{"code": "D_PARKED", "route": "orders", "message": 7, "level": "critical"}]
    assert b'hl7calf_alarm{code="D_PARKED",route="orders"} 1.0' in metrics.exposition()


def test_an_alarm_ends_and_can_be_raised_again() -> None:
    metrics = Metrics()
    alarms = Alarms(metrics)
    alarms.sound("J_FULL", 1.0)
    assert alarms.end("J_FULL")
    assert not alarms.end("J_FULL")
    assert b"J_FULL" not in metrics.exposition()
    with events() as seen:
        alarms.sound("J_FULL", 2.0)
    assert seen.codes == ["J_FULL"]


def test_alarms_are_kept_apart_by_route_and_shown_oldest_first() -> None:
    alarms = Alarms(Metrics())
    alarms.sound("D_PARKED", 2.0, "b")
    alarms.sound("D_PARKED", 1.0, "a")
    assert [(alarm.code, alarm.route) for alarm in alarms.active] == [("D_PARKED", "a"), ("D_PARKED", "b")]

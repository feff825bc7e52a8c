from hl7calf.service.pressure import Pressure
from tests.service.doubles import events


def test_beyond_either_limit_the_pressure_is_high() -> None:
    pressure = Pressure(limit_messages=2, limit_bytes=100)
    pressure.add(10)
    pressure.add(10)
    assert not pressure.high
    pressure.add(10)
    assert pressure.high
    other = Pressure(limit_messages=100, limit_bytes=100)
    other.add(101)
    assert other.high


def test_all_are_let_go_together_when_half_is_on_disk() -> None:
    pressure = Pressure(limit_messages=4, limit_bytes=1000)
    for _ in range(5):
        pressure.add(1)
    let_go: list[str] = []
    with events() as seen:
        pressure.pause(lambda: let_go.append("a"))
        pressure.pause(lambda: let_go.append("b"))
        pressure.remove(1)
        pressure.remove(1)
        assert let_go == []
        pressure.remove(1)
    assert let_go == ["a", "b"]
    assert seen.codes == ["C_PAUSED", "C_RESUMED"]
    assert (pressure.messages, pressure.bytes) == (2, 2)

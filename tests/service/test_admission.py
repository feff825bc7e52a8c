import pytest

from hl7calf.service.admission import AllowList, Door, ListenLimits, Silence

LIMITS = ListenLimits(
    connections_per_listener=3,
    connections_per_address=2,
    first_byte_timeout_s=10,
    frame_timeout_s=60,
    idle_timeout_s=300,
)


@pytest.mark.parametrize(
    ("networks", "host", "may"),
    [
        ([], "127.0.0.1", True),
        ([], "::1", True),
        ([], "192.0.2.1", False),
        (["192.0.2.0/24"], "192.0.2.77", True),
        (["192.0.2.0/24"], "192.0.3.77", False),
        (["192.0.2.0/24"], "127.0.0.1", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.9", True),
        (["2001:db8::/32"], "2001:db8::5%eth0", True),
        (["2001:db8::/32"], "not an address", False),
    ],
)
def test_who_may_connect(networks: list[str], host: str, may: bool) -> None:
    assert AllowList(networks).permits(host) is may


def test_the_door_names_the_reason_for_each_refusal() -> None:
    door = Door(LIMITS, AllowList(["192.0.2.0/24"]))
    assert door.refusal("127.0.0.1") == "C_NOT_ALLOWED"
    door.enter("192.0.2.1")
    door.enter("192.0.2.1")
    assert door.refusal("192.0.2.1") == "C_TOO_MANY_FROM_ADDRESS"
    assert door.refusal("192.0.2.2") == ""
    door.enter("192.0.2.2")
    assert door.refusal("192.0.2.3") == "C_TOO_MANY"
    door.leave("192.0.2.1")
    assert (door.count, door.refusal("192.0.2.1")) == (2, "")


def test_with_client_certificates_the_address_does_not_matter() -> None:
    assert Door(LIMITS, None).refusal("198.51.100.1") == ""


def test_a_connection_that_never_sends_is_closed() -> None:
    silence = Silence(opened_at=100)
    assert silence.verdict(109.9, LIMITS, 0) == ""
    assert silence.verdict(110, LIMITS, 0) == "C_NO_FIRST_BYTE"


def test_a_frame_must_end_in_time_even_when_bytes_keep_trickling() -> None:
    silence = Silence(opened_at=0, heard_at=59, frame_since=0)
    assert silence.verdict(59.9, LIMITS, 0) == ""
    assert silence.verdict(60, LIMITS, 0) == "F_SLOW"


def test_a_silent_connection_is_closed_unless_it_waits_for_us() -> None:
    silence = Silence(opened_at=0, heard_at=0)
    assert silence.verdict(299, LIMITS, 0) == ""
    assert silence.verdict(300, LIMITS, 0) == "C_IDLE"
    assert silence.verdict(300, LIMITS, 1) == ""

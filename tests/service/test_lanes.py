from hl7calf.service.lanes import LaneRule
from hl7calf.wire.header import read_header
from tests.service.doubles import order


def lane(payload: bytes, *order_by: str) -> tuple[str, bytes]:
    return LaneRule("orders", order_by).of(payload, read_header(payload))


def test_without_a_key_there_is_one_lane_named_after_the_route() -> None:
    assert lane(order()) == ("orders", b"")
    assert not LaneRule("orders").keyed


def test_a_lane_is_named_by_a_hash_and_never_by_the_message() -> None:
    name, key = lane(order(placer="SECRET"), "ORC-2")
    assert key == b"SECRET^CPOE"
    assert "SECRET" not in name
    assert name == lane(order("A2", placer="SECRET"), "ORC-2")[0]
    assert name != lane(order(placer="OTHER"), "ORC-2")[0]


def test_components_and_several_fields_make_a_key() -> None:
    assert lane(order(placer="P-9"), "ORC-2.1")[1] == b"P-9"
    assert lane(order(placer="P-9"), "PID-3.1", "ORC-2.1")[1] == b"4711\x1fP-9"


def test_messages_without_the_key_share_the_lane_of_the_route() -> None:
    assert lane(order(placer=""), "ZZZ-2") == ("orders", b"")
    assert LaneRule("orders", ["ORC-2"]).of(b"rubbish", None) == ("orders", b"")


def test_a_batch_keeps_the_order_of_the_route() -> None:
    batch = b"FHS|^~\\&|A|B\r" + order()
    assert lane(batch, "ORC-2") == ("orders", b"")

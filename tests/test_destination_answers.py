"""Every way a destination can answer, or not ([Promises] A1 to A14): one test per row, on real sockets.

One service runs a route for each row; pauses between attempts are a few hundredths of a second.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from hl7calf.service.journal.jobs import Outcome, State
from hl7calf.service.journal.views import Message
from tests.delivery.script import Act, Routes, Scripted, acknowledges, hangs_up, is_silent, resets, routed, says
from tests.service.doubles import ack, frame, message
from tests.service.stage import control_id, until

QUICK = "ack_timeout_s = 0.3"


def acknowledges_and_hangs_up(peer: socket.socket, payload: bytes) -> bool:
    peer.sendall(frame(ack(control_id(payload))))
    return False


def hangs_up_on(name: str) -> Act:
    """Close at one message, however often it comes, and take all others."""

    def act(peer: socket.socket, payload: bytes) -> bool:
        return control_id(payload) != name and acknowledges()(peer, payload)

    return act


def order(name: str, placer: str, control: str = "NW") -> bytes:
    return message(name, "ORM^O01", f"ORC|{control}|{placer}^CPOE\rOBR|1|{placer}^CPOE||71046^XR CHEST^C4")


ROWS: dict[str, tuple[str, list[Act]]] = {
    "A1": ("", [acknowledges("AA"), acknowledges("CA")]),
    "A2": ("", [acknowledges(of="OTHER")] * 3 + [acknowledges()]),
    "A2-once": ("", [acknowledges(of="OTHER"), acknowledges()]),
    "A3": ("", [acknowledges(of="")] * 3 + [acknowledges()]),
    "A3-tolerant": ('match_control_id = "tolerant"', [acknowledges(of="")]),
    "A4": ("", [acknowledges("AE"), acknowledges("CE"), acknowledges()]),
    "A4-parks": ("", [acknowledges("AE", "ERR|||207^Application error^HL70357|E\r")] * 5 + [acknowledges()]),
    "A5": ("", [acknowledges("AR"), acknowledges("CR"), acknowledges()]),
    "A5-by-code": ('on_nack = {AR = "park", 207 = "skip"}', [acknowledges("AR", "ERR|||207^x^HL70357|E\r")]),
    "A5-by-severity": ('on_nack = {AE = "retry", F = "park"}', [acknowledges("AE", "ERR|||207^x^HL70357|F\r")]),
    "A6": ("", [says(frame(ack("A6-0", "CA")), frame(ack("A6-0", "AA"))), acknowledges("CA"), acknowledges()]),
    "A7": (QUICK, [is_silent, acknowledges()]),
    "A7-always": (f"{QUICK}\nmax_attempts = 3", [is_silent]),
    "A9-garbage": (QUICK, [says(b"\x00\xff garbage"), acknowledges()]),
    "A9-http": (QUICK, [says(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), acknowledges()]),
    "A9-unframed": (QUICK, [says(ack("A9-unframed-0")), acknowledges()]),
    "A9-two": (QUICK, [says(frame(ack("A9-two-0")), frame(ack("A9-two-0"))), acknowledges(), acknowledges()]),
    "A10-before": ("", [hangs_up, resets, acknowledges()]),
    "A10-after": ("", [acknowledges_and_hangs_up]),
    "R15": ("max_attempts = 3\nack_timeout_s = 5", [hangs_up_on("R15-poison")]),
    "A12-bom": ("", [says(frame(b"\xef\xbb\xbf" + ack("A12-bom-0")))]),
    "A12-lf": ("", [says(frame(ack("A12-lf-0").replace(b"\r", b"\n")))]),
    "A12-latin": ("", [says(frame(ack("A12-latin-0").replace(b"RAD", b"R\xd6NTGEN")))]),
    "A13-orr": ("", [says(frame(ack("A13-orr-0").replace(b"||ACK|", b"||ORR^O02|") + b"ORC|OK|P-1\r"))]),
    "A13-oru": ("", [says(frame(message("X1", "ORU^R01"))), acknowledges()]),
}  # fmt: skip


@pytest.fixture(scope="module")
def destinations() -> Iterator[dict[str, Scripted]]:
    found = {name: Scripted(list(acts)) for name, (_, acts) in ROWS.items()}
    found["A8"] = Scripted([_late, acknowledges()])
    found["A10-middle"] = Scripted([_half, acknowledges()])
    found["A11"] = Scripted([acknowledges()], reads=False)
    found["A14-refused"] = Scripted([acknowledges()])
    for name, one in found.items():
        if name != "A14-refused":
            one.open()
    yield found
    for one in found.values():
        one.close()


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory, destinations: dict[str, Scripted]) -> Iterator[Routes]:
    folder = tmp_path_factory.mktemp("answers")
    settings = {name: more for name, (more, _) in ROWS.items()}
    settings |= {
        "A8": QUICK,
        "A10-middle": "",
        "A11": "ack_timeout_s = 1\nmax_attempts = 0",
        "A14-refused": "",
        "A14-dns": "",
    }
    forward = {name: f"tcp:127.0.0.1:{one.port}" for name, one in destinations.items()}
    forward["A14-dns"] = "tcp:nobody.invalid:2576"
    with routed(folder, settings, forward) as started:
        yield started


def _late(peer: socket.socket, payload: bytes) -> bool:
    time.sleep(0.6)
    peer.sendall(frame(ack("A8-0")))
    return True


def _half(peer: socket.socket, payload: bytes) -> bool:
    peer.sendall(frame(ack("A10-middle-0"))[:20])
    return False


class Stranger:
    """A TLS destination whose authority nobody trusts."""

    def __init__(self, folder: Path) -> None:
        trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(self._context)
        self._listening = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self._listening.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            try:
                self._context.wrap_socket(peer, server_side=True).close()
            except OSError:
                peer.close()


def codes(routes: Routes, row: str, but: str = "D_LOST") -> list[object]:
    return [event["event"] for event in routes.events_of(row) if event["event"] != but]


def outcomes(found: Message) -> list[tuple[str, int]]:
    return [(line.outcome, line.times) for line in found.history if line.outcome != Outcome.UNREACHABLE]


def sent(destination: Scripted) -> list[str]:
    return [name for _, name in destination.arrived]


def test_a1_a_positive_acknowledgment_with_our_control_id_is_a_delivery(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A1", message("A1-0"), message("A1-1"))
    first, second = routes.settled("A1-0", State.DELIVERED), routes.settled("A1-1", State.DELIVERED)
    assert [line.ack_code for one in (first, second) for line in one.history] == ["AA", "CA"]
    assert destinations["A1"].arrived == [(1, "A1-0"), (1, "A1-1")], "one connection, kept"
    assert codes(routes, "A1") == []


@pytest.mark.parametrize(("row", "why"), [("A2", "another message was acknowledged"), ("A3", "has no MSA-2")])
def test_a2_a3_another_or_no_control_id_is_no_delivery_and_the_third_time_it_is_parked(
    routes: Routes, destinations: dict[str, Scripted], row: str, why: str
) -> None:
    routes.send(row, message(f"{row}-0"), message(f"{row}-1"))
    parked = routes.settled(f"{row}-0", State.PARKED)
    routes.settled(f"{row}-1", State.DELIVERED)
    assert destinations[row].arrived == [(1, f"{row}-0"), (2, f"{row}-0"), (3, f"{row}-0"), (4, f"{row}-1")]
    assert why in parked.line.why
    assert outcomes(parked) == [("mismatched", 3), ("parked", 1)]
    assert codes(routes, row) == ["D_MISMATCH"] * 3 + ["D_PARKED"]


def test_a2_once_is_sent_again_on_a_new_connection_and_marked(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A2-once", message("A2-once-0"))
    found = routes.settled("A2-once-0", State.DELIVERED)
    assert destinations["A2-once"].arrived == [(1, "A2-once-0"), (2, "A2-once-0")]
    assert outcomes(found) == [("mismatched", 1), ("delivered", 1)]
    assert "twice" in found.history[-1].why


def test_a3_a_tolerant_destination_may_leave_the_control_id_out(routes: Routes) -> None:
    routes.send("A3-tolerant", message("A3-tolerant-0"))
    assert outcomes(routes.settled("A3-tolerant-0", State.DELIVERED)) == [("delivered", 1)]


def test_a4_a_passing_refusal_is_tried_again_and_nothing_overtakes(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A4", message("A4-0"), message("A4-1"))
    routes.settled("A4-1", State.DELIVERED)
    assert destinations["A4"].arrived == [(1, "A4-0"), (1, "A4-0"), (1, "A4-0"), (1, "A4-1")]
    assert outcomes(routes.settled("A4-0", State.DELIVERED)) == [("refused", 1), ("refused", 1), ("delivered", 1)]


def test_a4_after_five_refusals_it_is_parked_with_alarm_and_the_answer_kept(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A4-parks", message("A4-parks-0"), message("A4-parks-1"))
    parked = routes.settled("A4-parks-0", State.PARKED)
    routes.settled("A4-parks-1", State.DELIVERED)
    assert sent(destinations["A4-parks"]) == ["A4-parks-0"] * 5 + ["A4-parks-1"]
    assert parked.history[0].times == 5
    assert b"ERR|||207" in parked.history[0].ack
    assert codes(routes, "A4-parks") == ["D_REFUSED"] * 5 + ["D_PARKED"]


def test_a5_a_rejection_is_parked_at_once(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A5", *(message(f"A5-{n}") for n in range(3)))
    assert [line.ack_code for line in routes.settled("A5-0", State.PARKED).history] == ["AR", ""]
    assert [line.ack_code for line in routes.settled("A5-1", State.PARKED).history] == ["CR", ""]
    routes.settled("A5-2", State.DELIVERED)
    assert sent(destinations["A5"]) == ["A5-0", "A5-1", "A5-2"]
    assert codes(routes, "A5").count("D_PARKED") >= 1


def test_a5_an_error_code_of_err_3_is_more_precise_than_msa_1(routes: Routes) -> None:
    routes.send("A5-by-code", message("A5-by-code-0"))
    routes.settled("A5-by-code-0", State.REJECTED)
    assert codes(routes, "A5-by-code")[-1] == "D_SKIPPED"


def test_a5_the_severity_of_err_4_is_more_precise_than_msa_1_too(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A5-by-severity", message("A5-by-severity-0"))
    routes.settled("A5-by-severity-0", State.PARKED)
    assert sent(destinations["A5-by-severity"]) == ["A5-by-severity-0"], "not tried again"


def test_a6_accepted_is_delivered_and_the_later_answer_is_no_other_messages(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A6", *(message(f"A6-{n}") for n in range(3)))
    routes.settled("A6-2", State.DELIVERED)
    assert destinations["A6"].arrived == [(1, f"A6-{n}") for n in range(3)]
    assert codes(routes, "A6") == ["D_STRAY"]


def test_a7_without_an_answer_it_is_sent_again_on_a_new_connection_and_called_unknown(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A7", message("A7-0"))
    found = routes.settled("A7-0", State.DELIVERED)
    assert destinations["A7"].arrived == [(1, "A7-0"), (2, "A7-0")]
    assert outcomes(found) == [("unknown", 1), ("delivered", 1)]
    assert found.history[0].why == "no answer in time"
    assert "twice" in found.history[-1].why


def test_a7_a_destination_that_never_answers_gets_no_flood(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A7-always", message("A7-always-0"))
    parked = routes.settled("A7-always-0", State.PARKED)
    assert destinations["A7-always"].arrived == [(1, "A7-always-0"), (2, "A7-always-0"), (3, "A7-always-0")]
    assert outcomes(parked) == [("unknown", 3), ("parked", 1)]


def test_a8_an_answer_that_comes_too_late_is_nobodys(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A8", message("A8-0"), message("A8-1"))
    assert outcomes(routes.settled("A8-0", State.DELIVERED)) == [("unknown", 1), ("delivered", 1)]
    routes.settled("A8-1", State.DELIVERED)
    assert destinations["A8"].arrived == [(1, "A8-0"), (2, "A8-0"), (2, "A8-1")]


@pytest.mark.parametrize("row", ["A9-garbage", "A9-http", "A9-unframed"])
def test_a9_what_is_no_acknowledgment_is_no_delivery_and_the_log_names_the_reason(
    routes: Routes, destinations: dict[str, Scripted], row: str
) -> None:
    routes.send(row, message(f"{row}-0"))
    found = routes.settled(f"{row}-0", State.DELIVERED)
    assert destinations[row].arrived == [(1, f"{row}-0"), (2, f"{row}-0")]
    assert outcomes(found) == [("garbled", 1), ("delivered", 1)]
    told = [event for event in routes.events_of(row) if event["event"] == "D_GARBLED"]
    assert len(told) == 1 and "not framed" in str(told[0]["why"])


def test_a9_a_second_acknowledgment_is_not_the_next_messages(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A9-two", *(message(f"A9-two-{n}") for n in range(3)))
    for n in range(3):
        routes.settled(f"A9-two-{n}", State.DELIVERED)
    names = sent(destinations["A9-two"])
    assert [name for place, name in enumerate(names) if name not in names[:place]] == [f"A9-two-{n}" for n in range(3)]
    assert codes(routes, "A9-two")[0] in ("D_STRAY", "D_MISMATCH")


def test_a10_a_connection_that_ends_before_the_answer_is_no_delivery(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    routes.send("A10-before", message("A10-before-0"))
    found = routes.settled("A10-before-0", State.DELIVERED)
    assert destinations["A10-before"].arrived == [(n, "A10-before-0") for n in (1, 2, 3)]
    assert sum(line.times for line in found.history if line.outcome == "unknown") == 2


def test_a10_nor_is_one_that_ends_in_the_middle_of_it(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A10-middle", message("A10-middle-0"))
    found = routes.settled("A10-middle-0", State.DELIVERED)
    assert destinations["A10-middle"].arrived == [(1, "A10-middle-0"), (2, "A10-middle-0")]
    assert "in the middle of its answer" in found.history[0].why


def test_a10_a_destination_that_closes_after_each_answer_gets_each_message_once(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    for n in range(5):
        routes.send("A10-after", message(f"A10-after-{n}"))
        found = routes.settled(f"A10-after-{n}", State.DELIVERED)
        assert outcomes(found) == [("delivered", 1)], "an end that is seen before sending costs the message nothing"
    assert destinations["A10-after"].arrived == [(n + 1, f"A10-after-{n}") for n in range(5)]


def test_r15_a_message_that_kills_the_connection_is_parked_and_holds_only_its_own_order(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    poison, cancel = order("R15-poison", "P-15"), order("R15-cancel", "P-15", control="CA")
    routes.send("R15", poison, cancel, order("R15-other", "P-16"), message("R15-none"))
    parked = routes.settled("R15-poison", State.PARKED)
    assert outcomes(parked) == [("unknown", 3), ("parked", 1)]
    routes.settled("R15-none", State.DELIVERED)
    assert sent(destinations["R15"]) == ["R15-poison"] * 3 + ["R15-other", "R15-none"]
    assert routes.settled("R15-cancel", State.QUEUED).line.held_behind


def test_a11_a_destination_that_takes_the_connection_and_never_reads_is_given_up_in_time(
    routes: Routes, destinations: dict[str, Scripted]
) -> None:
    destination = destinations["A11"]
    routes.send("A11", message("A11-0", body="ZZZ|" + "x" * 8_000_000))
    until(lambda: destination.connections >= 2, "another connection")
    destination.reads = True
    found = routes.settled("A11-0", State.DELIVERED)
    assert found.history[0].outcome == "unknown"
    assert sent(destination) == ["A11-0"]


@pytest.mark.parametrize("row", ["A12-bom", "A12-lf", "A12-latin"])
def test_a12_an_acknowledgment_is_read_by_its_bytes(
    routes: Routes, destinations: dict[str, Scripted], row: str
) -> None:
    routes.send(row, message(f"{row}-0"))
    assert outcomes(routes.settled(f"{row}-0", State.DELIVERED)) == [("delivered", 1)]
    assert sent(destinations[row]) == [f"{row}-0"]


def test_a13_an_order_response_with_msa_is_the_answer_and_kept(routes: Routes) -> None:
    routes.send("A13-orr", message("A13-orr-0", "ORM^O01"))
    found = routes.settled("A13-orr-0", State.DELIVERED)
    assert b"ORC|OK|P-1" in found.history[0].ack


def test_a13_another_message_is_no_answer(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A13-oru", message("A13-oru-0"))
    found = routes.settled("A13-oru-0", State.DELIVERED)
    assert outcomes(found) == [("garbled", 1), ("delivered", 1)]
    assert destinations["A13-oru"].arrived == [(1, "A13-oru-0"), (2, "A13-oru-0")]


def test_a14_a_refused_connection_costs_the_message_nothing(routes: Routes, destinations: dict[str, Scripted]) -> None:
    routes.send("A14-refused", message("A14-refused-0"))

    def queued() -> Message:
        return routes.settled("A14-refused-0", State.QUEUED)

    until(lambda: queued().history and queued().history[0].times > 5, "more tries than a message has attempts")
    waiting = queued()
    assert (waiting.line.attempts, waiting.line.possible_duplicate) == (0, False)
    assert "nobody listens there" in waiting.line.why
    destinations["A14-refused"].open()
    found = routes.settled("A14-refused-0", State.DELIVERED)
    assert sent(destinations["A14-refused"]) == ["A14-refused-0"]
    assert "twice" not in found.history[-1].why
    assert codes(routes, "A14-refused") == ["D_UNREACHABLE", "D_CONNECTED"], "told once, not once a try"


def is_away(routes: Routes, row: str) -> Message:
    """Send a message that cannot go, and see that it costs nothing."""
    routes.send(row, message(f"{row}-0"))
    until(lambda: codes(routes, row), "the log says that the destination is away")
    time.sleep(0.5)
    waiting = routes.settled(f"{row}-0", State.QUEUED)
    assert (waiting.line.attempts, waiting.line.possible_duplicate) == (0, False)
    assert waiting.history and {line.outcome for line in waiting.history} == {"unreachable"}
    assert codes(routes, row) == ["D_UNREACHABLE"]
    return waiting


def test_a14_nor_does_an_unknown_name(routes: Routes) -> None:
    assert "name" in is_away(routes, "A14-dns").line.why


def test_a14_nor_does_a_failed_handshake(tmp_path: Path) -> None:
    with Stranger(tmp_path) as port:
        forward = {"tls": f"tcp:127.0.0.1:{port}"}
        with routed(tmp_path, {"tls": 'forward_tls = {ca = "ca.pem"}'}, forward) as routes:
            is_away(routes, "tls")

"""P16 for the console: sixty canaries in a message, none in any page, header or log before an audited reveal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from hl7calf.console.places import PLACES
from hl7calf.service.journal.jobs import Park
from tests.console.asking import signed_in
from tests.console.stage import NOW, PASSWORD, POLICY, Stage, arrival, close_stage, do, open_stage, shipped_tables, vet

SEGMENTS = {"PID": 30, "NK1": 8, "PV1": 8, "IN1": 8, "OBX": 2, "NTE": 1}
CANARIES: list[str] = []


def canary(where: str) -> str:
    CANARIES.append(f"KANARI{len(CANARIES):03d}{where}")
    return CANARIES[-1]


def message(reason: str) -> bytes:
    def segment(name: str, places: dict[int, str]) -> str:
        return "|".join([name, *(places.get(number, "") for number in range(1, max(places) + 1))])

    pid = {number: canary("PID") for number in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 18, 19, 20, 21)} | {7: "19600101"}
    return "\r".join([
        f"MSH|^~\\&|CPOE|HOSP|RIS|RAD|20260101||ORM^O01|{canary('MSH10')}|P|2.5.1",
        segment("PID", pid),
        segment("NK1", {number: canary("NK1") for number in (2, 3, 4, 5, 6)}),
        segment("PV1", {number: canary("PV1") for number in (3, 5, 7, 8, 9, 17, 19, 44, 50)}),
        segment("IN1", {number: canary("IN1") for number in (2, 3, 4, 16, 18, 19, 36)}),
        f"NTE|1|L|{canary('NTE')}",
        segment("ORC", {1: "NW", 2: f"{canary('ORC')}^CPOE", 3: canary("ORC"), 10: canary("ORC"), 12: canary("ORC")}),
        f"OBR|1|{canary('OBR')}^CPOE|{canary('OBR')}|USVENLTDL^US VENOUS LIMITED LEFT^L|||||||||{canary('OBR')}|||{canary('OBR')}"
        + "|" * 15 + f"^{canary('OBR')} {reason} {canary('OBR')}",
        f"NTE|1|L|{canary('NTE')} left calf swelling {canary('NTE')}",
        segment("OBX", {1: "1", 2: "TX", 3: canary("OBX"), 5: f"{canary('OBX')} {canary('OBX')}"}),
        f"OBX|2|TX|Height||{canary('OBX')}",
        "",
    ]).encode()  # fmt: skip


def fill(store: Any, now: float) -> None:
    tables = shipped_tables()
    for number, reason in enumerate(
        ("Left calf calcification on x-ray, pain 3 days.", "Left calf calcification, in a cast.", "cough")
    ):
        payload = message(reason)
        [recorded] = do(store, arrival(payload, now - 60, vet(payload, tables, policy=POLICY)))
        if number == 2:
            do(store, Park(recorded.message_id, "held", now))
    broken = message("x").replace(b"MSH|", b"MSX|")
    do(store, arrival(broken, now - 60, vet(broken, tables)))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    CANARIES.clear()
    opened = open_stage(tmp_path, fill)
    yield opened
    close_stage(opened)


def everything(stage: Stage, name: str) -> dict[str, str]:
    """Return what every page gives this person, headers and all, without revealing anything."""
    browser = signed_in(stage.desk, name, PASSWORD)
    paths = [place.address.replace("{name}", "note.txt") for place in PLACES if place.method == "GET"]
    head = stage.desk.journal.status().head
    given = {}
    for path in paths:
        numbers = range(1, (head if path.startswith("/entry") else 4) + 1) if "{number}" in path else [0]
        for number in numbers:
            address = path.replace("{number}", str(number))
            reply = browser.get(address)
            given[address] = str(dict(reply.headers)) + reply.body
    return given


@pytest.mark.parametrize("name", ["vera", "rahel", "otto"])
def test_no_page_shows_a_canary_before_reveal(stage: Stage, name: str) -> None:
    assert len(CANARIES) >= 60
    given = everything(stage, name)
    assert len(given) > 20
    found = [(path, one) for path, text in given.items() for one in CANARIES if one in text]
    assert found == []


def test_the_search_would_find_one(stage: Stage) -> None:
    browser = signed_in(stage.desk, "rahel", PASSWORD)
    browser.post("/message/1/reveal", purpose="x")
    text = browser.get("/message/1").body + browser.get("/message/1/raw").body
    assert sum(one in text for one in CANARIES) > 40


def test_a_reveal_of_one_message_shows_no_other(stage: Stage) -> None:
    browser = signed_in(stage.desk, "rahel", PASSWORD)
    first = browser.get("/message/1").body
    browser.post("/message/1/reveal", purpose="x")
    others = "".join(
        browser.get(path).body for path in ("/", "/log", "/review", "/waiting", "/message/2", "/message/3")
    )
    assert first
    assert [one for one in CANARIES if one in others] == []


def test_identifiers_in_lists_are_the_only_ones_that_reveal_shows_there(stage: Stage) -> None:
    browser = signed_in(stage.desk, "rahel", PASSWORD)
    browser.post("/log/reveal")
    text = browser.get("/log").body + browser.get("/review").body + browser.get("/waiting").body
    shown = {one[9:] for one in CANARIES if one in text}
    assert shown == {"MSH10", "ORC"}


def test_nothing_of_it_reaches_the_log_of_the_process(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    globalLogPublisher.addObserver(said.append)
    try:
        browser = signed_in(stage.desk, "rahel", PASSWORD)
        browser.post("/message/1/reveal", purpose="x")

        def fail(line: Any, *_: object) -> None:
            raise ValueError(CANARIES[0], line)

        monkeypatch.setattr("hl7calf.console.pages.message.sides_of", fail)
        reply = browser.get("/message/1")
    finally:
        globalLogPublisher.removeObserver(said.append)
    assert reply.status == 500
    assert "ValueError" in str(said)
    assert [one for one in CANARIES if one in str(said) + reply.body] == []
    assert NOW

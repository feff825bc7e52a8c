"""hl7calf passes each of the cases; the others are run to see that the comparison works, not to fail on them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers.__main__ import HEAD, table
from tests.peers.cases import CASES, Case, put, unique
from tests.peers.servers import SERVERS


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Callable[[], list[bytes]]]]:
    with SERVERS["hl7calf"](tmp_path_factory.mktemp("peers")) as running:
        yield running


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=[case.name for case in CASES])
def test_hl7calf_delivers_and_acknowledges(
    ours: tuple[int, Callable[[], list[bytes]]], number: int, case: Case
) -> None:
    own = unique(case, number)
    assert put(own, *ours).told(own) == "ok"


@pytest.mark.parametrize("name", ["python-hl7", "hl7apy"])
def test_the_others_take_at_least_a_plain_frame(tmp_path: Path, name: str) -> None:
    with SERVERS[name](tmp_path) as (port, delivered):
        plain = CASES[0]
        assert put(plain, port, delivered).positive == 1


def test_the_page_in_docs_is_what_make_peers_prints() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "peers.md").read_text()
    assert text.startswith(HEAD)
    printed = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed]
    assert cells[0][:2] == ["case", "hl7calf"] and len(cells[0]) == 5
    assert [row[:2] for row in cells[1:]] == [[case.name, "ok"] for case in CASES]
    names = [name.rsplit(" ", 1)[0] for name in cells[0][2:]]
    assert names == ["python-hl7", "hl7apy", "txHL7"]
    columns = {name: [row[number] for row in cells[1:]] for number, name in enumerate(cells[0]) if number}
    assert table(columns) in text

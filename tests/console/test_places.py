from pathlib import Path

import pytest

from hl7calf.console.options import Role
from hl7calf.console.places import PLACES, find_place


def test_what_changes_something_is_a_post_and_nothing_else_is() -> None:
    changing = {
        "/mode",
        "/log/search",
        "/log/reveal",
        "/message/{number}/reveal",
        "/message/{number}/decide",
        "/hide",
        "/try",
        "/sign-out",
    }
    assert {place.address for place in PLACES if place.method == "POST"} == changing
    assert {place.method for place in PLACES} == {"GET", "POST"}


def test_patient_data_and_decisions_need_a_reviewer_and_the_mode_an_operator() -> None:
    roles = {(place.method, place.address): place.role for place in PLACES}
    assert roles["POST", "/message/{number}/reveal"] is Role.REVIEWER
    assert roles["GET", "/message/{number}/raw"] is Role.REVIEWER
    assert roles["POST", "/log/reveal"] is Role.REVIEWER
    assert roles["POST", "/message/{number}/decide"] is Role.REVIEWER
    assert roles["POST", "/mode"] is Role.OPERATOR


def test_only_what_refreshes_itself_is_live() -> None:
    assert {place.address for place in PLACES if place.live} == {"/part/overview", "/part/log"}


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("/message/12", {"number": "12"}),
        ("/mappings/gates.csv", {"name": "gates.csv"}),
        ("/mappings/note.txt", {"name": "note.txt"}),
        ("/mappings/languages/de/cues.csv", {"name": "languages/de/cues.csv"}),
    ],
)
def test_parts_of_an_address_are_named(path: str, args: dict[str, str]) -> None:
    found = find_place("GET", path)
    assert found is not None
    assert found[1] == args


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//",
        "/message/",
        "/message/1x",
        "/message/" + "9" * 19,
        "/mappings/..",
        "/mappings/a/b.csv",
        "/mappings/gates.csv\n",
        "/Log",
    ],
)
def test_other_addresses_are_nowhere(path: str) -> None:
    assert find_place("GET", path) is None


def test_every_link_and_form_of_the_templates_leads_somewhere() -> None:
    import re

    import hl7calf.console.places as places

    folder = Path(places.__file__).parent / "templates"
    text = "\n".join(path.read_text() for path in folder.glob("*.html"))
    for attribute, address in re.findall(r'(href|action|hx-get|hx-post)="(/[^"]*)"', text):
        path = re.sub(r"\{\{ name \}\}|\{\{ one\.name \}\}", "gates.csv", address)
        path = re.sub(r"\{\{[^}]*\}\}", "1", path.partition("?")[0].partition("#")[0])
        method = "POST" if attribute == "hx-post" else "GET"
        methods = [method] if attribute != "action" else ["GET", "POST"]
        known = path.startswith("/static/") or path == "/sign-in" or any(find_place(m, path) for m in methods)
        assert known, address

"""The console as people meet it: wide and narrow, light and dark, with and without JavaScript, by keyboard alone."""

import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from hl7calf.console.options import Role
from hl7calf.console.users import User, Users
from tests.conftest import require_service
from tests.console.browsing import CHROMIUM, SIZES, answering, browser, console_process, sign_in
from tests.console.stage import (
    POLICY,
    UPGRADED,
    Stage,
    arrival,
    close_stage,
    do,
    fresh,
    one_of_each,
    open_stage,
    sample,
    shipped_tables,
    vet,
)

require_service("Chromium", CHROMIUM)
require_service("playwright (Python package)", find_spec("playwright"))

PAGES = ("/", "/log", "/review", "/waiting", "/mappings", "/mappings/cues.csv?q=rule", "/try", "/statistics", "/message/1",
         "/message/2", "/message/3", "/message/5", "/message/6", "/entry/1", "/entry/2", "/message/999")  # fmt: skip
# Text against what lies behind it (WCAG 2.2 §1.4.3): walks up to the nearest background that is not transparent.
CONTRASTS = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('.hidden, svg, option, datalist')) continue;
    let behind = element, back = [0, 0, 0, 0];
    while (behind && (back = parse(getComputedStyle(behind).backgroundColor)).length === 4 && back[3] === 0) behind = behind.parentElement;
    const style = getComputedStyle(element), a = light(parse(style.color)), b = light(back);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(element.tagName + '.' + element.className + ' ' + ratio.toFixed(2) + ' ' + walker.currentNode.textContent.trim().slice(0, 30));
  }
  return poor;
}"""
STICKING_OUT = """() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('.hidden, .skip, thead'))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName + '.' + e.className).slice(0, 5)"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, str, Any]]:
    folder: Path = tmp_path_factory.mktemp("served")
    stage = open_stage(folder, one_of_each, now=time.time())
    with console_process(folder) as address, answering(stage.store), browser() as chromium:
        yield stage, address, chromium
    close_stage(stage)


def open_page(served: tuple[Stage, str, Any], name: str = "otto", **context: Any) -> Any:
    _, address, chromium = served
    page = chromium.new_context(**context).new_page()
    sign_in(page, address, name)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_and_can_be_read(served: tuple[Stage, str, Any], size: str, scheme: str) -> None:
    page, complaints = open_page(served, viewport=SIZES[size], color_scheme=scheme), []
    page.on("console", lambda said: said.type == "error" and "404" not in said.text and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for number in ("1", "6"):
        page.goto(f"{served[1]}/message/{number}")
        page.fill("input[name=purpose]", "Checking the decision")
        page.click("text=Reveal for")
    for path in (*PAGES, "/sign-in"):
        page.goto(served[1] + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"], path
        assert page.evaluate(STICKING_OUT) == [], path
        assert page.evaluate(CONTRASTS) == [], path
    assert complaints == []


def test_the_contrast_check_sees_poor_contrast(served: tuple[Stage, str, Any]) -> None:
    page = open_page(served)
    page.evaluate("document.querySelector('h1').setAttribute('class', 'poor')")
    page.evaluate("new CSSStyleSheet().replace('.poor { color: #aaa }').then(s => document.adoptedStyleSheets.push(s))")
    assert any("H1.poor" in found for found in page.evaluate(CONTRASTS))


def test_every_page_has_one_heading_a_title_and_labelled_fields(served: tuple[Stage, str, Any]) -> None:
    page = open_page(served)
    for path in PAGES:
        page.goto(served[1] + path)
        assert page.locator("h1").count() == 1, path
        assert page.title().endswith("· hl7calf"), path
        unnamed = page.evaluate("""() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a, svg[role=img]')]
            .filter(e => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute('aria-label') && !e.querySelector('img'))
            .map(e => e.outerHTML.slice(0, 80))""")
        assert unnamed == [], path


def test_the_keyboard_alone_is_enough(served: tuple[Stage, str, Any]) -> None:
    page = open_page(served)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.goto(served[1] + "/message/5")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.name"))
        unmarked = "document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle === 'none'"
        assert not page.evaluate(unmarked), reached
    assert {
        "Overview",
        "Sign out",
        "purpose",
        "Reveal for 10 min",
        "reason",
        "Release as it came",
        "Give up",
    } <= reached


def test_the_log_grows_by_itself(served: tuple[Stage, str, Any]) -> None:
    stage, address, _ = served
    page = open_page(served)
    page.goto(address + "/log")
    before = page.locator("tbody tr").count()
    payload = fresh(sample(UPGRADED), 777)
    do(stage.store, arrival(payload, time.time(), vet(payload, shipped_tables(), policy=POLICY)))
    page.wait_for_function("n => document.querySelectorAll('tbody tr').length > n", arg=before, timeout=15_000)


def test_a_trial_answers_while_one_types(served: tuple[Stage, str, Any]) -> None:
    page = open_page(served)
    page.goto(served[1] + "/try")
    page.fill("textarea", "No calcification in the left calf.")
    page.wait_for_function(
        "() => document.querySelector('#result .verdict .chip').textContent === 'pass'", timeout=15_000
    )
    assert page.input_value("textarea") == "No calcification in the left calf."
    page.click("button.main")
    page.wait_for_load_state()
    assert "No calcification" in page.input_value("textarea")


def test_an_open_page_leaves_when_its_user_may_not_see_it_any_more(served: tuple[Stage, str, Any]) -> None:
    stage, address, _ = served
    users = Users(stage.desk.options.data_dir)
    users.put(User("gast", Role.VIEWER, users.all()["vera"].password))
    page = open_page(served, "gast")
    page.goto(address + "/log")
    users.remove("gast")
    page.wait_for_url(f"{address}/sign-in?why=idle", timeout=15_000)
    assert page.locator("table").count() == 0


def test_nothing_is_kept_by_the_browser(served: tuple[Stage, str, Any]) -> None:
    page = open_page(served)
    page.goto(served[1] + "/message/1")
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    # htmx notes the address of the page, which names no patient
    assert page.evaluate("Object.values(sessionStorage)") == ["/message/1"]


def test_nothing_comes_from_elsewhere(served: tuple[Stage, str, Any]) -> None:
    page, asked = open_page(served), []
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES:
        page.goto(served[1] + path)
    assert asked
    assert all(url.startswith(served[1] + "/") for url in asked)


# ------------------------------------------------------------------------------- without JavaScript


@pytest.fixture
def plain(served: tuple[Stage, str, Any]) -> Any:
    return open_page(served, "otto", java_script_enabled=False)


def test_without_javascript_one_signs_in_filters_and_reads_on(served: tuple[Stage, str, Any], plain: Any) -> None:
    plain.goto(served[1] + "/log")
    plain.click("summary")
    plain.select_option("select[name=action]", "review")
    plain.click("text=Filter >> nth=1")
    assert "action=review" in plain.url
    assert plain.locator("tbody tr").count() >= 2
    plain.click("text=reload")
    assert "action=review" in plain.url


def test_without_javascript_one_reveals_and_hides(served: tuple[Stage, str, Any], plain: Any) -> None:
    plain.goto(served[1] + "/message/2")
    plain.fill("input[name=purpose]", "Finding a fault")
    plain.click("text=Reveal for")
    assert "Patient data are shown" in plain.content()
    plain.click("text=Hide patient data")
    plain.goto(served[1] + "/message/2")
    assert "Patient data are hidden" in plain.content()


def test_without_javascript_one_decides(served: tuple[Stage, str, Any], plain: Any) -> None:
    plain.goto(served[1] + "/review")
    plain.click("article >> nth=1 >> summary")
    plain.fill("article >> nth=1 >> input[name=reason]", "seen the film")
    plain.click("article >> nth=1 >> text=Keep as ordered")
    assert "recorded (keep)" in plain.inner_text(".said")
    plain.goto(served[1] + "/waiting")
    plain.click("#parked summary")
    plain.fill("#parked input[name=reason]", "agreed by phone")
    plain.click("#parked >> text=Release as it came")
    assert "parked -> queued" in plain.inner_text(".said")


def test_without_javascript_a_sentence_is_tried_and_the_mode_set(served: tuple[Stage, str, Any], plain: Any) -> None:
    plain.goto(served[1] + "/try")
    plain.fill("textarea", "calcification in the left calf on x-ray, in a cast")
    plain.click("text=Try it")
    assert "X16" in plain.inner_text("#result")
    plain.goto(served[1] + "/")
    plain.click("#change-mode summary")
    plain.check("input[value=annotate]")
    plain.fill("#change-mode input[name=reason]", "trying the switch")
    plain.click("text=Set the mode")
    assert "mode is annotate" in plain.inner_text(".said")
    assert "trying the switch" in plain.inner_text("#live")


def test_without_javascript_one_signs_out(served: tuple[Stage, str, Any], plain: Any) -> None:
    plain.click("text=Sign out")
    assert "You are signed out" in plain.content()
    plain.goto(served[1] + "/log")
    assert plain.url.endswith("/sign-in")

"""P19: a hundred pieces of markup in every displayed field, in a real browser, with our policy switched off.

Without the policy only the escaping stands between a message and the page, so this is the harder half; the other
half asks whether the policy is there and finds nothing to forbid.
"""

import csv
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import pytest

from hl7calf.calf.raising import raise_orders
from hl7calf.service.journal.jobs import Event, MarkAttempt, Outcome, Park, Raise
from hl7calf.service.journal.store import Store
from hl7calf.service.mappings import shipped_mappings
from tests.conftest import require_service
from tests.console.browsing import CHROMIUM, browser, console_process, sign_in
from tests.console.payloads import PAYLOADS
from tests.console.stage import POLICY, arrival, close_stage, do, open_stage, shipped_tables, vet

require_service("Chromium", CHROMIUM)
require_service("playwright (Python package)", find_spec("playwright"))

ATTRIBUTES = {"hx-get", "hx-trigger", "hx-swap", "hx-post", "hx-target", "hx-vals"}
LISTENING = """
window.ran = [];
window.xss = n => { window.ran.push(n); };
for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => window.ran.push(name);
document.addEventListener('securitypolicyviolation', e => window.ran.push('policy: ' + e.violatedDirective));
"""
LOOKING = """() => {
  const odd = [...window.ran];
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      if (name.startsWith('on') || (name.includes('hx-') && !ATTRIBUTES.includes(name)) || /^\\s*(javascript|data):/i.test(value)
          && ['href', 'src', 'action', 'formaction', 'data', 'xlink:href'].includes(name)
          || name === 'style' || name === 'srcdoc') odd.push(element.tagName + '[' + name + ']');
    }
  }
  const scripts = document.querySelectorAll('script');
  if (scripts.length > 1) odd.push('scripts: ' + scripts.length);
  for (const name of ['iframe', 'object', 'embed', 'base', 'style', 'template', 'math', 'video', 'audio', 'portal'])
    if (document.querySelector(name)) odd.push(name);
  return odd;
}""".replace("ATTRIBUTES", str(sorted(ATTRIBUTES)))
SUBMITTING = """text => {
  const form = document.getElementById('trial');
  for (const name of ['name', 'code', 'system', 'order_control', 'reason']) form.elements[name].value = text;
  HTMLFormElement.prototype.submit.call(form);
}"""
TRESPASSING = """() => new Promise(done => {
  document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="xss(1)"><a id=x href="javascript:xss(2)">x</a>');
  document.getElementById('x').click();
  const own = document.createElement('script'); own.textContent = 'xss(3)'; document.body.append(own);
  const far = document.createElement('script'); far.src = 'https://example.org/x.js'; document.body.append(far);
  setTimeout(() => done(window.ran), 300);
})"""
_ESCAPED = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})


def marked_up(number: int, escaped: bool) -> bytes:
    """An order that is upgraded, with one payload in every field that any page shows."""
    bare = PAYLOADS[number].replace("\r", "").replace("\n", "")
    header = bare.replace("|", "")
    text = bare.translate(_ESCAPED) if escaped else bare
    return "\r".join([
        f"MSH|^~\\&|{header}|{header}|{header}|{header}|20260101||ORM^O01^ORM_O01|{number}{'E' if escaped else 'R'}{header}|P|2.5.1|||||||UNICODE UTF-8",
        f"PID|1||{text}||{text}||19600101|F",
        f"ORC|NW|{number}{text}^CPOE|{text}",
        f"OBR|1|{number}{text}^CPOE|{text}|USVENLTDL^US VENOUS LIMITED LEFT {text if escaped else ''}^L|||||||||{text}"
        + "|" * 18 + f"^Left calf calcification on x-ray, pain 3 days. {text}",
        f"NTE|1|L|{text} left calf swelling",
        f"DG1|1||M79.662^{text}^I10C",
        f"OBX|1|TX|{text}^{text}||{text}",
        "",
    ]).encode()  # fmt: skip


PLACED: dict[int, int] = {}  # message number -> payload number
RAISED: dict[int, int] = {}  # the same of those that a reviewer had released upgraded
HELD: list[int] = []


def fill(store: Store, now: float) -> None:
    tables = shipped_tables()
    for number, payload in enumerate(PAYLOADS):
        datas = [marked_up(number, True), marked_up(number, False)]
        datas += [f"MSX{payload}".encode()] if number % 10 == 0 else []
        for data in datas:
            [recorded] = do(store, arrival(data, now - 200 + number, vet(data, tables, policy=POLICY)))
            PLACED[recorded.message_id] = number
            if not data.startswith(b"MSX"):
                ack = f"MSH|^~\\&|{payload}\rMSA|AA|{payload}|{payload}".encode()
                attempt = MarkAttempt(
                    recorded.message_id, Outcome.REFUSED, payload, now, now, ack_code=payload, ack=ack
                )
                do(store, attempt)
        if number % 10 == 0:
            do(store, Park(recorded.message_id - 1, payload, now, user=payload))
        raise_one(store, number, now)
        details = {"message": str(number), "about": "review", payload: payload}
        do(store, Event("review", now, details, payload, payload, payload))


def raise_one(store: Store, number: int, now: float) -> None:
    """Let a held order be raised by somebody whose name and reason are markup; every tenth one stays held."""
    data = marked_up(number, True).replace(b"pain 3 days.", b"pain 3 days, leg in a cast.").replace(b"|P|", b"H|P|", 1)
    data = data.replace(b"^CPOE", b"^HELD")
    found = vet(data, shipped_tables(), policy=POLICY)
    [recorded] = do(store, arrival(data, now - 90 + number / 10, found, hold=True))
    raised, why = raise_orders(data, shipped_tables(), policy=POLICY)
    assert why == "", why
    if number % 10 == 0:
        HELD.append(recorded.message_id)
    else:
        do(store, Raise(recorded.message_id, raised, PAYLOADS[number], PAYLOADS[number], now))
        RAISED[recorded.message_id] = number


def shown_in(text: str) -> set[int]:
    """Return the numbers of the payloads that a page shows as text."""
    numbers = set(map(int, re.findall(r"(?:xss\(|/xss/)(\d+)", text)))
    return numbers | ({99} if "eHNzKDEp" in text else set())


@dataclass(slots=True)
class Watch:
    """A page that notes everything that ran or was fetched and should not have been."""

    page: Any
    address: str
    visited: int = 0
    token: str = ""
    odd: list[tuple[str, object]] = field(default_factory=list)

    def look(self, path: str) -> str:
        self.page.goto(self.address + path)
        return self.check(path)

    def post(self, path: str, **form: str) -> None:
        """Send a form of ours without drawing what comes back."""
        if not self.token:
            self.token = self.page.get_attribute("input[name=token]", "value")
        sent = {"form": {"token": self.token, **form}, "headers": {"Origin": self.address}, "max_redirects": 0}
        answer = self.page.context.request.post(self.address + path, **sent)
        assert answer.status == 303, (path, answer.status)

    def check(self, path: str) -> str:
        self.visited += 1
        self.odd += [(path, one) for one in self.page.evaluate(LOOKING)]
        return str(self.page.evaluate("document.documentElement.textContent"))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    folder = tmp_path_factory.mktemp("attacked")
    shutil.copytree(shipped_mappings(), folder / "mappings")
    with (folder / "mappings" / "zz_marked_up.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["phrase", *PAYLOADS[:3]], *([payload, payload] for payload in PAYLOADS)])
    stage = open_stage(folder, fill, now=time.time())
    with console_process(folder, mappings=folder / "mappings") as address, browser() as chromium:
        yield address, chromium
    close_stage(stage)


def watch(attacked: tuple[str, Any], bypass_csp: bool) -> Watch:
    address, chromium = attacked
    page = chromium.new_context(bypass_csp=bypass_csp).new_page()
    page.add_init_script(LISTENING)
    watching = Watch(page, address)
    page.on("dialog", lambda dialog: (watching.odd.append(("dialog", dialog.message)), dialog.dismiss()))
    page.on("request", lambda request: "/xss/" in request.url and watching.odd.append(("request", request.url)))
    page.on("pageerror", lambda error: watching.odd.append(("error", str(error))))
    sign_in(page, address)
    return watching


def test_the_watch_sees_what_runs(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    page, seen = watching.page, 0
    for payload in PAYLOADS:
        before = len(watching.odd)
        try:
            page.goto(watching.address + "/static/htmx-LICENSE.txt")
            page.set_content(f"<html><body>{payload}", wait_until="domcontentloaded", timeout=2000)
            page.wait_for_timeout(20)
            watching.check("unescaped")
        except Exception:  # the payload stopped or left the page: it ran
            watching.odd.append(("left", payload))
        seen += len(watching.odd) > before
    assert seen >= 60, f"only {seen} of 100 were seen to do anything"


def test_lists_run_nothing(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    for path in ("/", "/review", "/waiting", "/statistics", "/mappings", "/log"):
        watching.look(path)
    watching.post("/log/reveal")
    for path in ("/review", "/waiting", "/"):
        watching.look(path)
    texts, older = "", "/log"
    while older:
        texts += watching.look(older)
        found = watching.page.query_selector("a.button[href^='/log?']")
        older = found.get_attribute("href") if found else ""
    assert shown_in(texts) == set(range(100))
    assert shown_in(watching.look("/mappings/zz_marked_up.csv")) == set(range(100))
    assert watching.odd == []


def test_revealed_messages_run_nothing(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    for message, number in PLACED.items():
        watching.post(f"/message/{message}/reveal", purpose=PAYLOADS[number])
        text = watching.look(f"/message/{message}")
        assert "Patient data are shown" in text
        assert number in shown_in(text), f"payload {number} was not even shown"
        if message % 5 == 0:
            watching.page.goto(f"{watching.address}/message/{message}/raw")
            assert watching.page.evaluate("[document.contentType, ...(window.ran || [])]") == ["text/plain"]
    assert watching.odd == []


def test_what_reviewers_decided_and_may_decide_runs_nothing(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    for message, number in RAISED.items():
        text = watching.look(f"/message/{message}")
        assert "Upgraded by" in text and number in shown_in(text)
    for message in HELD:
        watching.post(f"/message/{message}/reveal", purpose="x")
        assert "Release upgraded" in watching.look(f"/message/{message}")
    watching.look("/review")
    assert watching.odd == []


def test_log_entries_run_nothing(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    head = int(watching.look("/").partition("log entry ")[2].split()[0].replace("\u202f", ""))
    for number in range(1, head, 6):
        watching.look(f"/entry/{number}")
    assert watching.visited > 100
    assert watching.odd == []


def test_what_is_typed_runs_nothing(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    page = watching.page
    page.goto(watching.address + "/try")
    for number, payload in enumerate(PAYLOADS):
        with page.expect_navigation():
            page.evaluate(SUBMITTING, payload)
        assert number in shown_in(watching.check("/try")), payload
    for payload in PAYLOADS[::10]:
        watching.post("/log/search", control_id=payload, placer=payload)
        watching.look("/log")
    assert watching.odd == []


def test_what_stands_in_an_address_runs_nothing(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=True)
    for payload in PAYLOADS:
        asked = quote(payload, safe="")
        watching.look(f"/log?route={asked}&gate={asked}&action={asked}&kind={asked}&since={asked}&before={asked}")
    for payload in PAYLOADS[::4]:
        watching.look(f"/mappings/gates.csv?q={quote(payload, safe='')}")
        watching.look(f"/statistics?sender={quote(payload.replace('|', ''), safe='')}")
    assert watching.odd == []


def test_with_the_policy_on_there_is_nothing_for_it_to_forbid(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=False)
    pages = (
        "/",
        "/log",
        "/review",
        "/waiting",
        "/statistics",
        "/mappings/zz_marked_up.csv",
        "/try",
        "/entry/2",
        "/message/1",
    )
    for path in pages:
        watching.look(path)
    assert watching.odd == []


def test_the_policy_forbids_what_the_escaping_would_let_through(attacked: tuple[str, Any]) -> None:
    watching = watch(attacked, bypass_csp=False)
    watching.page.goto(watching.address + "/")
    ran = watching.page.evaluate(TRESPASSING)
    assert [one for one in ran if not str(one).startswith("policy")] == []
    assert len(ran) >= 3

"""A store as a night shift finds it: two months of invented orders, vetted by the shipped rule. Used by the tests of
the console and by `make screenshots`. No person in it exists."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from hl7calf.calf.rule import Options as RuleOptions
from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.verdict import Mode, Policy, Verdict
from hl7calf.calf.vetting import vet
from hl7calf.cli.console_journal import StoredJournal
from hl7calf.console.app import build_desk
from hl7calf.console.desk import Desk
from hl7calf.console.options import Options, PolicyShown, Role, RouteShown
from hl7calf.console.sessions import Session
from hl7calf.console.users import User, hash_password
from hl7calf.console.visit import Visit
from hl7calf.errors import WireError
from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.jobs import (
    HELD_FOR_REVIEW,
    Envelope,
    Job,
    MarkAttempt,
    MarkDelivered,
    Outcome,
    Park,
    Receipt,
    RecordArrival,
    SetMode,
)
from hl7calf.service.journal.store import Store
from hl7calf.service.mappings import read_mappings, shipped_mappings, shipped_samples
from hl7calf.wire.header import read_header

NOW = 1_772_600_400.0  # 2026-03-04T05:00:00Z
DAY_S = 86_400.0
POLICY = Policy("RAD-US-017", "1")
PASSWORD = "correct horse battery"
USERS = {"vera": Role.VIEWER, "rahel": Role.REVIEWER, "otto": Role.OPERATOR}
ROUTE = "orders"
UPGRADED = "upgraded/epic-2.5.1-right-calf-xray.hl7"
ACK = b"MSH|^~\\&|RIS|RAD|CPOE|HOSP|20260304||ACK^O01|R1|P|2.5.1\rMSA|AA|A1\r"


@lru_cache(maxsize=1)
def shipped_tables() -> Tables:
    return load_tables(read_mappings(shipped_mappings()))


def envelope_of(payload: bytes) -> Envelope:
    try:
        h = read_header(payload)
    except WireError:
        return Envelope()
    kind = f"{h.message_code}^{h.trigger}"
    return Envelope(h.sending_application, h.sending_facility, h.receiving_application, h.receiving_facility,
                    kind, h.control_id, h.version)  # fmt: skip


def arrival(
    payload: bytes, at: float, verdict: Verdict, route: str = ROUTE, host: str = "10.20.0.11", hold: bool = False
) -> RecordArrival:
    receipt = Receipt(route, host, 51_544, at, payload, envelope_of(payload))
    refused = verdict.fault is not None and verdict.action.value == "refuse"
    return RecordArrival(
        receipt, verdict, verdict.fault, route, not refused, park=HELD_FOR_REVIEW if hold else "", answer=ACK
    )


def do(store: Store, *jobs: Job) -> list[Any]:
    answers = store.run(jobs)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def sample(place: str) -> bytes:
    return (shipped_samples() / place).read_bytes()


def fresh(payload: bytes, number: int) -> bytes:
    """The same message under another control ID and placer order number, so that it is no resend."""
    lines = payload.replace(b"\r\n", b"\r").replace(b"\n", b"\r").split(b"\r")
    separator = lines[0][3:4]
    fields = lines[0].split(separator)
    if len(fields) > 9:
        fields[9] = b"MSG%08d" % (40_000_000 + number)
        lines[0] = separator.join(fields)
    return b"\r".join(lines)


def hold_back(store: Store, place: str, at: float = NOW - 60.0) -> int:
    """Let a sample come in on a route that holds reviews back, and return its number."""
    payload = fresh(sample(place), 9_000_000)
    [recorded] = do(store, arrival(payload, at, vet(payload, shipped_tables(), policy=POLICY), hold=True))
    return int(recorded.message_id)


@dataclass(slots=True)
class Stage:
    """A filled store and a console over it."""

    folder: Path
    store: Store
    desk: Desk
    now: list[float] = field(default_factory=lambda: [NOW])
    tick: list[float] = field(default_factory=lambda: [1000.0])

    def visit(self, path: str = "/", role: Role = Role.OPERATOR, **more: Any) -> Visit:
        """A request of a signed-in person; give `session` to go on with one."""
        name = next(name for name, one in USERS.items() if one is role)
        session = more.pop("session", None) or Session(name, "token", self.tick[0], self.tick[0])
        return Visit(path, session, role, self.now[0], self.tick[0], **more)


def open_stage(
    folder: Path, fill: Callable[[Store, float], None] | None = None, now: float = NOW, **options: Any
) -> Stage:
    """Open a store in the folder, fill it, and set up a console with three users over it."""
    data_dir = folder / "var"
    store = Store.open(data_dir, "node-1", at=now - 60 * DAY_S)
    if fill is not None:
        fill(store, now)
    given = {
        "data_dir": data_dir, "mappings": shipped_mappings(), "origins": ("http://127.0.0.1:9576",),
        "routes": (RouteShown(ROUTE, "tcp:2575", "tcp:10.20.0.40:2576"),), "mode": "upgrade", "policy": POLICY,
        "policy_shown": PolicyShown("RAD-US-017", "1", "Chief of Radiology", date(2027, 1, 15)),
        "vet_options": RuleOptions(), "today": lambda: date(2026, 3, 4), **options,
    }  # fmt: skip
    desk = build_desk(Options(**given), lambda: StoredJournal(data_dir), data_dir / DATABASE, read_mappings)
    stage = Stage(folder, store, desk)
    desk.wall, desk.monotonic = lambda: stage.now[0], lambda: stage.tick[0]
    kept = hash_password(PASSWORD)
    for name, role in USERS.items():
        desk.users.put(User(name, role, kept))
    return stage


def close_stage(stage: Stage) -> None:
    if stage.desk._archive is not None:
        stage.desk._archive.close()
    if stage.desk._journal is not None:
        stage.desk._journal._reader.close()  # type: ignore[attr-defined]
    stage.store.close()


# ------------------------------------------------------------------------------------ what fills a store


def one_of_each(store: Store, now: float = NOW) -> None:
    """An upgrade delivered, an annotation, a review, a pass, one parked, one quarantined, a change of mode."""
    tables = shipped_tables()
    places = (
        UPGRADED,
        "annotated/x6-complete-duplex-left.hl7",
        "review/x16-cast.hl7",
        "unchanged/known-dvt-follow-up.hl7",
        "review/x21-no-side.hl7",
    )
    payloads = [*(sample(place) for place in places), b"MSX|nothing of HL7"]
    do(store, SetMode(Mode.UPGRADE, "otto", "go live", now - 3 * DAY_S))
    for number, payload in enumerate(payloads):
        at = now - 3600 * (6 - number)
        [recorded] = do(store, arrival(payload, at, vet(payload, tables, policy=POLICY)))
        if number in (0, 1, 3):
            do(store, MarkDelivered(recorded.message_id, ACK, at + 0.4))
        if number == 4:
            do(store, Park(recorded.message_id, "held for review", at + 0.1))


def night_shift(store: Store, now: float = NOW, seed: int = 7, per_day: int = 44, days: int = 58) -> None:
    """Two months of orders with a daily rhythm, a few open matters at the end."""
    tables, dice = shipped_tables(), random.Random(seed)
    kinds = {name: [p.read_bytes() for p in sorted((shipped_samples() / name).glob("*.hl7")) if "expected" not in p.name]
             for name in ("upgraded", "annotated", "review", "unchanged")}  # fmt: skip
    vetted: dict[bytes, Verdict] = {}
    number = 0
    do(store, SetMode(Mode.UPGRADE, "otto", "go live agreed with radiology", now - days * DAY_S))
    for day in range(days, -1, -1):
        jobs: list[Job] = []
        weekday = datetime.fromtimestamp(now - day * DAY_S, UTC).weekday()
        for at in sorted(_hours(dice, per_day if weekday < 5 else per_day // 3, now - day * DAY_S)):
            if at > now - 120:
                continue
            weights = (3, 2, 1, 30) if day != 9 else (30, 4, 1, 20)
            kind = dice.choices(("upgraded", "annotated", "review", "unchanged"), weights)[0]
            number += 1
            payload = fresh(dice.choice(kinds[kind]), number)
            verdict = vetted.setdefault(payload, vet(payload, tables, policy=POLICY))
            jobs.append(arrival(payload, at, verdict))
        recorded = do(store, *jobs)
        late = jobs[-4:] if day == 0 else []
        do(store, *(MarkDelivered(one.message_id, ACK, job.receipt.received_at + dice.uniform(0.05, 0.9))
                    for one, job in zip(recorded, jobs, strict=True) if job not in late))  # fmt: skip
    _open_matters(store, tables, number, now)


def _hours(dice: random.Random, count: int, day_end: float) -> Sequence[float]:
    """Times within the 24 hours before, most of them by day."""
    found = []
    while len(found) < count:
        hour = dice.gauss(13.5, 3.8)
        if 0 <= hour < 24:
            found.append(day_end - DAY_S + (hour * 3600 - day_end % DAY_S) % DAY_S)
    return found


def _open_matters(store: Store, tables: Tables, number: int, now: float) -> None:
    """The last hour: an upgrade, one refused by the destination, one unreadable, one in the queue."""
    upgrade = fresh(sample(UPGRADED), number + 1)
    [done] = do(store, arrival(upgrade, now - 1500, vet(upgrade, tables, policy=POLICY)))
    do(store, MarkDelivered(done.message_id, ACK, now - 1499.3))
    review = fresh(sample("review/x16-cast.hl7"), number + 2)
    do(store, arrival(review, now - 1200, vet(review, tables, policy=POLICY)))
    refused = fresh(sample("annotated/x6-complete-duplex-left.hl7"), number + 3)
    [parked] = do(store, arrival(refused, now - 900, vet(refused, tables, policy=POLICY)))
    why = "the destination answered AR: 204 unknown key identifier"
    do(store, MarkAttempt(parked.message_id, Outcome.REFUSED, why, now - 899, now - 899, ack_code="AR", ack=ACK))
    do(store, Park(parked.message_id, why, now - 899, Outcome.REFUSED, "AR", ACK))
    broken = b"MSX|nothing of HL7"
    do(store, arrival(broken, now - 600, vet(broken, tables, policy=POLICY)))

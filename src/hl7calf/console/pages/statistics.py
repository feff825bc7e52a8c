"""What the rule did over time: targets, upgrades, notes and reviews per day and per sender, and whether that is usual.

Law: counts by day and sender (MSH-4); no message, no order, no patient.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from hl7calf.console import drawing
from hl7calf.console.desk import Desk
from hl7calf.console.drift import BASE_DAYS, Judged, judge
from hl7calf.console.figures import Day
from hl7calf.console.text import kept_text
from hl7calf.console.visit import Answer, Visit

DAYS = 30
HEIGHT = 40.0
KINDS = ("upgrade", "annotate", "review")


@dataclass(frozen=True, slots=True)
class DayRow:
    """One day in the table under the pictures."""

    date: str
    figures: Day
    judged: Judged


@dataclass(frozen=True, slots=True)
class SenderRow:
    """One sender over the days shown."""

    name: str
    shown: str
    total: Day
    spark: list[drawing.Bar]


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw the page, for all senders or one."""
    desk.daily.catch_up(desk.archive, visit.now)
    sender = visit.query.get("sender", "")
    sender = sender if sender in desk.daily.senders() else ""
    whole = desk.daily.series(visit.now, DAYS + BASE_DAYS, sender)
    judged = judge([(day.looked_at, day.changed) for _, day in whole])[-DAYS:]
    series = whole[-DAYS:]
    rows = [DayRow(_date(number), day, verdict) for (number, day), verdict in zip(series, judged, strict=True)]
    return desk.page(
        visit, "statistics.html", nav="statistics", days=DAYS, height=HEIGHT, rows=rows, total=_total(series),
        sender=sender, sender_shown=kept_text(sender), senders=_senders(desk, visit), finished=desk.daily.finished,
        orders=_orders_picture(series), rate=_rate_picture(judged), unusual=[row for row in rows if row.judged.unusual],
    )  # fmt: skip


def _orders_picture(series: list[tuple[int, Day]]) -> dict[str, object]:
    """Return the stacked bars of orders acted upon and the line of targets."""
    tallest = max((max(sum(day.actions[kind] for kind in KINDS), day.targets) for _, day in series), default=0)
    most = drawing.round_top(max(tallest, 4))
    return {
        "bars": drawing.stacks([day.actions for _, day in series], KINDS, HEIGHT, int(most) or 1),
        "targets": drawing.line([float(day.targets) for _, day in series], HEIGHT, most),
        "most": int(most),
    }


def _rate_picture(judged: list[Judged]) -> dict[str, object]:
    """Return the line of the change rate, its usual band, and the days outside."""
    rates = [day.rate for day in judged]
    highest = max([value for day in judged for value in (day.rate, day.high) if value is not None], default=0.0)
    most = min(1.0, drawing.round_top(max(highest, 0.01)))
    return {
        "line": drawing.line(rates, HEIGHT, most),
        "band": drawing.band([day.low for day in judged], [day.high for day in judged], HEIGHT, most),
        "dots": drawing.dots(rates, [day.unusual for day in judged], HEIGHT, most),
        "most": most,
        "has_base": any(day.high is not None for day in judged),
    }


def _senders(desk: Desk, visit: Visit) -> list[SenderRow]:
    rows = []
    for name in desk.daily.senders():
        series = desk.daily.series(visit.now, DAYS, name)
        total = _total(series)
        if total.looked_at:
            spark = drawing.bars([day.looked_at for _, day in series], 16.0)
            rows.append(SenderRow(name, kept_text(name), total, spark))
    return sorted(rows, key=lambda row: (-row.total.targets, -row.total.looked_at))


def _total(series: list[tuple[int, Day]]) -> Day:
    total = Day()
    for _, day in series:
        total.include(day)
    return total


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%d")

"""What came of a replay: answers counted, faults named, told to people, scripts and build servers."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hl7calf.cli.conversation import Answer
from hl7calf.cli.expectation import Expected, compare_ack, compare_received, control_id
from hl7calf.cli.junit import Case, write_junit
from hl7calf.cli.sources import Source
from hl7calf.cli.terminal import clean, say, terminal

SHOWN = 20  # faults told one by one; the rest is a number


@dataclass(slots=True)
class Outcome:
    """What came of each payload sent, by its index; `unexpected` counts arrivals that nobody expected."""

    sources: Sequence[Source]
    expected: Sequence[Expected] | None = None
    answers: dict[int, Answer] = field(default_factory=dict)
    faults: dict[int, list[str]] = field(default_factory=dict)
    unexpected: int = 0

    def judge(self, received: Sequence[bytes] | None) -> None:
        """Say for each payload what is wrong, if anything is."""
        for index in range(len(self.sources)):
            answer = self.answers.get(index)
            if answer is None:
                self._fault(index, "it was not sent")
            elif self.expected is None:
                self._fault(index, None if answer.positive else answer.why or told_errors(answer))
            else:
                self._fault(index, compare_ack(self.expected[index], answer.payload, answer.positive))
        if received is not None and self.expected is not None:
            faults, self.unexpected = compare_received(self.sources, self.expected, received)
            for index, why in enumerate(faults):
                self._fault(index, why)

    @property
    def fine(self) -> bool:
        """Tell whether everything came out as it should."""
        return not self.faults and not self.unexpected

    def _fault(self, index: int, why: str | None) -> None:
        if why is not None:
            self.faults.setdefault(index, []).append(why)

    def tell(self, seconds: float, err: bool) -> None:
        """Write the faults and the counts for a person."""
        term = terminal()
        for index in sorted(self.faults)[:SHOWN]:
            say(term.paint("wrong ", fg="red") + clean(self.sources[index].name), err=err)
            for why in self.faults[index]:
                say("\n".join("  " + clean(line) for line in why.split("\n")), err=err)
        if len(self.faults) > SHOWN:
            say(f"... and {len(self.faults) - SHOWN} more", err=err)
        counts = Counter(answer.code for answer in self.answers.values())
        each = ", ".join(f"{'no answer' if code == '-' else code} {count}" for code, count in sorted(counts.items()))
        rate = f", {len(self.answers) / seconds:.0f}/s" if seconds > 0 and len(self.answers) > 1 else ""
        say(term.fold(f"{len(self.answers)} sent{rate}: {each or 'nothing'}."), err=err)
        if self.expected is not None:
            good = len(self.sources) - len(self.faults)
            extra = f", {self.unexpected} arrived that nobody expected" if self.unexpected else ""
            say(
                term.paint(f"{good} of {len(self.sources)} as expected{extra}.", fg="green" if self.fine else "red"),
                err=err,
            )

    def write_junit(self, path: Path) -> None:
        """Write one test case for each payload; without its segments, because build servers keep reports."""
        write_junit(
            path,
            "hl7calf replay",
            [
                Case(
                    str(source.path.parent if source.path else "-"),
                    source.name,
                    "\n".join(why.split("\n")[0] for why in self.faults[index]) if index in self.faults else None,
                    seconds=self.answers[index].after_s if index in self.answers else 0.0,
                )
                for index, source in enumerate(self.sources)
            ],
        )


def answer_to_json(source: Source, answer: Answer) -> str:
    """Return one line for scripts."""
    return json.dumps(
        {
            "source": source.name,
            "control_id": control_id(source.payload).decode("utf-8", "replace")
            if answer.ack or source.payload[:3] == b"MSH"
            else None,
            "ack": answer.ack.code if answer.ack else None,
            "why": answer.why or None,
            "errors": list(answer.ack.errors) if answer.ack else [],
            "ms": round(answer.after_s * 1000, 3),
        }
    )


def told_errors(answer: Answer) -> str:
    """Return what a negative acknowledgment said."""
    errors = "; ".join(answer.ack.errors) if answer.ack else ""
    return f"{answer.code}" + (f": {errors}" if errors else "")

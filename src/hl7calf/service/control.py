"""What people ask of the running service through the store: mode, pause, queue requests, reload.

Law: looked for five times a second, so that the kill switch holds within one (P23); every request is carried out
once, in the journal, and only then acted upon here. Nothing here can stop the service: a failed look is tried again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from hl7calf.calf.verdict import Mode, Verdict
from hl7calf.errors import JournalError
from hl7calf.service.events import emit, error_name
from hl7calf.service.journal.jobs import CarriedOut, CarryOut
from hl7calf.service.journal.views import Control, Request

_QUEUE_KINDS = ("retry", "release", "raise", "skip", "park")


class Reads(Protocol):
    """What is read of the journal here."""

    def changed(self) -> bool:
        """Tell whether anything was committed since the last call."""

    def control(self) -> Control:
        """Return mode and pause."""

    def requests(self) -> list[Request]:
        """Return what waits to be carried out."""


def _nothing() -> None:
    """Nothing is to be done afterwards."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the service did before the journal carries a request out: whether it may, and what came of it.

    `settle` is called once the journal has answered, whatever it said.
    """

    ok: bool = True
    message: str = ""
    verdict: Verdict | None = None
    settle: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Actions:
    """What the service does when something was decided.

    `reload` says whether it was done and what came of it; `vet_again` vets what a reviewer wants raised.
    """

    mode: Callable[[Mode], None]
    pause: Callable[[bool], None]
    queue_changed: Callable[[], None]
    reload: Callable[[], Deferred[tuple[bool, str]]]
    vet_again: Callable[[Request], Deferred[Prepared]]


class ControlDesk:
    """Looks for decisions and carries them out.

    Args:
        submit: the journal's writer.
        poll_s: how often it looks.
    """

    def __init__(
        self,
        reader: Reads,
        submit: Callable[[Any], Any],
        actions: Actions,
        clock: Any,
        wall: Callable[[], float],
        poll_s: float = 0.2,
    ) -> None:
        self._reader = reader
        self._submit = submit
        self._actions = actions
        self._wall = wall
        self._poll_s = poll_s
        self._under_way: set[int] = set()
        self._decided: Mode | None = None
        self._looking = LoopingCall(self.look)
        self._looking.clock = clock

    def start(self) -> None:
        """Look now and from now on."""
        self._looking.start(self._poll_s)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def look(self) -> None:
        """Look once."""
        try:
            if self._reader.changed():
                self._obey(self._reader.control())
                for request in self._reader.requests():
                    self._carry_out(request)
        except JournalError as wrong:
            emit("S_UNEXPECTED", "error", error=type(wrong).__name__)

    def _obey(self, control: Control) -> None:
        if control.mode is not None and control.mode is not self._decided:
            self._decided = control.mode
            self._actions.mode(control.mode)
        self._actions.pause(control.paused)

    def _carry_out(self, request: Request) -> None:
        if request.request_id in self._under_way:
            return
        self._under_way.add(request.request_id)
        number = request.request_id
        first: Deferred[Prepared] = maybeDeferred(self._prepare, request)
        first.addCallback(self._submit_carrying, number)
        first.addCallbacks(self._done, self._failed, callbackArgs=(number,), errbackArgs=(number,))

    def _prepare(self, request: Request) -> "Deferred[Prepared]":
        if request.kind == "raise":
            return self._actions.vet_again(request)
        if request.kind == "reload":
            return self._actions.reload().addCallback(lambda said: Prepared(*said))
        return succeed(Prepared())

    def _submit_carrying(self, ready: Prepared, number: int) -> "Deferred[CarriedOut]":
        job = CarryOut(number, self._wall(), ready.ok, ready.message, ready.verdict)
        answer: Deferred[CarriedOut] = self._submit(job)

        def settle(done: object) -> object:
            ready.settle()
            return done

        return answer.addBoth(settle)

    def _done(self, done: CarriedOut, request_id: int) -> None:
        self._under_way.discard(request_id)
        emit("S_REQUEST", "info", request=request_id, kind=done.kind, ok=done.ok)
        if done.kind in _QUEUE_KINDS:
            self._actions.queue_changed()
        self._obey_now()

    def _obey_now(self) -> None:
        try:
            self._obey(self._reader.control())
        except JournalError as wrong:
            emit("S_UNEXPECTED", "error", error=type(wrong).__name__)

    def _failed(self, failure: Failure, request_id: int) -> None:
        self._under_way.discard(request_id)
        emit("S_UNEXPECTED", "error", error=error_name(failure))

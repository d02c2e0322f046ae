"""The prompt as a page of the agent itself, in a window the asking page opens. For virtual cards only.

A browser window is no place for the PIN of a real card: extensions see it. The town's virtual cards have
nothing to lose, and a person can try the whole way without a terminal.

One request is open at a time. The page looks for it by long polling (`wait_for_change`), sends the answer
(`answer`) or a refusal (`cancel`), and looks again for what became of it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from cardreader import clock
from cardreader.errors import (
    BadRequestError,
    CardError,
    PromptTimeoutError,
    PromptUnavailableError,
    UserCancelledError,
)
from cardreader.process import wipe
from cardreader.prompt import Consent, ConsentRequest, Purpose

ANSWER_TIMEOUT = 180.0
APPEAR_TIMEOUT = 20.0
GONE_AFTER = 4.0
RECENT = 8.0
POLL_SECONDS = 8.0
_LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Outcome:
    """How the last request ended."""

    purpose: Purpose
    failure: CardError | None
    cancelled: bool
    ended: float


@dataclass(frozen=True)
class PromptView:
    """What the page is told: a version that counts changes, the open request, or how the last one ended."""

    version: int
    identifier: str = ""
    request: ConsentRequest | None = None
    working: bool = False
    outcome: Outcome | None = None


class PagePrompt:
    """Waits for the page to answer."""

    interactive = True

    def __init__(self, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._monotonic = monotonic
        self._condition = threading.Condition()
        self._view = PromptView(version=0)
        self._consent: Consent | None = None
        self._cancelled = False
        self._watchers = 0
        self._last_seen = 0.0

    # --- the agent's side -------------------------------------------------------------------------------

    def ask(self, request: ConsentRequest) -> Consent:
        """Show the request on the page and wait for the answer."""
        if not all(candidate.is_virtual for candidate in request.candidates):
            raise PromptUnavailableError(
                "The prompt page serves virtual cards only; use the agent with a terminal for real cards.",
                "网页提示只能用于虚拟卡；真实卡请使用终端方式的卡代理。",
            )
        with self._condition:
            self._consent, self._cancelled = None, False
            self._change(identifier=secrets.token_urlsafe(16), request=request, working=False, outcome=None)
            started = self._monotonic()
            while (consent := self._take_consent()) is None:
                self._check_patience(started)
                self._condition.wait(_LOOK_EVERY)
            return consent

    def conclude(self, purpose: Purpose, failure: CardError | None) -> None:
        """Tell the page how it ended."""
        with self._condition:
            self._drop_consent()
            outcome = Outcome(purpose, failure, isinstance(failure, UserCancelledError), self._monotonic())
            self._change(identifier="", request=None, working=False, outcome=outcome)

    def _take_consent(self) -> Consent | None:
        """The answer, when there is one; it is handed out once."""
        consent, self._consent = self._consent, None
        return consent

    def _check_patience(self, started: float) -> None:
        """Cancelled, the window gone, never there, or no answer for too long."""
        waited = self._monotonic() - started
        if self._cancelled:
            raise UserCancelledError
        seen = self._watchers > 0 or self._last_seen >= started
        if seen and not self._watchers and self._monotonic() - self._last_seen > GONE_AFTER:
            raise UserCancelledError
        if (not seen and waited > APPEAR_TIMEOUT) or waited > ANSWER_TIMEOUT:
            raise PromptTimeoutError

    # --- the page's side --------------------------------------------------------------------------------

    def wait_for_change(self, version: int, seconds: float = POLL_SECONDS) -> PromptView:
        """The view, at once when it is newer than `version`, else when it changes or time is up."""
        with self._condition:
            self._watchers += 1
            try:
                self._condition.wait_for(lambda: self._view.version != version, seconds)
            finally:
                self._watchers -= 1
                self._last_seen = self._monotonic()
            return self._view

    def is_recent(self, outcome: Outcome) -> bool:
        """Whether it ended so lately that a window opened for it may still want to know."""
        return self._monotonic() - outcome.ended < RECENT

    def answer(self, identifier: str, choice: int, pin: bytearray) -> None:
        """The person's yes: the card's number in the list, and the PIN."""
        with self._condition:
            request = self._open_request(identifier)
            if not 0 <= choice < len(request.candidates):
                wipe(pin)
                raise BadRequestError("there is no such card in the list")
            self._drop_consent()
            self._consent = Consent(choice, pin)
            self._change(working=True)

    def cancel(self, identifier: str) -> None:
        """The person's no."""
        with self._condition:
            self._open_request(identifier)
            self._cancelled = True
            self._condition.notify_all()

    def _open_request(self, identifier: str) -> ConsentRequest:
        """The open request, which the page must name."""
        request = self._view.request
        if (
            request is None
            or self._view.working
            or not secrets.compare_digest(identifier, self._view.identifier)
        ):
            raise BadRequestError("this question is no longer open")
        return request

    def _drop_consent(self) -> None:
        """Wipe an answer nobody fetched."""
        if self._consent is not None:
            wipe(self._consent.pin)
            self._consent = None

    def _change(self, **changes: object) -> None:
        """A new view, and wake everybody who waits for one."""
        self._view = replace(self._view, version=self._view.version + 1, **changes)  # type: ignore[arg-type]
        self._condition.notify_all()

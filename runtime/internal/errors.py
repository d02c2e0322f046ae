"""What goes wrong between two services."""

from __future__ import annotations

from runtime.errors import RuntimeServiceError


class InternalError(RuntimeServiceError):
    """A call to another service did not come back with an answer."""


class UnreachableError(InternalError):
    """The other service does not answer: down, starting, or the network is broken. Try again later."""


class IdentityError(InternalError):
    """A certificate does not prove the service it should; no request was sent, or none was answered."""


class AnswerError(InternalError):
    """The other service answered, but not in the way that was agreed."""


class RemoteProblemError(InternalError):
    """The other service refused, in problem+json; `code` is the problem's own."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message, code=code)
        self.status = status

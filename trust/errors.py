"""The base of every error that trust/ raises."""

from __future__ import annotations


class TrustError(Exception):
    """Something that must not be trusted: why, in words and as a code, and by which clause.

    `code` is the standard's own code where it has one, otherwise kebab-case; `clause` names the
    standard and the clause that was broken ("RFC 5280 4.1.2.2"), or is empty.
    """

    def __init__(self, message: str, *, code: str, clause: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.clause = clause

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by rebuilding, since the keyword arguments are not in `args`."""
        return (_rebuild, (type(self), self.message, self.code, self.clause))


def _rebuild(kind: type[TrustError], message: str, code: str, clause: str) -> TrustError:
    """Make an error again from its pickled parts."""
    return kind(message, code=code, clause=clause)


class EncodingError(TrustError):
    """A value that its standard does not allow in what was to be written."""

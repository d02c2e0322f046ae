"""Request parameters as they came (RFC 6749 3.1): empty ones are absent, repeated ones remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from idp.errors import UntrustedRequestError

_MAXIMUM_FIELDS = 64
MAXIMUM_CHARACTERS = 16 * 1024


@dataclass(frozen=True)
class Parameters:
    """Single-valued parameters, and the names of those that came more than once."""

    values: Mapping[str, str]
    repeated: frozenset[str]

    @classmethod
    def parse(cls, encoded: str) -> Parameters:
        """Read application/x-www-form-urlencoded text."""
        if len(encoded) > MAXIMUM_CHARACTERS:
            raise UntrustedRequestError("The request is too long.", code="invalid_request")
        try:
            pairs = parse_qsl(
                encoded, keep_blank_values=True, max_num_fields=_MAXIMUM_FIELDS, errors="strict"
            )
        except ValueError:
            raise UntrustedRequestError("The request cannot be understood.", code="invalid_request") from None
        names = [name for name, _ in pairs]
        repeated = frozenset(name for name in names if names.count(name) > 1)
        return cls({name: value for name, value in pairs if value}, repeated)

    def get(self, name: str) -> str | None:
        """Return a parameter, or None when it is absent, empty or repeated."""
        return None if name in self.repeated else self.values.get(name)

    def words(self, name: str) -> tuple[str, ...]:
        """Return the space-separated values of a parameter."""
        return tuple((self.get(name) or "").split(" ")) if self.get(name) else ()

"""What one validation may cost, in work and not in time, so that the same input has the same verdict."""

from __future__ import annotations

from trust.errors import TrustError


class BudgetError(TrustError):
    """More work than a validation may cost."""


class Budget:
    """What one validation may still cost.

    Signature verifications, steps of the search for paths, paths that are judged, and comparisons of names
    and policies (tens of nanoseconds to a few microseconds each).
    """

    def __init__(
        self, signatures: int = 512, steps: int = 4000, paths: int = 128, comparisons: int = 100_000
    ) -> None:
        self._left = {
            "signatures": signatures, "steps": steps, "paths": paths, "comparisons": comparisons,
        }  # fmt: skip

    def spend(self, kind: str, amount: int = 1) -> None:
        """Take from the account called `kind`; BudgetError when it does not hold that much."""
        left = self._left[kind] - amount
        if left < 0:
            raise BudgetError(f"the search took too many {kind}", code="budget-exceeded", clause="RFC 4158 3")
        self._left[kind] = left

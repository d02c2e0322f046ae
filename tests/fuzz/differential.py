"""Compare the engine with a referee over many cases, and tell what nobody has explained."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from tests.fuzz.disagreements import OPENSSL, REFEREES, explain
from tests.fuzz.mutation import Case, generate, told
from tests.fuzz.referees import ours


@dataclass
class Tally:
    """What a campaign has found."""

    compared: int = 0
    good: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


def compare(seed: int, referee: str, tally: Tally) -> None:
    """Judge one case twice, and note the outcome."""
    case = _expressible(generate(seed), referee)
    we, they = ours(case), REFEREES[referee](case)
    tally.compared += 1
    tally.good += we.good
    if we.good == they.good:
        return
    entries = explain(case, referee, we, they)
    tally.explained.update(entry.title for entry in entries)
    if not entries:
        tally.unexplained.append(f"seed {seed} before {referee}: we say {we}, they say {they}\n{told(case)}")


def _expressible(case: Case, referee: str) -> Case:
    """OpenSSL is not asked for an explicit policy: the accepted policies cannot be told to it from Python."""
    return replace(case, explicit_policy=False) if referee == OPENSSL else case

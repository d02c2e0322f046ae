"""A fixed slice of the differential fuzzing: every disagreement with a referee is one that is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.differential import Tally, compare
from tests.fuzz.disagreements import CERTVALIDATOR, OPENSSL, TABLE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "path-validation.md"
SLICES = [(OPENSSL, start, 700) for start in range(0, 2800, 700)] + [
    (CERTVALIDATOR, start, 100) for start in range(0, 400, 100)
]


@pytest.mark.parametrize(("referee", "start", "count"), SLICES)
def test_a_slice(referee, start, count):
    tally = Tally()
    for seed in range(start, start + count):
        compare(seed, referee, tally)
    assert not tally.unexplained, "\n\n".join(tally.unexplained)
    assert tally.compared == count
    # Both verdicts are well represented, and so is agreement on them.
    assert 0.3 < tally.good / count < 0.7
    assert sum(tally.explained.values()) < count / 2


def test_the_page_tells_every_kind():
    """docs/path-validation.md and the table say the same, row by row."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines]
    told = [row for row in rows if len(row) == 5 and row[1].startswith((OPENSSL, CERTVALIDATOR))]
    assert told == [
        (entry.title, " and ".join(entry.referees), entry.we, entry.right, entry.clause) for entry in TABLE
    ]

"""`make fuzz ARGS="--seconds 600 --seed 1000000"`: a campaign against both referees, until the time is up."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.differential import Tally, compare
from tests.fuzz.disagreements import CERTVALIDATOR, OPENSSL

# certvalidator takes ten times as long: one case for it among so many for OpenSSL.
SHARE = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long (60)")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first case (1000000)")
    arguments = parser.parse_args()
    tallies = {OPENSSL: Tally(), CERTVALIDATOR: Tally()}
    seed, until = arguments.seed, time.monotonic() + arguments.seconds
    while time.monotonic() < until:
        compare(seed, OPENSSL, tallies[OPENSSL])
        if seed % SHARE == 0:
            compare(seed, CERTVALIDATOR, tallies[CERTVALIDATOR])
        seed += 1
    for referee, tally in tallies.items():
        show(referee, tally)
    tell(f"next: --seed {seed}")
    return 1 if any(tally.unexplained for tally in tallies.values()) else 0


def tell(line: str) -> None:
    """One line of the outcome."""
    sys.stdout.write(line + "\n")


def show(referee: str, tally: Tally) -> None:
    """What the campaign has found before one referee."""
    tell(f"{referee}: {tally.compared} cases, {tally.good} good, {len(tally.unexplained)} unexplained")
    for title, count in tally.explained.most_common():
        tell(f"  {count:6}  {title}")
    for case in tally.unexplained:
        tell(f"\n{case}")


if __name__ == "__main__":
    sys.exit(main())

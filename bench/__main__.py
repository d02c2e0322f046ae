"""`python -m bench [NAME…]`: run the measurements and print one line each."""

from __future__ import annotations

import importlib
import sys

from bench.harness import machine, report

BENCHES = ("certificate", "crl", "fetch", "keys", "ocsp", "path", "revocation", "sm2", "timestamp")


def main(names: list[str]) -> int:
    """Run the named measurements, or all of them."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    print(machine())
    for name in names or BENCHES:
        report(importlib.import_module(f"bench.{name}").comparisons())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

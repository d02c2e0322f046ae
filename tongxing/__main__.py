"""Run the command line as `python -m tongxing`."""

from __future__ import annotations

from tongxing.cli import main

if __name__ == "__main__":
    main()

"""How much processor time hostile input may cost in a test."""

from __future__ import annotations

# A second is the bound; a machine whose processors are shared takes up to three for the same work.
BUSY_SECOND = 3.0

"""RFC 3161 3.4: the media types of timestamps over HTTP."""

from __future__ import annotations

from typing import Final

QUERY_TYPE: Final = "application/timestamp-query"
REPLY_TYPE: Final = "application/timestamp-reply"

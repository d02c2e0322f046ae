"""Structured logs: one JSON object a line on standard error, each with the request's id.

Nothing personal and nothing secret is logged: callers pass identifiers, never contents.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")

_EXTRA = "fields"


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time, level, service, logger, message, request id, fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request_id"] = request_id.get()
        line.update(getattr(record, _EXTRA, {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(service: str, level: str) -> None:
    """Send the process's logs to standard error in JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Each process that looks at its schema would begin its log with a list of Alembic's plug-ins.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def event(logger: logging.Logger, message: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event with named fields."""
    logger.log(level, message, extra={_EXTRA: fields})

"""Times, sizes and digests as people read them: China Standard Time, KB and MB, groups of eight."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import flask
from markupsafe import Markup

from runtime.web.locale import gettext

# China Standard Time has had no summer time since 1991 and needs no zone data.
CHINA_STANDARD_TIME = timezone(timedelta(hours=8), "CST")
_UNITS = ("KB", "MB", "GB")
_STEP = 1024
_GROUP = 8


def install(app: flask.Flask) -> None:
    """Make the wording available to templates: `moment()`, `moment_short()`, `size()`, `grouped()`."""
    app.jinja_env.globals.update(moment=moment, moment_short=moment_short, size=size, grouped=grouped)


def moment(value: datetime | str) -> Markup:
    """A time element that names its zone; `value` is aware, or RFC 3339 text."""
    local = _local(value)
    return _element(local, f"{local:%Y-%m-%d %H:%M:%S}{gettext(' (China Standard Time)')}")


def moment_short(value: datetime | str) -> Markup:
    """A time element to the minute, for columns and lists whose heading names the zone."""
    local = _local(value)
    return _element(local, f"{local:%Y-%m-%d %H:%M}")


def size(count: int) -> str:
    """A number of bytes; above a kilobyte rounded, with the exact number behind it."""
    exact = gettext("%(count)s bytes", count=f"{count:,}")
    if count < _STEP:
        return exact
    power = 1
    while count >= _STEP ** (power + 1) and power < len(_UNITS):
        power += 1
    rounded = f"{count / _STEP**power:.1f} {_UNITS[power - 1]}"
    return gettext("%(rounded)s (%(exact)s)", rounded=rounded, exact=exact)


def grouped(digest: str) -> str:
    """A digest in groups of eight, to be compared by eye."""
    return " ".join(digest[start : start + _GROUP] for start in range(0, len(digest), _GROUP))


def _local(value: datetime | str) -> datetime:
    """The time on the city's clocks."""
    aware = datetime.fromisoformat(value) if isinstance(value, str) else value
    return aware.astimezone(CHINA_STANDARD_TIME)


def _element(local: datetime, text: str) -> Markup:
    """The element that tells programs the same time."""
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="seconds"), text)

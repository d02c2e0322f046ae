"""Hot paths ahead of Flask: a raw WSGI callable a first path segment.

A Flask route costs some forty microseconds, a raw callable one; certificate status, discovery and
token endpoints are asked millions of times a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Environ = dict[str, Any]
WsgiCallable = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def hot_paths(app: WsgiCallable, callables: Mapping[str, WsgiCallable]) -> WsgiCallable:
    """Answer the given paths (`/ocsp`: that path and all below it) by their callables, all else by `app`.

    A callable sees the whole PATH_INFO. A path given with two segments (`/oidc/token`) matches exactly
    or below as well; the longer of two matching prefixes wins.
    """
    prefixes = {path.rstrip("/"): callable_ for path, callable_ in callables.items()}
    longest = max((path.count("/") for path in prefixes), default=0)

    def dispatch(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        segments = environ.get("PATH_INFO", "").split("/", longest + 1)
        for length in range(min(longest + 1, len(segments)), 1, -1):
            found = prefixes.get("/".join(segments[:length]))
            if found is not None:
                return found(environ, start_response)
        return app(environ, start_response)

    return dispatch

"""Response headers that protect people: the one Content-Security-Policy and its companions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flask

from runtime.settings import ServiceSettings

# Nothing comes from elsewhere, nothing is inline, nobody frames us. Chromium applies form-action to
# redirects after a POST as well, so a service that redirects to other sites adds them there.
_DIRECTIVES: Mapping[str, tuple[str, ...]] = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'",),
    "font-src": ("'self'",),
    "connect-src": ("'self'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
    "base-uri": ("'none'",),
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The card agent's window is opened by our pages; anything else that opens us gets no handle on us.
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_HSTS = "max-age=31536000; includeSubDomains"


def allow_source(directive: str, source: str) -> None:
    """Add one source to a directive of the present response's policy."""
    flask.g.setdefault("csp_additions", []).append((directive, source))


def install(app: flask.Flask, settings: ServiceSettings, additions: Mapping[str, Sequence[str]]) -> None:
    """Set the headers on every response of the application."""
    base = {name: list(sources) for name, sources in _DIRECTIVES.items()}
    for directive, sources in additions.items():
        base.setdefault(directive, []).extend(sources)
    secure = settings.public_url.startswith("https:")

    @app.after_request
    def _protect(response: flask.Response) -> flask.Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _policy_text(base, flask.g.get("csp_additions", ())))
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        if flask.request.endpoint not in {"static", "shared_static"}:
            headers.setdefault("Cache-Control", "no-store")
        if secure:
            headers.setdefault("Strict-Transport-Security", _HSTS)
        return response


def _policy_text(base: Mapping[str, Sequence[str]], additions: Sequence[tuple[str, str]]) -> str:
    """Return the policy as header text, with the present response's additions."""
    directives = {name: list(sources) for name, sources in base.items()}
    for directive, source in additions:
        directives.setdefault(directive, []).append(source)
    return "; ".join(f"{name} {' '.join(dict.fromkeys(sources))}" for name, sources in directives.items())

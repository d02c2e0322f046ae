"""What every service's pages and APIs have in common.

`create_flask` makes the application: request ids, security headers and the one Content-Security-Policy,
CSRF, sessions with time-outs, size and rate limits, Chinese and English, errors as page or problem+json,
/healthz and /metrics. `hot_paths` puts raw WSGI callables ahead of it.

Reading order: `app` → `request` (id, proxies, limits) → `policy` (headers) → `session` → `csrf`
→ `rate_limit` → `locale` → `problem` → `hot_path`.
"""

from runtime.web.app import create_flask
from runtime.web.csrf import csrf_exempt
from runtime.web.hot_path import WsgiCallable, hot_paths
from runtime.web.locale import gettext, language
from runtime.web.policy import allow_source
from runtime.web.problem import abort_with, problem
from runtime.web.rate_limit import rate_limit
from runtime.web.request import at, body_limit, quiet

__all__ = [
    "WsgiCallable",
    "abort_with",
    "allow_source",
    "at",
    "body_limit",
    "create_flask",
    "csrf_exempt",
    "gettext",
    "hot_paths",
    "language",
    "problem",
    "quiet",
    "rate_limit",
]

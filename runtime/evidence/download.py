"""One resource over HTTP: asked for conditionally, left alone after failures, counted (RFC 9110, 9111)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from runtime import metrics
from runtime.errors import FetchError, RuntimeServiceError
from runtime.evidence.backoff import Backoff
from runtime.fetch import Fetched, Fetcher, FetchLimits

# What says something of the host, not of one address on it: the next address there would fail alike.
_HOST_FAILURES = frozenset(("fetch-unreachable", "fetch-timeout", "fetch-unresolved", "fetch-tls"))
_OVERLOADED = frozenset((HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE))
# What is sent back to the server must be what a server may write (RFC 9110 8.8.2, 8.8.3).
_ETAG = re.compile(r'(W/)?"[!#-~]{0,256}"')
_HTTP_DATE = re.compile(r"[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [0-9]{4} [0-9:]{8} GMT")
_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_AGE = re.compile(r"max-age\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE)
_UNCACHED = re.compile(r"(^|[\s,])(no-store|no-cache)($|[\s,=])", re.IGNORECASE)
# Somebody is waiting: so many of the addresses a certificate names are tried, there may be LDAP ones too.
_MAXIMUM_ADDRESSES = 8
_SCHEMES = ("http://", "https://")


class EvidenceError(RuntimeServiceError):
    """A server answered, but not with evidence that can be used."""


class StatusError(EvidenceError):
    """A server answered with an HTTP status that brings no evidence."""

    def __init__(self, resource: str, status: int) -> None:
        super().__init__(f"{resource}: answered with status {status}", code="evidence-status")


class RestingError(EvidenceError):
    """The address or its host failed a moment ago and is not asked yet."""

    def __init__(self, resource: str, until: datetime) -> None:
        super().__init__(
            f"{resource}: it failed before and is not asked until {until:%H:%M:%S}", code="evidence-resting"
        )
        self.until = until


@dataclass(frozen=True)
class Validators:
    """What a server calls the version it sent (RFC 9110 8.8)."""

    etag: str = ""
    last_modified: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Validators:
        """Read the validators of an answer; what no server may write is passed over."""
        etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        return cls(etag if _ETAG.fullmatch(etag) else "", modified if _HTTP_DATE.fullmatch(modified) else "")

    @property
    def conditions(self) -> dict[str, str]:
        """The header fields that ask for a newer version only (RFC 9110 13.1)."""
        fields = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in fields.items() if value}


NO_VALIDATORS = Validators()


@dataclass(frozen=True)
class Download:
    """What came: the body, or None when the version at hand is still the current one (304)."""

    body: bytes | None
    validators: Validators
    lifetime: timedelta | None
    """How long the server lets it be kept; None when it does not say."""


class Downloader:
    """Fetches resources for one kind of evidence."""

    def __init__(self, fetcher: Fetcher, backoff: Backoff, kind: str, limits: FetchLimits) -> None:
        self._fetcher = fetcher
        self._backoff = backoff
        self._kind = kind
        self._limits = limits

    def get(
        self, url: str, at: datetime, validators: Validators = NO_VALIDATORS, *, resource: str = ""
    ) -> Download:
        """Fetch a URL; `resource` names what rests after failures where that is not the URL.

        Raises FetchError when there is no answer, EvidenceError when it is none to use or the server rests.
        """
        fetched = self._attempt(
            resource or url,
            at,
            lambda: self._fetcher.get(url, validators.conditions, limits=self._limits),
        )
        not_modified = fetched.status == HTTPStatus.NOT_MODIFIED
        if fetched.status != HTTPStatus.OK and not (not_modified and validators.conditions):
            raise self._status_error(resource or url, fetched, at)
        metrics.observe_fetch(self._kind, "not-modified" if not_modified else "fetched")
        # RFC 9110 15.4.5: a 304 may bring newer validators; where it brings none the old ones stay.
        received = Validators.of(fetched.headers)
        kept = validators if not_modified and received == NO_VALIDATORS else received
        return Download(None if not_modified else fetched.body, kept, _lifetime(fetched.headers))

    def post(self, url: str, at: datetime, body: bytes, content_type: str) -> bytes:
        """Send a body to a URL and return the answer's; errors as in `get`."""
        fetched = self._attempt(
            url,
            at,
            lambda: self._fetcher.post(url, body, content_type, limits=self._limits),
        )
        if fetched.status != HTTPStatus.OK:
            raise self._status_error(url, fetched, at)
        metrics.observe_fetch(self._kind, "fetched")
        return fetched.body

    def refuse(self, resource: Hashable, error: Exception, at: datetime) -> datetime:
        """Note why nothing to use came from there; return until when it rests."""
        if isinstance(error, RestingError):
            return error.until
        if not isinstance(error, FetchError | StatusError):  # those were counted when they came
            metrics.observe_fetch(self._kind, "refused")
        return self._backoff.failed(resource, at)

    def accept(self, resource: Hashable) -> None:
        """Note that what came from there can be used: only then are its failures forgotten."""
        self._backoff.succeeded(resource)

    def _attempt(self, resource: str, at: datetime, fetch: Callable[[], Fetched]) -> Fetched:
        """Fetch unless address or host rest; note what fails."""
        host = _host_of(resource)
        resting = self._backoff.admit((host, resource), at)
        if resting is not None:
            metrics.observe_fetch(self._kind, "resting")
            raise RestingError(resource, resting)
        started = time.monotonic()
        try:
            fetched = fetch()
        except FetchError as error:
            self._backoff.failed(host if error.code in _HOST_FAILURES else resource, at)
            metrics.observe_fetch(self._kind, "failed")
            raise
        finally:
            metrics.observe_fetch_seconds(self._kind, time.monotonic() - started)
        self._backoff.succeeded(host)
        return fetched

    def _status_error(self, resource: str, fetched: Fetched, at: datetime) -> StatusError:
        """Note an answer whose status says that it is none."""
        retry_after = fetched.headers.get("retry-after", "")
        asked = timedelta(0)
        if fetched.status in _OVERLOADED and _SECONDS.fullmatch(retry_after):
            asked = timedelta(seconds=int(retry_after))
        self._backoff.failed(resource, at, asked)
        metrics.observe_fetch(self._kind, "failed")
        return StatusError(resource, fetched.status)


def _host_of(url: str) -> str:
    """Return scheme, host and port; the address itself when it has none that can be read."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _lifetime(headers: Mapping[str, str]) -> timedelta | None:
    """How long the answer may be kept: Cache-Control's max-age, less its Age (RFC 9111 4.2)."""
    control = headers.get("cache-control", "")
    if _UNCACHED.search(control):
        return timedelta(0)
    maximum_age = _MAX_AGE.search(control)
    if maximum_age is None:
        return None
    age = headers.get("age", "")
    passed = int(age) if _SECONDS.fullmatch(age) else 0
    return timedelta(seconds=max(0, int(maximum_age.group(1)) - passed))


def fetchable(urls: Iterable[str]) -> list[str]:
    """Return the addresses that can be fetched at all, each once and not too many."""
    found = dict.fromkeys(url for url in urls if url.lower().startswith(_SCHEMES))
    return list(found)[:_MAXIMUM_ADDRESSES]

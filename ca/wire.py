"""JSON from another service, read strictly: every member of its type, or the request is refused."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import flask

from ca.errors import CaError

CHANGES_PATH = "/internal/status/changes"
CRLS_PATH = "/internal/crls"
_MAXIMUM_TEXT = 500


class MessageError(CaError):
    """A request whose JSON is not what this interface expects."""


def body() -> Mapping[str, Any]:
    """The JSON object of the present request."""
    document = flask.request.get_json(silent=True)
    if not isinstance(document, dict):
        raise MessageError("the request is not a JSON object", code="request-malformed")
    return document


def text(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A member that is a text of bounded length."""
    value = document.get(name, default)
    if not isinstance(value, str) or len(value) > _MAXIMUM_TEXT:
        raise MessageError(f"{name} must be a text", code="request-malformed")
    return value


def octets(document: Mapping[str, Any], name: str) -> bytes:
    """A member that is base64."""
    value = document.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "!", validate=True)
    except (binascii.Error, ValueError):
        raise MessageError(f"{name} must be base64", code="request-malformed") from None


def objects(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """A member that is a list of objects."""
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise MessageError(f"{name} must be a list of objects", code="request-malformed")
    return value


def encoded(data: bytes) -> str:
    """Octets as base64 text."""
    return base64.b64encode(data).decode("ascii")

"""Times, sizes and digests as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import flask
import pytest

from runtime.web import wording


@pytest.fixture
def chinese():
    """A request for a Chinese page, with a catalogue of its own."""
    app = flask.Flask(__name__)
    app.config["CATALOGUES"] = {
        "zh": {" (China Standard Time)": "（北京时间）", "%(count)s bytes": "%(count)s 字节"}
    }
    with app.test_request_context():
        flask.g.language = "zh"
        yield


def test_times_are_the_citys_and_say_so(chinese):
    shown = wording.moment(datetime(2026, 11, 22, 22, 59, 54, tzinfo=UTC))
    assert shown == '<time datetime="2026-11-23T06:59:54+08:00">2026-11-23 06:59:54（北京时间）</time>'
    assert "2026-11-23 06:59<" in wording.moment_short("2026-11-22T22:59:54Z")


@pytest.mark.parametrize(
    ("count", "shown"),
    [(720, "720 字节"), (30_666, "29.9 KB (30,666 字节)"), (52_428_800, "50.0 MB (52,428,800 字节)")],
)
def test_sizes_are_rounded_and_exact(chinese, count, shown):
    assert wording.size(count) == shown


def test_a_digest_is_grouped():
    assert wording.grouped("0123456789abcdef") == "01234567 89abcdef"

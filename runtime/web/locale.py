"""Chinese and English pages: gettext catalogues read directly, chosen by link or by header.

English texts are the message ids; a service's Chinese is in `translations/zh/LC_MESSAGES/messages.po`
(read at start, no compiled files to forget). `?lang=en` on any page switches and is remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import flask
from babel.messages.pofile import read_po

from runtime.settings import ServiceSettings

LANGUAGES = ("zh", "en")
_NAMES = {"zh": "中文", "en": "English"}
_HTML_CODES = {"zh": "zh-Hans", "en": "en"}
_CHOSEN = "language"
_PARAMETER = "lang"


def language() -> str:
    """Return the language of the present request: zh or en."""
    if not flask.has_request_context():
        return "en"
    chosen: str = flask.g.get(_CHOSEN) or _negotiate()
    return chosen


def gettext(message: str, **values: object) -> str:
    """Translate a message id into the request's language and fill its named places."""
    catalogue: Mapping[str, str] = flask.current_app.config["CATALOGUES"].get(language(), {})
    text = catalogue.get(message, message)
    return text % values if values else text


def install(app: flask.Flask, settings: ServiceSettings, folders: Sequence[Path]) -> None:
    """Load the catalogues and make translation available to views and templates."""
    app.config["CATALOGUES"] = {"zh": _load(folders)}
    app.config["DEFAULT_LANGUAGE"] = settings.language if settings.language in LANGUAGES else LANGUAGES[0]
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, lambda one, many, count: gettext(one if count == 1 else many), newstyle=True
    )
    app.jinja_env.globals.update(gettext=gettext, language=language, other_language_link=_other_language_link)
    app.jinja_env.globals.update(html_language=lambda: _HTML_CODES[language()])

    @app.before_request
    def _choose() -> None:
        asked = flask.request.args.get(_PARAMETER)
        if asked in LANGUAGES and asked != flask.session.get(_CHOSEN):
            flask.session[_CHOSEN] = asked
        flask.g.language = _negotiate()

    @app.after_request
    def _tell(response: flask.Response) -> flask.Response:
        if response.mimetype == "text/html":
            response.headers.setdefault("Content-Language", language())
            response.vary.add("Accept-Language")
        return response


def _negotiate() -> str:
    """Choose by link (remembered), then by Accept-Language, then by settings."""
    chosen = flask.session.get(_CHOSEN) if flask.session else None
    if chosen in LANGUAGES:
        return str(chosen)
    for wanted, _quality in flask.request.accept_languages:
        primary = wanted.split("-")[0].lower()
        if primary in LANGUAGES:
            return primary
    return str(flask.current_app.config["DEFAULT_LANGUAGE"])


def _other_language_link() -> tuple[str, str, str]:
    """Return the other language's code and name, and the present page's address in it."""
    other = LANGUAGES[1 - LANGUAGES.index(language())]
    if flask.request.method != "GET" or flask.request.endpoint is None:
        return _HTML_CODES[other], _NAMES[other], f"/?{_PARAMETER}={other}"
    arguments = flask.request.args.to_dict(flat=False) | {_PARAMETER: [other]}
    target = flask.url_for(flask.request.endpoint, **{**(flask.request.view_args or {}), **arguments})
    return _HTML_CODES[other], _NAMES[other], target


def _load(folders: Sequence[Path]) -> dict[str, str]:
    """Read the Chinese catalogues; a later folder's text wins."""
    texts: dict[str, str] = {}
    for folder in folders:
        path = folder / "translations" / "zh" / "LC_MESSAGES" / "messages.po"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            catalogue = read_po(file, locale="zh")
        texts.update({str(entry.id): str(entry.string) for entry in catalogue if entry.id and entry.string})
    return texts

"""The agent's HTTP side: 127.0.0.1 only, typed JSON, one allow-list of origins, and the prompt page.

    GET  /status                               POST /login /certificate /document /approval   (pages)
    GET  /healthz                              GET  /prompt   GET /prompt/pending             (its own window)
    OPTIONS …  (preflight)                     POST /prompt/answer   POST /prompt/cancel

A POST must carry `Content-Type: application/json`, so a browser asks with a preflight first. The prompt's own
requests are answered to the agent's own origin only, and the PIN comes as the bare body of one of them: it is
read into a bytearray from an unbuffered socket and is never a string here.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from cardreader.agent import page
from cardreader.agent.guard import Guard
from cardreader.agent.operation import Operations
from cardreader.agent.page_prompt import PagePrompt
from cardreader.agent.request import parse_approval, parse_document, parse_language, parse_login
from cardreader.connection import ReaderSource
from cardreader.errors import (
    BadRequestError,
    CardError,
    OriginRefusedError,
    PinWrongError,
    ServiceUnavailableError,
    TooManyRequestsError,
)
from cardreader.prompt import Prompt, ScriptedPrompt, TerminalPrompt
from cardreader.settings import AgentSettings, PromptKind
from trust.errors import TrustError

API_VERSION = 1
MAXIMUM_BODY = 65_536
MAXIMUM_PIN_BODY = 8
MAXIMUM_CONNECTIONS = 32
SOCKET_TIMEOUT = 15.0
_JSON = "application/json"
_BYTES = "application/octet-stream"
_STATUS_OF: dict[type[CardError], HTTPStatus] = {
    BadRequestError: HTTPStatus.BAD_REQUEST,
    OriginRefusedError: HTTPStatus.FORBIDDEN,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    ServiceUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_log = logging.getLogger(__name__)


class AgentServer(ThreadingHTTPServer):
    """The server: what its handlers share, and a bound on how many run at once."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, guard: Guard, operations: Operations, prompt: Prompt) -> None:
        self.guard = guard
        self.operations = operations
        self.prompt = prompt
        self._places = threading.BoundedSemaphore(MAXIMUM_CONNECTIONS)
        super().__init__(("127.0.0.1", port), AgentHandler)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def page_prompt(self) -> PagePrompt | None:
        """The prompt, where it is the page."""
        return self.prompt if isinstance(self.prompt, PagePrompt) else None

    @property
    def prompt_kind(self) -> str:
        """What /status calls the prompt."""
        if self.page_prompt is not None:
            return PromptKind.PAGE.value
        return (PromptKind.TERMINAL if self.prompt.interactive else PromptKind.SCRIPT).value

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a handler, or hang up when too many run."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Run a handler and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is no event; anything else is logged without its content."""
        del request, client_address
        _log.debug("a connection ended early", exc_info=True)


def make_agent(settings: AgentSettings, source: ReaderSource) -> AgentServer:
    """The agent as the settings say, bound but not yet serving."""
    prompt = make_prompt(settings.effective_prompt, settings.script)
    operations = Operations(source, prompt, policy_arc=settings.policy_arc)
    guard = Guard(settings.origins, settings.requests_per_minute)
    return AgentServer(settings.port, guard, operations, prompt)


def make_prompt(kind: PromptKind, script: Path | None) -> Prompt:
    """The prompt of a kind."""
    if kind is PromptKind.PAGE:
        return PagePrompt()
    if kind is PromptKind.SCRIPT and script is not None:
        return ScriptedPrompt(script)
    return TerminalPrompt()


class AgentHandler(BaseHTTPRequestHandler):
    """One connection."""

    server: AgentServer
    protocol_version = "HTTP/1.1"
    server_version = "TongxingAgent"
    sys_version = ""
    timeout = SOCKET_TIMEOUT
    rbufsize = 0  # unbuffered: nothing of a PIN stays in a read buffer

    # --- methods ----------------------------------------------------------------------------------------

    def do_OPTIONS(self) -> None:
        """Answer a preflight (Fetch 4.8), and the private network one with it."""
        self._guarded(self._preflight)

    def do_GET(self) -> None:
        """Serve the status and the prompt's files."""
        self._guarded(self._get)

    def do_POST(self) -> None:
        """Do what a page asks, or take what the person answers."""
        self._guarded(self._post)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Check the Host, act, and turn errors into answers."""
        self._origin = ""
        self._language = "zh"
        try:
            self.server.guard.check_host(self.headers.get("Host", ""), self.server.port)
            act()
        except CardError as error:
            self._send_error(error)
        except TrustError as error:
            self._send_error(BadRequestError(error.code))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception:  # noqa: BLE001 - the server's edge: whatever fails becomes an answer
            _log.exception("the agent failed")
            self._send_error(CardError("The card agent failed. See its log.", "卡代理出错，请查看日志。"))

    def _preflight(self) -> None:
        """Allow POST with JSON to the origins on the list."""
        self._origin = self.server.guard.check_origin(self.headers.get("Origin"))
        headers = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": "600",
        }
        for name in ("Private-Network", "Local-Network"):
            if self.headers.get(f"Access-Control-Request-{name}") == "true":
                headers[f"Access-Control-Allow-{name}"] = "true"
        self._send(HTTPStatus.NO_CONTENT, b"", "", headers)

    def _get(self) -> None:
        """The routes of GET."""
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        self._language = parse_language({"lang": query["lang"][0]} if "lang" in query else {})
        if address.path == "/status":
            if self.headers.get("Origin") is not None:
                self._origin = self.server.guard.check_origin(self.headers.get("Origin"))
            self._send_json({"status": "ok", "api": API_VERSION, "prompt": self.server.prompt_kind})
        elif address.path == "/healthz":
            self._send_json({"status": "ok"})
        elif self.server.page_prompt is None or address.path not in self._PAGES:
            self._send_json({"error": {"code": "not-found", "message": "Not found"}}, HTTPStatus.NOT_FOUND)
        else:
            self._PAGES[address.path](self, query)

    def _post(self) -> None:
        """The routes of POST."""
        path = urlsplit(self.path).path
        if path in self._ANSWERS and self.server.page_prompt is not None:
            self._check_own_page()
            self._ANSWERS[path](self, self.server.page_prompt)
            self._send(HTTPStatus.NO_CONTENT, b"", "")
            return
        self._origin = self.server.guard.check_origin(self.headers.get("Origin"))
        self.server.guard.check_rate(self._origin)
        body = self._read_json()
        self._language = parse_language(body)
        if path not in self._OPERATIONS:
            raise BadRequestError("there is no such operation")
        self._send_json(self._OPERATIONS[path](self, body))

    # --- what pages ask ---------------------------------------------------------------------------------

    def _login(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.server.operations.login(parse_login(body), self._origin, self._language)

    def _certificate(self, _body: dict[str, Any]) -> dict[str, Any]:
        return self.server.operations.certificate(self._origin, self._language)

    def _document(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.server.operations.document(parse_document(body), self._origin, self._language)

    def _approval(self, body: dict[str, Any]) -> dict[str, Any]:
        return self.server.operations.approval(parse_approval(body), self._origin, self._language)

    _OPERATIONS: ClassVar[dict[str, Callable[[AgentHandler, dict[str, Any]], dict[str, Any]]]] = {
        "/login": _login,
        "/certificate": _certificate,
        "/document": _document,
        "/approval": _approval,
    }

    # --- the prompt's window ----------------------------------------------------------------------------

    def _page(self, _query: dict[str, list[str]]) -> None:
        self._send(
            HTTPStatus.OK, page.render_page(self._language), "text/html; charset=utf-8", page.PAGE_HEADERS
        )

    def _script(self, _query: dict[str, list[str]]) -> None:
        self._send(HTTPStatus.OK, page.static_file("prompt.js"), "text/javascript; charset=utf-8")

    def _style(self, _query: dict[str, list[str]]) -> None:
        self._send(HTTPStatus.OK, page.static_file("prompt.css"), "text/css; charset=utf-8")

    def _pending(self, query: dict[str, list[str]]) -> None:
        """The open request, by long polling; for the agent's own page only."""
        self._check_own_page()
        prompt = self.server.page_prompt
        if prompt is not None:
            after = query.get("after", ["-1"])[0]
            version = int(after) if after.removeprefix("-").isdecimal() and len(after) < 18 else -1
            view = prompt.wait_for_change(version)
            recent = view.outcome is not None and prompt.is_recent(view.outcome)
            self._send_json(page.view_document(view, self._language, recent=recent))

    _PAGES: ClassVar[dict[str, Callable[[AgentHandler, dict[str, list[str]]], None]]] = {
        "/prompt": _page,
        "/prompt.js": _script,
        "/prompt.css": _style,
        "/prompt/pending": _pending,
    }

    def _answer(self, prompt: PagePrompt) -> None:
        """The card's number in a header, the PIN as the body."""
        number = self.headers.get("X-Prompt-Card", "")
        pin = self._read_bytes(_BYTES, MAXIMUM_PIN_BODY)
        if not number.isdecimal() or len(number) > 3:
            raise BadRequestError("the card's number is missing")
        prompt.answer(self.headers.get("X-Prompt-Request", ""), int(number), pin)

    def _cancel(self, prompt: PagePrompt) -> None:
        """The person closed the window or chose Cancel."""
        self._read_bytes(_BYTES, 0)
        prompt.cancel(self.headers.get("X-Prompt-Request", ""))

    _ANSWERS: ClassVar[dict[str, Callable[[AgentHandler, PagePrompt], None]]] = {
        "/prompt/answer": _answer,
        "/prompt/cancel": _cancel,
    }

    def _check_own_page(self) -> None:
        """Only the agent's own page may see what is open and answer it."""
        own = {f"http://{name}:{self.server.port}" for name in ("127.0.0.1", "localhost")}
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        if (origin is not None and origin not in own) or site != "same-origin":
            raise OriginRefusedError(origin or site)

    # --- bodies and answers -----------------------------------------------------------------------------

    def _read_json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            document = json.loads(self._read_bytes(_JSON, MAXIMUM_BODY))
        except (ValueError, RecursionError) as error:
            raise BadRequestError("the body is not JSON") from error
        if not isinstance(document, dict):
            raise BadRequestError("the body is not a JSON object")
        return document

    def _read_bytes(self, content_type: str, maximum: int) -> bytearray:
        """The body, of this type and bounded."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > maximum:
            self.close_connection = True
            raise BadRequestError(f"the body must have a length of at most {maximum} bytes")
        if self.headers.get_content_type() != content_type:
            self.close_connection = True
            raise BadRequestError(f"the body must be {content_type}")
        body = bytearray(int(length))
        window, filled = memoryview(body), 0
        while filled < len(body):
            count = self.rfile.readinto(window[filled:])
            if not count:
                raise ConnectionError("the body ended early")
            filled += count
        return body

    def _send_json(self, document: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with JSON."""
        content = json.dumps(document, ensure_ascii=False).encode("utf-8")
        self._send(status, content, f"{_JSON}; charset=utf-8")

    def _send_error(self, error: CardError) -> None:
        """Answer with an error: its code, and the message in the page's language."""
        document: dict[str, Any] = {"code": error.code, "message": error.text(self._language)}
        if isinstance(error, PinWrongError):
            document["attempts_remaining"] = error.attempts_remaining
        self.close_connection = True  # a refused request's body may be unread
        self._send_json({"error": document}, _STATUS_OF.get(type(error), HTTPStatus.CONFLICT))

    def _send(
        self, status: HTTPStatus, content: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        """Answer, with the headers every answer has."""
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        if self._origin:
            self.send_header("Access-Control-Allow-Origin", self._origin)
            self.send_header("Vary", "Origin")
        else:
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Requests are noted without their bodies."""
        _log.debug(format, *args)

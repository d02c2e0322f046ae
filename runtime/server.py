"""The public listener: a WSGI application on granian, one worker with a few threads.

granian binds the port in this process and forks the worker, which makes the application: an application's
connections and threads must not exist before the fork. The worker dies with this process, however that
ends, and this process ends when the worker does, so a supervisor watches one process only.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from runtime.errors import KeyFileError
from runtime.key_file import load_private_key
from runtime.process import die_with_parent
from runtime.secret_file import read_passphrase
from runtime.settings import ServiceSettings
from trust.sm2 import SM2PrivateKey

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_LOG = logging.getLogger(__name__)

# Long enough for requests at hand, short enough for a stop within three seconds.
_KILL_TIMEOUT_SECONDS: Final = 2
_HEADER_TIMEOUT_MS: Final = 15_000
_MAXIMUM_HEAD_BYTES: Final = 64 * 1024
_THREAD_STOP_SECONDS: Final = 1.5
_EXIT_FAILURE: Final = 1

# granian's own messages go where all others go; requests are logged by the application.
_LOGGING: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}


def serve(
    load: Callable[[], WSGIApplication], settings: ServiceSettings, *, workers: int = 1, threads: int = 4
) -> None:
    """Serve the application that `load` makes, at the address the settings name, until SIGTERM or SIGINT.

    `load` runs in the worker; what must run beside the application is started there by `run_beside`.
    """
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    multiprocessing.set_start_method("fork", force=True)
    parent = os.getpid()
    server = Granian(
        target="",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_MAXIMUM_HEAD_BYTES
        ),
        workers=workers,
        blocking_threads=threads,
        workers_kill_timeout=_KILL_TIMEOUT_SECONDS,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
        ssl_cert=settings.tls_certificate,
        ssl_key=_open_tls_key(settings),
        ssl_protocol_min=SSLProtocols.tls12,
    )
    server.serve(target_loader=lambda: _load_in_worker(load, parent), wrap_loader=False)


def run_beside(name: str, work: Callable[[threading.Event], None]) -> None:
    """Run `work` in a thread of this process; its event is set when the process is about to end."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)

    def finish() -> None:
        stop.set()
        thread.join(_THREAD_STOP_SECONDS)

    # A forked worker runs multiprocessing's finalizers at its end, any other process those of atexit.
    if multiprocessing.parent_process() is None:
        atexit.register(finish)
    else:
        util.Finalize(None, finish, exitpriority=1)
    thread.start()


def _load_in_worker(load: Callable[[], WSGIApplication], parent: int) -> WSGIApplication:
    """Make the application; an error that says what to do ends the process with that line alone."""
    die_with_parent(parent, signal.SIGKILL)
    try:
        return load()
    except Exception as error:  # noqa: BLE001 - whatever keeps the application from starting
        code = getattr(error, "code", None)
        if not isinstance(code, str):
            _LOG.exception("the service cannot start")
        else:
            sys.stderr.write(f"error ({code}): {error}\n")
        sys.stderr.flush()
        os._exit(_EXIT_FAILURE)


class _OpenFile(type(Path())):  # type: ignore[misc]
    """A path under /proc/self/fd, which must not be resolved: there is no other name for its file."""

    def resolve(self, strict: bool = False) -> _OpenFile:  # noqa: ARG002 - as in Path
        """Return the path itself."""
        return self


def _open_tls_key(settings: ServiceSettings) -> Path | None:
    """Decrypt the TLS key into memory that has the form of a file, and return its path.

    granian reads the key from a path and cannot decrypt PBES2; the plain key must not lie on a disk.
    """
    if settings.tls_key is None:
        return None
    key = load_private_key(settings.tls_key, read_passphrase(settings.key_passphrase_file))
    if isinstance(key, SM2PrivateKey):
        raise KeyFileError(
            f"{settings.tls_key}: TLS is not spoken with SM2 here; make the key p256", code="key-unsupported"
        )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.memfd_create("tls-key", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(plain)
    return _OpenFile(f"/proc/self/fd/{descriptor}")

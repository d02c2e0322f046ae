"""PKCS#11 modules of this process: initialised once, one session a token, one lock around everything.

python-pkcs11 initialises a module with C_Initialize(NULL), by which an application says that it will not call
from two threads at once (PKCS #11 2.40). So every call is made under the module's lock. Logging in is a state
of the whole application and not of a session (C_Login): one session serves every key on a token.

Handles die when the module is initialised anew, when the process forks, and when the token goes. `generation`
counts these lives: whoever keeps a handle keeps the generation it is of.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pkcs11
from pkcs11 import _pkcs11
from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange, PinLocked, PKCS11Error

from runtime.errors import KeyTokenError
from runtime.key_location import TokenKey
from runtime.pkcs11.pin import check_pin_flags, locked_pin, read_pin, wrong_pin

# What python-pkcs11 raises: its own errors, and ValueError for text or numbers of a module it cannot read.
LIBRARY_ERRORS = (PKCS11Error, ValueError)

Result = TypeVar("Result")

_TokenName = tuple[str | None, str | None]


class Module:
    """A PKCS#11 library with the sessions on its tokens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.generation = 0
        self._library = _load(path)
        self._sessions: dict[_TokenName, pkcs11.Session] = {}
        self._refused_pins: set[tuple[bytes, str]] = set()
        self._is_stale = False

    def use(self, key: TokenKey, work: Callable[[pkcs11.Session], Result]) -> Result:
        """Do the work in the session there is on the key's token, and when that fails, in a new one.

        The token may have been away since the last time. KeyTokenError when it still is.
        """
        with self._lock:
            if not self._is_stale and _token_name(key) in self._sessions:
                try:
                    return work(self._session(key))
                except (*LIBRARY_ERRORS, KeyTokenError):
                    self._is_stale = True
            try:
                return work(self._session(key))
            except KeyTokenError:
                self._is_stale = True
                raise
            except LIBRARY_ERRORS as error:
                self._is_stale = True
                raise _away(key, error) from error

    def change(self, key: TokenKey, work: Callable[[pkcs11.Session], Result]) -> Result:
        """Do the work, once, in a session that may change the token; every other session ends with it."""
        with self._lock:
            self._reinitialise()
            try:
                return work(self._log_in(self._present_token(key), key, writing=True))
            except LIBRARY_ERRORS as error:
                raise KeyTokenError(
                    f"{key}: the token refuses ({_name(error)}); it may be write-protected, full, or not "
                    "know this kind of key",
                    code="token-refused",
                ) from error
            finally:
                self._is_stale = True

    def begin_in_child(self) -> None:
        """After a fork: what the parent opened is not the child's, and its lock may never be released."""
        self._lock = threading.Lock()
        self._is_stale = True

    def _session(self, key: TokenKey) -> pkcs11.Session:
        """The one session on the key's token, opened and logged in when there is none."""
        if self._is_stale:
            self._reinitialise()
        name = _token_name(key)
        if name not in self._sessions:
            token = self._present_token(key)
            # A token that has two names, its label and its serial number, still has one session.
            opened = {session.token.slot.slot_id: session for session in self._sessions.values()}
            self._sessions[name] = opened.get(token.slot.slot_id) or self._log_in(token, key)
        return self._sessions[name]

    def _reinitialise(self) -> None:
        """C_Finalize and C_Initialize: SoftHSM, as others, looks for tokens only then."""
        self.generation += 1
        self._sessions.clear()
        # A module that was never initialised in this process, or lost its token, may refuse to finalize.
        with suppress(PKCS11Error):
            self._library.finalize()
        try:
            self._library.initialize()
        except PKCS11Error as error:
            raise KeyTokenError(
                f"{self.path}: the PKCS#11 module does not start ({_name(error)}); look whether its token or "
                "its configuration is there. The next signature tries again",
                code="token-away",
            ) from error
        self._is_stale = False

    def _present_token(self, key: TokenKey) -> pkcs11.Token:
        """The token; one put in since the module was initialised is looked for once more."""
        if not any(True for _ in self._tokens(key)):
            self._reinitialise()
        found = list(self._tokens(key))
        if not found:
            raise KeyTokenError(
                f"{key}: no such token in {self.path}; put it in, or list tokens with "
                f"`pkcs11-tool --module {self.path} --list-token-slots`",
                code="token-missing",
            )
        if len(found) > 1:
            raise KeyTokenError(
                f"{key}: {len(found)} tokens have this label; name it by serial= instead",
                code="token-ambiguous",
            )
        return found[0]

    def _tokens(self, key: TokenKey) -> Iterator[pkcs11.Token]:
        """Tokens present that bear the key's token label and serial number."""
        for slot in self._slots():
            # One broken reader must not hide the token in another.
            with suppress(*LIBRARY_ERRORS):
                token = slot.get_token()
                if key.token in (None, token.label) and key.serial in (None, token.serial.decode().strip()):
                    yield token

    def _slots(self) -> list[pkcs11.Slot]:
        """Slots with a token; none while the module cannot say."""
        try:
            return self._library.get_slots(token_present=True)
        except LIBRARY_ERRORS:
            return []

    def _log_in(self, token: pkcs11.Token, key: TokenKey, *, writing: bool = False) -> pkcs11.Session:
        """Open a session as the user. A PIN is tried once: tokens lock themselves after a few wrong ones."""
        pin = read_pin(key.pin_source)
        if (token.serial, pin) in self._refused_pins:
            raise wrong_pin(key)
        check_pin_flags(token, key)
        try:
            return token.open(rw=writing, user_pin=pin)
        except (PinIncorrect, PinInvalid, PinLenRange):
            self._refused_pins.add((token.serial, pin))
            # The library has opened a session that it cannot give back.
            self._is_stale = True
            raise wrong_pin(key) from None
        except PinLocked:
            self._is_stale = True
            raise locked_pin(key) from None
        except LIBRARY_ERRORS as error:
            self._is_stale = True
            raise _away(key, error) from error


def _token_name(key: TokenKey) -> _TokenName:
    """What tells the key's token from others."""
    return (key.token, key.serial)


def _away(key: TokenKey, error: Exception) -> KeyTokenError:
    """The error for a token that does not answer now and may answer later."""
    return KeyTokenError(
        f"{key}: the token does not answer ({_name(error)}); put it back. The next signature tries again",
        code="token-away",
    )


def module_at(path: Path) -> Module:
    """The module of this process at that path, loaded when it is first asked for."""
    with _registry.lock:
        module = _registry.modules.get(path)
        if module is None:
            module = _registry.modules[path] = Module(path)
        return module


class _Registry:
    """Modules by path; a module can be loaded only once a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.modules: dict[Path, Module] = {}

    def begin_in_child(self) -> None:
        """After a fork: new locks, and every handle is dead."""
        self.lock = threading.Lock()
        for module in self.modules.values():
            module.begin_in_child()


_registry = _Registry()
os.register_at_fork(after_in_child=_registry.begin_in_child)


def _load(path: Path) -> _pkcs11.lib:
    """Load and initialise the library."""
    if not path.is_file():
        raise KeyTokenError(
            f"{path}: no such PKCS#11 module; install it, or correct module-path", code="module-missing"
        )
    try:
        return pkcs11.lib(str(path))
    except LIBRARY_ERRORS as error:
        raise KeyTokenError(
            f"{path}: not usable as a PKCS#11 module ({_name(error)}); correct module-path, or the module's "
            "own configuration (SoftHSM: SOFTHSM2_CONF)",
            code="module-unusable",
        ) from error


def _name(error: Exception) -> str:
    """The library's errors are told by their class; some have a text, too."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

"""The errors of the runtime: what a server process cannot go on with."""

from __future__ import annotations


class RuntimeServiceError(Exception):
    """Base of every error raised by `runtime/`: a code for machines, a message that says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class SettingsError(RuntimeServiceError):
    """The settings hold mistakes; `mistakes` lists every one of them, one line each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("the settings hold mistakes:\n  " + "\n  ".join(mistakes), code="settings-invalid")
        self.mistakes = mistakes


class DatabaseFileError(RuntimeServiceError):
    """The database's file is read-only, damaged, or no database."""


class SchemaError(RuntimeServiceError):
    """The database's schema is not the one this version of the program knows."""


class KeyFileError(RuntimeServiceError):
    """A key or secret file is missing, unreadable, too open, or does not yield to its passphrase."""


class KeyTokenError(RuntimeServiceError):
    """A PKCS#11 token is away, refuses the PIN, or does not hold a key that signs."""


class SealedDataError(RuntimeServiceError):
    """Encrypted data does not open: wrong key, wrong context, or altered."""


class AuditError(RuntimeServiceError):
    """The audit log cannot be written or does not verify."""


class FetchError(RuntimeServiceError):
    """Something could not be fetched, or must not be."""


class ClockError(RuntimeServiceError):
    """The machine's clock is not to be believed; nothing is dated by it until an operator has looked."""

    def __init__(self, health: str) -> None:
        super().__init__(
            "The clock of this service cannot be relied on at the moment. Please try again later.",
            code=f"clock-{health}",
        )

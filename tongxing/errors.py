"""The errors of the assembly: what keeps a town from starting, playing or being restored."""

from __future__ import annotations

_SERVER_MODULES = frozenset(
    {
        "OpenSSL",
        "alembic",
        "authlib",
        "flask",
        "granian",
        "jose",
        "prometheus_client",
        "pyhanko",
        "requests",
        "sqlalchemy",
    }
)


class TownError(Exception):
    """Base of every error raised by `tongxing/`: a code for machines, a message that says what to do next."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class StateError(TownError):
    """The state directory cannot be used: read-only, in use, unfinished, or of a newer version."""


class ChildError(TownError):
    """A process of the town does not start, or does not stay up."""


class ArchiveError(TownError):
    """A backup cannot be made, or an archive cannot be restored."""


class DemoError(TownError):
    """A step of the demonstration did not do what it must."""


def in_one_line(error: BaseException) -> str | None:
    """What a person is told of an error of ours or of server packages that are missing; None: a defect."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in _SERVER_MODULES:
        return (
            "error (server-packages-missing): this command needs the server packages "
            f"({error.name} is not installed): pip install 'tongxing[server]'"
        )
    code = getattr(error, "code", None)
    return f"error ({code}): {error}" if isinstance(code, str) else None

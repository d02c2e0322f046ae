"""What was done to which card: so that personalisation goes on after a pulled plug. No secret, no person.

One JSON file a card, named by its GUID: the steps begun and done, public keys, digests of certificates.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from cardreader.errors import PersonalizationError
from cardreader.piv_terms import KeyAlgorithm, Slot

FORMAT_VERSION = 1


class Step(Enum):
    """The steps of personalisation, in their order."""

    IDENTIFY = "identify"
    GENERATE_KEYS = "generate-keys"
    SET_PIN = "set-pin"
    SET_PUK = "set-puk"
    SET_MANAGEMENT_KEY = "set-management-key"
    WRITE_CERTIFICATES = "write-certificates"
    CHECK = "check"


@dataclass
class Record:
    """The journal of one card."""

    guid: bytes
    algorithm: KeyAlgorithm
    begun: set[Step] = field(default_factory=set)
    done: set[Step] = field(default_factory=set)
    public_keys: dict[Slot, bytes] = field(default_factory=dict)
    certificate_digests: dict[Slot, str] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The record for JSON."""
        return {
            "version": FORMAT_VERSION,
            "guid": self.guid.hex(),
            "algorithm": self.algorithm.name,
            "begun": [step.value for step in Step if step in self.begun],
            "done": [step.value for step in Step if step in self.done],
            "public_keys": {
                slot.label: base64.b64encode(key).decode("ascii") for slot, key in self.public_keys.items()
            },
            "certificate_digests": {slot.label: text for slot, text in self.certificate_digests.items()},
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Record:
        """A record from JSON."""
        if document["version"] != FORMAT_VERSION:
            raise ValueError("another version of the journal")
        return cls(
            guid=bytes.fromhex(document["guid"]),
            algorithm=KeyAlgorithm[document["algorithm"]],
            begun={Step(value) for value in document["begun"]},
            done={Step(value) for value in document["done"]},
            public_keys={
                Slot(int(label, 16)): base64.b64decode(key, validate=True)
                for label, key in document["public_keys"].items()
            },
            certificate_digests={
                Slot(int(label, 16)): str(text) for label, text in document["certificate_digests"].items()
            },
        )


class Journal:
    """A folder of records."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, guid: bytes) -> Record | None:
        """A card's record, or None."""
        path = self._path(guid)
        try:
            return Record.from_document(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PersonalizationError(
                f"The journal {path.name} cannot be read. Restore it, or blank the card and begin anew.",
                f"无法读取制卡日志 {path.name}。请恢复该文件，或将卡恢复为空白后重新开始。",
            ) from error

    def save(self, record: Record) -> None:
        """Write a record beside and move it into place."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".journal-", dir=self._directory)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(record.to_document(), stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(self._path(record.guid))
        except OSError as error:
            raise PersonalizationError(
                f"The journal cannot be written ({error.strerror}); the card was not touched further. Check "
                "the folder's permissions and free space, then run the same command again.",
                "无法写入制卡日志，未再改动卡。请检查目录权限和磁盘空间，然后重新运行。",
            ) from error

    def _path(self, guid: bytes) -> Path:
        """The file of one card."""
        return self._directory / f"{guid.hex()}.json"

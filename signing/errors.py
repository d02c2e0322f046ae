"""What can go wrong when something is signed, timestamped, judged or filed."""

from __future__ import annotations


class SigningError(Exception):
    """Base of every error of signing/: a code for machines, a message that says what to do next."""

    code = "signing-error"

    def __init__(self, message: str, *, code: str = "", **values: object) -> None:
        """Keep the message as a template with named places, so that pages can translate it."""
        super().__init__(message % values if values else message)
        self.template = message
        self.values = values
        self.code = code or type(self).code

    @property
    def message(self) -> str:
        """The message in English, its places filled in."""
        return str(self)


class DocumentError(SigningError):
    """The document itself cannot be taken: empty, too large, not of its format, encrypted."""

    code = "document-refused"


class EmptyDocumentError(DocumentError):
    """The document has no content."""

    code = "document-empty"


class DocumentTooLargeError(DocumentError):
    """The document is larger than this service takes."""

    code = "document-too-large"


class NotAPdfError(DocumentError):
    """The bytes are not a PDF document that can be read."""

    code = "not-a-pdf"


class EncryptedDocumentError(DocumentError):
    """The PDF is protected by a password."""

    code = "document-encrypted"


class AlreadySignedError(DocumentError):
    """The PDF carries a signature; another one would change what the first one covers."""

    code = "already-signed"


class CertificateRefusedError(SigningError):
    """The certificate is not one that may sign this."""

    code = "certificate-refused"


class SignatureMismatchError(SigningError):
    """A signature value does not belong to what was prepared."""

    code = "signature-mismatch"


class PreparedSessionError(SigningError):
    """The session between prepare and embed is unknown, expired, used or altered."""

    code = "prepared-session-invalid"


class TimestampError(SigningError):
    """No timestamp can be had, or the one that came is not good."""

    code = "timestamp-failed"


class ClockError(TimestampError):
    """The clock stepped; the timestamp authority must not go on."""

    code = "clock-stepped"


class ReceiptError(SigningError):
    """A receipt does not hold."""

    code = "receipt-invalid"


class FilingError(SigningError):
    """A filing cannot take this step."""

    code = "filing-refused"


class FilingNotFoundError(FilingError):
    """No such filing for this person."""

    code = "filing-unknown"


class UnauthorizedFilingError(FilingError):
    """The person logged in may not file this."""

    code = "filing-not-allowed"

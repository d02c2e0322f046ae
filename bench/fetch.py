"""Evidence about one certificate, looked up when it is at hand: beside a verification, and a bare dictionary.

Before that a thousand threads ask at once over real HTTP, and the server must have been asked once.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bench.harness import Comparison, compare
from bench.material import AT, ISSUER, ISSUER_KEY, ISSUER_NAME, LATER, SERIAL_NUMBER, SUBJECT, SUBJECT_NAME
from runtime.fetch import Fetcher, FetchPolicy
from runtime.revocation import RevocationFetcher
from trust.certificate import Certificate
from trust.encoding.certificate import CertificateFields, sign_certificate
from trust.encoding.extensions import (
    Extension,
    authority_information_access,
    basic_constraints,
)
from trust.encoding.ocsp import OCSPResponseWriter, SingleAnswer, encode_cert_id, responder_by_key
from trust.signer import Signer
from trust.status import CertStatus

_THREADS = 1000
_STACK_BYTES = 256 * 1024


def _certificate(serial_number: int, subject: bytes, key: Signer, *extensions: Extension) -> Certificate:
    """A certificate of the issuing authority."""
    fields = CertificateFields(
        serial_number=serial_number,
        algorithm=ISSUER.algorithm,
        issuer=ISSUER_NAME.public_bytes(),
        not_valid_before=AT,
        not_valid_after=LATER,
        subject=subject,
        public_key=key.public_key,
        extensions=extensions,
    )
    return Certificate.parse(sign_certificate(fields, ISSUER))


@contextmanager
def _responder(answer: bytes, asked: list[str]) -> Iterator[str]:
    """A responder that gives one answer to all, and notes how often it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _ask_all_at_once(fetcher: RevocationFetcher, leaf: Certificate) -> None:
    """A thousand logins in the same moment; each must have its answer."""
    found: list[int] = []
    start = threading.Barrier(_THREADS)

    def ask() -> None:
        start.wait()
        found.append(len(fetcher.evidence_for([leaf], AT).ocsp))

    before = threading.stack_size(_STACK_BYTES)
    threads = [threading.Thread(target=ask) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    threading.stack_size(before)
    for thread in threads:
        thread.join()
    assert found == [1] * _THREADS


def comparisons() -> Iterator[Comparison]:
    """Yield the results."""
    issuer = _certificate(1, ISSUER_NAME.public_bytes(), ISSUER, basic_constraints(True))
    cert_id = encode_cert_id(issuer.subject, issuer.public_key, SERIAL_NUMBER)
    good = SingleAnswer(cert_id, CertStatus.GOOD, AT, AT + timedelta(hours=1))
    answer = OCSPResponseWriter(ISSUER, responder_by_key(ISSUER.public_key)).write([good], produced_at=AT)
    asked: list[str] = []
    with _responder(answer, asked) as url:
        pointer = authority_information_access(ocsp=[url])
        leaf = _certificate(SERIAL_NUMBER, SUBJECT_NAME.public_bytes(), SUBJECT, pointer)
        policy = FetchPolicy(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))
        fetcher = RevocationFetcher(Fetcher(policy), [issuer])
        _ask_all_at_once(fetcher, leaf)
        assert len(asked) == 1, f"{_THREADS} look-ups at once caused {len(asked)} fetches"
        yield from _compare(fetcher, leaf)
        assert len(asked) == 1


def _compare(fetcher: RevocationFetcher, leaf: Certificate) -> Iterator[Comparison]:
    """The look-up beside what a login must do anyhow, and beside the least a cache can do."""
    public_key, lock = ISSUER_KEY.public_key(), threading.Lock()
    kept = {leaf.fingerprint: leaf}

    def ours() -> None:
        fetcher.evidence_for([leaf], AT)

    def verification() -> None:
        public_key.verify(leaf.signature, leaf.tbs, ec.ECDSA(hashes.SHA256()))

    def dictionary() -> None:
        with lock:
            kept.get(leaf.fingerprint)

    yield compare("evidence at hand, looked up", ours, "one P-256 verification", verification)
    yield compare("evidence at hand, looked up", ours, "limit: dictionary and lock", dictionary)

"""A hierarchy of SM2 keys, judged by openssl and BouncyCastle, programs we did not write."""

from __future__ import annotations

import subprocess

import pytest
from asn1crypto import crl as asn1_crl

from tests.ca.test_sm2_authority import Hierarchy
from tests.ca.test_status import NOW, Status
from tests.foreign.test_sm2_oracles import BOUNCY_CASTLE, ask
from trust.cms import sign_cms
from trust.encoding.ocsp import encode_cert_id, encode_ocsp_request

pytestmark = pytest.mark.foreign

IDENTIFIER = "distid:1234567812345678"


@pytest.fixture(scope="module")
def hierarchy(tmp_path_factory):
    built = Hierarchy(tmp_path_factory.mktemp("sm2"))
    yield built
    built.desk.authority.context.database.dispose()


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=False, timeout=60, **more)


def verify_link(folder, certificate, issuer):
    """One certificate under its issuer; openssl hands the identifier to the leaf alone."""
    (folder / "leaf.pem").write_text(certificate.pem)
    (folder / "issuer.pem").write_text(issuer.pem)
    return openssl(
        "verify", "-x509_strict", "-vfyopt", IDENTIFIER, "-partial_chain", "-attime", int(NOW.timestamp()),
        "-trusted", folder / "issuer.pem", folder / "leaf.pem",
    )  # fmt: skip


def test_openssl_verifies_every_certificate_link_by_link(hierarchy, tmp_path):
    links = [
        (hierarchy.root, hierarchy.root),
        (hierarchy.issuing, hierarchy.root),
        *((leaf, hierarchy.issuing) for leaf in (*hierarchy.cards, *hierarchy.services.values())),
    ]
    for certificate, issuer in links:
        verdict = verify_link(tmp_path, certificate, issuer)
        assert verdict.returncode == 0, verdict.stderr
    # The check can fail.
    assert verify_link(tmp_path, hierarchy.cards[0], hierarchy.root).returncode != 0


def test_openssl_verifies_the_crls(hierarchy, tmp_path):
    """`openssl crl` takes no identifier, so the signature is cut out and verified alone."""
    for encoded, issuer in zip(hierarchy.crls, (hierarchy.issuing, hierarchy.root), strict=True):
        read = asn1_crl.CertificateList.load(encoded, strict=True)
        files = {"data": read["tbs_cert_list"].dump(), "signature": read["signature"].native}
        files["key"] = issuer.public_key
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        command = (
            "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin", "-keyform", "DER",
            "-inkey", tmp_path / "key", "-in", tmp_path / "data", "-sigfile", tmp_path / "signature",
        )  # fmt: skip
        assert openssl(*command, "-pkeyopt", IDENTIFIER).returncode == 0
        assert openssl(*command, "-pkeyopt", "distid:somebody").returncode != 0
        text = openssl("crl", "-inform", "DER", "-noout", "-text", input=encoded).stdout.decode()
        assert "Signature Algorithm: SM2-with-SM3" in text


def test_bouncycastle_validates_paths_ocsp_answers_and_seals(hierarchy):
    """PKIX validation with revocation, the status service's answers, CMS; one JVM for all of it."""
    crls = ",".join(crl.hex() for crl in hierarchy.crls)
    good = [*hierarchy.cards, *hierarchy.services.values()]
    altered = [crl[:-1] + bytes([crl[-1] ^ 1]) for crl in hierarchy.crls]

    def path(certificate, crls=crls):
        chain = f"{certificate.der.hex()},{hierarchy.issuing.der.hex()}"
        return f"path {int(NOW.timestamp() * 1000)} {hierarchy.root.der.hex()} {chain} {crls}"

    responder = hierarchy.services["va", "ocsp-responder"].der.hex()
    status = Status(hierarchy.desk)
    status.follow()

    def ocsp(certificate, responder=responder):
        question = encode_cert_id(
            hierarchy.issuing.subject, hierarchy.issuing.public_key, certificate.serial_number
        )
        answer = status.call("POST", "/ocsp", encode_ocsp_request([question]))["body"].hex()
        return f"ocsp {answer} {responder} {certificate.der.hex()} {hierarchy.issuing.der.hex()}"

    seal = hierarchy.services["signing", "service-seal"].der
    sealed = sign_cms(b"a receipt", hierarchy.signer("signing", "service-seal"), seal, at=NOW)
    questions = [
        *(path(certificate) for certificate in good),
        path(hierarchy.revoked[0]),
        path(good[0], crls=",".join(crl.hex() for crl in altered)),
        ocsp(hierarchy.cards[0]),
        ocsp(hierarchy.revoked[0]),
        ocsp(hierarchy.cards[0], responder=hierarchy.services["tsa", "timestamping"].der.hex()),
        f"cms {sealed.hex()} {seal.hex()}",
        f"cms {sealed.replace(b'receipt', b'RECEIPT').hex()} {seal.hex()}",
    ]
    status.database.dispose()
    answers = ask(BOUNCY_CASTLE, questions)
    assert answers[: len(good)] == ["true"] * len(good)
    revoked, unproven, *answered, intact, altered_seal = answers[len(good) :]
    assert revoked.startswith("false")
    assert "revoked" in revoked.lower() or "revocation" in revoked.lower(), revoked
    assert unproven.startswith("false")
    assert answered == ["good", "revoked", "invalid"]
    assert intact == "true"
    assert altered_seal.startswith("false")

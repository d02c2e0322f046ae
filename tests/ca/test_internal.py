"""The internal interfaces, over real mutual TLS with the certificates of the ceremony."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import timedelta

import pytest
from werkzeug.test import Client

from ca import web
from ca.errors import ApprovalError, AuthorityUnavailableError, CaError, CertificationRequestError
from ca.inventory import CertificateQuery
from ca.profiles import SubjectShape
from ca.registration import web as registration_web
from ca.registration.application import ApplicantClaim
from ca.registration.gateway import HttpGateway
from ca.status.feed import HttpFeed
from runtime import clock
from runtime.internal import InternalClient, RemoteProblemError, serve_internal
from tests.ca.desk import CHEN, LI_MING, SoftwareCard, hold_ceremony
from tests.ca.test_registration import open_registration, registration_settings
from tests.ca.test_status import Status
from tests.clocks import stepped_clock
from trust.certificate import Certificate, load_pem_certificates


class Town:
    """The internal listeners of ca and ra, and settings of those who call them."""

    def __init__(self, state, ca_port, ra_port):
        self.state = state
        self.desk = hold_ceremony(state, at=clock.now() - timedelta(minutes=2))
        self.registration = open_registration(self.desk)
        self.ca_url, self.ra_url = f"https://localhost:{ca_port}", f"https://localhost:{ra_port}"
        ca = self.with_certificates(self.desk.settings, "ca", ca_port)
        ra = self.with_certificates(registration_settings(state), "ra", ra_port)
        self.listeners = [
            serve_internal(web.create_internal_app(ca), ca, revocation=web.revocation_of_callers(ca)),
            serve_internal(registration_web.create_internal_app(ra, gateway=self.registration.gateway), ra),
        ]

    def with_certificates(self, settings, name, port=0):
        keys = self.state / name / "keys"
        return dataclasses.replace(
            settings,
            internal_port=port,
            internal_certificate=keys / "tls-server.pem",
            internal_key=keys / "tls-server.p8",
            service_certificate=keys / "tls-client.pem",
            service_key=keys / "tls-client.p8",
            key_passphrase_file=self.state / name / "secrets" / "passphrase",
        )

    def client(self, caller, service="ca"):
        settings = self.with_certificates(self.desk.settings, caller)
        url = self.ca_url if service == "ca" else self.ra_url
        return InternalClient(url, settings, service=service)

    def close(self):
        for listener in self.listeners:
            listener.stop()
        self.desk.authority.context.database.dispose()


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    import socket

    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    town = Town(tmp_path_factory.mktemp("internal") / "state", *ports)
    yield town
    town.close()


def problem(call):
    with pytest.raises(RemoteProblemError) as caught:
        call()
    return caught.value.status, caught.value.code


def test_ra_issues_a_card_over_mutual_tls(town):
    client = town.client("ra")
    gateway, desk = HttpGateway(client), town.desk
    assert {officer.name for officer in gateway.officers()} == {"陈静", "赵强", "孙丽"}
    card = SoftwareCard()
    orders = desk.orders(card, LI_MING, SubjectShape.CITIZEN)
    prepared = gateway.prepare("application", desk.number("陈静"), orders, at=clock.now())
    assert gateway.issued(prepared.preparation_id) is None
    issued = gateway.issue(prepared.preparation_id, desk.zhao.approve(prepared.statement), at=clock.now())
    assert [Certificate.parse(each).tbs for each in issued.certificates] == list(prepared.tbs)
    assert issued.chain == desk.authority.chain
    assert gateway.issued(prepared.preparation_id) == issued
    number = LI_MING.subject_number
    listed = client.get_json(f"/internal/certificates?subject_number={number}")["certificates"]
    serial = listed[0]["serial_number"]
    assert ordered(town, client, "suspend", serial)["standing"] == "suspended"
    assert ordered(town, client, "release", serial)["standing"] == "good"
    changed = ordered(town, client, "revoke", serial)
    assert (changed["standing"], changed["reason"]) == ("revoked", "superseded")
    client.close()


def prepared_order(town, client, verb, serial):
    order = {"serial_number": serial, "requester": town.desk.number("陈静"), "reason": "superseded"}
    return client.post_json(f"/internal/orders/{verb}", order)


def ordered(town, client, verb, serial):
    """A change of standing, with the officer's card that it needs."""
    prepared = prepared_order(town, client, verb, serial)
    approval = town.desk.zhao.approve(base64.b64decode(prepared["statement"]))
    return carried_out(client, prepared["preparation_id"], approval)


def carried_out(client, preparation_id, approval):
    encoded = base64.b64encode(approval).decode()
    return client.post_json("/internal/orders", {"preparation_id": preparation_id, "approval": encoded})


def test_ra_alone_changes_no_standing(town):
    """A broken-in `ra` holds its own key and the officers' numbers, but none of their cards."""
    client, desk = town.client("ra"), town.desk
    card, issued = desk.issue(at=clock.now())
    serial = format(Certificate.parse(issued.certificates[0]).serial_number, "x")
    body = {"serial_number": serial, "requester": desk.number("陈静"), "reason": "superseded"}
    for verb in ("revoke", "suspend", "release"):
        assert problem(lambda verb=verb: client.post_json(f"/internal/{verb}", body))[0] == 404
    prepared = prepared_order(town, client, "suspend", serial)
    statement = base64.b64decode(prepared["statement"])
    forged = [
        (b"rubbish", "approval-malformed"),
        (card.approve(statement), "approval-certificate"),
        (desk.sun.approve(statement), "officer-role-missing"),
    ]
    for approval, code in forged:
        refusal = problem(lambda approval=approval: carried_out(client, prepared["preparation_id"], approval))
        assert refusal == (403, code)
    assert desk.authority.inventory.show(serial).standing == "good"
    # The officer's signature under one order does not serve for another, nor to issue, nor twice.
    approval = desk.zhao.approve(statement)
    other = prepared_order(town, client, "revoke", serial)["preparation_id"]
    assert problem(lambda: carried_out(client, other, approval)) == (403, "approval-other-statement")
    gateway = HttpGateway(client)
    with pytest.raises(CaError) as caught:
        gateway.issue(prepared["preparation_id"], approval, at=clock.now())
    assert caught.value.code == "approval-digest-mismatch"
    assert carried_out(client, prepared["preparation_id"], approval)["standing"] == "suspended"
    again = problem(lambda: carried_out(client, prepared["preparation_id"], approval))
    assert again == (409, "preparation-redeemed")
    client.close()


def test_refusals_keep_their_codes(town):
    gateway, desk = HttpGateway(town.client("ra")), town.desk
    card = SoftwareCard()
    orders = desk.orders(card, LI_MING, SubjectShape.CITIZEN)
    broken = [dataclasses.replace(orders[0], request=b"rubbish")]
    with pytest.raises(CaError) as caught:
        gateway.prepare("a", desk.number("陈静"), broken, at=clock.now())
    assert caught.value.code == "request-malformed"
    assert not isinstance(caught.value, CertificationRequestError | AuthorityUnavailableError)
    prepared = gateway.prepare("a", desk.number("陈静"), orders, at=clock.now())
    with pytest.raises(CaError) as caught:
        gateway.issue(prepared.preparation_id, desk.chen.approve(prepared.statement), at=clock.now())
    assert caught.value.code == "approver-is-requester"
    assert not isinstance(caught.value, ApprovalError)
    gateway.client.close()


def test_an_authority_that_is_away(town):
    settings = town.with_certificates(town.desk.settings, "ra")
    gateway = HttpGateway(InternalClient("https://localhost:9", settings, service="ca"))
    with pytest.raises(AuthorityUnavailableError):
        gateway.officers()


def test_va_follows_the_feed_over_mutual_tls(town):
    status = Status(town.desk)
    status.now = clock.now()
    feed = HttpFeed(town.client("va"))
    assert status.follow(feed) == town.desk.authority.standing.last_sequence()
    key_id = town.desk.authority.context.issuer.key_id
    assert status.service.crl_number(key_id) is not None
    assert status.follow(feed) == 0
    feed.client.close()
    status.database.dispose()


def test_each_service_may_call_what_is_its_own(town):
    va, ra, signing = town.client("va"), town.client("ra"), town.client("signing")
    assert problem(lambda: va.get_json("/internal/officers")) == (403, "caller-not-allowed")
    assert problem(lambda: ra.get_json("/internal/crls")) == (403, "caller-not-allowed")
    assert problem(lambda: signing.post_json("/internal/issue", {})) == (403, "caller-not-allowed")
    for client in (va, ra, signing):
        client.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"application_id": "a", "requester": "b"},
        {"application_id": 1, "requester": "b", "certificates": []},
        {"application_id": "a", "requester": "b", "certificates": ["x"]},
        {"application_id": "a", "requester": "b", "certificates": [{"profile": "p", "request": "!"}]},
        {"application_id": "a" * 501, "requester": "b", "certificates": []},
    ],
)
def test_malformed_messages(town, body):
    client = town.client("ra")
    assert problem(lambda: client.post_json("/internal/prepare", body)) == (400, "request-malformed")
    client.close()


def test_more_malformed_messages(town):
    ra, va = town.client("ra"), town.client("va")
    requester = town.desk.number("陈静")
    order = {"serial_number": "1", "requester": requester}
    assert (
        problem(lambda: ra.post_json("/internal/orders/revoke", {**order, "reason": "boredom"}))[1]
        == "reason-unknown"
    )
    suspend = "/internal/orders/suspend"
    assert problem(lambda: ra.post_json(suspend, order)) == (404, "serial-unknown")
    good = town.desk.authority.inventory.list_certificates(CertificateQuery(standing="good"))
    known = good[0].serial_number
    nobody = {"serial_number": known, "requester": "TX"}
    assert problem(lambda: ra.post_json(suspend, nobody)) == (403, "officer-unknown")
    auditor = {"serial_number": known, "requester": town.desk.number("孙丽")}
    assert problem(lambda: ra.post_json(suspend, auditor)) == (403, "officer-role-missing")
    for after in ("x", "-1", "1e3", "%D9%A3", "9" * 30):
        address = f"/internal/status/changes?after={after}"
        assert problem(lambda address=address: va.get_json(address)) == (400, "request-malformed")
    ra.close()
    va.close()


def test_a_service_whose_certificate_is_revoked_is_nobody(town):
    # A stolen TLS client key is put out of use as a card is: by revoking its certificate.
    chain = (town.state / "ca" / "keys" / "tls-client.pem").read_text("ascii")
    serial = format(load_pem_certificates(chain)[0].serial_number, "x")
    authority, client = town.desk.authority, town.client("ca")
    authority.standing.suspend(serial, actor="t", at=clock.now())
    authority.publisher.publish_when_due(clock.now())
    refusal = problem(lambda: client.get_json("/internal/officers"))
    assert refusal == (403, "certificate-not-accepted")
    authority.standing.release(serial, actor="t", at=clock.now())
    authority.publisher.publish_when_due(clock.now())
    refusal = problem(lambda: client.get_json("/internal/officers"))
    assert refusal == (403, "caller-not-allowed")
    client.close()


def test_without_mutual_tls_nobody_is_anybody(town):
    app = web.create_internal_app(town.desk.settings)
    answer = Client(app).get("/internal/officers", headers={"X-Tongxing-Client-Certificate": "x"})
    assert answer.status_code == 403


def test_the_provider_resolves_subjects_and_nobody_else(town):
    town.registration.add_person(CHEN.name, CHEN.identity_number, actor="t", at=clock.now())
    claim = ApplicantClaim(SubjectShape.CITIZEN, CHEN.name, CHEN.identity_number)
    view = town.registration.apply(claim, requester="x", at=clock.now())
    client = town.client("idp", "ra")
    subject = client.get_json(f"/internal/subjects/{view.subject_number}")
    assert subject["name"] == CHEN.name
    assert subject["kind"] == "citizen"
    assert subject["enterprise"] is None
    assert subject["active"] is True
    assert CHEN.identity_number not in json.dumps(subject)
    assert problem(lambda: client.get_json("/internal/subjects/TX0")) == (404, "subject-unknown")
    client.close()
    for name in ("va", "signing"):
        other = town.client(name, "ra")
        assert problem(lambda: other.get_json(f"/internal/subjects/{view.subject_number}"))[0] == 403  # noqa: B023
        other.close()


def test_the_public_side_of_ca_shows_health_and_nothing_else(town):
    client = Client(web.create_app(town.desk.settings))
    assert client.get("/healthz").status_code == 200
    assert b"tongxing_crl_seconds_left" in client.get("/metrics").data
    assert client.get("/internal/officers").status_code == 404
    late = Client(web.create_app(town.desk.settings, lambda: clock.now() + timedelta(days=2)))
    assert late.get("/healthz").status_code == 503


def test_a_stepped_clock_issues_revokes_and_publishes_nothing(town):
    """RFC 9457: the caller is told by problem+json; what needs no time is still answered."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = town.with_certificates(town.desk.settings, "ca", port)
    stepped = stepped_clock(clock.now())
    listener = serve_internal(web.create_internal_app(settings, stepped), settings)
    caller = town.with_certificates(town.desk.settings, "ra")
    client = InternalClient(f"https://localhost:{port}", caller, service="ca")
    orders = [{"profile": "citizen-authentication", "request": "AAAA", "subject": {"name": "x"}}]
    body = {"application_id": "a", "requester": town.desk.number("陈静"), "certificates": orders}
    order = {"serial_number": "1", "requester": town.desk.number("陈静"), "reason": "superseded"}
    approved = {"preparation_id": "1", "approval": base64.b64encode(b"approval").decode()}
    for path, sent in (
        ("/internal/prepare", body),
        ("/internal/issue", approved),
        ("/internal/orders/revoke", order),
        ("/internal/orders", approved),
    ):
        assert problem(lambda: client.post_json(path, sent)) == (503, "clock-stepped")  # noqa: B023
    assert len(client.get_json("/internal/officers")["officers"]) == 3
    assert Client(web.create_app(settings, stepped)).get("/healthz").status_code == 503
    client.close()
    listener.stop()

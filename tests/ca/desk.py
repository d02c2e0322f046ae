"""A whole authority for tests: ceremony held, two officers and an auditor with software cards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ca import ceremony
from ca.ceremony import CeremonyPlan, OfficerOrder, ServiceCertificateOrder, ServiceOrder
from ca.officers import OfficerRole
from ca.personalization import CardCertificates, CardOrder, CardRequests
from ca.preparation import CertificateOrder
from ca.profiles import SubjectDescription, SubjectShape, card_profiles, subject_name
from ca.registration.register import Register
from ca.service import CertificateAuthority, IssuedView
from ca.settings import AuthoritySettings
from runtime.encryption import DataKey
from runtime.key_location import KeyLocation
from runtime.keys import KeySigner, generate_private_key
from runtime.secret_file import write_secret
from trust.approval import sign_approval
from trust.certificate import Certificate
from trust.encoding.request import sign_request
from trust.subjects import new_subject_number

AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT_PASSPHRASE = b"correct horse battery staple"
VA_URL = "http://localhost:8403"

BOTH = (OfficerRole.REGISTRATION, OfficerRole.APPROVING)
CHEN = OfficerOrder("陈静", "370202198111045441", BOTH, "chenjing")
ZHAO = OfficerOrder("赵强", "370202197609213313", BOTH, "zhaoqiang")
SUN = OfficerOrder("孙丽", "370202198506176665", (OfficerRole.AUDITOR,), "sunli")

LI_MING = SubjectDescription("李明", "TX" + "0" * 24)
HAIFENG = SubjectDescription("王芳", "TX" + "1" * 24, "青岛海风科技有限公司", "91370202MA3HFKJ809")


@dataclass
class SoftwareCard:
    """Two keys in memory that behave like a card's slots."""

    authentication: KeySigner = field(default_factory=lambda: KeySigner(generate_private_key("p256")))
    signature: KeySigner = field(default_factory=lambda: KeySigner(generate_private_key("p256")))
    certificates: CardCertificates | None = None

    def requests(self, subject: bytes) -> CardRequests:
        return CardRequests(sign_request(subject, self.authentication), sign_request(subject, self.signature))

    @property
    def signature_certificate(self) -> Certificate:
        assert self.certificates is not None
        return Certificate.parse(self.certificates.signature)

    def approve(self, statement: bytes, at: datetime = AT) -> bytes:
        assert self.certificates is not None
        return sign_approval(statement, self.signature, self.certificates.signature, at=at)


@dataclass
class CardBox:
    """Personalises software cards by name."""

    cards: dict[str, SoftwareCard] = field(default_factory=dict)

    def certification_requests(self, order: CardOrder) -> CardRequests:
        card = self.cards.setdefault(order.card, SoftwareCard())
        return card.requests(order.subject)

    def write_certificates(self, order: CardOrder, certificates: CardCertificates) -> None:
        self.cards[order.card].certificates = certificates


def secrets_in(folder: Path) -> dict[str, Path]:
    """The three secret files every service has."""
    paths = {name: folder / "secrets" / name for name in ("passphrase", "data-key", "session-key")}
    if not paths["data-key"].exists():
        write_secret(paths["passphrase"], b"a passphrase of this service\n")
        DataKey.create(paths["data-key"])
        write_secret(paths["session-key"], b"0123456789abcdef0123456789abcdef\n")
    return {
        "key_passphrase_file": paths["passphrase"],
        "data_key_file": paths["data-key"],
        "session_key_file": paths["session-key"],
    }


def authority_settings(state: Path, database_url: str = "", **changes: object) -> AuthoritySettings:
    values: dict[str, object] = {
        "state_directory": state / "ca",
        "port": 8402,
        "public_url": "http://localhost:8402",
        "database_url": database_url,
        "trust_anchors": state / "trust" / "root.pem",
        "intermediates": state / "trust" / "issuing.pem",
        "issuing_certificate": state / "trust" / "issuing.pem",
        "issuing_key": state / "ca" / "keys" / "issuing.p8",
        "status_url": VA_URL,
        **secrets_in(state / "ca"),
        **changes,
    }
    return AuthoritySettings(**values)  # type: ignore[arg-type]


def service(state: Path, name: str, *profiles: str) -> ServiceOrder:
    secrets = secrets_in(state / name)
    return ServiceOrder(
        name,
        state / name / "keys",
        secrets["key_passphrase_file"],
        tuple(ServiceCertificateOrder(profile, f"{name} {profile}") for profile in profiles),
    )


def plan(state: Path, **changes: object) -> CeremonyPlan:
    tls = ("tls-server", "tls-client")
    values: dict[str, object] = {
        "root_key": state / "offline" / "root.p8",
        "services": (
            service(state, "ra", *tls),
            service(state, "ca", *tls),
            service(state, "va", *tls, "ocsp-responder"),
            service(state, "tsa", "timestamping"),
            service(state, "idp", *tls),
            service(state, "signing", *tls, "service-seal"),
        ),
        "officers": (CHEN, ZHAO, SUN),
        **changes,
    }
    return CeremonyPlan(**values)  # type: ignore[arg-type]


@dataclass
class Desk:
    """An authority after its ceremony, and the cards of its officers."""

    state: Path
    settings: AuthoritySettings
    authority: CertificateAuthority
    box: CardBox

    @property
    def chen(self) -> SoftwareCard:
        return self.box.cards["chenjing"]

    @property
    def zhao(self) -> SoftwareCard:
        return self.box.cards["zhaoqiang"]

    @property
    def sun(self) -> SoftwareCard:
        return self.box.cards["sunli"]

    def number(self, name: str) -> str:
        return next(officer.subject_number for officer in self.authority.officers() if officer.name == name)

    def orders(
        self, card: SoftwareCard, subject: SubjectDescription, shape: SubjectShape
    ) -> list[CertificateOrder]:
        name = subject_name(shape, subject, self.settings.authority_name)
        requests = card.requests(name)
        return [
            CertificateOrder(profile.name, request, subject)
            for profile, request in zip(
                card_profiles(shape), (requests.authentication, requests.signature), strict=True
            )
        ]

    def issue(
        self,
        subject: SubjectDescription = LI_MING,
        shape: SubjectShape = SubjectShape.CITIZEN,
        at: datetime = AT + HOUR,
    ) -> tuple[SoftwareCard, IssuedView]:
        """A card, asked for by Chen and approved by Zhao."""
        card = SoftwareCard()
        prepared = self.authority.prepare(
            "application", self.number("陈静"), self.orders(card, subject, shape), at=at
        )
        issued = self.authority.issue(
            prepared.preparation_id, self.zhao.approve(prepared.statement, at), at=at
        )
        card.certificates = CardCertificates(*issued.certificates, issued.chain)  # type: ignore[arg-type]
        return card, issued


def hold_ceremony(
    state: Path,
    database_url: str = "",
    at: datetime = AT,
    issuing_key: KeyLocation | None = None,
    **changes: object,
) -> Desk:
    settings = authority_settings(state, database_url)
    if issuing_key is not None:
        settings = replace(settings, issuing_key=issuing_key)
    box = CardBox()
    numbers = iter(bytes([n]) * 15 for n in range(1, 100))
    ceremony.initialise(
        plan(state, **changes),
        settings,
        root_passphrase=ROOT_PASSPHRASE,
        personaliser=box,
        register_officer=lambda _officer, _at: new_subject_number(next(numbers)),
        at=at,
    )
    return Desk(state, settings, CertificateAuthority.open(settings), box)


def register_in(state: Path) -> Register:
    return Register(DataKey.load(secrets_in(state / "ra")["data_key_file"]))

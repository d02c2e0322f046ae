"""The first run: makes a town, step by step, each told in a line.

1. The state directory and its marker: a town that was not finished is removed and made anew.
2. Settings and secrets of every service.
3. Empty databases.
4. The ceremony: root, issuing CA, certificates of the services, the officers and their cards.
5. The OpenID Provider and the sites that rely on it.
6. Citizens and the enterprise apply, one officer prepares, another approves with the card, and what is
   issued is written to their cards.
7. The town is declared complete.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime import clock
from runtime.encryption import DataKey
from runtime.migration import migrate
from runtime.secret_file import read_passphrase, write_secret
from runtime.settings import load_settings
from tongxing.cards import MASTER_KEY_BYTES, CardDesk, virtual_desk
from tongxing.layout import TownLayout
from tongxing.people import CHEN_JING, OFFICERS, SUBSCRIBERS, ZHAO_QIANG
from tongxing.services import SERVICES
from tongxing.settings import TownSettings
from tongxing.tables import CLIENT_SECRET, SITE_PORT_OFFSETS, SITE_TITLES, TLS_CLIENT, TLS_SERVER, TownPlan
from tongxing.town import Town

if TYPE_CHECKING:
    from ca.ceremony import ServiceOrder
    from ca.registration.gateway import AuthorityGateway
    from ca.registration.service import RegistrationService

_SECRET_BYTES = 32
_PUBLIC_DIRECTORY_MODE = 0o755
_PRIVATE_DIRECTORY_MODE = 0o700

_CEREMONY_WORDS = (
    ("root ", "根证书 "),
    ("issuing CA ", "签发证书 "),
    ("CRL of the root signed", "根证书的吊销列表已签发"),
    ("certificates of service ", "服务证书 "),
    ("card of ", "工作证 "),
    ("the ceremony is closed: from now on two officers are needed", "仪式结束：此后签发须有两名人员"),
)
_SERVICE_CERTIFICATES: dict[str, tuple[str, ...]] = {
    "ca": (TLS_SERVER, TLS_CLIENT),
    "va": (TLS_CLIENT, "ocsp-responder"),
    "ra": (TLS_SERVER, TLS_CLIENT),
    "tsa": (TLS_CLIENT, "timestamping"),
    "idp": (TLS_SERVER, TLS_CLIENT),
    "signing": (TLS_SERVER, TLS_CLIENT, "service-seal"),
    "site-a": (TLS_SERVER,),
    "site-b": (TLS_SERVER,),
}


@dataclass(frozen=True)
class _Work:
    """What the steps share."""

    layout: TownLayout
    plan: TownPlan
    tell: Callable[[str, str], None]


def make_town(layout: TownLayout, wanted: TownSettings, announce: Callable[[str], None]) -> None:
    """Make a town in a state directory that is locked by us; a killed run is begun anew next time."""
    chinese = wanted.language == "zh"
    work = _Work(layout, TownPlan(wanted), lambda zh, en: announce(zh if chinese else en))
    # 1.
    layout.begin()
    work.tell(f"首次运行：在 {layout.root} 建立通行市", f"first run: making the town in {layout.root}")
    # 2.
    _write_secrets(work)
    layout.settings_file.write_text(work.plan.render(), encoding="utf-8")
    # 3.
    town = Town(layout)
    _make_databases(town)
    work.tell("设置、密钥文件和数据库已就绪", "settings, secrets and databases are there")
    # 4.
    desk = open_desk(layout)
    _hold_ceremony(work, town, desk)
    # 5.
    _register_sites(work, town)
    # 6.
    _issue_cards(work, town, desk)
    # 7.
    layout.finish()


def open_desk(layout: TownLayout, further_pins: Mapping[str, str] | None = None) -> CardDesk:
    """Return the desk that personalises the town's virtual cards; each is given a PIN known beforehand."""
    pins = {card.file_name: card.pin for card in (*OFFICERS, *SUBSCRIBERS)} | dict(further_pins or {})
    master_key = (layout.service("desk") / "secrets/master-key").read_bytes()
    return virtual_desk(layout.cards, layout.service("desk") / "journal", pins, master_key)


def _write_secrets(work: _Work) -> None:
    """Make the folders, private to their service, and every random secret."""
    layout = work.layout
    for name in _SERVICE_CERTIFICATES:
        folder = layout.service(name)
        folder.mkdir(mode=_PRIVATE_DIRECTORY_MODE)
        write_secret(folder / "secrets/passphrase", _random_line())
        write_secret(folder / "secrets/session-key", _random_line())
        DataKey.create(folder / "secrets/data-key")
    layout.trust.mkdir(mode=_PUBLIC_DIRECTORY_MODE)
    for folder in (layout.offline, layout.cards, layout.service("desk")):
        folder.mkdir(mode=_PRIVATE_DIRECTORY_MODE)
    write_secret(layout.offline / "passphrase", _random_line())
    write_secret(layout.service("desk") / "secrets/master-key", secrets.token_bytes(MASTER_KEY_BYTES))


def _make_databases(town: Town) -> None:
    """Make every service's schema."""
    for service in SERVICES:
        database = service.database(service.load_settings(town.document))
        migrate(database, service.schema_package)
        database.dispose()


def _random_line() -> bytes:
    return secrets.token_urlsafe(_SECRET_BYTES).encode("ascii") + b"\n"


def _hold_ceremony(work: _Work, town: Town, desk: CardDesk) -> None:
    """Make the authorities, certify the services, and personalise the officers' cards."""
    from ca.ceremony import CeremonyPlan, OfficerOrder, initialise
    from ca.officers import OfficerRole
    from ca.settings import AuthoritySettings

    settings = load_settings(AuthoritySettings, "ca", town.document)
    registration = _open_registration(town)
    roles = {
        "officer": (OfficerRole.REGISTRATION, OfficerRole.APPROVING),
        "auditor": (OfficerRole.AUDITOR,),
    }
    plan = CeremonyPlan(
        root_key=work.layout.offline / "root.p8",
        services=tuple(_service_order(work.layout, name) for name in _SERVICE_CERTIFICATES),
        officers=tuple(
            OfficerOrder(card.name, card.identity_number, roles[card.role], card.file_name)
            for card in OFFICERS
        ),
    )
    initialise(
        plan,
        settings,
        root_passphrase=read_passphrase(work.layout.offline / "passphrase"),
        personaliser=desk,
        register_officer=lambda officer, at: registration.enrol_officer(
            officer.name, officer.identity_number, actor="town", at=at
        ),
        at=clock.now(),
        report=lambda line: work.tell(f"  仪式：{_in_chinese(line)}", f"  ceremony: {line}"),
    )


def _in_chinese(line: str) -> str:
    """Say a line of the ceremony's report in Chinese; names and digests stay as they are."""
    for english, chinese in _CEREMONY_WORDS:
        if line.startswith(english):
            return chinese + line.removeprefix(english)
    return line


def _service_order(layout: TownLayout, name: str) -> ServiceOrder:
    """Return what the ceremony certifies for one service or site."""
    from ca.ceremony import ServiceCertificateOrder, ServiceOrder

    folder = layout.service(name)
    names = {TLS_SERVER: "localhost", TLS_CLIENT: name}
    return ServiceOrder(
        name=name,
        keys_directory=folder / "keys",
        passphrase_file=folder / "secrets/passphrase",
        certificates=tuple(
            ServiceCertificateOrder(profile, names.get(profile, f"通行市 {name}"))
            for profile in _SERVICE_CERTIFICATES[name]
        ),
    )


def _register_sites(work: _Work, town: Town) -> None:
    """Make the provider's keys and register everybody who relies on it."""
    from idp.service.clients import register_client
    from idp.service.setup import initialise
    from idp.settings import IdpSettings
    from idp.vocabulary import Scope

    settings = load_settings(IdpSettings, "idp", town.document)
    initialise(settings, at=clock.now(), actor="town")
    sites = {
        "ra": ("证书登记窗口", (Scope.OPENID, Scope.PROFILE, Scope.OFFICER)),
        "signing": ("通行市电子申报", (Scope.OPENID, Scope.PROFILE, Scope.ENTERPRISE, Scope.OFFICER)),
        **{
            name: (SITE_TITLES[name], (Scope.OPENID, Scope.PROFILE, Scope.ENTERPRISE))
            for name in SITE_PORT_OFFSETS
        },
    }
    for client_id, (title, scopes) in sites.items():
        url = work.plan.url(client_id)
        registration = register_client(
            settings,
            client_id=client_id,
            name=title,
            redirect_uris=[f"{url}/callback"],
            post_logout_redirect_uris=[f"{url}/"],
            scopes=scopes,
            client_uri=url,
            at=clock.now(),
            actor="town",
        )
        write_secret(
            work.layout.service(client_id) / CLIENT_SECRET, (registration.secret or "").encode() + b"\n"
        )
        work.tell(f"  统一认证：登记站点 {title}（{url}）", f"  login: registered {client_id} ({url})")


def _issue_cards(work: _Work, town: Town, desk: CardDesk) -> None:
    """Issue the citizens' and the enterprise's cards."""
    from ca.registration.gateway import DirectGateway
    from ca.service import CertificateAuthority
    from ca.settings import AuthoritySettings
    from tongxing.issuing import IssuingDesk

    authority = CertificateAuthority.open(load_settings(AuthoritySettings, "ca", town.document))
    registration = _open_registration(town, DirectGateway(authority))
    issuing = IssuingDesk(registration, desk, work.layout.cards, requester=CHEN_JING, approver=ZHAO_QIANG)
    for card in SUBSCRIBERS:
        issuing.issue_card(card)
        work.tell(
            f"  发卡：{card.holder}（{CHEN_JING.name} 受理，{ZHAO_QIANG.name} 批准）",
            f"  issued: the card of {card.holder}",
        )
    authority.context.database.dispose()


def _open_registration(town: Town, gateway: AuthorityGateway | None = None) -> RegistrationService:
    """Open the registration service in this process."""
    from ca.registration.service import RegistrationService
    from ca.settings import RegistrationSettings

    settings = load_settings(RegistrationSettings, "ra", town.document)
    # The ceremony only enrols officers, and asks nothing of an authority that is being made.
    return RegistrationService.open(settings, gateway)

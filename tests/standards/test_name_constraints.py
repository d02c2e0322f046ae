"""Name constraints over whole paths: our own suite, verdicts from RFC 5280 4.2.1.10, 6.1.3, 6.1.4 and 7.

Where the text leaves a name without a meaning (no host name, no mailbox), the verdict is the careful one:
not permitted, and excluded.
"""

from __future__ import annotations

import time

import pytest

from tests.bounds import BUSY_SECOND
from tests.standards.chains import (
    COMMON_NAME,
    COUNTRY,
    EMAIL_ADDRESS,
    EXAMPLE_ARC,
    ORGANIZATION,
    alternative,
    attribute,
    authority,
    codes,
    constraints,
    directory,
    dn,
    dns,
    extension,
    ip,
    issued,
    judge,
    mail,
    named,
    other,
    rdn,
    registered,
    uri,
)
from trust.encoding import der
from trust.vocabulary import ExtensionOID

ROOT = authority("Root")
SMTP_UTF8_MAILBOX = "1.3.6.1.5.5.7.8.9"
GOOD, NOT_PERMITTED, EXCLUDED = "good", "name-not-permitted", "name-excluded"
UNSUPPORTED, MALFORMED, TOO_MANY = "name-constraint-unsupported", "certificate-malformed", "too many"
LONG = "a" * 63


def verdict(permitted=(), excluded=(), names=(), subject="Leaf"):
    """The first code for a leaf of these names under an authority so constrained."""
    above = authority("CA", ROOT, constraints(permitted, excluded))
    more = (alternative(*names),) if names else ()
    return codes(judge(issued(subject, above, *more), [ROOT], [above]))[0]


def mailbox(text):
    """SmtpUTF8Mailbox (RFC 9598)."""
    return other(SMTP_UTF8_MAILBOX, der.utf8_string(text))


# --- DNS -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "name", "permitted", "excluded"),
    [
        # "Any DNS name that can be constructed by adding zero or more labels to the left-hand side."
        ("host.example", "host.example", True, True),
        ("host.example", "www.host.example", True, True),
        ("host.example", "a.b.c.host.example", True, True),
        ("HOST.Example", "www.hOST.eXAMPLE", True, True),
        ("host.example", "otherhost.example", False, False),
        ("host.example", "host.example.evil", False, False),
        ("host.example", "example", False, False),
        ("host.example", "host.exampl", False, False),
        ("example", "host.example", True, True),
        ("example", "example", True, True),
        ("", "host.example", True, True),
        ("", "localhost", True, True),
        ("xn--bcher-kva.example", "www.XN--BCHER-KVA.example", True, True),
        ("under_score.example", "a.under_score.example", True, True),
        ("host.example", "_service._tcp.host.example", True, True),
        ("1.example", "192.0.2.1.example", True, True),
        # A wildcard stands for names below it only.
        ("host.example", "*.host.example", True, True),
        ("host.example", "*.www.host.example", True, True),
        ("www.host.example", "*.host.example", False, True),
        ("host.example", "*.example", False, True),
        ("host.example", "*.other.example", False, False),
        ("", "*.example", True, True),
        # No host names in the preferred syntax: never permitted, always excluded.
        ("host.example", "host.example.", False, True),
        ("host.example", "www..host.example", False, True),
        ("host.example", ".host.example", False, True),
        ("host.example", "", False, True),
        ("host.example", ".", False, True),
        ("host.example", "*", False, True),
        ("host.example", "w*.host.example", False, True),
        ("host.example", "a.*.host.example", False, True),
        ("host.example", "**.host.example", False, True),
        ("host.example", "-a.host.example", False, True),
        ("host.example", "a-.host.example", False, True),
        ("host.example", "a b.host.example", False, True),
        ("host.example", "other.example\0.host.example", False, True),
        ("host.example", "other.example/.host.example", False, True),
        ("host.example", f"{LONG}a.host.example", False, True),
        ("host.example", ".".join([LONG] * 4) + ".host.example", False, True),
        ("host.example", f"{LONG}.host.example", True, True),
    ],
)
def test_dns(base, name, permitted, excluded):
    assert verdict([dns(base)], names=[dns(name)]) == (GOOD if permitted else NOT_PERMITTED)
    assert verdict((), [dns(base)], names=[dns(name)]) == (EXCLUDED if excluded else GOOD)


@pytest.mark.parametrize(
    "base",
    [
        ".host.example",
        "*.host.example",
        "host.example.",
        ".",
        "host..example",
        "ho st.example",
        "-host.example",
        "host-.example",
        "host.example\0",
        f"{LONG}a.example",
        "höst.example",
    ],
)
def test_constraints_that_are_no_dns_names_are_refused(base):
    """4.2.1.10 knows a leading period for mail and URI only; 4.2.1.6 asks for the preferred name syntax."""
    assert verdict([dns(base)], names=[dns("www.host.example")]) == MALFORMED
    assert verdict((), [dns(base)], names=[dns("other.example")]) == MALFORMED


def test_a_common_name_is_no_dns_name():
    """RFC 5280 constrains dNSName in the alternative names only; RFC 9525 6.2 ended host names in CN."""
    assert verdict([dns("host.example")], subject="www.evil.example") == GOOD
    assert verdict((), [dns("evil.example")], subject="www.evil.example") == GOOD


def test_every_name_counts():
    names = [dns("a.host.example"), dns("b.host.example"), dns("evil.example")]
    assert verdict([dns("host.example")], names=names) == NOT_PERMITTED
    assert verdict((), [dns("evil.example")], names=names) == EXCLUDED
    assert verdict([dns("host.example"), dns("evil.example")], names=names) == GOOD


def test_excluded_beats_permitted():
    assert verdict([dns("host.example")], [dns("bad.host.example")], [dns("x.bad.host.example")]) == EXCLUDED
    assert verdict([dns("host.example")], [dns("bad.host.example")], [dns("x.host.example")]) == GOOD
    assert verdict([dns("bad.host.example")], [dns("host.example")], [dns("bad.host.example")]) == EXCLUDED


# --- e-mail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "name", "permitted", "excluded"),
    [
        # One mailbox: the local part as it is, the host in any case.
        ("root@host.example", "root@host.example", True, True),
        ("root@host.example", "root@HOST.EXAMPLE", True, True),
        ("root@host.example", "Root@host.example", False, True),
        ("root@host.example", "toor@host.example", False, False),
        ("root@host.example", "root@www.host.example", False, False),
        ("root@host.example", '"root"@host.example', True, True),
        ("root@host.example", '"ro\\ot"@host.example', True, True),
        # All mailboxes of a host.
        ("host.example", "any@host.example", True, True),
        ("host.example", "any@Host.Example", True, True),
        ("host.example", "any@www.host.example", False, False),
        ("host.example", "any@other.example", False, False),
        ("host.example", '"a@b"@host.example', True, True),
        ("host.example", '"a@host.example"@other.example', False, False),
        # All hosts below a domain.
        (".host.example", "any@www.host.example", True, True),
        (".host.example", "any@a.b.host.example", True, True),
        (".host.example", "any@host.example", False, False),
        (".host.example", "any@evilhost.example", False, False),
        # No mailboxes: in doubt.
        ("host.example", "host.example", False, True),
        ("host.example", "@host.example", False, True),
        ("host.example", "a@", False, True),
        ("host.example", "", False, True),
        ("host.example", "a@b@host.example", False, True),
        ("host.example", "a@host.example.", False, True),
        ("host.example", "a@host..example", False, True),
        ("host.example", "a@[192.0.2.1]", False, True),
        ("host.example", "a b@host.example", False, True),
        ("host.example", "a@host.example\0", False, True),
        ("host.example", '"a@host.example', False, True),
        ("host.example", "A <a@host.example>", False, True),
        ("host.example", "a@*.host.example", False, True),
    ],
)
def test_mail(base, name, permitted, excluded):
    assert verdict([mail(base)], names=[mail(name)]) == (GOOD if permitted else NOT_PERMITTED)
    assert verdict((), [mail(base)], names=[mail(name)]) == (EXCLUDED if excluded else GOOD)


@pytest.mark.parametrize(
    "base",
    ["@host.example", "a@", "a@b@c", "*@host.example.", "host..example", "a@.host.example", ".", "a b"],
)
def test_constraints_that_are_no_mailbox_host_or_domain_are_refused(base):
    assert verdict([mail(base)], names=[mail("a@host.example")]) == MALFORMED
    assert verdict((), [mail(base)], names=[mail("a@other.example")]) == MALFORMED


def subject_with(*addresses):
    return dn(
        rdn(attribute(COMMON_NAME, "Leaf")),
        *(rdn(attribute(EMAIL_ADDRESS, address, der.Tag.IA5_STRING)) for address in addresses),
    )


def test_addresses_in_the_subject_count_without_alternative_names():
    """4.2.1.10: the constraint applies to emailAddress when there is no alternative name."""
    good, bad = subject_with("a@host.example"), subject_with("a@host.example", "a@evil.example")
    assert verdict([mail("host.example")], subject=good) == GOOD
    assert verdict([mail("host.example")], subject=bad) == NOT_PERMITTED
    assert verdict((), [mail("evil.example")], subject=bad) == EXCLUDED
    assert verdict([mail("host.example")], names=[mail("b@host.example")], subject=bad) == GOOD
    assert verdict([mail("host.example")], names=[dns("host.example")], subject=bad) == NOT_PERMITTED


@pytest.mark.parametrize(
    ("base", "name", "permitted", "excluded"),
    [
        ("host.example", "市民@host.example", True, True),
        ("host.example", "市民@other.example", False, False),
        (".host.example", "市民@www.host.example", True, True),
        ("root@host.example", "市民@host.example", False, False),
        ("xn--bcher-kva.example", "市民@xn--bcher-kva.example", True, True),
        # RFC 9598 3: the domain is written in A-labels; in any other form it is no mailbox.
        ("xn--bcher-kva.example", "市民@bücher.example", False, True),
        ("host.example", "host.example", False, True),
    ],
)
def test_internationalised_mail_is_mail(base, name, permitted, excluded):
    """RFC 9598 6: rfc822Name constraints bind SmtpUTF8Mailbox too."""
    assert verdict([mail(base)], names=[mailbox(name)]) == (GOOD if permitted else NOT_PERMITTED)
    assert verdict((), [mail(base)], names=[mailbox(name)]) == (EXCLUDED if excluded else GOOD)


@pytest.mark.parametrize("value", [der.null(), der.ia5_string("a@host.example"), b"\x0c\x01\xff", b""])
def test_a_mailbox_that_cannot_be_read_is_in_doubt(value):
    name = other(SMTP_UTF8_MAILBOX, value)
    assert verdict([mail("host.example")], names=[name]) in (NOT_PERMITTED, MALFORMED)
    assert verdict((), [mail("other.example")], names=[name]) in (EXCLUDED, MALFORMED)


# --- URI -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "name", "permitted", "excluded"),
    [
        ("host.example", "https://host.example/", True, True),
        ("host.example", "https://host.example", True, True),
        ("host.example", "HTTPS://HOST.EXAMPLE:443/path?query#fragment", True, True),
        ("host.example", "https://user:secret@host.example:8443/", True, True),
        ("host.example", "ldap://host.example?q", True, True),
        ("host.example", "https://host.example#@evil.example/", True, True),
        ("host.example", "https://www.host.example/", False, False),
        ("host.example", "https://evil.example/host.example", False, False),
        ("host.example", "https://evil.example?@host.example/", False, False),
        ("host.example", "https://evil.example#@host.example/", False, False),
        ("host.example", "https://host.example@evil.example/", False, False),
        ("host.example", "https://host.example:443@evil.example/", False, False),
        ("host.example", "https://host.example.evil/", False, False),
        (".host.example", "https://www.host.example/", True, True),
        (".host.example", "https://a.b.host.example:1/", True, True),
        (".host.example", "https://host.example/", False, False),
        (".host.example", "https://evilhost.example/", False, False),
        # "When applied to a URI without an authority component with a host name, the certificate is refused."
        ("host.example", "urn:host.example", False, True),
        ("host.example", "mailto:a@host.example", False, True),
        ("host.example", "https:///path", False, True),
        ("host.example", "https://", False, True),
        ("host.example", "file:///etc/passwd", False, True),
        ("host.example", "//host.example/", False, True),
        ("host.example", "host.example", False, True),
        ("host.example", "", False, True),
        ("host.example", "https://192.0.2.1/", False, True),
        ("host.example", "https://[2001:db8::1]/", False, True),
        ("host.example", "https://[2001:db8::1]:443/", False, True),
        ("host.example", "https://host.example./", False, True),
        ("host.example", "https://host%2eexample/", False, True),
        ("host.example", "https://evil.example\\@host.example/", False, True),
        ("host.example", "https://evil.example\\.host.example/", False, True),
        ("host.example", "https:\\\\host.example/", False, True),
        ("host.example", "https://host.example:port/", False, True),
        ("host.example", "https:// host.example/", False, True),
        ("host.example", "https://host.example\0.evil.example/", False, True),
        ("host.example", "https://a@b@host.example/", False, True),
        ("host.example", "1https://host.example/", False, True),
    ],
)
def test_uri(base, name, permitted, excluded):
    assert verdict([uri(base)], names=[uri(name)]) == (GOOD if permitted else NOT_PERMITTED)
    assert verdict((), [uri(base)], names=[uri(name)]) == (EXCLUDED if excluded else GOOD)


@pytest.mark.parametrize(
    "base",
    [
        "https://host.example",
        "host.example/path",
        "host.example:443",
        "[::1]",
        "host.example.",
        "*.x",
    ],
)
def test_constraints_that_are_no_host_or_domain_are_refused(base):
    assert verdict([uri(base)], names=[uri("https://host.example/")]) == MALFORMED
    assert verdict((), [uri(base)], names=[uri("https://other.example/")]) == MALFORMED


# --- addresses -------------------------------------------------------------------------------------------


def net(text: str) -> bytes:
    return ip(bytes.fromhex(text))


V6 = "20010db8000000000000000000000000"


@pytest.mark.parametrize(
    ("base", "name", "permitted", "excluded"),
    [
        ("c0000200ffffff00", "c0000201", True, True),
        ("c0000200ffffff00", "c00002ff", True, True),
        ("c0000200ffffff00", "c0000301", False, False),
        ("c0000200ffffff00", "c00001ff", False, False),
        # Host bits in the base do not count (RFC 4632).
        ("c0000237ffffff00", "c0000201", True, True),
        ("c0000201ffffffff", "c0000201", True, True),
        ("c0000201ffffffff", "c0000202", False, False),
        ("0000000000000000", "c0000201", True, True),
        ("c000020100000000", "08080808", True, True),
        (V6 + "ffffffff000000000000000000000000", "20010db8000000000000000000000001", True, True),
        (V6 + "ffffffff000000000000000000000000", "20010db9000000000000000000000001", False, False),
        ("00" * 32, "20010db8000000000000000000000001", True, True),
        # A family that only the other family's range speaks of is not within it.
        ("0000000000000000", "20010db8000000000000000000000001", False, False),
        ("00" * 32, "c0000201", False, False),
        ("c0000200ffffff00", "00000000000000000000ffffc0000201", False, False),
    ],
)
def test_addresses(base, name, permitted, excluded):
    assert verdict([net(base)], names=[net(name)]) == (GOOD if permitted else NOT_PERMITTED)
    assert verdict((), [net(base)], names=[net(name)]) == (EXCLUDED if excluded else GOOD)


@pytest.mark.parametrize("kind", [mail, uri])
def test_empty_constraints_of_mail_and_uris_are_in_doubt(kind):
    """4.2.1.10 gives them no meaning: they permit nothing, and exclude everything."""
    name = mail("a@host.example") if kind is mail else uri("https://host.example/")
    assert verdict([kind("")], names=[name]) == NOT_PERMITTED
    assert verdict((), [kind("")], names=[name]) == EXCLUDED


@pytest.mark.parametrize(
    "base",
    [
        "",
        "c0000200",
        "c0000200ffffff",
        "c0000200ffffff0000",
        V6,
        "c0000200ff00ff00",
        "c000020000ffffff",
        "c0000200fffffffe01",
    ],
)
def test_ranges_that_are_none_are_refused(base):
    assert verdict([net(base)], names=[net("c0000201")]) == MALFORMED
    assert verdict((), [net(base)]) == MALFORMED


@pytest.mark.parametrize(
    "address", ["", "c0", "c00002", "c000020100", "c0000201ffffffff", "20" * 15, "20" * 17]
)
def test_addresses_of_wrong_length_are_refused(address):
    assert verdict([net("c0000200ffffff00")], names=[net(address)]) == MALFORMED
    assert codes(judge(issued("Leaf", ROOT, alternative(net(address))), [ROOT]))[0] == MALFORMED


# --- directory names -------------------------------------------------------------------------------------

C_CN = rdn(attribute(COUNTRY, "CN", der.Tag.PRINTABLE_STRING))
O_CITY = rdn(attribute(ORGANIZATION, "City of Tongxing"))
CN_LEAF = rdn(attribute(COMMON_NAME, "Leaf"))
O_CITY_PRINTABLE = rdn(attribute(ORGANIZATION, "City of Tongxing", der.Tag.PRINTABLE_STRING))
O_CITY_BMP = rdn(attribute(ORGANIZATION, "City of Tongxing".encode("utf-16-be"), der.Tag.BMP_STRING))
PAIR = rdn(attribute(ORGANIZATION, "City of Tongxing"), attribute(COMMON_NAME, "Leaf"))


@pytest.mark.parametrize(
    ("base", "name", "within"),
    [
        (dn(C_CN), dn(C_CN, O_CITY, CN_LEAF), True),
        (dn(C_CN, O_CITY), dn(C_CN, O_CITY, CN_LEAF), True),
        (dn(C_CN, O_CITY, CN_LEAF), dn(C_CN, O_CITY, CN_LEAF), True),
        (dn(C_CN, O_CITY, CN_LEAF), dn(C_CN, O_CITY), False),
        (dn(O_CITY), dn(C_CN, O_CITY, CN_LEAF), False),
        (dn(C_CN, CN_LEAF), dn(C_CN, O_CITY, CN_LEAF), False),
        (dn(O_CITY, C_CN), dn(C_CN, O_CITY), False),
        (dn(), dn(C_CN, O_CITY, CN_LEAF), True),
        # RFC 5280 7.1: case, inner and outer spaces, and the string type do not count.
        (dn(rdn(attribute(ORGANIZATION, " CITY  of tongxing "))), dn(O_CITY, CN_LEAF), True),
        (dn(O_CITY_PRINTABLE), dn(O_CITY, CN_LEAF), True),
        (dn(O_CITY_BMP), dn(O_CITY), True),
        (dn(rdn(attribute(ORGANIZATION, "CityofTongxing"))), dn(O_CITY), False),
        (dn(rdn(attribute(ORGANIZATION, "STRASSE"))), dn(rdn(attribute(ORGANIZATION, "straße"))), True),
        (dn(rdn(attribute(ORGANIZATION, "City of Tongxin"))), dn(O_CITY), False),
        # A relative name of two values is one unit.
        (dn(PAIR), dn(PAIR, C_CN), True),
        (dn(O_CITY), dn(PAIR), False),
        (dn(PAIR), dn(O_CITY, CN_LEAF), False),
        (dn(PAIR), dn(O_CITY), False),
    ],
)  # fmt: skip
def test_directory_names(base, name, within):
    assert verdict([directory(base)], subject=name) == (GOOD if within else NOT_PERMITTED)
    assert verdict((), [directory(base)], subject=name) == (EXCLUDED if within else GOOD)
    permitted = [directory(base), directory(named("Leaf"))]
    assert verdict(permitted, names=[directory(name)]) == (GOOD if within else NOT_PERMITTED)
    assert verdict((), [directory(base)], [directory(name)]) == (EXCLUDED if within or base == dn() else GOOD)


def test_an_empty_subject_is_no_directory_name():
    """4.1.2.6: it says nothing; then the alternative names are critical and say it all."""
    above = authority("CA", ROOT, constraints([directory(dn(C_CN)), dns("host.example")]))
    for names, expected in (([dns("host.example")], GOOD), ([dns("evil.example")], NOT_PERMITTED)):
        leaf = issued(dn(), above, alternative(*names, critical=True), key="nameless")
        assert codes(judge(leaf, [ROOT], [above])) == [expected]


# --- forms that are not processed ------------------------------------------------------------------------

UNPROCESSED = {
    "registered id": (registered(f"{EXAMPLE_ARC}.1"), registered(f"{EXAMPLE_ARC}.2")),
    "other name": (other(f"{EXAMPLE_ARC}.1", der.null()), other(f"{EXAMPLE_ARC}.1", der.null())),
    "X.400 address": (b"\xa3\x02\x30\x00", b"\xa3\x02\x30\x00"),
    "EDI party": (b"\xa5\x04\xa1\x02\x0c\x00", b"\xa5\x04\xa1\x02\x0c\x00"),
}


@pytest.mark.parametrize("form", UNPROCESSED)
def test_forms_that_are_not_processed(form):
    """4.2.1.10: refuse when a name of the constrained form appears, and only then."""
    base, name = UNPROCESSED[form]
    assert verdict([base]) == GOOD
    assert verdict((), [base]) == GOOD
    assert verdict([base], names=[dns("host.example")]) == GOOD
    assert verdict([base], names=[name]) == UNSUPPORTED
    assert verdict((), [base], names=[name]) == UNSUPPORTED
    assert verdict([dns("host.example")], names=[name, dns("host.example")]) == GOOD


# --- along a path ----------------------------------------------------------------------------------------


def through(*steps, leaf):
    """The first code of a leaf under authorities with these (permitted, excluded), the highest first."""
    path = [ROOT]
    for number, (permitted, excluded) in enumerate(steps):
        more = (constraints(permitted, excluded),) if permitted or excluded else ()
        path.append(authority(f"CA {number}", path[-1], *more))
    end = issued("Leaf", path[-1], alternative(*leaf))
    return codes(judge(end, [ROOT], path[1:]))[0]


def test_permitted_subtrees_intersect():
    wide, narrow = ([dns("example")], ()), ([dns("host.example")], ())
    for steps in ((wide, narrow), (narrow, wide), (narrow, ((), ()), wide)):
        assert through(*steps, leaf=[dns("www.host.example")]) == GOOD
        assert through(*steps, leaf=[dns("www.other.example")]) == NOT_PERMITTED
    apart = ([dns("host.example")], ()), ([dns("other.example")], ())
    assert through(*apart, leaf=[dns("host.example")]) == NOT_PERMITTED
    assert through(*apart, leaf=[dns("other.example")]) == NOT_PERMITTED
    assert through(*apart, leaf=[mail("a@third.example")]) == GOOD


def test_excluded_subtrees_add_up():
    steps = ((), [dns("a.example")]), ((), [dns("b.example")])
    assert through(*steps, leaf=[dns("c.example")]) == GOOD
    assert through(*steps, leaf=[dns("a.example")]) == EXCLUDED
    assert through(*steps, leaf=[dns("b.example")]) == EXCLUDED


def test_forms_are_constrained_one_by_one():
    steps = ([dns("host.example")], ()), ([mail("host.example")], ())
    assert through(*steps, leaf=[uri("https://evil.example/"), net("c0000201")]) == GOOD
    assert through(*steps, leaf=[dns("host.example"), mail("a@evil.example")]) == NOT_PERMITTED


def test_constraints_bind_authorities_below_and_not_the_one_that_states_them():
    within = authority(dn(C_CN, O_CITY), ROOT, constraints([directory(dn(C_CN))]))
    outside = authority("Elsewhere", within)
    assert codes(judge(issued(dn(C_CN, CN_LEAF), within), [ROOT], [within])) == [GOOD]
    assert NOT_PERMITTED in codes(judge(issued(dn(C_CN, CN_LEAF), outside), [ROOT], [within, outside]))
    stated = authority("States it", ROOT, constraints([directory(dn(C_CN))]))
    assert codes(judge(issued(dn(C_CN), stated), [ROOT], [stated])) == [GOOD]


def test_self_issued_authorities_are_free_and_self_issued_leaves_are_not():
    """6.1.3 (b), (c): "if certificate i is self-issued and it is not the final certificate"."""
    above = authority("CA", ROOT, constraints([directory(dn(C_CN))]))
    rolled = authority("CA", above, key="rolled")
    assert codes(judge(issued(dn(C_CN), rolled), [ROOT], [above, rolled])) == [GOOD]
    assert codes(judge(issued("CA", above, key="own"), [ROOT], [above])) == [NOT_PERMITTED]
    # What it states binds all the same (6.1.4 (g)).
    stating = authority("CA", above, constraints((), [dns("host.example")]), key="rolled")
    leaf = issued(dn(C_CN), stating, alternative(dns("host.example")))
    assert codes(judge(leaf, [ROOT], [above, stating])) == [EXCLUDED]


# --- the extension itself --------------------------------------------------------------------------------


def subtree(base, tail=b""):
    return der.tlv(0xA0, der.sequence(base, tail))


MALFORMED_VALUES = {
    "empty": der.sequence(),
    "no permitted subtrees": der.sequence(b"\xa0\x00"),
    "no excluded subtrees": der.sequence(b"\xa1\x00"),
    "excluded before permitted": der.sequence(der.tlv(0xA1, der.sequence(dns("a"))), subtree(dns("a"))),
    "minimum 1": der.sequence(subtree(dns("a"), b"\x80\x01\x01")),
    "minimum 0, which DER leaves out": der.sequence(subtree(dns("a"), b"\x80\x01\x00")),
    "maximum 1": der.sequence(subtree(dns("a"), b"\x81\x01\x01")),
    "no base": der.sequence(der.tlv(0xA0, der.sequence())),
    "a base of no known form": der.sequence(subtree(b"\x89\x00")),
    "trailing octets": der.sequence(subtree(dns("a"))) + b"\0",
    "a name instead of a subtree": der.sequence(der.tlv(0xA0, dns("a"))),
}


@pytest.mark.parametrize("shape", MALFORMED_VALUES)
@pytest.mark.parametrize("critical", [True, False])
def test_malformed_constraints_are_refused(shape, critical):
    value = extension(ExtensionOID.NAME_CONSTRAINTS, MALFORMED_VALUES[shape], critical)
    above = authority("CA", ROOT, value)
    assert codes(judge(issued("Leaf", above), [ROOT], [above]))[0] == MALFORMED


def test_constraints_count_whether_critical_or_not():
    value = der.sequence(subtree(dns("host.example")))
    above = authority("CA", ROOT, extension(ExtensionOID.NAME_CONSTRAINTS, value, False))
    leaf = issued("Leaf", above, alternative(dns("evil.example")))
    assert codes(judge(leaf, [ROOT], [above])) == [NOT_PERMITTED]


def test_an_end_entity_may_not_state_constraints():
    """4.2.1.10: "MUST be used only in a CA certificate"."""
    leaf = issued("Leaf", ROOT, constraints([dns("host.example")]))
    assert codes(judge(leaf, [ROOT])) == [MALFORMED]


# --- very many -------------------------------------------------------------------------------------------

FORMS = {
    "dns": lambda n: dns(f"h{n}.host.example"),
    "mail": lambda n: mail(f"m{n}@host.example"),
    "uri": lambda n: uri(f"https://h{n}.host.example/"),
    "address": lambda n: ip(n.to_bytes(4, "big")),
    "directory": lambda n: directory(named(f"Name {n}")),
}
BASES = {
    "dns": lambda n: dns(f"h{n}.host.example"),
    "mail": lambda n: mail(f"m{n}@host.example"),
    "uri": lambda n: uri(f"h{n}.host.example"),
    "address": lambda n: ip(n.to_bytes(4, "big") + b"\xff" * 4),
    "directory": lambda n: directory(named(f"Name {n}")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["permitted", "excluded"])
def test_a_million_comparisons_are_made_in_time(form, kind):
    """1,000 names under 1,000 subtrees: a verdict, not an excuse, and within the second."""
    names = [FORMS[form](n) for n in range(1000)]
    if kind == "permitted":
        bases = [BASES[form](n) for n in (*range(1000), 2000)] if form != "directory" else None
        bases = bases or [*(BASES[form](n) for n in range(1000)), directory(named("Leaf"))]
        above = authority("CA", ROOT, constraints(bases))
        expected = GOOD
    else:
        above = authority("CA", ROOT, constraints((), [BASES[form](n) for n in range(999, 1999)]))
        expected = EXCLUDED
    leaf = issued("Leaf", above, alternative(*names))
    started = time.process_time()
    assert codes(judge(leaf, [ROOT], [above])) == [expected]
    assert time.process_time() - started < BUSY_SECOND


@pytest.mark.parametrize("form", FORMS)
def test_more_than_a_million_are_refused(form):
    names = [FORMS[form](n) for n in range(2000)]
    above = authority("CA", ROOT, constraints((), [BASES[form](n) for n in range(5000, 6000)]))
    leaf = issued("Leaf", above, alternative(*names))
    started = time.process_time()
    assert codes(judge(leaf, [ROOT], [above])) == [UNSUPPORTED]
    assert time.process_time() - started < BUSY_SECOND

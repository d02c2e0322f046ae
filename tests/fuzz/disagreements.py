"""Why a referee may judge otherwise than the engine: each kind recognised narrowly, who is right, and why.

docs/path-validation.md mirrors this table, and a test holds the two together. A disagreement that no entry
explains fails the test, and so a change of either side shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from tests.fuzz.mutation import Case
from tests.fuzz.referees import Verdict, by_certvalidator, by_openssl, ours, path_of
from tests.standards.chains import Made
from trust.certificate import Certificate
from trust.encoding import der
from trust.errors import TrustError
from trust.extensions import GeneralName, GeneralNameKind
from trust.names import canonical_name
from trust.subtrees import parse_name
from trust.vocabulary import SMTP_UTF8_MAILBOX, ExtensionOID

_MAIL = (GeneralNameKind.EMAIL,)
OPENSSL, CERTVALIDATOR = "OpenSSL", "certvalidator"
REFEREES: dict[str, Callable[[Case], Verdict]] = {OPENSSL: by_openssl, CERTVALIDATOR: by_certvalidator}


@dataclass(frozen=True)
class Explanation:
    """One kind of disagreement.

    Where we refuse, `pattern` must fit one of our reasons, and every reason must be explained by some entry.
    Where we accept, it must fit the referee's. `condition` looks at the case as well.
    """

    title: str
    referees: tuple[str, ...]
    we: str
    right: str
    clause: str
    pattern: str
    condition: Callable[[Case, str, str], bool] = lambda case, referee, reason: True

    def fits(self, we: str, referee: str, reason: str) -> bool:
        """Whether this entry speaks of that reason of the one who refuses."""
        return self.we == we and referee in self.referees and re.search(self.pattern, reason) is not None

    def holds(self, case: Case, referee: str, reason: str) -> bool:
        """Whether the case is of this kind; what cannot be read is of none."""
        try:
            return self.condition(case, referee, reason)
        except TrustError:
            return False


def explain(case: Case, referee: str, we: Verdict, they: Verdict) -> list[Explanation]:
    """The entries that explain the disagreement; none when it is not explained."""
    found: list[Explanation] = []
    for reason in they.reasons[:1] if we.good else we.reasons:
        fitting = [entry for entry in TABLE if entry.fits("accept" if we.good else "refuse", referee, reason)]
        fitting = [entry for entry in fitting if entry.holds(case, referee, reason)]
        if not fitting:
            return []
        found.append(fitting[0])
    return found


# --- conditions ------------------------------------------------------------------------------------------


def _builds_no_second_path(case: Case, referee: str, _reason: str) -> bool:
    """Given only the certificates of our path the referee agrees, or has another reason that is explained."""
    path = path_of(case)
    alone = replace(case, bundle=path[1:-1], anchors=path[-1:])
    if len(alone.bundle) == len(case.bundle):
        return False
    they = REFEREES[referee](alone)
    return they.good or bool(explain(alone, referee, ours(alone), they))


def _readable(certificates: Iterable[bytes]) -> list[Certificate]:
    """Those that can be read, their extensions too."""
    read = []
    for encoded in certificates:
        try:
            certificate = Certificate.parse(encoded)
            certificate.check_extensions()
        except TrustError:
            continue
        read.append(certificate)
    return read


def _path_of(case: Case) -> list[Certificate]:
    """Our path, read."""
    return [Certificate.parse(encoded) for encoded in path_of(case)]


def _two_keys_under_one_name(case: Case, _referee: str, _reason: str) -> bool:
    """Two authorities of our path, or beside it, bear one name and differ in their keys."""
    read = _readable((*case.bundle, *case.anchors))
    keys: dict[bytes, set[bytes]] = {}
    for certificate in read:
        keys.setdefault(certificate.subject, set()).add(certificate.public_key)
    return any(len(under) > 1 for under in keys.values())


def _one_number_twice(case: Case, _referee: str, _reason: str) -> bool:
    """Two certificates of our path have the same issuer and serial number."""
    numbers = [(certificate.issuer, certificate.serial_number) for certificate in _path_of(case)]
    return len(set(numbers)) < len(numbers)


def _unprocessed_constraint(case: Case, _referee: str, _reason: str) -> bool:
    """An authority of our path constrains names of a form that has no meaning here."""
    said = [certificate.name_constraints for certificate in _path_of(case)]
    kinds = {base.kind for each in said if each for base in (*each.permitted, *each.excluded)}
    unprocessed = {GeneralNameKind.OTHER, GeneralNameKind.X400, GeneralNameKind.EDI_PARTY}
    return not kinds.isdisjoint(unprocessed | {GeneralNameKind.REGISTERED_ID})


def _anchor_speaks(case: Case, _referee: str, reason: str) -> bool:
    """With anchors that are a name and a key only, the reason is gone: their own certificates gave it."""
    return reason not in ours(replace(case, anchors=tuple(_bare(anchor) for anchor in case.anchors))).reasons


@cache
def _bare(anchor: bytes) -> bytes:
    """The anchor's name and key in a certificate of version 1."""
    try:
        read = Certificate.parse(anchor)
    except TrustError:
        return anchor
    return Made(read.subject, read.subject, "", "bare", (), version=b"", public_key=read.public_key).der


def _other_key_identifier(case: Case, _referee: str, _reason: str) -> bool:
    """On our path, an authority key identifier is not that of the issuer, or cannot be read."""
    path = _path_of(case)
    path.append(path[-1])
    return any(_names_another(child, issuer) for child, issuer in pairwise(path))


def _names_another(child: Certificate, issuer: Certificate) -> bool:
    try:
        named, identifier = child.authority_key, issuer.key_identifier
    except TrustError:
        return True
    if named is None:
        return False
    other_key = named.key_identifier is not None and named.key_identifier != identifier
    return other_key or named.serial_number not in (None, issuer.serial_number)


def _anchor_without_extensions(case: Case, _referee: str, _reason: str) -> bool:
    """Our path ends in an anchor of version 1."""
    return not Certificate.parse(path_of(case)[-1]).extensions


def _explicit_by_a_certificate(case: Case, _referee: str, _reason: str) -> bool:
    """A certificate of our path asks for an explicit policy."""
    return any(ExtensionOID.POLICY_CONSTRAINTS in each.extensions for each in _path_of(case))


def _subject_address(case: Case, _referee: str, _reason: str) -> bool:
    """The leaf has an address in its subject beside one in its alternative names."""
    leaf = Certificate.parse(case.leaf)
    return bool(leaf.subject_alternative_name.email) and der.oid("1.2.840.113549.1.9.1") in leaf.subject


def _self_issued_without_identifier(case: Case, _referee: str, _reason: str) -> bool:
    """A certificate of our path bears its issuer's name, and no key identifiers tell the two apart."""
    path = _path_of(case)[:-1]
    return any(each.is_self_issued and None in (each.authority_key, each.key_identifier) for each in path)


def _empty_dns_constraint(case: Case, _referee: str, _reason: str) -> bool:
    """An authority or an anchor permits or excludes the empty DNS name."""
    read = _readable((*case.bundle, *case.anchors))
    said = [certificate.name_constraints for certificate in read]
    bases = [base for each in said if each for base in (*each.permitted, *each.excluded)]
    return GeneralName(GeneralNameKind.DNS, b"") in bases


def _internationalised_mail(case: Case, _referee: str, _reason: str) -> bool:
    """A certificate has a SmtpUTF8Mailbox among its names."""
    return any(der.oid(SMTP_UTF8_MAILBOX)[2:] in encoded for encoded in (case.leaf, *case.bundle))


def _name_in_doubt(case: Case, _referee: str, _reason: str) -> bool:
    """A name of the path is no host, no mailbox, or a URI without a host."""
    doubtful = (GeneralNameKind.DNS, GeneralNameKind.EMAIL, GeneralNameKind.URI)
    read = _readable((case.leaf, *case.bundle))
    names = [name for certificate in read for name in certificate.subject_alternative_name.names]
    parsed = [parse_name(name) for name in names if name.kind in doubtful]
    return None in parsed or (None, True) in parsed or (None, False) in parsed


def _issuer_is_no_name(case: Case, _referee: str, _reason: str) -> bool:
    """The issuer of the leaf or of an authority cannot be read."""
    for encoded in (case.leaf, *case.bundle):
        try:
            canonical_name(Certificate.parse(encoded).issuer)
        except TrustError:
            return True
    return False


def _excluded_mailbox(case: Case, _referee: str, _reason: str) -> bool:
    """An authority excludes one mailbox, which the leaf has but for the case."""
    said = [certificate.name_constraints for certificate in _readable((*case.bundle, *case.anchors))]
    excluded = {base.text.lower() for each in said if each for base in each.excluded if base.kind in _MAIL}
    return any(
        name.lower() in excluded for name in Certificate.parse(case.leaf).subject_alternative_name.email
    )


def _anchor_is_odd(case: Case, _referee: str, _reason: str) -> bool:
    """The anchor of our path has a known extension that cannot be read."""
    return not _readable(path_of(case)[-1:])


def _has_other_name(case: Case, _referee: str, _reason: str) -> bool:
    """A certificate of our path has an otherName."""
    names = [name for each in _path_of(case) for name in each.subject_alternative_name.names]
    return any(name.kind is GeneralNameKind.OTHER for name in names)


def _something_is_unread(case: Case, _referee: str, _reason: str) -> bool:
    """A certificate of the bundle cannot be read here, and is missing then."""
    return any(reason.startswith("unread:") for reason in ours(case).reasons)


# --- the table -------------------------------------------------------------------------------------------

BOTH = (OPENSSL, CERTVALIDATOR)
WE, THEY, EITHER = "the engine", "the referee", "either"

TABLE: tuple[Explanation, ...] = (
    # --- we refuse ---
    Explanation(
        "name constraints in a certificate that is no authority's",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.2.1.10",
        "it constrains names, but it is no authority",
    ),
    Explanation(
        "a serial number that is zero or negative",
        BOTH,
        "refuse",
        EITHER,
        "RFC 5280 4.1.2.2",
        "the serial number is not positive",
    ),
    Explanation(
        "neither a subject nor critical alternative names",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.1.2.6",
        "it has neither subject nor critical names",
    ),
    Explanation(
        "an authority without a subject",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.1.2.6",
        "an authority has no subject",
    ),
    Explanation(
        "constraints not in their form's syntax: DNS with a leading period, hosts that are none",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.2.1.10",
        "is no subtree of (DNS|EMAIL|URI) names",
    ),
    Explanation(
        "a serial number of more than 20 octets",
        (OPENSSL,),
        "refuse",
        WE,
        "RFC 5280 4.1.2.2",
        "^unread:serial-number$",
    ),
    Explanation(
        "extensions in version 1 or 2, or another version than 1 to 3",
        (OPENSSL,),
        "refuse",
        WE,
        "RFC 5280 4.1.2.1, 4.1.2.9",
        "^unread:version$",
    ),
    Explanation(
        "an extension value that is not DER or not in its clause's form",
        BOTH,
        "refuse",
        WE,
        "X.690 10, 11; RFC 5280 4.2.1",
        r"extension [0-9.]+ is malformed: (?!'.*' is no subtree)",
    ),
    Explanation(
        "a certificate that is not DER",
        BOTH,
        "refuse",
        WE,
        "X.690 10, 11",
        "^unread:der-",
    ),
    Explanation(
        "an extension that occurs twice",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.2",
        "^unread:extension-twice$",
    ),
    Explanation(
        "a name that is not DER or not in its string types' encodings",
        BOTH,
        "refuse",
        WE,
        "X.690 10, 11; RFC 5280 4.1.2.4",
        "is malformed: (a relative name|attribute |an object id|expected tag|an element|the data ends)",
    ),
    Explanation(
        "a name of a form that is constrained and not processed here, of another type perhaps",
        BOTH,
        "refuse",
        EITHER,
        "RFC 5280 4.2.1.10",
        "^name-constraint-unsupported: ",
    ),
    Explanation(
        "an issuer that is no DER name",
        BOTH,
        "refuse",
        WE,
        "X.690 10, 11; RFC 5280 4.1.2.4",
        "^no-path: ",
        _issuer_is_no_name,
    ),
    Explanation(
        "an excluded mailbox with its local part in another case",
        BOTH,
        "refuse",
        EITHER,
        "RFC 5280 4.2.1.10, 7.5",
        "^name-excluded: .*: EMAIL ",
        _excluded_mailbox,
    ),
    Explanation(
        "a wildcard that could stand for an excluded host",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.2.1.10; RFC 9525 6.3",
        r"^name-excluded: .*: DNS \*\.",
    ),
    Explanation(
        "a certificate that breaks section 4.1",
        (CERTVALIDATOR,),
        "refuse",
        WE,
        "RFC 5280 4.1",
        "^unread:",
    ),
    Explanation(
        "what the path needs cannot be read here, see the reason beside",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 6.1",
        "^(no-path|signature-invalid|certificate-expired|certificate-not-yet-valid):",
        _something_is_unread,
    ),
    Explanation(
        "what the anchor's own certificate forbids",
        (CERTVALIDATOR,),
        "refuse",
        EITHER,
        "RFC 5937 3.2; RFC 5280 4.2.1.3, 4.2.1.9",
        ":",
        _anchor_speaks,
    ),
    Explanation(
        "critical key identifiers",
        (CERTVALIDATOR,),
        "refuse",
        WE,
        "RFC 5280 4.2.1.1, 4.2.1.2",
        r"^critical-extension-unknown: .*: 2\.5\.29\.(14|35)\.$",
    ),
    Explanation(
        "the leaf's key is of no use",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 6.1.3 (a)(1)",
        "^algorithm-refused: ",
    ),
    Explanation(
        "keyCertSign or a path length without an authority",
        (CERTVALIDATOR,),
        "refuse",
        WE,
        "RFC 5280 4.2.1.9",
        "its key may sign certificates, but it is no authority|it limits a path, but",
    ),
    Explanation(
        "an empty DNS constraint, which holds every host",
        (CERTVALIDATOR,),
        "refuse",
        WE,
        "RFC 5280 4.2.1.10",
        "^name-excluded: .*: DNS ",
        _empty_dns_constraint,
    ),
    Explanation(
        "internationalised mail under constraints of mail",
        (CERTVALIDATOR,),
        "refuse",
        WE,
        "RFC 9598 6",
        "^name-(not-permitted|excluded): .*: EMAIL ",
        _internationalised_mail,
    ),
    Explanation(
        "a name that is none of its form, under a constraint of that form",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.2.1.6, 4.2.1.10",
        "^name-(not-permitted|excluded): ",
        _name_in_doubt,
    ),
    Explanation(
        "a leaf that maps from or to any policy",
        BOTH,
        "refuse",
        WE,
        "RFC 5280 4.2.1.5",
        "it maps from or to any policy",
    ),
    # --- we accept ---
    Explanation(
        "an empty DNS constraint, which holds every host",
        (CERTVALIDATOR,),
        "accept",
        WE,
        "RFC 5280 4.2.1.10",
        "not all names .* of type dns_name is not allowed",
        _empty_dns_constraint,
    ),
    Explanation(
        "a certificate or a name that makes it stumble",
        (CERTVALIDATOR,),
        "accept",
        WE,
        "RFC 5280 6.1",
        "^(ValueError|UnicodeError|NotImplementedError|TypeError): ",
    ),
    Explanation(
        "another candidate of the bundle breaks a rule, and no second path is tried",
        BOTH,
        "accept",
        WE,
        "RFC 4158 2.3",
        "",
        _builds_no_second_path,
    ),
    Explanation(
        "the authority key identifier names another key than the one that signed",
        BOTH,
        "accept",
        WE,
        "RFC 5280 4.2.1.1, 6.1",
        "unable to get (local )?issuer certificate|certificate signature failure|no issuer matching",
        _other_key_identifier,
    ),
    Explanation(
        "two keys under one name and nothing to tell them by: the other one is taken",
        BOTH,
        "accept",
        WE,
        "RFC 4158 2.3",
        "^certificate signature failure$|signature of .* could not be verified",
        _two_keys_under_one_name,
    ),
    Explanation(
        "two certificates of one issuer and serial number in the path",
        BOTH,
        "accept",
        EITHER,
        "RFC 5280 4.1.2.2",
        "unable to get (local )?issuer certificate|no issuer matching",
        _one_number_twice,
    ),
    Explanation(
        "a constraint of a form that is not processed here and of no name in the path, malformed",
        (OPENSSL,),
        "accept",
        EITHER,
        "RFC 5280 4.2.1.10",
        "unable to get (local )?issuer certificate|invalid CA certificate|unsupported",
        _unprocessed_constraint,
    ),
    Explanation(
        "an extension of the anchor that cannot be read, and that no rule asks for",
        BOTH,
        "accept",
        EITHER,
        "RFC 5280 6.1.1 (d)",
        "",
        _anchor_is_odd,
    ),
    Explanation(
        "an otherName that is not in its type's form, and that nothing constrains",
        (OPENSSL,),
        "accept",
        EITHER,
        "RFC 5280 4.2.1.6",
        "unable to get (local )?issuer certificate|invalid CA certificate|unsupported",
        _has_other_name,
    ),
    Explanation(
        "a value in a name that is no string",
        (OPENSSL,),
        "accept",
        EITHER,
        "RFC 5280 4.1.2.4",
        "^unread: .*mstring (wrong tag|not universal)",
    ),
    Explanation(
        "no key usage in an authority",
        (OPENSSL,),
        "accept",
        EITHER,
        "RFC 5280 4.2.1.3, 6.1.4 (n)",
        "CA cert does not include key usage|Path length given without key usage keyCertSign",
    ),
    Explanation(
        "no key identifiers",
        (OPENSSL,),
        "accept",
        EITHER,
        "RFC 5280 4.2.1.1, 4.2.1.2, 6.1",
        "^Missing (Authority|Subject) Key Identifier$",
    ),
    Explanation(
        "an anchor of version 1",
        (OPENSSL,),
        "accept",
        WE,
        "RFC 5280 6.1.1 (d)",
        "^invalid CA certificate$",
        _anchor_without_extensions,
    ),
    Explanation(
        "an explicit policy is needed: the accepted policies cannot be told to OpenSSL from Python",
        (OPENSSL,),
        "accept",
        WE,
        "RFC 5280 6.1.5 (g)",
        "^no explicit policy$",
        _explicit_by_a_certificate,
    ),
    Explanation(
        "an address in the subject beside one in the alternative names",
        (OPENSSL,),
        "accept",
        WE,
        "RFC 5280 4.2.1.10",
        "^(permitted|excluded) subtree violation$",
        _subject_address,
    ),
    Explanation(
        "a self-issued certificate without key identifiers is taken for a self-signed one",
        (OPENSSL,),
        "accept",
        WE,
        "RFC 5280 6.1",
        "^self-signed certificate",
        _self_issued_without_identifier,
    ),
)

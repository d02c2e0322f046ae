"""Chains of certificates, changed at random and signed anew, so that what is judged is the change.

A case is a leaf, the bundle sent with it, the anchors, and the inputs of RFC 5280 6.1.1 that both sides of a
comparison can be given. The same seed makes the same octets on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.standards.chains import (
    AT,
    CERT_SIGN,
    COMMON_NAME,
    COUNTRY,
    DAY,
    EMAIL_ADDRESS,
    EXAMPLE_ARC,
    YEAR,
    Made,
    alternative,
    attribute,
    authority,
    authority_key,
    basic,
    constraints,
    directory,
    dn,
    dns,
    extension,
    inhibit_any,
    ip,
    issued,
    key_identifier,
    mail,
    mappings,
    named,
    other,
    policies,
    policy_constraints,
    purposes,
    rdn,
    registered,
    sign,
    subject_key,
    unknown,
    uri,
    usage,
)
from trust.encoding import der
from trust.vocabulary import ANY_POLICY, SMTP_UTF8_MAILBOX, ExtendedKeyUsage

A, B, C = (f"{EXAMPLE_ARC}.5.{n}" for n in range(3))


@dataclass(frozen=True)
class Case:
    """What is to be judged, and in `told` how it came about."""

    leaf: bytes
    bundle: tuple[bytes, ...]
    anchors: tuple[bytes, ...]
    explicit_policy: bool
    inhibit_mapping: bool
    inhibit_any: bool
    told: tuple[str, ...]


def generate(seed: int) -> Case:
    """The case of that number."""
    generator = random.Random(seed)
    chain = _sound_chain(generator)
    told: list[str] = []
    for _ in range(generator.choice((0, 1, 1, 1, 2, 3))):
        place = generator.randrange(len(chain))
        kind = generator.choice(_MUTATIONS)
        changed = kind(generator, chain[place])
        told.append(f"{kind.__name__.strip('_')} of {place}")
        chain[place] = changed
    encoded = [made.der for made in chain]
    if generator.random() < 0.15:
        place = generator.randrange(1, len(chain))
        encoded[place] = _flipped(generator, chain[place])
        told.append(f"a flipped bit in {place}")
    bundle = encoded[1:-1]
    if generator.random() < 0.15:
        bundle += [_twin(generator, made).der for made in chain[1:-1]]
        told.append("twins")
    if len(bundle) > 1 and generator.random() < 0.05:
        del bundle[generator.randrange(len(bundle))]
        told.append("one left out")
    generator.shuffle(bundle)
    asked = [generator.random() < chance for chance in (0.25, 0.1, 0.1)]
    return Case(encoded[-1], tuple(bundle), (encoded[0],), *asked, tuple(told))


def _sound_chain(generator: random.Random) -> list[Made]:
    """Root, one to three authorities and a leaf, all of them good, with extensions that go together."""
    chain = [authority("Root")]
    held = (A, B) if generator.random() < 0.7 else (ANY_POLICY,)
    for number in range(generator.choice((1, 2, 2, 3))):
        more = [policies(*held)]
        if generator.random() < 0.3:
            more.append(constraints([dns("city.example"), directory(dn()), mail("city.example")]))
        if generator.random() < 0.2:
            more.append(
                purposes(ExtendedKeyUsage.CLIENT_AUTHENTICATION, ExtendedKeyUsage.SERVER_AUTHENTICATION)
            )
        self_issued = number > 0 and generator.random() < 0.1
        subject = chain[-1].subject if self_issued else f"Authority {number}"
        chain.append(authority(subject, chain[-1], *more, key=f"authority {number}"))
    names = [dns("www.city.example"), mail("a@city.example")]
    chain.append(issued("Leaf", chain[-1], policies(A), alternative(*names), key="leaf"))
    return [made.but(serial=der.integer(1000 + n)) for n, made in enumerate(chain)]


def _twin(generator: random.Random, made: Made) -> Made:
    """The same authority once more, a little worse or just as good."""
    worse = generator.choice(
        ({}, {"not_after": der.time(AT - DAY)}, {"signer": "mallory"}, {"key": "other key"})
    )
    return made.but(serial=der.integer(7000 + generator.randrange(100)), **worse)


def _flipped(generator: random.Random, made: Made) -> bytes:
    """The certificate with one bit of its TBSCertificate flipped before it was signed."""
    tbs = bytearray(made.tbs)
    position = generator.randrange(8 * len(tbs))
    tbs[position // 8] ^= 1 << position % 8
    changed = bytes(tbs)
    return der.sequence(changed, made.algorithm, der.bit_string(sign(made.signer, changed)))


# --- changes ---------------------------------------------------------------------------------------------

Generator = random.Random
Mutation = Callable[[Generator, Made], Made]


def _validity(generator: Generator, made: Made) -> Made:
    moments = [AT - 2 * YEAR, AT - DAY, AT, AT + DAY, AT + 30 * YEAR]
    encode = generator.choice((der.time, der.generalized_time))
    field = generator.choice(("not_before", "not_after"))
    return made.but(**{field: encode(generator.choice(moments))})


def _subject(generator: Generator, made: Made) -> Made:
    subjects = [
        named("Root"),
        named("Authority 0"),
        named("authority  0"),
        dn(rdn(attribute(COMMON_NAME, "Authority 0", der.Tag.PRINTABLE_STRING))),
        dn(rdn(attribute(COUNTRY, "CN", der.Tag.PRINTABLE_STRING)), rdn(attribute(COMMON_NAME, "Leaf"))),
        dn(
            rdn(attribute(COMMON_NAME, "Leaf")),
            rdn(attribute(EMAIL_ADDRESS, "a@x.example", der.Tag.IA5_STRING)),
        ),
        dn(rdn(attribute(COMMON_NAME, "Leaf"), attribute(COUNTRY, "CN", der.Tag.PRINTABLE_STRING))),
        dn(),
    ]
    return made.but(subject=generator.choice(subjects))


def _issuer(generator: Generator, made: Made) -> Made:
    return made.but(
        issuer=generator.choice([named("Root"), named("ROOT"), named("Nobody"), made.subject, dn()])
    )


def _signer(generator: Generator, made: Made) -> Made:
    return made.but(signer=generator.choice(("mallory", made.key, "authority 0")))


def _algorithm(generator: Generator, made: Made) -> Made:
    sha1, sha384 = bytes.fromhex("300906072a8648ce3d0401"), bytes.fromhex("300a06082a8648ce3d040303")
    with_null = bytes.fromhex("300c06082a8648ce3d0403020500")
    chosen = generator.choice((sha1, sha384, with_null))
    field = generator.choice(("algorithm", "inner_algorithm"))
    return made.but(**{field: chosen})


def _version(generator: Generator, made: Made) -> Made:
    version = generator.choice((b"", der.explicit(0, der.integer(1)), der.explicit(0, der.integer(3))))
    return made.but(version=version, extensions=generator.choice(((), made.extensions)))


def _serial(generator: Generator, made: Made) -> Made:
    contents = (b"\0", b"\xff", b"\x7f" * 20, b"\x7f" * 21, b"\0\x80" + b"\1" * 19, b"\0\1", b"")
    return made.but(serial=der.tlv(0x02, generator.choice(contents)))


def _without_extension(generator: Generator, made: Made) -> Made:
    kept = list(made.extensions)
    if kept:
        del kept[generator.randrange(len(kept))]
    return made.but(extensions=tuple(kept))


def _criticality(generator: Generator, made: Made) -> Made:
    if not made.extensions:
        return made
    place = generator.randrange(len(made.extensions))
    oid, _, value = _parts(made.extensions[place])
    changed = extension(oid, value, generator.random() < 0.5)
    return made.but(extensions=(*made.extensions[:place], changed, *made.extensions[place + 1 :]))


def _another_extension(generator: Generator, made: Made) -> Made:
    """An extension from the pool, in the place of its kind or beside the others."""
    new = generator.choice(_EXTENSIONS)
    oid = _parts(new)[0]
    others = [old for old in made.extensions if _parts(old)[0] != oid]
    return made.but(extensions=(*others, new))


def _twice(generator: Generator, made: Made) -> Made:
    if not made.extensions:
        return made
    return made.but(extensions=(*made.extensions, generator.choice(made.extensions)))


def _value_flipped(generator: Generator, made: Made) -> Made:
    """One bit of one extension's value."""
    if not made.extensions:
        return made
    place = generator.randrange(len(made.extensions))
    oid, critical, value = _parts(made.extensions[place])
    changed = bytearray(value)
    position = generator.randrange(8 * len(changed))
    changed[position // 8] ^= 1 << position % 8
    new = extension(oid, bytes(changed), critical)
    return made.but(extensions=(*made.extensions[:place], new, *made.extensions[place + 1 :]))


def _parts(encoded: bytes) -> tuple[str, bool, bytes]:
    """OID, criticality and value of an Extension that was made here."""
    reader = der.read_sequence(encoded)
    oid = reader.read_oid()
    critical = reader.peek() == der.Tag.BOOLEAN and reader.read_boolean()
    return oid, critical, reader.read_octet_string()


_MUTATIONS: tuple[Mutation, ...] = (
    _validity,
    _subject,
    _issuer,
    _signer,
    _algorithm,
    _version,
    _serial,
    _without_extension,
    _without_extension,
    _criticality,
    _another_extension,
    _another_extension,
    _another_extension,
    _another_extension,
    _another_extension,
    _twice,
    _value_flipped,
)

_NAMES = (
    dns("www.city.example"),
    dns("*.city.example"),
    dns("*.example"),
    dns("WWW.City.Example"),
    dns("evil.example"),
    dns("city.example."),
    dns(""),
    dns("a..b"),
    mail("a@city.example"),
    mail("A@CITY.example"),
    mail("a@www.city.example"),
    mail("a@evil.example"),
    mail("nobody"),
    mail('"a b"@city.example'),
    uri("https://city.example/"),
    uri("https://www.city.example:8443/x"),
    uri("https://evil.example/"),
    uri("urn:x"),
    uri("https://192.0.2.1/"),
    ip(bytes((192, 0, 2, 1))),
    ip(bytes((198, 51, 100, 1))),
    ip(bytes(16)),
    directory(named("Leaf")),
    directory(named("Evil")),
    registered("1.2.3"),
    other(f"{EXAMPLE_ARC}.1", der.null()),
    other(SMTP_UTF8_MAILBOX, der.utf8_string("市民@city.example")),
    other(SMTP_UTF8_MAILBOX, der.utf8_string("市民@evil.example")),
)
_BASES = (
    dns("city.example"),
    dns("www.city.example"),
    dns("example"),
    dns(""),
    dns(".city.example"),
    dns("evil.example"),
    mail("city.example"),
    mail(".city.example"),
    mail("a@city.example"),
    mail("evil.example"),
    uri("city.example"),
    uri(".city.example"),
    uri("evil.example"),
    ip(bytes((192, 0, 2, 0, 255, 255, 255, 0))),
    ip(bytes(8)),
    ip(bytes(32)),
    directory(dn()),
    directory(named("Leaf")),
    directory(named("LEAF")),
    directory(named("Evil")),
    registered("1.2.3"),
    other(f"{EXAMPLE_ARC}.1", der.null()),
)


def _pool() -> tuple[bytes, ...]:
    """Extensions to choose from, made once."""
    generator = random.Random(1)

    def few(values: tuple[bytes, ...]) -> list[bytes]:
        return generator.sample(values, generator.choice((1, 1, 2)))

    named_constraints = [constraints(few(_BASES), ()) for _ in range(40)]
    named_constraints += [constraints((), few(_BASES)) for _ in range(40)]
    named_constraints += [constraints(few(_BASES), few(_BASES)) for _ in range(20)]
    names = [alternative(*few(_NAMES), critical=generator.random() < 0.2) for _ in range(90)]
    return (
        *named_constraints,
        *names,
        *(basic(ca, length) for ca in (True, False) for length in (None, 0, 1)),
        *(basic(critical=False),) * 2,
        *(usage(*bits) for bits in ((0,), (5,), (6,), (0, 5), CERT_SIGN, (1, 2))),
        *(policies(*oids) for oids in ((A,), (B,), (A, B), (C,), (ANY_POLICY,), (A, ANY_POLICY))),
        *(policies(*oids, critical=True) for oids in ((A,), (ANY_POLICY,))),
        *(
            mappings(*pairs)
            for pairs in (((A, B),), ((A, C),), ((A, B), (B, A)), ((A, ANY_POLICY),), ((ANY_POLICY, A),))
        ),
        *(
            policy_constraints(*counts)
            for counts in ((0, None), (1, None), (2, None), (None, 0), (None, 1), (0, 0))
        ),
        *(inhibit_any(count) for count in (0, 0, 1, 2)),
        *(purposes(*oids) for oids in ((ExtendedKeyUsage.SERVER_AUTHENTICATION,), (ExtendedKeyUsage.ANY,))),
        purposes(ExtendedKeyUsage.OCSP_SIGNING, critical=True),
        *(authority_key(key_identifier(label)) for label in ("mallory", "authority 0", "leaf")),
        authority_key(None, named("Root"), 1000),
        authority_key(None, named("Nobody"), 5),
        authority_key(b"", critical=True),
        subject_key(b"\1" * 20),
        subject_key(b""),
        *(unknown(critical) for critical in (True, True, False)),
    )


_EXTENSIONS = _pool()


def told(case: Case) -> str:
    """The case for a person who wants to see it again."""
    lines = [f"changes: {', '.join(case.told) or 'none'}"]
    lines += [f"{name}: {value}" for name, value in vars(replace(case)).items() if isinstance(value, bool)]
    lines += [f"leaf:   {case.leaf.hex()}"]
    lines += [f"bundle: {one.hex()}" for one in case.bundle]
    lines += [f"anchor: {one.hex()}" for one in case.anchors]
    return "\n".join(lines)

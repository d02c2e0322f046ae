"""Where a key lies: paths, and pkcs11 URIs as RFC 7512 writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.errors import SettingsError
from runtime.key_location import KeyLocation, TokenKey, parse_key_location
from runtime.settings import Document, load_settings, setting

MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so"
PIN = "pin-source=/run/credentials/pin"


@dataclass(frozen=True, kw_only=True)
class Settings:
    key: KeyLocation = setting(help="A key.")


def parsed(text):
    location = parse_key_location(text)
    assert isinstance(location, TokenKey)
    return location


@pytest.mark.parametrize("text", ["/etc/keys/a.p8", "keys/a.p8", "pkcs11", "pkcs12:token=a"])
def test_what_is_no_pkcs11_uri_is_a_path(text):
    assert parse_key_location(text) == Path(text)


def test_a_uri_names_token_key_module_and_pin_file():
    assert parsed(f"pkcs11:token=city;object=issuing;id=%01%ff;type=private?{MODULE}&{PIN}") == TokenKey(
        module_path=Path("/usr/lib/softhsm/libsofthsm2.so"),
        pin_source=Path("/run/credentials/pin"),
        token="city",
        label="issuing",
        id=b"\x01\xff",
    )


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("My%20Key", "My Key"),
        ("a%3Bb%3fc%25d", "a;b?c%d"),
        ("%E9%80%9A%e8%a1%8c", "通行"),
        ("a=b:c[d]@e!$'()*+,&~-._", "a=b:c[d]@e!$'()*+,&~-._"),
    ],
)
def test_values_are_percent_decoded(value, label):
    assert parsed(f"PKCS11:serial=0a;object={value}?{PIN}&{MODULE}").label == label


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("/etc/pin", "/etc/pin"),
        ("file:/etc/pin", "/etc/pin"),
        ("file:///etc/token%20pin", "/etc/token pin"),
        ("secrets/pin", "secrets/pin"),
    ],
)
def test_the_pin_lies_in_a_file(source, path):
    assert parsed(f"pkcs11:token=a;object=b?{MODULE}&pin-source={source}").pin_source == Path(path)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("pkcs11:", "needs token="),
        (f"pkcs11:object=b?{MODULE}&{PIN}", "needs token="),
        (f"pkcs11:token=a?{MODULE}&{PIN}", "needs object="),
        (f"pkcs11:token=;object=b?{MODULE}&{PIN}", "needs token="),
        (f"pkcs11:token=a;object=b?{PIN}", "needs module-path="),
        (f"pkcs11:token=a;object=b?module-path=softhsm.so&{PIN}", "needs module-path="),
        (f"pkcs11:token=a;object=b?module-name=softhsm&{PIN}", "no attribute 'module-name'"),
        (f"pkcs11:token=a;object=b?{MODULE}", "needs pin-source="),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=", "needs pin-source="),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=file:", "no file"),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=file://host/pin", "another machine"),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=%7Ccat%20/etc/pin", "programs are not run"),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=|cat", "programs are not run"),
        (f"pkcs11:token=a;token=b;object=c?{MODULE}&{PIN}", "twice"),
        (f"pkcs11:token=a;object=b;slot-id=1?{MODULE}&{PIN}", "no attribute 'slot-id'"),
        (f"pkcs11:token=a;object=b;type=cert?{MODULE}&{PIN}", "type=private"),
        (f"pkcs11:token=a;object=b;?{MODULE}&{PIN}", "no attribute ''"),
        (f"pkcs11:token=a;object?{MODULE}&{PIN}", "no attribute 'object'"),
        (f"pkcs11:token=a;object=%zz?{MODULE}&{PIN}", "percent-encoded"),
        (f"pkcs11:token=a;object=b%2?{MODULE}&{PIN}", "percent-encoded"),
        (f"pkcs11:token=a b;object=c?{MODULE}&{PIN}", "percent-encoded"),
        (f"pkcs11:token=通行;object=c?{MODULE}&{PIN}", "percent-encoded"),
        (f"pkcs11:token=%ff;object=c?{MODULE}&{PIN}", "UTF-8"),
        (f"pkcs11:token=a;object=b%00?{MODULE}&{PIN}", "zero byte"),
        (f"pkcs11:token=a;object=b?module-path=/a%00b&{PIN}", "zero byte"),
        ("pkcs11:token=" + "a" * 5000, "characters"),
    ],
)
def test_a_uri_that_would_not_be_heeded_is_a_mistake_of_the_settings(uri, reason):
    with pytest.raises(SettingsError) as caught:
        load_settings(Settings, "ca", {"ca": {"key": uri}}, environ={})
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("[ca] key: ")
    assert reason in mistake


@pytest.mark.parametrize("part", ["object=b;pin-value=314159?", "object=b?pin-value=314159&"])
def test_a_pin_in_the_uri_is_refused_and_not_repeated(part):
    with pytest.raises(ValueError, match="pin-source") as caught:
        parse_key_location(f"pkcs11:token=a;{part}{MODULE}&{PIN}")
    assert "314159" not in str(caught.value)


def test_settings_resolve_paths_and_pin_files_against_their_folder():
    document = Document({"ca": {"key": "keys/issuing.p8"}})
    document.folder = Path("/etc/tongxing")
    assert load_settings(Settings, "ca", document, environ={}).key == Path("/etc/tongxing/keys/issuing.p8")
    environ = {"TONGXING_CA_KEY": f"pkcs11:token=a;object=b?{MODULE}&pin-source=secrets/pin"}
    key = load_settings(Settings, "ca", document, environ).key
    assert isinstance(key, TokenKey)
    assert key.pin_source == Path("/etc/tongxing/secrets/pin")

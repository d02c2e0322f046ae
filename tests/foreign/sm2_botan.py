"""Botan's opinion of SM2, run by Debian's Python, which has the binding: a question a line, an answer a line.

verify X Y IDENTIFIER DATA SIGNATURE  -> true | false
sign D IDENTIFIER TEXT                -> the signature

Numbers and octets are hexadecimal, "-" for none. The identifier is text without commas, and the binding signs
nothing but ASCII text. Signatures are r and s, 32 octets each.
"""

import sys

import botan2

CURVE = "sm2p256v1"


def verify(x, y, identifier, data, signature):
    key = botan2.PublicKey.load_sm2(CURVE, "0x" + x, "0x" + y)
    operation = botan2.PKVerify(key, f"{identifier},SM3")
    operation.update(b"" if data == "-" else bytes.fromhex(data))
    return str(operation.check_signature(bytes.fromhex(signature))).lower()


def sign(d, identifier, text):
    key = botan2.PrivateKey.load_sm2(CURVE, "0x" + d)
    operation = botan2.PKSign(key, f"{identifier},SM3")
    operation.update("" if text == "-" else text)
    return operation.finish(botan2.RandomNumberGenerator()).hex()


for line in sys.stdin:
    question, *words = line.split()
    sys.stdout.write({"verify": verify, "sign": sign}[question](*words) + "\n")

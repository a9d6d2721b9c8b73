#!/usr/bin/env python3

# Copyright (C) the ngx_kafka_sse authors

"""Makes signatures.json: signatures of each alg of RFC 7518 and RFC 8037, good
ones and the kinds that verifiers are known to have taken for good (after the
manner of Project Wycheproof; none is copied from it).

    pip install cryptography
    t/vectors/make.py > t/vectors/signatures.json

Keys are new in each run and are thrown away.  t/unit/keyring.c reads the file:
"keys" has the text of a key file by name; each of "tests" has a name, the name
of its key, the algs that are allowed, a token, and whether it is good.
"""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as s11n
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed25519, ed448, padding, rsa, utils)

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}

# DER of DigestInfo up to the digest, RFC 8017, 9.2

INFO = {
    "256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "512": bytes.fromhex("3051300d060960864801650304020305000440"),
    "1": bytes.fromhex("3021300906052b0e03021a05000414"),
}

ORDER = {
    "256": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
    "384": int("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372d"
               "df581a0db248b0a77aecec196accc52973", 16),
    "512": int("01" + "ff" * 32 + "fa"
               "51868783bf2f966b7fcc0148f709a5d0"
               "3bb5c9b8899c47aebb6fb71e91386409",
               16),
}

HALF = {"256": 32, "384": 48, "512": 66}

ED25519_L = 2 ** 252 + 27742317777372353535851937790883648493
ED448_L = int("3fffffffffffffffffffffffffffffffffffffffffffffffffffffff"
              "7cca23e9c44edb49aed63690216cc2728dc58f552378c292ab5844f3", 16)

keys = {}
tests = []


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


def pem(key):
    return key.public_bytes(s11n.Encoding.PEM,
                            s11n.PublicFormat.SubjectPublicKeyInfo).decode()


def add_key(name, text):
    keys[name] = text if isinstance(text, str) else json.dumps(text)


def signing_input(alg, payload=b'{"sub":"a"}', header=None):
    if header is None:
        header = b'{"alg":"%s"}' % alg.encode()
    return b64(header) + "." + b64(payload)


def add(name, key, alg, data, signature, good=False, algs=None):
    tests.append({
        "name": alg + ": " + name, "key": key, "algs": algs or alg,
        "token": data + "." + b64(signature), "good": good})


def flip(data, at, bit=1):
    data = bytearray(data)
    data[at] ^= bit
    return bytes(data)


def usual(key, alg, sign):
    """what any alg has to refuse"""

    data = signing_input(alg)
    good = sign(data)

    add("good", key, alg, data, good, True)
    add("good, of an empty object", key, alg, signing_input(alg, b"{}"),
        sign(signing_input(alg, b"{}")), True)

    header = b'{"alg":"%s","typ":"at+jwt"}' % alg.encode()
    other = signing_input(alg, header=header)
    add("good, with another header", key, alg, other, sign(other), True)
    add("a bit of the header is another", key, alg,
        signing_input(alg, header=flip(header, len(header) - 4)), sign(other))
    add("the header is written otherwise", key, alg,
        signing_input(alg, header=header + b" "), sign(other))
    add("a bit of the payload is another", key, alg,
        signing_input(alg, b'{"sub":"c"}'), good)
    add("the payload is written otherwise", key, alg,
        signing_input(alg, b'{"sub": "a"}'), good)
    add("the payload of another token", key, alg, data, sign(other))

    for at, bit in ((0, 0x80), (0, 1), (len(good) // 2, 4), (-1, 1)):
        add("bit %#x of byte %d of the signature is another" % (bit, at), key,
            alg, data, flip(good, at, bit))

    add("the signature without its last byte", key, alg, data, good[:-1])
    add("the signature without its first byte", key, alg, data, good[1:])
    add("half of the signature", key, alg, data, good[:len(good) // 2])
    add("one byte of signature", key, alg, data, b"\0")
    add("zeros for a signature", key, alg, data, bytes(len(good)))
    add("ones for a signature", key, alg, data, b"\xff" * len(good))
    add("the signature and a zero", key, alg, data, good + b"\0")
    add("a zero and the signature", key, alg, data, b"\0" + good)
    add("the signature twice", key, alg, data, good + good)
    add("a signature of 1500 bytes", key, alg, data, good + bytes(1500))
    add("the signature backwards", key, alg, data, good[::-1])
    tests.append({"name": alg + ": no signature", "key": key, "algs": alg,
                  "token": data + ".", "good": False})

    return data, good


def hs(bits):
    alg = "HS" + bits
    digest = getattr(hashlib, "sha" + bits)
    secret = bytes(range(1, 81))
    key = "oct"

    def sign(data, secret=secret, digest=digest):
        return hmac.new(secret, data.encode(), digest).digest()

    add_key(key, {"kty": "oct", "k": b64(secret)})
    data, good = usual(key, alg, sign)

    add("keyed with nothing", key, alg, data, sign(data, b""))
    add("keyed with a zero", key, alg, data, sign(data, b"\0"))
    add("keyed with the JWK's text", key, alg, data,
        sign(data, keys[key].encode()))
    add("keyed with the secret in base64url", key, alg, data,
        sign(data, b64(secret).encode()))
    add("another hash", key, alg, data, sign(data, digest=hashlib.sha1))
    add("the bare digest", key, alg, data,
        digest(secret + data.encode()).digest())
    add("a MAC of half its length (RFC 2104, 5)", key, alg, data,
        good[:len(good) // 2])

    # the classic: what everybody may know is the secret

    for public in ("rsa", "rsa-pem", "p256", "p256-pem", "ed25519"):
        text = keys[public].encode()
        for name, secret_ in (("its text", text),
                              ("its text without line end",
                               text.rstrip(b"\n"))):
            if name != "its text" and secret_ == text:
                continue
            add("keyed with a public key (%s), %s" % (public, name), public,
                alg, data, sign(data, secret_), algs="RS256,ES256,EdDSA," + alg)


def encode(key, block):
    """the private operation, of any block"""

    n = key.private_numbers()
    value = pow(int.from_bytes(block, "big"), n.d, n.public_numbers.n)
    return value.to_bytes(key.key_size // 8, "big")


def pkcs1(size, bits, digest, tail=b"", fill=None, kind=1, info=None,
          first=0):
    info = INFO[bits] if info is None else info
    end = b"\0" + info + digest + tail
    fill = b"\xff" * (size - 2 - len(end)) if fill is None else fill
    return bytes([first, kind]) + fill + end


def root3(n):
    low, high = 0, 1 << (n.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = ((middle + 1, high) if middle ** 3 < n
                     else (low, middle))
    return low


def rs(bits, key, key3):
    alg = "RS" + bits
    size = key.key_size // 8

    def sign(data, hash_=HASHES[bits]):
        return key.sign(data.encode(), padding.PKCS1v15(), hash_())

    data, good = usual("rsa", alg, sign)
    digest = getattr(hashlib, "sha" + bits)(data.encode()).digest()

    def block(name, made, good=False):
        assert len(made) == size, (name, len(made))
        add(name, "rsa", alg, data, encode(key, made), good)

    add("good, a key in PEM", "rsa-pem", alg, data, good, True)
    add("good, a certificate's key", "rsa-cert", alg, data, good, True)
    add("good, exponent 3", "rsa-e3", alg, data,
        key3.sign(data.encode(), padding.PKCS1v15(), HASHES[bits]()), True)
    add("another key's", "rsa-e3", alg, data, good)
    add("SHA-1", "rsa", alg, data, sign(data, hashes.SHA1))
    add("PSS", "rsa", alg, data,
        key.sign(data.encode(), padding.PSS(padding.MGF1(HASHES[bits]()),
                                            HASHES[bits]().digest_size),
                 HASHES[bits]()))

    for other in ("256", "384", "512"):
        if other != bits:
            add("SHA-" + other, "rsa", alg, data, sign(data, HASHES[other]))
            block("the name of SHA-%s over this digest" % other,
                  pkcs1(size, bits, digest, info=INFO[other]))

    block("by hand", pkcs1(size, bits, digest), True)
    block("no DigestInfo", pkcs1(size, bits, digest, info=b""))
    block("no NULL in the DigestInfo", pkcs1(
        size, bits, digest,
        info=bytes([0x30, INFO[bits][1] - 2, 0x30, 0x0b]) + INFO[bits][4:15]
        + INFO[bits][17:]))
    block("BER: a long length in the DigestInfo", pkcs1(
        size, bits, digest,
        info=bytes([0x30, 0x81]) + INFO[bits][1:]))
    block("garbage behind the digest, short padding", pkcs1(
        size, bits, digest, fill=b"\xff" * 8,
        tail=b"\x5a" * (size - 11 - len(INFO[bits]) - len(digest))))
    block("garbage in the NULL", pkcs1(
        size, bits, digest, fill=b"\xff" * 8,
        info=INFO[bits][:-4] + b"\x05"
        + bytes([0x81, size - 11 - len(INFO[bits]) - len(digest) - 1])
        + bytes(size - 11 - len(INFO[bits]) - len(digest) - 1)
        + INFO[bits][-2:]))
    block("no padding", pkcs1(size, bits, digest, fill=b"",
                              tail=bytes(size - 3 - len(INFO[bits])
                                         - len(digest))))
    block("padding of zeros", pkcs1(
        size, bits, digest,
        fill=bytes(size - 3 - len(INFO[bits]) - len(digest))))
    block("a wrong byte in the padding", flip(
        pkcs1(size, bits, digest), 20))
    block("block type 0", pkcs1(size, bits, digest, kind=0))
    block("block type 2", pkcs1(size, bits, digest, kind=2))
    block("a first byte of 1", pkcs1(size, bits, digest, first=1))
    block("the digest without its last byte", pkcs1(
        size, bits, digest[:-1]))
    block("an empty digest", pkcs1(size, bits, b""))

    # Bleichenbacher: with exponent 3 and a verifier that does not look behind
    # the digest, a cube root is a signature; for SHA-512 2048 bits are too few,
    # but for a verifier that wants less padding

    size3 = key3.key_size // 8
    front = pkcs1(size3, bits, digest,
                  fill=b"\xff" * (8 if bits != "512" else 0))
    root = root3(int.from_bytes(front + bytes(size3 - len(front)), "big"))
    made = (root ** 3).to_bytes(size3, "big")
    assert bits == "512" or made.startswith(front)
    add("a cube root, exponent 3", "rsa-e3", alg, data,
        root.to_bytes(size3, "big"))

    n = key.public_key().public_numbers().n
    value = int.from_bytes(good, "big")

    if value + n < 1 << (size * 8):
        add("the signature and the modulus", "rsa", alg, data,
            (value + n).to_bytes(size, "big"))

    add("the modulus", "rsa", alg, data, n.to_bytes(size, "big"))
    add("the modulus less 1", "rsa", alg, data, (n - 1).to_bytes(size, "big"))
    add("1", "rsa", alg, data, (1).to_bytes(size, "big"))
    add("negated", "rsa", alg, data, (n - value).to_bytes(size, "big"))


def ps(bits, key):
    alg = "PS" + bits
    hash_ = HASHES[bits]
    size = hash_().digest_size

    def sign(data, salt=size, mgf=hash_, h=hash_):
        return key.sign(data.encode(), padding.PSS(padding.MGF1(mgf()), salt),
                        h())

    data, good = usual("rsa", alg, sign)

    add("good, a key in PEM", "rsa-pem", alg, data, good, True)
    add("PKCS1", "rsa", alg, data,
        key.sign(data.encode(), padding.PKCS1v15(), hash_()))
    add("SHA-1", "rsa", alg, data, sign(data, 20, hashes.SHA1, hashes.SHA1))
    add("MGF1 with SHA-1", "rsa", alg, data, sign(data, mgf=hashes.SHA1))

    for salt in (0, 1, 20, size - 1, size + 1, 32, 48, 64,
                 key.key_size // 8 - size - 2):
        if salt != size:
            add("a salt of %d bytes" % salt, "rsa", alg, data,
                sign(data, salt))

    for other in ("256", "384", "512"):
        if other != bits:
            add("SHA-" + other, "rsa", alg, data,
                sign(data, HASHES[other]().digest_size, HASHES[other],
                     HASHES[other]))
            add("MGF1 with SHA-" + other, "rsa", alg, data,
                sign(data, mgf=HASHES[other]))

    # the block with another trailer, another first bit, another separator

    n = key.public_key().public_numbers()
    block = pow(int.from_bytes(good, "big"), n.e, n.n).to_bytes(
        key.key_size // 8, "big")

    add("by hand", "rsa", alg, data, encode(key, block), True)
    add("a trailer of 0xcc", "rsa", alg, data,
        encode(key, block[:-1] + b"\xcc"))
    add("a bit of the masked salt is another", "rsa", alg, data,
        encode(key, flip(block, -size - 2)))
    add("a bit of the padding is another", "rsa", alg, data,
        encode(key, flip(block, 9)))
    add("a bit of H is another", "rsa", alg, data, encode(key, flip(block, -2)))


def es(bits, key, others):
    alg = "ES" + bits
    name = {"256": "p256", "384": "p384", "512": "p521"}[bits]
    n, half = ORDER[bits], HALF[bits]

    def pair(data, hash_=HASHES[bits], key=key):
        return utils.decode_dss_signature(
            key.sign(data.encode(), ec.ECDSA(hash_())))

    def raw(r, s, size=half):
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def sign(data):
        return raw(*pair(data))

    data, good = usual(name, alg, sign)
    r, s = pair(data)
    assert 0 < n - s < n

    add("good, a key in PEM", name + "-pem", alg, data, good, True)
    add("good, s negated: the standard takes both", name, alg, data,
        raw(r, n - s), True)
    add("DER", name, alg, data, utils.encode_dss_signature(r, s))
    add("r and s change places", name, alg, data, raw(s, r))
    add("r negated", name, alg, data, raw(n - r, s))

    top = 1 << (half * 8)
    values = {"0": 0, "1": 1, "n": n, "n - 1": n - 1, "n + 1": n + 1,
              "2^bits - 1": top - 1}

    for a, x in values.items():
        for b, y in values.items():
            if a in ("0", "1", "n") or b in ("0", "1", "n") or a == b:
                add("r = %s, s = %s" % (a, b), name, alg, data, raw(x, y))

        add("r = %s, s is good" % a, name, alg, data, raw(x, s))
        add("r is good, s = %s" % a, name, alg, data, raw(r, x))

    # r and s a second time, above n: of one kind for each curve

    tries = 0
    while bits != "512" and not (r + n < top and s + n < top) and tries < 64:
        tries += 1
        r, s = pair(data)

    if r + n < top:
        add("r + n", name, alg, data, raw(r + n, s))
    if s + n < top:
        add("s + n", name, alg, data, raw(r, s + n))

    # r that would be shorter without its zeros

    while True:
        r, s = pair(data)
        if r >> (half * 8 - 8 if bits != "512" else 512) == 0:
            break

    add("good, r begins with zeros", name, alg, data, raw(r, s), True)
    add("r without its zeros", name, alg, data,
        number_bytes(r) + s.to_bytes(half, "big"))
    add("r without its zeros, DER", name, alg, data,
        utils.encode_dss_signature(r, s))
    add("r and s one byte longer", name, alg, data, raw(r, s, half + 1))

    for other in ("256", "384", "512"):
        if other != bits:
            add("SHA-" + other, name, alg, data, raw(*pair(data,
                                                           HASHES[other])))

    for curve, key_, size in others:
        if curve == name:
            continue

        signature = pair(data, key=key_)
        add("a key of " + curve, curve, alg, data, raw(*signature, size))

        if size > half:
            continue

        add("a key of %s, as long as it should be" % curve, curve, alg, data,
            raw(*signature))


def number_bytes(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


def eddsa(name, key, order, size):
    alg = "EdDSA"

    def sign(data):
        return key.sign(data.encode())

    first = len(tests)
    data, good = usual(name, alg, sign)

    big_r, s = good[:size], int.from_bytes(good[size:], "little")

    def with_s(value, big_r=big_r):
        return big_r + value.to_bytes(size, "little")

    add("good, a key in PEM", name + "-pem", alg, data, good, True)
    add("S + L: not canonical (RFC 8032, 5.1.7)", name, alg, data,
        with_s(s + order))
    add("S = 0", name, alg, data, with_s(0))
    add("S = L", name, alg, data, with_s(order))
    add("S negated", name, alg, data, with_s(order - s))
    add("the high bits of S are set", name, alg, data,
        flip(good, -1, 0xe0 if size == 32 else 0xff))
    add("R and S change places", name, alg, data, good[size:] + good[:size])
    add("the sign of R is another", name, alg, data,
        flip(good, size - 1, 0x80))

    zero = bytes(size)
    one = b"\1" + bytes(size - 1)

    for what, point in (("y = 0", zero), ("the neutral point", one),
                        ("y = 2^bits - 1", b"\xff" * size)):
        add("R of small order or none: " + what, name, alg, data,
            with_s(s, point))
        add("R of small order or none: %s, S = 0" % what, name, alg, data,
            with_s(0, point))

    for test in tests[first:]:
        test["name"] = test["name"].replace(alg, "EdDSA, " + name, 1)


def main():
    key = rsa.generate_private_key(65537, 2048)
    key3 = rsa.generate_private_key(3, 2048)

    for name, key_ in (("rsa", key), ("rsa-e3", key3)):
        n = key_.public_key().public_numbers()
        add_key(name, {"kty": "RSA", "n": number(n.n), "e": number(n.e)})

    add_key("rsa-pem", pem(key.public_key()))
    add_key("rsa-cert", certificate(key))

    curves = []

    for name, crv, curve, size in (
            ("p256", "P-256", ec.SECP256R1(), 32),
            ("p384", "P-384", ec.SECP384R1(), 48),
            ("p521", "P-521", ec.SECP521R1(), 66),
            ("secp256k1", "secp256k1", ec.SECP256K1(), 32)):
        key_ = ec.generate_private_key(curve)
        n = key_.public_key().public_numbers()
        add_key(name, {"kty": "EC", "crv": crv, "x": number(n.x, size),
                       "y": number(n.y, size)})
        add_key(name + "-pem", pem(key_.public_key()))
        curves.append((name, key_, size))

    eds = [("ed25519", "Ed25519", ed25519.Ed25519PrivateKey.generate()),
           ("ed448", "Ed448", ed448.Ed448PrivateKey.generate())]

    for name, crv, key_ in eds:
        x = key_.public_key().public_bytes(s11n.Encoding.Raw,
                                           s11n.PublicFormat.Raw)
        add_key(name, {"kty": "OKP", "crv": crv, "x": b64(x)})
        add_key(name + "-pem", pem(key_.public_key()))

    for bits in HASHES:
        hs(bits)
        rs(bits, key, key3)
        ps(bits, key)
        es(bits, dict(zip(HASHES, (k for _, k, _ in curves)))[bits], curves)

    eddsa("ed25519", eds[0][2], ED25519_L, 32)
    eddsa("ed448", eds[1][2], ED448_L, 57)

    # alg and key that do not go together, with signatures that are good

    data = signing_input("RS256")
    tests.append({"name": "RS256 for a key that says it is for PS256",
                  "key": "rsa-ps256", "algs": "RS256,PS256", "good": False,
                  "token": data + "." + b64(key.sign(
                      data.encode(), padding.PKCS1v15(), hashes.SHA256()))})
    n = key.public_key().public_numbers()
    add_key("rsa-ps256", {"kty": "RSA", "alg": "PS256", "n": number(n.n),
                          "e": number(n.e)})

    print("{\n\"keys\": {")
    print(",\n".join("%s: %s" % (json.dumps(k), json.dumps(v))
                     for k, v in keys.items()))
    print("},\n\"tests\": [")
    print(",\n".join(json.dumps(t) for t in tests))
    print("]\n}")


def certificate(key):
    import datetime

    from cryptography import x509
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
    begin = datetime.datetime(2020, 1, 1)

    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256()))

    return cert.public_bytes(s11n.Encoding.PEM).decode()


main()

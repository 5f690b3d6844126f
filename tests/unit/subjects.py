"""Certificates for one key under one CA, each with a subject that some CA might write. DER is made here octet by octet,
for openssl refuses some of them.

    subjects.py list                          the number of subjects
    subjects.py make N KEY CA-CERT CA-KEY     (DER files) make box.crt with subject N, and print what it is
    subjects.py tell CERT                     write what enroll tells of a certificate: run/enroll/{state,state.cert.pem}
"""

import base64
import os
import subprocess
import sys

OIDS = {"C": "550406", "ST": "550408", "L": "550407", "O": "55040a", "OU": "55040b", "CN": "550403", "SN": "550404",
        "serialNumber": "550405", "title": "55040c", "street": "550409", "UID": "0992268993f22c640101",
        "DC": "0992268993f22c640119", "email": "2a864886f70d010901", "x500UID": "55042d", "orgId": "550461",
        "private": "2b0601040182370a0301"}
UTF8, NUMERIC, PRINTABLE, T61, IA5, UNIVERSAL, BMP, BITS = 0x0c, 0x12, 0x13, 0x14, 0x16, 0x1c, 0x1e, 0x03
JP = ("C", PRINTABLE, b"JP")
CN = ("CN", UTF8, b"box-0001")


def utf8(key, text):
    return (key, UTF8, text.encode())


SUBJECTS = [
    ("a bare CN", [[CN]]),
    ("three parts", [[JP], [("O", PRINTABLE, b"Clinic")], [CN]]),
    ("Japanese, UTF8String", [[JP], [utf8("O", "例示病院")], [CN]]),
    ("Japanese, BMPString", [[JP], [("O", BMP, "例示病院".encode("utf-16-be"))], [CN]]),
    ("Japanese, UniversalString", [[JP], [("O", UNIVERSAL, "例示病院".encode("utf-32-be"))], [CN]]),
    ("Japanese in CN too", [[JP], [utf8("O", "例示病院")], [utf8("CN", "がん登録室 一号")]]),
    ("Shift JIS in a T61String", [[JP], [("O", T61, "例示病院".encode("cp932"))], [CN]]),
    ("Latin letters in a T61String", [[JP], [("O", T61, b"H\xf4pital")], [CN]]),
    ("beyond the BMP", [[JP], [utf8("O", "𠮷田医院")], [CN]]),
    ("half-width kana", [[JP], [utf8("O", "ビョウイン")], [CN]]),
    ("full-width letters", [[JP], [utf8("O", "Hospital, Room 1")], [CN]]),
    ("a comma", [[JP], [utf8("O", "Example Hospital, Registry Room")], [CN]]),
    ("a plus", [[JP], [utf8("O", "Example+Hospital")], [CN]]),
    ("a slash", [[JP], [utf8("O", "Example/Hospital")], [CN]]),
    ("an equals sign", [[JP], [utf8("O", "O=Hospital, CN=hub")], [CN]]),
    ("quotation marks", [[JP], [utf8("O", 'The "Example" Hospital')], [CN]]),
    ("a backslash", [[JP], [utf8("O", "Example\\Hospital")], [CN]]),
    ("semicolon, angle brackets, hash", [[JP], [utf8("O", "#1; <Example>")], [CN]]),
    ("asterisk", [[JP], [utf8("O", "*")], [CN]]),
    ("percent sign", [[JP], [utf8("O", "%any %s")], [CN]]),
    ("an at sign", [[JP], [utf8("O", "@hospital")], [CN]]),
    ("blanks at both ends", [[JP], [utf8("O", "  Hospital  ")], [CN]]),
    ("a line feed", [[JP], [utf8("O", "Example\nloaded no")], [CN]]),
    ("a NUL", [[JP], [utf8("O", "Exa\0mple")], [CN]]),
    ("an empty attribute", [[JP], [("O", UTF8, b"")], [CN]]),
    ("an empty BMPString at the end", [[CN], [("OU", BMP, b"")]]),
    ("two values in one part", [[JP], [CN, ("serialNumber", PRINTABLE, b"0012345")]]),
    ("two values, one of them Japanese", [[JP], [utf8("OU", "登録室"), CN]]),
    ("serialNumber beside CN", [[JP], [("serialNumber", PRINTABLE, b"0012345")], [CN]]),
    ("email and domain", [[("DC", IA5, b"jp")], [("DC", IA5, b"example")], [("email", IA5, b"it@hospital.example.jp")], [CN]]),
    ("user id, title, street", [[JP], [utf8("street", "1-2-3")], [utf8("title", "部長")], [utf8("UID", "7")], [CN]]),
    ("an organisation's number, a private attribute", [[JP], [utf8("orgId", "VATJP-1")], [utf8("private", "x")], [CN]]),
    ("a bit string", [[JP], [("x500UID", BITS, b"\0\x01")], [CN]]),
    ("a number string", [[JP], [("serialNumber", NUMERIC, b"12 34")], [CN]]),
    ("one OU twice", [[JP], [utf8("OU", "a")], [utf8("OU", "a")], [CN]]),
    ("the order turned round", [[CN], [utf8("O", "Hospital")], [JP]]),
    ("251 octets", [[JP], [utf8("O", "x" * 202)], [CN]]),
    ("252 octets", [[JP], [utf8("O", "x" * 203)], [CN]]),
    ("300 letters, Japanese", [[JP], *[[utf8("OU", c * 20)] for c in "国立病院機構"], [CN]]),
    ("1024 octets", [[JP], *[[utf8("OU", c * 64)] for c in "abcdefghijkl"], [utf8("O", "y" * 77)], [CN]]),
]


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82, n >> 8, n & 255])
    return bytes([tag]) + size + body


def name(parts):
    def value(key, tag, text):
        return der(0x30, der(6, bytes.fromhex(OIDS[key])), der(tag, text))
    return der(0x30, *[der(0x31, *sorted(value(*v) for v in part)) for part in parts])


def first(data, count):
    """The elements at the head of a sequence's body, with their headers."""
    out = []
    for _ in range(count):
        n, at = data[1], 2
        if n & 0x80:
            n, at = int.from_bytes(data[2:2 + (n & 0x7f)], "big"), 2 + (n & 0x7f)
        out.append(data[:at + n])
        data = data[at + n:]
    return out


def body(element):
    n = element[1]
    return element[2 + (n & 0x7f if n & 0x80 else 0):]


def subject_of(cert):
    """(version, serial, algorithm, issuer, dates, subject …)"""
    return first(body(first(body(cert), 1)[0]), 6)[5]


def make(number, key, ca, ca_key):
    what, parts = SUBJECTS[number]
    subject = name(parts)
    with open(ca, "rb") as f:
        issuer = subject_of(f.read())
    public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER"],
                            check=True, capture_output=True).stdout
    algorithm = der(0x30, der(6, bytes.fromhex("2a8648ce3d040302")))
    dates = der(0x30, der(0x17, b"240101000000Z"), der(0x17, b"490101000000Z"))
    tbs = der(0x30, der(0xa0, der(2, b"\2")), der(2, bytes([1, number])), algorithm, issuer, dates, subject, public)
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", ca_key, "-keyform", "DER"], input=tbs, check=True,
                               capture_output=True).stdout
    cert = der(0x30, tbs, algorithm, der(3, b"\0", signature))
    with open("box.crt", "wb") as f:
        f.write(cert)
    print(f"{what} ({len(subject)} octets)")


def tell(path):
    with open(path, "rb") as f:
        cert = f.read()
    pem = base64.encodebytes(cert).decode()
    with open("run/enroll/state.cert.pem", "w") as f:
        f.write(f"-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n")
    with open("run/enroll/state.new", "w") as f:
        f.write(f"version 1\nidentity {subject_of(cert).hex()}\nloaded yes\n")
    os.rename("run/enroll/state.new", "run/enroll/state")


if sys.argv[1] == "list":
    print(len(SUBJECTS))
elif sys.argv[1] == "tell":
    tell(sys.argv[2])
else:
    make(int(sys.argv[2]), *sys.argv[3:])

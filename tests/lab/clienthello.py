"""ClientHellos for experiments: a real one of this machine's OpenSSL, taken apart."""

import ssl
import struct

SNI, GROUPS, SUPPORTED_VERSIONS, KEY_SHARE, EARLY_DATA, PADDING, ECH = 0, 10, 43, 51, 42, 21, 0xFE0D


def of_openssl(name, newest=None):
    """The ClientHello of this machine's OpenSSL; name None: without SNI."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if newest:
        context.maximum_version = newest
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class ClientHello:
    """A TLS 1.3 ClientHello (post-quantum key share: two segments) that asks for name. random: 32 bytes with marks."""

    def __init__(self, name, random, small=False):
        data = of_openssl("placeholder.invalid")[9:]
        self.legacy, self.random = 0x0303, random
        at = 34
        self.session, at = _vector(data, at, 1)
        self.suites, at = _vector(data, at, 2)
        self.compression, at = _vector(data, at, 1)
        block, at = _vector(data, at, 2)
        self.extensions = []
        while block:
            (kind,) = struct.unpack_from(">H", block)
            body, used = _vector(block, 2, 2)
            self.extensions.append((kind, body))
            block = block[used:]
        self.name = name.encode() if isinstance(name, str) else name
        self.set(SNI, sni((0, self.name)) if name is not None else None)
        if small:
            # One segment: without the post-quantum group.
            share = _vector(b"\0\0" + self.get(KEY_SHARE), 2, 2)[0]
            while share and share[:2] != b"\0\x1d":
                share = share[4 + struct.unpack_from(">H", share, 2)[0]:]
            self.set(KEY_SHARE, _with_length(share[:36], 2))
            self.set(GROUPS, _with_length(b"\0\x1d\0\x17", 2))

    def get(self, kind):
        return next((body for k, body in self.extensions if k == kind), None)

    def set(self, kind, body, first=False):
        """Replace, add or (None) remove an extension."""
        at = next((n for n, (k, _) in enumerate(self.extensions) if k == kind), None)
        if at is not None:
            self.extensions[at:at + 1] = [(kind, body)] if body is not None else []
        elif body is not None:
            self.extensions.insert(0 if first else len(self.extensions), (kind, body))
        return self

    def add(self, kind, body):
        self.extensions.append((kind, body))
        return self

    def message(self):
        """The handshake message."""
        block = b"".join(struct.pack(">H", kind) + _with_length(body, 2) for kind, body in self.extensions)
        body = struct.pack(">H", self.legacy) + self.random + _with_length(self.session, 1) + _with_length(self.suites, 2) + \
            _with_length(self.compression, 1) + _with_length(block, 2)
        return b"\1" + len(body).to_bytes(3, "big") + body

    def __bytes__(self):
        return records(self.message())

    def name_at(self):
        """The name's offset in bytes(self)."""
        return bytes(self).index(self.name)


def _vector(data, at, width):
    size = int.from_bytes(data[at:at + width], "big")
    return data[at + width:at + width + size], at + width + size


def _with_length(data, width):
    return len(data).to_bytes(width, "big") + data


def sni(*names):
    """The body of a server_name extension: (type, name) each."""
    return _with_length(b"".join(bytes([kind]) + _with_length(name, 2) for kind, name in names), 2)


def record(data, kind=22, version=0x0301):
    return struct.pack(">BHH", kind, version, len(data)) + data


def records(data, size=16384, kind=22, version=0x0301):
    """A handshake message in records of at most this size."""
    return b"".join(record(data[n:n + size], kind, version) for n in range(0, len(data), size))

"""A simulated charon behind VICI: accepts connections and reports their tunnels as up when asked to initiate them.

For the rows that run the real gate and dns on this machine, whose kernel has no ESP. Only gate's commands are
implemented; any other command succeeds and does nothing. The protocol is that of strongSwan's libvici (README.md there):
packets of a 32-bit length and a type, messages of sections, lists, keys and values.
"""

import os
import socket
import struct
import threading

REQUEST, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, EVENT_UNKNOWN, EVENT = range(8)
SECTION, SECTION_END, KEY_VALUE, LIST, LIST_ITEM, LIST_END = range(1, 7)


def encode(tree):
    """A dict of str, list and dict as a VICI message."""
    out = b""
    for key, value in tree.items():
        name = bytes([len(key)]) + key.encode()
        if isinstance(value, dict):
            out += bytes([SECTION]) + name + encode(value) + bytes([SECTION_END])
        elif isinstance(value, list):
            items = b"".join(bytes([LIST_ITEM]) + struct.pack(">H", len(v)) + v.encode() for v in value)
            out += bytes([LIST]) + name + items + bytes([LIST_END])
        else:
            out += bytes([KEY_VALUE]) + name + struct.pack(">H", len(value)) + value.encode()
    return out


def decode(data):
    """A VICI message as a dict."""
    at = 0

    def name():
        nonlocal at
        size = data[at]
        at += 1 + size
        return data[at - size:at].decode()

    def value():
        nonlocal at
        size, = struct.unpack_from(">H", data, at)
        at += 2 + size
        return data[at - size:at].decode(errors="replace")

    def section():
        nonlocal at
        tree = {}
        while at < len(data):
            kind = data[at]
            at += 1
            if kind == SECTION_END:
                break
            key = name()
            if kind == SECTION:
                tree[key] = section()
            elif kind == KEY_VALUE:
                tree[key] = value()
            else:
                items = []
                while data[at] == LIST_ITEM:
                    at += 1
                    items.append(value())
                at += 1
                tree[key] = items
        return tree
    return section()


class StandIn:
    """Listens at path. vip: the virtual IP of every tunnel."""

    def __init__(self, path, vip):
        self.vip = vip
        self.connections = {}       # name -> the arguments of load-conn
        self.up = {}                # name -> number of its CHILD_SA
        self.count = 0
        self.clients = []           # (socket, set of events)
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        events = set()
        with self.lock:
            self.clients.append((client, events))
        try:
            while True:
                size, = struct.unpack(">I", self._read(client, 4))
                self._packet(client, events, self._read(client, size))
        except OSError:
            pass
        with self.lock:
            self.clients.remove((client, events))

    @staticmethod
    def _read(client, size):
        data = b""
        while len(data) < size:
            more = client.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    @staticmethod
    def _send(client, packet):
        client.sendall(struct.pack(">I", len(packet)) + packet)

    def _packet(self, client, events, packet):
        kind, rest = packet[0], packet[1:]
        name, body = rest[1:1 + rest[0]].decode(), rest[1 + rest[0]:]
        with self.lock:
            if kind == REGISTER:
                events.add(name)
                self._send(client, bytes([CONFIRM]))
            elif kind == UNREGISTER:
                events.discard(name)
                self._send(client, bytes([CONFIRM]))
            elif kind == REQUEST:
                answer = self._request(client, name, decode(body))
                self._send(client, bytes([RESPONSE]) + encode(answer))

    def _event(self, name, tree, only=None):
        packet = bytes([EVENT, len(name)]) + name.encode() + encode(tree)
        for client, events in self.clients:
            if name in events and (only is None or client is only):
                self._send(client, packet)

    def _request(self, client, name, tree):
        if name == "load-conn":
            self.connections.update(tree)
        elif name == "initiate":
            return self._raise(tree.get("child") or tree.get("ike", ""))
        elif name == "terminate":
            which = tree.get("ike") or tree.get("child", "")
            if self.up.pop(which, None) is None:
                return {"success": "no", "errmsg": "no matching SAs to terminate found"}
            self._event("child-updown", {which: {}})
        elif name == "list-sas":
            for which in self.up:
                self._event("list-sa", {which: self._sa(which)}, client)
        return {"success": "yes"}

    def _raise(self, which):
        if which not in self.connections:
            return {"success": "no", "errmsg": f"CHILD_SA config '{which}' not found"}
        self.count += 1
        self.up[which] = self.count
        self._event("ike-updown", {"up": "yes", which: self._sa(which)})
        self._event("child-updown", {"up": "yes", which: self._sa(which)})
        return {"success": "yes"}

    def _sa(self, which):
        connection = self.connections[which]
        child = connection.get("children", {}).get(which, {})
        number = str(self.up[which])
        return {"uniqueid": number, "version": "2", "state": "ESTABLISHED",
                "remote-host": connection.get("remote_addrs", [""])[0], "local-vips": [self.vip],
                "child-sas": {f"{which}-{number}": {
                    "name": which, "uniqueid": number, "reqid": child.get("reqid", "1"), "state": "INSTALLED",
                    "mode": "TUNNEL", "local-ts": [f"{self.vip}/32"], "remote-ts": child.get("remote_ts", [])}}}

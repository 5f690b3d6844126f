"""Between a server and its clients: a proxy that forwards the server's data in the smallest pieces."""

import contextlib
import socket
import threading

import net

PORT = 4443
# A warning alert (unrecognized_name), as TLS 1.2 servers send it before their ServerHello.
WARNING = bytes.fromhex("15030300020170")


class Pieces:
    """The server's first octets one by one, each in its own segment, after `before`."""

    def __init__(self, ns, address, port=443, octets=400, before=b""):
        self.ns, self.to, self.octets, self.before = ns, (address, port), octets, before
        with net.inside(ns):
            self.listener = socket.create_server((address, PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with net.inside(self.ns):
                    server = socket.create_connection(self.to)
                for work, ends in ((self._there, (client, server)), (self._back, (server, client))):
                    threading.Thread(target=work, args=ends, daemon=True).start()

    @staticmethod
    def _there(client, server):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _back(self, server, client):
        left, before = self.octets, self.before
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                data, before = before + data, b""
                for at in range(min(left, len(data))):
                    client.sendall(data[at:at + 1])
                if len(data) > left:
                    client.sendall(data[left:])
                left = max(0, left - len(data))
            client.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@contextlib.contextmanager
def pieces(ns, address, lost=0, **words):
    """Meanwhile whoever connects there from outside gets it so. lost: of so many segments one, so that the others come before it."""
    proxy = Pieces(ns, address, **words)
    rules = f"""table ip pieces {{ chain in {{ type nat hook prerouting priority dstnat;
  ip daddr {address} tcp dport 443 redirect to :{PORT}; }}; }}
table netdev pieces {{ chain out {{ type filter hook egress device inner0 priority 0;
  {f"ip saddr {address} tcp sport 443 numgen inc mod {lost} 1 drop;" if lost else ""} }}; }}"""
    try:
        done = net.run(ns, ["nft", "-f", "-"], text=rules)
        if done.returncode:
            raise RuntimeError(f"nft in {ns}: {done.stderr}")
        yield proxy
    finally:
        proxy.close()
        for table in (("ip", "pieces"), ("netdev", "pieces")):
            net.run(ns, ["nft", "delete", "table", *table])

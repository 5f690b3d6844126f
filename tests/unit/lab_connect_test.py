"""The lab's connection to QEMU: a socket that is bound but not yet listened at is waited for, one that never is fails."""

import os
import socket
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, "tests/lab")

import console  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "console")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    begin = time.monotonic()
    try:
        console.connect(path, limit=0.2).close()
        sys.exit("FAIL: expected a refusal at a socket where nobody listens; seen a connection")
    except ConnectionRefusedError:
        pass
    if time.monotonic() - begin < 0.2:
        sys.exit("FAIL: expected to be tried for 0.2 s; it gave up at once")
    threading.Timer(0.3, server.listen).start()
    console.connect(path, limit=20).close()
    server.close()
print("ok: bound first and listening later is waited for")

"""A delay line: frames arrive later, equally in both directions. (The kernel here may lack netem.)

    delay.py CONTROL INTERFACE INTERFACE      forwards frames between the interfaces; runs in their network namespace

Milliseconds, one way, are read from CONTROL, one value per line (initially 0).
"""

import heapq
import os
import select
import socket
import sys
import time


def relay(control, one, other):
    cards = []
    for name in (one, other):
        card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        card.bind((name, 3))
        card.setsockopt(263, 23, 1)     # SOL_PACKET, PACKET_IGNORE_OUTGOING
        cards.append(card)
    waiting, number, seconds = [], 0, 0.0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, to, frame = heapq.heappop(waiting)
            to.send(frame)
        rest = max(0.0, waiting[0][0] - now) if waiting else None
        for ready in select.select([control, *cards], [], [], rest)[0]:
            if ready is control:
                line = control.readline()
                if not line:
                    return
                seconds = float(line) / 1000
                continue
            frame = ready.recv(65536)
            number += 1
            heapq.heappush(waiting, (time.monotonic() + seconds, number, cards[1 - cards.index(ready)], frame))


if __name__ == "__main__":
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except PermissionError:
        pass        # then other load of this machine adds to the delay
    with open(sys.argv[1], encoding="ascii", buffering=1) as lines:
        relay(lines, *sys.argv[2:])

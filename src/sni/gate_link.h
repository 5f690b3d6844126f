/*
 * The line to gate: one SEQPACKET socket, messages of msg.h, and the netlink sockets that it hands over. The end of gate,
 * or a message that breaks the rules, ends us: Finit starts sni anew, and meanwhile the kernel drops what is queued.
 *
 * When gate is slow its socket is full. What cannot be sent waits in a ring; while anything waits there no packet is read
 * and no timer runs (main.c), so the ring holds whatever one event can bring, and the kernel's own queue, which is
 * bounded too, holds the rest or drops it.
 */
#ifndef SEKISHO_SNI_GATE_LINK_H
#define SEKISHO_SNI_GATE_LINK_H

#include "blocked.h"
#include "flows.h"

/* One for every held flow when the session changes, those of one packet, and as many again that waited already. */
#define GATELINK_RING (FLOWS_WORKS_MAX * 2 + FLOWS_SENT_MAX)

struct gate_link {
    int fd;
    int epoll;
    int queues[2]; /* by enum msg_queue_kind; -1: none */
    struct flows *flows;
    unsigned first, waiting; /* of the ring */
    struct msg_flow ring[GATELINK_RING];
};

/* Connect, trying again for `patience_ms` while nobody listens. -1: nobody does. Before the sandbox. */
int gate_link_connect(const char *path, int patience_ms);
void gate_link_init(struct gate_link *g, int fd, int epoll, struct flows *flows);

/* gate has something to say, or room again. */
void gate_link_ready(struct gate_link *g);
/* flows.send and blocked.send */
void gate_link_flow(void *user, const struct msg_flow *m);
bool gate_link_blocked(void *user, const struct msg_blocked *m);

#endif

/*
 * The connection to gate: one SEQPACKET socket for the messages of msg.h, and the netlink sockets that gate passes.
 * When gate closes it or sends an invalid message, sni exits: Finit restarts it, and meanwhile the kernel drops the
 * queued packets.
 *
 * When gate is slow the socket is full, and messages wait in a ring. While it is not empty no packet is read and no
 * timer runs (main.c), so the ring needs room only for the messages of one event; further packets stay in the
 * kernel's queue, which is bounded too and drops what does not fit.
 */
#ifndef SEKISHO_SNI_GATE_LINK_H
#define SEKISHO_SNI_GATE_LINK_H

#include "blocked.h"
#include "flows.h"

/* One message for every held flow when the session changes, those of one packet, and as many that waited before. */
#define GATE_LINK_RING (FLOWS_WORKS_MAX * 2 + FLOWS_SENT_MAX)

struct gate_link {
    int fd;
    int epoll;
    int queues[2]; /* by enum msg_queue_kind; -1: none */
    struct flows *flows;
    unsigned first, waiting; /* in the ring */
    struct msg_flow ring[GATE_LINK_RING];
};

/* Connect, retrying for up to `patience_ms` while nobody listens; called before the sandbox. fd or -1. */
int gate_link_connect(const char *path, int patience_ms);
void gate_link_init(struct gate_link *g, int fd, int epoll, struct flows *flows);

/* The socket is readable or writable. */
void gate_link_ready(struct gate_link *g);
/* flows.send and blocked.send */
void gate_link_flow(void *user, const struct msg_flow *m);
bool gate_link_blocked(void *user, const struct msg_blocked *m);

#endif

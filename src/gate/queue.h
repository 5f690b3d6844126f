/*
 * The queue of packets that a ClientHello is still to be read from (nfnetlink_queue), and the log of refused packets
 * (nfnetlink_log). gate opens the sockets, `sni` reads them, gate alone can write: the kernel takes a verdict only from
 * a process with CAP_NET_ADMIN and only through the very socket that the queue is bound to. There is no bypass: while
 * no socket is bound, what would be queued is dropped.
 */
#ifndef SEKISHO_GATE_QUEUE_H
#define SEKISHO_GATE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers as in configs/firewall.nft. */
#define QUEUE_NUMBER 1      /* packets of flows that are asked about */
#define QUEUE_LOG_BLOCKED 1 /* heads of refused packets, prefix = reason */
#define QUEUE_LOG_ANSWER 2 /* SYN-ACKs to flows that are asked about; on the same socket as the packets, so in order */

/* A new non-blocking socket, bound; -1 with errno. */
int queue_open_packets(void);
int queue_open_blocked(void);
/* Unbind (whoever else still holds the descriptor: nothing comes there any more, held packets are dropped), close. */
void queue_close_packets(int fd);
void queue_close_blocked(int fd);

enum queue_verdict {
    QUEUE_ACCEPT, /* pass this packet; the flow stays a question */
    QUEUE_AGREE, /* pass, and the flow's mark becomes the agreed one of its own session */
    QUEUE_ANSWER, /* pass, and a flow that is agreed to becomes a live one of its own session; another keeps its mark */
    QUEUE_DROP,
    QUEUE_REPEAT, /* through the rules again, which now see the mark of refused flows */
    QUEUE_REPLACE /* pass what is given instead of it */
};

/* Verdicts are collected and sent in one datagram. */
#define QUEUE_ROOM 8192
struct queue_batch {
    size_t len;
    int error; /* errno of the first that could not be sent; 0: none */
    int fd;
    char buffer[QUEUE_ROOM];
};

void queue_begin(struct queue_batch *b, int fd);
/* replacement: for QUEUE_REPLACE, a whole IP packet; else NULL, 0. */
void queue_add(struct queue_batch *b, enum queue_verdict verdict, uint32_t packet, const void *replacement, size_t len);
/* 0, or -1 with errno. What the kernel thinks of a verdict it tells the reader, who skips it. */
int queue_send(struct queue_batch *b);

#endif

/*
 * The queue of packets from which sni reads ClientHellos (nfnetlink_queue), and the log of refused packets
 * (nfnetlink_log). gate opens the sockets, `sni` reads them, only gate can write: the kernel accepts a verdict only
 * from a process with CAP_NET_ADMIN and only on the socket that the queue is bound to. There is no bypass: while no
 * socket is bound, packets for the queue are dropped.
 */
#ifndef SEKISHO_GATE_QUEUE_H
#define SEKISHO_GATE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers as in configs/firewall.nft. */
#define QUEUE_NUMBER 1      /* packets of flows that need a verdict */
#define QUEUE_LOG_BLOCKED 1 /* heads of refused packets, prefix = reason */
#define QUEUE_LOG_ANSWER 2 /* SYN-ACKs of these flows; on the same socket as the packets, so in order */

/* A new non-blocking socket, bound; -1 with errno. */
int queue_open_packets(void);
int queue_open_blocked(void);
/* Unbind and close. Another holder of the descriptor gets no more packets; held ones are dropped. */
void queue_close_packets(int fd);
void queue_close_blocked(int fd);

enum queue_verdict {
    QUEUE_ACCEPT, /* accept this packet; the flow still needs a verdict */
    QUEUE_AGREE, /* accept, and give the flow the mark `agreed` of its own session */
    QUEUE_ANSWER, /* accept, and make an agreed flow a live one of its own session; any other keeps its mark */
    QUEUE_DROP,
    QUEUE_REPEAT, /* NF_REPEAT: the rules see it again, with the flow's present mark */
    QUEUE_REPLACE /* accept, with the packet replaced by the given one */
};

/* Verdicts are collected and sent in one datagram. */
#define QUEUE_ROOM 8192
struct queue_batch {
    size_t len;
    int error; /* errno of the first failed send; 0: none */
    int fd;
    char buffer[QUEUE_ROOM];
};

void queue_begin(struct queue_batch *b, int fd);
/* replacement: for QUEUE_REPLACE, a whole IP packet; else NULL, 0. */
void queue_add(struct queue_batch *b, enum queue_verdict verdict, uint32_t packet, const void *replacement, size_t len);
/* 0, or -1 with errno. The kernel's error replies to verdicts go to the reader, sni, which skips them. */
int queue_send(struct queue_batch *b);

#endif

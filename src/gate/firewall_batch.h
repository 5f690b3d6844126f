/*
 * One nf_tables transaction of set elements: collected in a fixed buffer, sent in one datagram, acknowledged before the
 * send returns. There is only one buffer and one socket: batches must not overlap.
 */
#ifndef SEKISHO_GATE_FIREWALL_BATCH_H
#define SEKISHO_GATE_FIREWALL_BATCH_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#define BATCH_TABLE "sekisho" /* family inet */

struct batch;

/* One set element. Pointers are only read during batch_add. */
struct element {
    const void *key;
    uint32_t key_len;
    const void *data; /* the value in a map; NULL: none */
    uint32_t data_len;
    const char *jump; /* the chain in a verdict map; NULL: none */
    uint64_t timeout_ms; /* 0: the set has no time-outs */
    bool interval_end;
};

int batch_open(void); /* 0, or -1 with errno */
void batch_close(void);

struct batch *batch_begin(void);
void batch_flush(struct batch *b, const char *set);
/* Delete elements by their keys; one that is not there is no error. */
void batch_remove(struct batch *b, const char *set, const struct element *list, unsigned count);
void batch_add(struct batch *b, const char *set, const struct element *list, unsigned count);
/* 0: the kernel has committed all of it. -1 with errno: none of it (EMSGSIZE: it did not fit into the buffer). */
int batch_commit(struct batch *b);

/* A single request outside any transaction: send, and pass each answer to cb (may be NULL) until the end or the ack. */
int batch_ask(struct nlmsghdr *nlh, mnl_cb_t cb, void *data);
uint32_t batch_seq(void); /* the next sequence number */

#endif

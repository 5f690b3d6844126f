/*
 * Collects the answers of `dns` that are to be admitted. Those of one turn of the event loop are committed together,
 * in as few transactions as possible: a transaction costs the kernel much more than an element.
 */
#ifndef SEKISHO_GATE_ADMIT_BATCH_H
#define SEKISHO_GATE_ADMIT_BATCH_H

#include "admit.h"
#include "charon.h"
#include "registry.h"
#include "session.h"

#define ADMIT_BATCH_MAX 64 /* answers */

struct admit_batch {
    /* given at the start */
    struct admit *admit;
    const struct session *session;
    struct charon *charon;
    struct registry *registry;
    /* Called once for each answer added, in no order, with the result of the commit. */
    void (*done)(void *user, const struct msg_admit *m, enum msg_verdict verdict);
    void *user;
    /* its own */
    unsigned count;
    struct msg_admit waiting[ADMIT_BATCH_MAX];
};

/* Commits the batch first if it is full. */
void admit_batch_add(struct admit_batch *b, const struct msg_admit *m);
void admit_batch_open(struct admit_batch *b);

#endif

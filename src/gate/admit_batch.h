/*
 * The answers of `dns` that wait to be opened. What has come since the loop's last turn is opened together, in as few
 * transactions as hold it: a transaction costs the kernel much more than an element does.
 */
#ifndef SEKISHO_GATE_ADMIT_BATCH_H
#define SEKISHO_GATE_ADMIT_BATCH_H

#include "admit.h"
#include "charon.h"
#include "session.h"

#define ADMIT_BATCH_MAX 64 /* answers */

struct admit_batch {
    /* given at the start */
    struct admit *admit;
    const struct session *session;
    struct charon *charon;
    /* Once for each answer that was added, in no order: only now is the address open, or not. */
    void (*done)(void *user, const struct msg_admit *m, enum msg_verdict verdict);
    void *user;
    /* its own */
    unsigned count;
    struct msg_admit waiting[ADMIT_BATCH_MAX];
};

/* May open all at once, when there is no more room. */
void admit_batch_add(struct admit_batch *b, const struct msg_admit *m);
void admit_batch_open(struct admit_batch *b);

#endif

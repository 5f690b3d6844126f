/*
 * Packets that the rule set has refused and logged: folded, so that a PC that tries again and again is one line and a
 * count. Fixed table, no clock, no socket.
 */
#ifndef SEKISHO_SNI_BLOCKED_H
#define SEKISHO_SNI_BLOCKED_H

#include "packet.h"
#include "queue.h"

#define BLOCKED_MAX 256
#define BLOCKED_FOLD_MS 10000 /* what repeats within this time is told once more at its end, with the count */
#define BLOCKED_WAITING_MS 1000 /* the same for reason "waiting" */
#define BLOCKED_RATE 50       /* messages a second; beyond, first messages are folded too */
#define BLOCKED_BURST 200

struct blocked_entry {
    uint64_t told_at; /* 0: free */
    struct msg_blocked m; /* count: since it was told */
};

struct blocked {
    bool (*send)(void *user, const struct msg_blocked *m); /* false: no room now */
    void *user;
    uint32_t tokens; /* thousandths of a message */
    uint64_t tokens_at;
    uint64_t next; /* nothing is due before */
    uint64_t *skipped; /* counts what there was no room to remember */
    struct blocked_entry entries[BLOCKED_MAX];
};

void blocked_init(struct blocked *b, uint64_t now, bool (*send)(void *user, const struct msg_blocked *m), void *user,
                  uint64_t *skipped);
void blocked_packet(struct blocked *b, uint64_t now, const struct queued *q);
int blocked_wait(const struct blocked *b, uint64_t now);
void blocked_due(struct blocked *b, uint64_t now);

#endif

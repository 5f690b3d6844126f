/*
 * Packets that the packet filter has refused and logged. Repetitions are folded into one message with a count. Fixed
 * table, no clock, no socket.
 */
#ifndef SEKISHO_SNI_BLOCKED_H
#define SEKISHO_SNI_BLOCKED_H

#include "packet.h"
#include "queue.h"

#define BLOCKED_MAX 256
#define BLOCKED_FOLD_MS 10000 /* repetitions within this time are reported once at its end, with the count */
#define BLOCKED_WAITING_MS 1000 /* the same for reason "waiting" */
#define BLOCKED_RATE 50       /* messages per second; above it, first messages are folded too */
#define BLOCKED_BURST 200

struct blocked_entry {
    uint64_t told_at; /* time of the last message; 0: the entry is free */
    struct msg_blocked m; /* count: packets since then */
};

struct blocked {
    bool (*send)(void *user, const struct msg_blocked *m); /* false: gate's socket is full */
    void *user;
    uint32_t tokens; /* thousandths of a message */
    uint64_t tokens_at;
    uint64_t next; /* time of the next entry due */
    uint64_t *skipped; /* counts packets dropped because the table was full */
    struct blocked_entry entries[BLOCKED_MAX];
};

void blocked_init(struct blocked *b, uint64_t now, bool (*send)(void *user, const struct msg_blocked *m), void *user,
                  uint64_t *skipped);
void blocked_packet(struct blocked *b, uint64_t now, const struct queued *q);
int blocked_wait(const struct blocked *b, uint64_t now);
void blocked_due(struct blocked *b, uint64_t now);

#endif

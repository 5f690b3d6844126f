/*
 * Token buckets, one pair a client, in a table of fixed size. Pure; times are milliseconds.
 *
 * LIMIT_ANY is taken for every question; LIMIT_WORK also for one that neither the cache nor a plain refusal answers (it
 * needs the tunnel, a resolver or the kernel). A client over its limit is not answered at all: an answer to a flood would
 * be a second flood. An internal DNS server that forwards a whole hospital's questions to the box is one client, and in a
 * session most of what it asks is refused; hence the size of both, and that refusals cost no LIMIT_WORK.
 *
 * LIMIT_BELOW is taken for a name below a wildcard that is not in the cache. Who is over it is answered all the same, but
 * gate is told: a page needs some dozens of names, a tunnel through DNS thousands.
 */
#ifndef SEKISHO_NAMES_LIMIT_H
#define SEKISHO_NAMES_LIMIT_H

#include "conf.h"

#define LIMIT_ANY_RATE 5000 /* questions a second */
#define LIMIT_ANY_BURST 5000
#define LIMIT_WORK_RATE 500
#define LIMIT_WORK_BURST 1000
#define LIMIT_BELOW_RATE 1
#define LIMIT_BELOW_BURST 200

#ifdef SEKISHO_FUZZ
#define LIMIT_SETS 2
#define LIMIT_WAYS 2
#else
#define LIMIT_SETS 128 /* clients known at a time: sets x ways; the longest silent of a set makes room */
#define LIMIT_WAYS 8
#endif

enum limit_kind { LIMIT_ANY, LIMIT_WORK, LIMIT_BELOW, LIMIT_KINDS };

struct limit_client {
    struct addr addr; /* family 0: free */
    uint64_t seen;
    uint64_t told[LIMIT_KINDS]; /* when limit_tell last said yes */
    uint32_t tokens[LIMIT_KINDS]; /* thousandths, by enum limit_kind */
};

struct limit {
    uint32_t seed; /* against chosen collisions; set once at random */
    struct limit_client clients[LIMIT_SETS][LIMIT_WAYS];
};

void limit_init(struct limit *l, uint32_t seed);

/* Take one token of this client's bucket. False: it has none left. */
bool limit_take(struct limit *l, uint64_t now, const struct addr *client, enum limit_kind kind);

/* Should it be reported now that this client is over this limit? At most once in ten seconds. */
bool limit_tell(struct limit *l, uint64_t now, const struct addr *client, enum limit_kind kind);

/* It could not be reported (gate's queue is full): limit_tell says yes again a moment later. */
void limit_tell_later(struct limit *l, uint64_t now, const struct addr *client, enum limit_kind kind);

#endif

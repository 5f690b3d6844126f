/*
 * Token buckets, one pair a client, in a table of fixed size. Pure; times are milliseconds.
 *
 * RATELIMIT_ANY is taken for every question; RATELIMIT_WORK also for one that neither the cache nor a plain refusal answers (it
 * needs the tunnel, a resolver or the kernel). A client over its limit is not answered at all: an answer to a flood would
 * be a second flood. An internal DNS server that forwards a whole hospital's questions to the box is one client, and in a
 * session most of what it asks is refused; hence the size of both, and that refusals cost no RATELIMIT_WORK.
 *
 * RATELIMIT_BELOW is taken for a name below a wildcard that is not in the cache. Who is over it is answered all the same, but
 * gate is told: a page needs some dozens of names, a tunnel through DNS thousands.
 */
#ifndef SEKISHO_DNS_RATELIMIT_H
#define SEKISHO_DNS_RATELIMIT_H

#include "conf.h"

#define RATELIMIT_ANY_RATE 5000 /* questions a second */
#define RATELIMIT_ANY_BURST 5000
#define RATELIMIT_WORK_RATE 500
#define RATELIMIT_WORK_BURST 1000
#define RATELIMIT_BELOW_RATE 1
#define RATELIMIT_BELOW_BURST 200

#ifdef SEKISHO_FUZZ
#define RATELIMIT_SETS 2
#define RATELIMIT_WAYS 2
#else
#define RATELIMIT_SETS 128 /* clients known at a time: sets x ways; the longest silent of a set makes room */
#define RATELIMIT_WAYS 8
#endif

enum ratelimit_kind { RATELIMIT_ANY, RATELIMIT_WORK, RATELIMIT_BELOW, RATELIMIT_KINDS };

struct ratelimit_client {
    struct addr addr; /* family 0: free */
    uint64_t seen;
    uint64_t told[RATELIMIT_KINDS]; /* when ratelimit_tell last said yes */
    uint32_t tokens[RATELIMIT_KINDS]; /* thousandths, by enum ratelimit_kind */
};

struct ratelimit {
    uint32_t seed; /* against chosen collisions; set once at random */
    struct ratelimit_client clients[RATELIMIT_SETS][RATELIMIT_WAYS];
};

void ratelimit_init(struct ratelimit *l, uint32_t seed);

/* Take one token of this client's bucket. False: it has none left. */
bool ratelimit_take(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind);

/* Should it be reported now that this client is over this limit? At most once in ten seconds. */
bool ratelimit_tell(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind);

/* It could not be reported (gate's queue is full): ratelimit_tell says yes again a moment later. */
void ratelimit_tell_later(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind);

#endif

/*
 * Token buckets per client, in a table of fixed size. Pure; times are milliseconds.
 *
 * Every query takes a RATELIMIT_ANY token; one that needs the tunnel, a resolver or the kernel (neither cached nor
 * plainly refused) also takes RATELIMIT_WORK. A client over its limit gets no answer at all: answering a flood would
 * be a second flood. An internal DNS server that forwards a whole hospital's queries is one client, and in a session
 * most of its queries are refused; hence the size of both, and that refusals cost no RATELIMIT_WORK.
 *
 * A name below a wildcard that is not in the cache takes RATELIMIT_BELOW. A client over that limit is still answered,
 * but reported to gate: a page needs a few dozen names, a DNS tunnel thousands.
 */
#ifndef SEKISHO_DNS_RATELIMIT_H
#define SEKISHO_DNS_RATELIMIT_H

#include "conf.h"

#define RATELIMIT_ANY_RATE 5000 /* queries per second */
#define RATELIMIT_ANY_BURST 5000
#define RATELIMIT_WORK_RATE 500
#define RATELIMIT_WORK_BURST 1000
#define RATELIMIT_BELOW_RATE 1
#define RATELIMIT_BELOW_BURST 200

#ifdef SEKISHO_FUZZ
#define RATELIMIT_SETS 2
#define RATELIMIT_WAYS 2
#else
#define RATELIMIT_SETS 128 /* capacity in clients: sets x ways; LRU eviction within a set */
#define RATELIMIT_WAYS 8
#endif

enum ratelimit_kind { RATELIMIT_ANY, RATELIMIT_WORK, RATELIMIT_BELOW, RATELIMIT_KINDS };

struct ratelimit_client {
    struct addr addr; /* family 0: free */
    uint64_t seen;
    uint64_t told[RATELIMIT_KINDS]; /* when ratelimit_tell last returned true */
    uint32_t tokens[RATELIMIT_KINDS]; /* thousandths, by enum ratelimit_kind */
};

struct ratelimit {
    uint32_t seed; /* random, against chosen collisions */
    struct ratelimit_client clients[RATELIMIT_SETS][RATELIMIT_WAYS];
};

void ratelimit_init(struct ratelimit *l, uint32_t seed);

/* Take one token from the client's bucket. False: it is empty. */
bool ratelimit_take(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind);

/* Should this client's excess be reported now? True at most once in ten seconds. */
bool ratelimit_tell(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind);

/* The report failed (gate's queue is full): ratelimit_tell returns true again after a moment. */
void ratelimit_tell_later(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind);

#endif

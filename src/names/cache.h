/*
 * Answers for listed names, one place for each name and type (A, AAAA), so nothing is ever evicted and no flood can push
 * an answer out. Pure. An answer belongs to the session (generation) that admitted it and is never seen in another one.
 */
#ifndef SEKISHO_NAMES_CACHE_H
#define SEKISHO_NAMES_CACHE_H

#include "listed.h"
#include "ttlclock.h"

struct cache_entry {
    uint32_t generation; /* 0: empty */
    struct ttl_clock clock;
    uint8_t rcode; /* DNS_NOERROR or DNS_NXDOMAIN */
    uint8_t count; /* 0: no data */
    uint8_t stride;
    uint8_t records[DNS_RECORDS_MAX]; /* as on the wire, TTL to be set */
};

struct cache {
    struct cache_entry entries[LISTED_MAX][2];
};

/* The entry if it belongs to this session and is not over; NULL otherwise. type: DNS_A or DNS_AAAA. */
struct cache_entry *cache_get(struct cache *c, unsigned id, uint16_t type, uint32_t generation, uint64_t now);

/* Put addresses there; clock is the answer's, confirmed. generation is not 0. */
struct cache_entry *cache_put(struct cache *c, unsigned id, uint16_t type, uint32_t generation,
                              const struct ttl_clock *clock, const struct addr *addrs, unsigned count);
/* Put there that the name has no such data (or does not exist, rcode DNS_NXDOMAIN). Needs no element. */
struct cache_entry *cache_put_negative(struct cache *c, unsigned id, uint16_t type, uint32_t generation,
                                       const struct ttl_clock *clock, enum dns_rcode rcode);

/* May it be answered at once: nothing to open, or what is to be opened is confirmed for long enough. */
bool cache_ready(const struct cache_entry *e, uint64_t now);

/* Fill *a with the answer as it is now. It points into the entry. */
void cache_answer(const struct cache_entry *e, uint64_t now, struct dns_answer *a);

void cache_drop_all(struct cache *c);
void cache_drop(struct cache *c, unsigned id);

#endif

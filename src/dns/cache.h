/*
 * Answers for listed names. Pure. An exact name has its own place for each type, so nothing of it is ever evicted and no
 * flood can push an answer out. Names below wildcards share a table of fixed size, keyed by the name that was asked;
 * there the one that was longest unused of a set makes room. An answer belongs to the session (generation) that admitted
 * it and is never seen in another one.
 */
#ifndef SEKISHO_DNS_CACHE_H
#define SEKISHO_DNS_CACHE_H

#include "allowlist.h"
#include "ttlclock.h"

#define CACHE_TYPES 3 /* A, AAAA, HTTPS */
#ifdef SEKISHO_FUZZ
#define CACHE_SETS 2
#define CACHE_WAYS 2
#else
#define CACHE_SETS 128
#define CACHE_WAYS 4 /* 512 names and types below wildcards */
#endif

struct cache_entry {
    uint32_t generation; /* 0: empty */
    struct ttl_clock clock;
    uint8_t rcode; /* DNS_NOERROR or DNS_NXDOMAIN */
    bool is_signed; /* for a client that validates it must be asked for anew: signatures are not kept */
    bool opens; /* its addresses need elements; false: negative, or a record without addresses */
    bool unused; /* negative, but there are addresses, of a kind that nobody here can use */
    uint8_t count; /* records; 0: no data */
    uint16_t len;
    uint8_t records[DNS_RECORDS_MAX]; /* as on the wire, TTL to be set */
};

/* Which answer: name is lower-case wire form; id is the listed name, or the wildcard above it (wild). */
struct cache_key {
    uint16_t id;
    uint16_t type;
    bool wild;
    uint8_t name_len;
    const uint8_t *name;
};

struct cache {
    uint32_t seed; /* against chosen collisions */
    uint64_t evicted; /* answers still good that made room for another */
    /* By type first: what is used lies together, and pages never used cost nothing. */
    struct cache_entry entries[CACHE_TYPES][ALLOWLIST_MAX];
    struct cache_wild {
        uint16_t id, type;
        uint8_t name_len;
        uint8_t name[DNS_WIRE_NAME_MAX];
        uint64_t used;
        struct cache_entry entry;
    } wild[CACHE_SETS][CACHE_WAYS];
};

/* The entry if it belongs to this session and is not over; NULL otherwise. */
struct cache_entry *cache_get(struct cache *c, const struct cache_key *key, uint32_t generation, uint64_t now);

/* Put records there; clock is the answer's. generation is not 0. len <= DNS_RECORDS_MAX */
struct cache_entry *cache_put(struct cache *c, const struct cache_key *key, uint32_t generation,
                              const struct ttl_clock *clock, uint64_t now, const uint8_t *records, unsigned len,
                              unsigned count, bool opens);
/* Put there that the name has no such data (or does not exist, rcode DNS_NXDOMAIN). Needs no element. */
struct cache_entry *cache_put_negative(struct cache *c, const struct cache_key *key, uint32_t generation,
                                       const struct ttl_clock *clock, uint64_t now, enum dns_rcode rcode);

/* May it be answered at once: nothing to open, or what is to be opened is confirmed for long enough. */
bool cache_ready(const struct cache_entry *e, uint64_t now);

/* Fill *a with the answer as it is now. It points into the entry. */
void cache_answer(const struct cache_entry *e, uint64_t now, struct dns_answer *a);

void cache_drop_all(struct cache *c);
/* Everything under one listed name. */
void cache_drop(struct cache *c, unsigned id, bool wild);

#endif

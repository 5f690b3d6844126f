/*
 * Cached answers for listed names. Pure. An exact name has its own entry for each type, so it is never evicted, not
 * even by a flood. Names below wildcards share a fixed-size, set-associative table with LRU eviction, keyed by the
 * name of the query. An answer belongs to the generation (session) that admitted it and is never returned in another
 * one.
 */
#ifndef SEKISHO_DNS_CACHE_H
#define SEKISHO_DNS_CACHE_H

#include "allowlist.h"
#include "dnsmsg.h"
#include "ttlclock.h"

#define CACHE_TYPES 3 /* A, AAAA, HTTPS */
#ifdef SEKISHO_FUZZ
#define CACHE_SETS 2
#define CACHE_WAYS 2
#else
#define CACHE_SETS 128
#define CACHE_WAYS 4 /* 512 pairs of name and type below wildcards */
#endif

struct cache_entry {
    uint32_t generation; /* 0: empty */
    struct ttl_clock clock;
    uint8_t rcode; /* DNS_NOERROR or DNS_NXDOMAIN */
    bool is_signed; /* for a validating client it must be queried again: signatures are not cached */
    bool opens; /* its addresses need elements; false: negative, or records without addresses */
    bool unused; /* negative for the client, but the resolver gave addresses of a kind the LAN cannot use */
    uint8_t count; /* records; 0: no data */
    uint16_t len;
    uint8_t records[DNS_RECORDS_MAX]; /* wire form; cache_answer sets the TTL */
};

/* Key of an answer. name: lower-case wire form; id: of the listed name, or of the wildcard that covers it (wild). */
struct cache_key {
    uint16_t id;
    uint16_t type;
    bool wild;
    uint8_t name_len;
    const uint8_t *name;
};

struct cache {
    uint32_t seed; /* against chosen collisions */
    uint64_t evicted; /* number of valid answers that were evicted */
    /* Indexed by type first: used entries are adjacent, and untouched pages take no memory. */
    struct cache_entry entries[CACHE_TYPES][ALLOWLIST_MAX];
    struct cache_wild {
        uint16_t id, type;
        uint8_t name_len;
        uint8_t name[DNS_WIRE_NAME_MAX];
        uint64_t used;
        struct cache_entry entry;
    } wild[CACHE_SETS][CACHE_WAYS];
};

/* The entry if it belongs to this session and has not expired; else NULL. */
struct cache_entry *cache_get(struct cache *c, const struct cache_key *key, uint32_t generation, uint64_t now);

/* Store records. generation must not be 0, len at most DNS_RECORDS_MAX. */
struct cache_entry *cache_put(struct cache *c, const struct cache_key *key, uint32_t generation,
                              const struct ttl_clock *clock, uint64_t now, const uint8_t *records, unsigned len,
                              unsigned count, bool opens);
/* Store a negative answer: no data, or no such name (rcode DNS_NXDOMAIN). Needs no element. */
struct cache_entry *cache_put_negative(struct cache *c, const struct cache_key *key, uint32_t generation,
                                       const struct ttl_clock *clock, uint64_t now, enum dns_rcode rcode);

/* May the entry be served now: it has no addresses, or their elements are confirmed for long enough. */
bool cache_ready(const struct cache_entry *e, uint64_t now);

/* Fill *a with the answer and the TTL left. *a points into the entry. */
void cache_answer(const struct cache_entry *e, uint64_t now, struct dns_answer *a);

void cache_drop_all(struct cache *c);
/* Drop all entries of one listed name. */
void cache_drop(struct cache *c, unsigned id, bool wild);

#endif

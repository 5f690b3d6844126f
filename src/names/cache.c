#include "cache.h"

#include <string.h>

static struct cache_entry *place(struct cache *c, unsigned id, uint16_t type)
{
    return &c->entries[id][type == DNS_AAAA];
}

struct cache_entry *cache_get(struct cache *c, unsigned id, uint16_t type, uint32_t generation, uint64_t now)
{
    struct cache_entry *e = place(c, id, type);
    if (generation == 0 || e->generation != generation || ttl_left(&e->clock, now) == 0)
        return NULL;
    return e;
}

struct cache_entry *cache_put(struct cache *c, unsigned id, uint16_t type, uint32_t generation,
                              const struct ttl_clock *clock, const struct addr *addrs, unsigned count)
{
    struct cache_entry *e = place(c, id, type);
    e->generation = generation;
    e->clock = *clock;
    e->rcode = DNS_NOERROR;
    e->count = (uint8_t)(count > DNS_ADDRS_MAX ? DNS_ADDRS_MAX : count);
    e->stride = (uint8_t)dns_render(type, addrs, e->count, e->records);
    return e;
}

struct cache_entry *cache_put_negative(struct cache *c, unsigned id, uint16_t type, uint32_t generation,
                                       const struct ttl_clock *clock, enum dns_rcode rcode)
{
    struct cache_entry *e = cache_put(c, id, type, generation, clock, NULL, 0);
    e->rcode = (uint8_t)rcode;
    return e;
}

bool cache_ready(const struct cache_entry *e, uint64_t now)
{
    return e->count == 0 ? ttl_left(&e->clock, now) > 0 : ttl_covered(&e->clock, now);
}

void cache_answer(const struct cache_entry *e, uint64_t now, struct dns_answer *a)
{
    memset(a, 0, sizeof(*a));
    a->rcode = e->rcode;
    a->ttl = ttl_left(&e->clock, now);
    a->count = e->count;
    a->stride = e->stride;
    a->records = e->records;
    a->soa = e->count == 0;
    a->ede = DNS_EDE_NONE;
}

void cache_drop_all(struct cache *c)
{
    for (unsigned id = 0; id < LISTED_MAX; id++)
        cache_drop(c, id);
}

void cache_drop(struct cache *c, unsigned id)
{
    /* Look first: a place never used stays a page never touched. */
    for (int t = 0; t < 2; t++)
        if (c->entries[id][t].generation != 0)
            c->entries[id][t].generation = 0;
}

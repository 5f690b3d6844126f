#include "cache.h"

#include <string.h>

static unsigned type_index(uint16_t type)
{
    return type == DNS_A ? 0 : type == DNS_AAAA ? 1 : 2;
}

static struct cache_wild *set_of(struct cache *c, const struct cache_key *key)
{
    uint32_t h = 2166136261u ^ c->seed;
    for (unsigned i = 0; i < key->name_len; i++)
        h = (h ^ key->name[i]) * 16777619u;
    h = (h ^ key->type) * 16777619u;
    return c->wild[(h ^ (h >> 15)) % CACHE_SETS];
}

static bool same(const struct cache_wild *w, const struct cache_key *key)
{
    return w->type == key->type && w->id == key->id && w->name_len == key->name_len &&
           memcmp(w->name, key->name, key->name_len) == 0;
}

struct cache_entry *cache_get(struct cache *c, const struct cache_key *key, uint32_t generation, uint64_t now)
{
    struct cache_entry *e = NULL;
    if (key->wild) {
        struct cache_wild *set = set_of(c, key);
        for (unsigned i = 0; i < CACHE_WAYS && e == NULL; i++)
            if (set[i].entry.generation != 0 && same(&set[i], key)) {
                set[i].used = now;
                e = &set[i].entry;
            }
    } else {
        e = &c->entries[type_index(key->type)][key->id];
    }
    if (e == NULL || generation == 0 || e->generation != generation || ttl_left(&e->clock, now) == 0)
        return NULL;
    return e;
}

/* Its own entry, a free or expired one, or the least recently used one of the set. */
static struct cache_entry *wild_place(struct cache *c, const struct cache_key *key, uint32_t generation, uint64_t now)
{
    struct cache_wild *set = set_of(c, key), *place = NULL;
    bool place_good = true;
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        struct cache_wild *w = &set[i];
        if (w->entry.generation != 0 && same(w, key)) {
            place = w;
            place_good = false;
            break;
        }
        bool good = w->entry.generation == generation && ttl_left(&w->entry.clock, now) != 0;
        if (place == NULL || (place_good && !good) || (place_good == good && w->used < place->used)) {
            place = w;
            place_good = good;
        }
    }
    c->evicted += place_good;
    place->id = key->id;
    place->type = key->type;
    place->name_len = key->name_len;
    memcpy(place->name, key->name, key->name_len);
    place->used = now;
    return &place->entry;
}

struct cache_entry *cache_put(struct cache *c, const struct cache_key *key, uint32_t generation,
                              const struct ttl_clock *clock, uint64_t now, const uint8_t *records, unsigned len,
                              unsigned count, bool opens)
{
    struct cache_entry *e =
        key->wild ? wild_place(c, key, generation, now) : &c->entries[type_index(key->type)][key->id];
    e->generation = generation;
    e->clock = *clock;
    e->rcode = DNS_NOERROR;
    e->opens = opens;
    e->is_signed = e->unused = false;
    e->count = (uint8_t)count;
    e->len = (uint16_t)len;
    if (len != 0)
        memcpy(e->records, records, len);
    return e;
}

struct cache_entry *cache_put_negative(struct cache *c, const struct cache_key *key, uint32_t generation,
                                       const struct ttl_clock *clock, uint64_t now, enum dns_rcode rcode)
{
    struct cache_entry *e = cache_put(c, key, generation, clock, now, NULL, 0, 0, false);
    e->rcode = (uint8_t)rcode;
    return e;
}

bool cache_ready(const struct cache_entry *e, uint64_t now)
{
    return e->opens ? ttl_covered(&e->clock, now) : ttl_left(&e->clock, now) > 0;
}

void cache_answer(const struct cache_entry *e, uint64_t now, struct dns_answer *a)
{
    memset(a, 0, sizeof(*a));
    a->rcode = e->rcode;
    a->ttl = ttl_left(&e->clock, now);
    a->count = e->count;
    a->len = e->len;
    a->records = e->records;
    a->soa = e->count == 0;
    a->ede = DNS_EDE_NONE;
}

/* Test before writing, so that the pages of entries never used are not touched. */
static void empty(struct cache_entry *e)
{
    if (e->generation != 0)
        e->generation = 0;
}

static void drop_wild(struct cache *c, int id)
{
    for (unsigned s = 0; s < CACHE_SETS; s++)
        for (unsigned i = 0; i < CACHE_WAYS; i++)
            if (id < 0 || c->wild[s][i].id == id)
                empty(&c->wild[s][i].entry);
}

void cache_drop_all(struct cache *c)
{
    for (unsigned id = 0; id < ALLOWLIST_MAX; id++)
        for (unsigned t = 0; t < CACHE_TYPES; t++)
            empty(&c->entries[t][id]);
    drop_wild(c, -1);
}

void cache_drop(struct cache *c, unsigned id, bool wild)
{
    for (unsigned t = 0; t < CACHE_TYPES; t++)
        empty(&c->entries[t][id]);
    if (wild)
        drop_wild(c, (int)id);
}

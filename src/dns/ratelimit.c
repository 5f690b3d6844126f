#include "ratelimit.h"

#include <string.h>

#define TELL_EVERY_MS 10000
#define TELL_AGAIN_MS 50 /* after a report that gate's queue had no room for */

static const struct {
    uint32_t rate, burst;
} rules[RATELIMIT_KINDS] = {
    [RATELIMIT_ANY] = {RATELIMIT_ANY_RATE, RATELIMIT_ANY_BURST},
    [RATELIMIT_WORK] = {RATELIMIT_WORK_RATE, RATELIMIT_WORK_BURST},
    [RATELIMIT_BELOW] = {RATELIMIT_BELOW_RATE, RATELIMIT_BELOW_BURST},
};

void ratelimit_init(struct ratelimit *l, uint32_t seed)
{
    memset(l, 0, sizeof(*l));
    l->seed = seed;
}

static size_t addr_bytes(const struct addr *a)
{
    return a->family == AF_INET ? 4 : 16;
}

static bool same(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, addr_bytes(b)) == 0;
}

static uint32_t hash(uint32_t seed, const struct addr *a)
{
    uint32_t h = 2166136261u ^ seed;
    for (size_t i = 0; i < addr_bytes(a); i++)
        h = (h ^ a->bytes[i]) * 16777619u;
    return h ^ (h >> 15);
}

static void refill(struct ratelimit_client *c, uint64_t now)
{
    uint64_t passed = now > c->seen ? now - c->seen : 0;
    if (passed > 60000)
        passed = 60000; /* fills any bucket without overflow */
    for (int k = 0; k < RATELIMIT_KINDS; k++) {
        uint64_t tokens = c->tokens[k] + passed * rules[k].rate; /* rate per second = thousandths per millisecond */
        uint64_t most = rules[k].burst * UINT64_C(1000);
        c->tokens[k] = (uint32_t)(tokens > most ? most : tokens);
    }
    c->seen = now;
}

/* The client's entry; a new client replaces the least recently seen one of its set. */
static struct ratelimit_client *entry(struct ratelimit *l, uint64_t now, const struct addr *client)
{
    struct ratelimit_client *set = l->clients[hash(l->seed, client) % RATELIMIT_SETS], *oldest = &set[0];
    for (int i = 0; i < RATELIMIT_WAYS; i++) {
        if (same(&set[i].addr, client))
            return &set[i];
        if (set[i].addr.family == 0 || (oldest->addr.family != 0 && set[i].seen < oldest->seen))
            oldest = &set[i];
    }
    memset(oldest, 0, sizeof(*oldest));
    oldest->addr = *client;
    oldest->seen = now;
    for (int k = 0; k < RATELIMIT_KINDS; k++)
        oldest->tokens[k] = rules[k].burst * 1000;
    return oldest;
}

bool ratelimit_take(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind)
{
    struct ratelimit_client *c = entry(l, now, client);
    if (now != c->seen)
        refill(c, now);
    if (c->tokens[kind] < 1000)
        return false;
    c->tokens[kind] -= 1000;
    return true;
}

bool ratelimit_tell(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind)
{
    struct ratelimit_client *c = entry(l, now, client);
    if (c->told[kind] != 0 && now - c->told[kind] < TELL_EVERY_MS)
        return false;
    c->told[kind] = now == 0 ? 1 : now;
    return true;
}

void ratelimit_tell_later(struct ratelimit *l, uint64_t now, const struct addr *client, enum ratelimit_kind kind)
{
    const uint64_t pause = TELL_EVERY_MS - TELL_AGAIN_MS;
    entry(l, now, client)->told[kind] = now > pause ? now - pause : 0;
}

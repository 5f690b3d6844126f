#include "flowtable.h"

#include <string.h>

static uint32_t mix(uint32_t h, uint32_t v)
{
    h = (h ^ v) * 0x9e3779b1u;
    return h ^ (h >> 15);
}

static uint32_t mix_addr(uint32_t h, const struct addr *a)
{
    for (unsigned i = 0; i < (a->family == AF_INET ? 4 : 16); i += 4) {
        uint32_t v;
        memcpy(&v, a->bytes + i, 4);
        h = mix(h, v);
    }
    return h;
}

bool flowtable_alive(const struct flows *f, const struct flow *fl)
{
    return fl->state != STATE_FREE && fl->epoch == f->epoch;
}

static struct flow *set_of(struct flows *f, const struct packet *p)
{
    uint32_t h = mix_addr(mix_addr(f->seed, &p->client), &p->server);
    h = mix(h, (uint32_t)p->client_port << 16 | p->server_port);
    return f->table[h % FLOWS_SETS];
}

struct flow *flowtable_find(struct flows *f, const struct packet *p)
{
    struct flow *set = set_of(f, p);
    for (unsigned i = 0; i < FLOWS_WAYS; i++)
        if (flowtable_alive(f, &set[i]) && set[i].client_port == p->client_port &&
            set[i].server_port == p->server_port && addr_equal(&set[i].client, &p->client) &&
            addr_equal(&set[i].server, &p->server))
            return &set[i];
    return NULL;
}

struct flow *flowtable_place(struct flows *f, const struct packet *p)
{
    struct flow *fl = flowtable_find(f, p), *set = set_of(f, p);
    if (fl)
        return fl;
    for (unsigned i = 0; i < FLOWS_WAYS; i++) {
        if (!flowtable_alive(f, &set[i]))
            return &set[i];
        /* one that nothing is held of goes first */
        if (!fl || (fl->work && !set[i].work) ||
            ((fl->work == 0) == (set[i].work == 0) && set[i].used_at < fl->used_at))
            fl = &set[i];
    }
    return fl;
}

static uint32_t octets_of(const struct flow_work *w)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < w->held_count; i++)
        sum += w->held[i].size;
    return sum;
}

bool flowtable_beyond_share(const struct flows *f, const struct flow_work *w, size_t size)
{
    uint32_t octets = octets_of(w), packets = w->held_count;
    if (octets + size > FLOWS_HELD_FLOW_OCTETS)
        return true;
    if (f->works_used < 2)
        return false;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++) {
        const struct flow_work *other = &f->works[i];
        if (f->due[i] == 0 || other == w || other->held_count == 0 ||
            !addr_equal(&other->flow->client, &w->flow->client))
            continue;
        packets += other->held_count;
        octets += octets_of(other);
    }
    return packets >= FLOWS_HELD_CLIENT_MAX || octets + size > FLOWS_HELD_CLIENT_OCTETS;
}

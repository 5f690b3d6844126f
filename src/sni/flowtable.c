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
    unsigned most = 0;
    if (fl)
        return fl;
    for (unsigned i = 0; i < FLOWS_WAYS; i++) {
        if (!flowtable_alive(f, &set[i]))
            return &set[i];
        unsigned places = addr_equal(&set[i].client, &p->client);
        for (unsigned k = 0; k < FLOWS_WAYS; k++)
            places += flowtable_alive(f, &set[k]) && addr_equal(&set[i].client, &set[k].client);
        if (places < most)
            continue;
        /* prefer one without held packets */
        if (places > most || (fl->work && !set[i].work) ||
            ((fl->work == 0) == (set[i].work == 0) && set[i].used_at < fl->used_at))
            fl = &set[i];
        most = places;
    }
    return fl;
}

/* ---- streams ---- */

/* The client's oldest stream that is not allowed, if it has too many of these; else NULL. */
static struct flow_work *too_many_held(struct flows *f, uint32_t who)
{
    struct flow_work *oldest = NULL;
    unsigned count = 0;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++) {
        if (f->due[i] == 0 || f->agreed[i] || f->who[i] != who)
            continue;
        count++;
        if (!oldest || f->works[i].began_at < oldest->began_at)
            oldest = &f->works[i];
    }
    return count >= FLOWS_WORKS_CLIENT_MAX ? oldest : NULL;
}

static bool gives_way(const struct flows *f, unsigned i, unsigned to)
{
    return f->agreed[i] != f->agreed[to] ? f->agreed[i] : f->works[i].began_at < f->works[to].began_at;
}

struct flow_work *flowtable_to_evict(struct flows *f, const struct addr *client)
{
    uint32_t who = mix_addr(f->seed, client);
    if (f->works_used - f->agreed_used >= FLOWS_WORKS_CLIENT_MAX) {
        struct flow_work *own = too_many_held(f, who);
        if (own)
            return own;
    }
    if (f->works_used < FLOWS_WORKS_MAX)
        return NULL;
    unsigned most = 0, loser = 0;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++) {
        unsigned has = f->who[i] == who;
        for (unsigned k = 0; k < FLOWS_WORKS_MAX; k++)
            has += f->who[k] == f->who[i];
        if (has > most || (has == most && gives_way(f, i, loser))) {
            most = has;
            loser = i;
        }
    }
    return &f->works[loser];
}

struct flow_work *flowtable_work(struct flows *f, uint64_t now, struct flow *fl)
{
    unsigned i = 0;
    while (f->due[i] != 0)
        i++;
    struct flow_work *w = &f->works[i];
    w->flow = fl;
    w->began_at = w->last_at = now;
    w->released = w->hello_at = w->rest_at = 0;
    w->held_count = 0;
    w->early_data = w->second = false;
    w->name[0] = '\0';
    stream_begin(&w->stream, fl->base);
    answer_begin(&w->answer, fl->ack);
    fl->work = (uint16_t)(i + 1);
    f->due[i] = now + FLOWS_SLOW_MS;
    f->who[i] = mix_addr(f->seed, &fl->client);
    f->works_used++;
    return w;
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

#include "lookup.h"

#include <string.h>

static unsigned index_of(const struct query *q, const struct lookup *l)
{
    return (unsigned)(l - q->lookups);
}

static uint16_t key_of(unsigned id, uint16_t type)
{
    return (uint16_t)(1 + id * 2 + (type == DNS_AAAA));
}

bool lookup_service_up(const struct query *q, uint8_t service)
{
    return q->mode.mode == MODE_SESSION && q->mode.generation != 0 && (q->mode.services_up >> (service - 1) & 1);
}

struct lookup *lookup_find(struct query *q, unsigned id, uint16_t type)
{
    uint16_t key = key_of(id, type);
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++)
        if (q->keys[i] == key)
            return &q->lookups[i];
    return NULL;
}

void lookup_count(struct query *q, enum dns_rcode rcode)
{
    if (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN)
        q->stats.answered++;
    else if (rcode == DNS_SERVFAIL)
        q->stats.failed++;
}

/* ---- what each state sends ---- */

void lookup_want(struct query *q, struct lookup *l, uint64_t now, const struct client *client)
{
    struct msg_want m = {.id = l->id, .client = client->addr};
    uint64_t *last = &q->wanted_at[l->id];
    /*
     * Too soon after the last one; that may have been answered already with a failure, so it does not count for this
     * lookup; the tick tries again.
     */
    if (*last != 0 && now - *last < QUERY_WANT_MS)
        return;
    if (q->ops.to_gate(q->ops.user, MSG_WANT, &m)) {
        *last = now == 0 ? 1 : now;
        l->sent = true;
    }
}

/* The client that a lookup is reported under: one of those who wait; NULL: nobody does any more. */
static const struct client *first_client(const struct query *q, const struct lookup *l)
{
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++)
        if (q->waiting[i] == index_of(q, l) + 1)
            return &q->askers[i].client;
    return NULL;
}

static void want_for_first(struct query *q, struct lookup *l, uint64_t now)
{
    const struct client *client = first_client(q, l);
    if (client != NULL)
        lookup_want(q, l, now, client);
}

static void send_question(struct query *q, struct lookup *l)
{
    uint8_t out[DNS_MSG_MAX];
    l->query_id = (uint16_t)q->ops.random(q->ops.user);
    size_t len = dns_build_question(&l->question, l->query_id, out);
    l->sent = q->ops.ask(q->ops.user, l->service, out, len, &l->sock);
}

static void send_admit(struct query *q, struct lookup *l, uint64_t now)
{
    struct msg_admit m = {.id = l->id, .generation = q->mode.generation, .count = l->count};
    if (++q->seq == 0)
        q->seq = 1;
    l->seq = m.seq = q->seq;
    l->sent_at = now;
    l->timeout_s = m.timeout_s = ttl_element(&l->clock, now);
    memcpy(m.addrs, l->addrs, l->count * sizeof(m.addrs[0]));
    memcpy(m.name, q->listed.names[l->id].text, sizeof(m.name));
    l->sent = q->ops.to_gate(q->ops.user, MSG_ADMIT, &m);
}

/* The one place where a lookup changes its state, with all that belongs to it: timer, counters, message. */
static void enter(struct query *q, struct lookup *l, enum lookup_state to, uint64_t now)
{
    if (to != LOOKUP_ASKING || l->state != LOOKUP_ASKING)
        l->tries = 0;
    l->state = to;
    l->sent = false;
    switch (to) {
    case LOOKUP_FREE:
        q->keys[index_of(q, l)] = 0;
        q->live--;
        q->forwards -= l->forward;
        break;
    case LOOKUP_HELD:
        l->deadline = l->started + QUERY_HOLD_MS;
        want_for_first(q, l, now);
        break;
    case LOOKUP_ASKING:
        l->deadline = now + QUERY_TRY_MS;
        l->tries++;
        send_question(q, l);
        break;
    case LOOKUP_ADMITTING:
        l->deadline = now + QUERY_ADMIT_MS;
        send_admit(q, l, now);
        break;
    }
}

/* ---- begin and end ---- */

struct lookup *lookup_new(struct query *q, uint64_t now, const struct dns_question *question, bool forward, unsigned id)
{
    if (forward && q->forwards >= QUERY_FORWARDS_MAX)
        return NULL;
    unsigned i = 0;
    while (i < QUERY_LOOKUPS_MAX && q->keys[i] != 0)
        i++;
    if (i == QUERY_LOOKUPS_MAX)
        return NULL;
    struct lookup *l = &q->lookups[i];
    q->keys[i] = forward ? LOOKUP_KEY_FORWARD : key_of(id, question->type);
    q->live++;
    q->forwards += forward;
    l->state = LOOKUP_FREE;
    l->forward = forward;
    l->sent = false;
    l->id = forward ? 0 : (uint16_t)id;
    l->service = forward ? 0 : q->listed.names[id].service;
    l->started = now;
    l->deadline = now + QUERY_HOLD_MS;
    l->tries = l->count = 0;
    l->question = *question;
    if (!forward) {
        /* Several clients may wait for it: what goes to the resolver is the name itself, not one client's wording. */
        memcpy(l->question.name, question->lower, question->name_len);
        l->question.edns = true;
        l->question.cd = l->question.dnssec_ok = false;
    }
    return l;
}

void lookup_start(struct query *q, struct lookup *l, uint64_t now)
{
    struct cache_entry *e = NULL;
    if (!l->forward && !lookup_service_up(q, l->service)) {
        enter(q, l, LOOKUP_HELD, now);
        return;
    }
    if (!l->forward)
        e = cache_get(&q->cache, l->id, l->question.type, q->mode.generation, now);
    if (e == NULL || e->count == 0) {
        enter(q, l, LOOKUP_ASKING, now);
        return;
    }
    l->clock = e->clock;
    l->count = e->count;
    for (unsigned i = 0; i < e->count; i++)
        dns_render_addr(l->question.type, e->records + i * e->stride, &l->addrs[i]);
    enter(q, l, LOOKUP_ADMITTING, now);
}

/* Every asker gets this answer; the lookup ends. */
static void finish(struct query *q, struct lookup *l, uint64_t now, const struct dns_answer *a)
{
    uint8_t out[DNS_MSG_MAX], mine = (uint8_t)(index_of(q, l) + 1);
    enter(q, l, LOOKUP_FREE, now);
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        q->waiting[i] = 0;
        lookup_count(q, a->rcode);
        q->ops.reply(q->ops.user, &q->askers[i].client, out, dns_build(&q->askers[i].question, a, out));
    }
}

static void fail(struct query *q, struct lookup *l, uint64_t now, enum refusal why, const struct addr *bad)
{
    struct dns_answer a;
    refuse_report(q, now, why, first_client(q, l), l->question.lower, l->question.name_len, l->question.type, bad);
    refuse_answer(why, &a);
    finish(q, l, now, &a);
}

/* ---- from the resolver ---- */

static void keep_negative(struct query *q, struct lookup *l, uint64_t now, enum dns_rcode rcode, uint32_t ttl)
{
    struct dns_answer a;
    ttl_start(&l->clock, now, ttl_served_negative(ttl));
    cache_answer(cache_put_negative(&q->cache, l->id, l->question.type, q->mode.generation, &l->clock, rcode), now, &a);
    finish(q, l, now, &a);
}

static void listed_answer(struct query *q, struct lookup *l, uint64_t now, const uint8_t *data, size_t len)
{
    struct chain c;
    chain_read(data, len, q->listed.names[l->id].text, l->question.type, &c);
    switch (c.result) {
    case CHAIN_ADDRS:
        ttl_start(&l->clock, now, ttl_served(c.ttl));
        l->count = c.count;
        memcpy(l->addrs, c.addrs, sizeof(l->addrs));
        enter(q, l, LOOKUP_ADMITTING, now);
        break;
    case CHAIN_NO_DATA: keep_negative(q, l, now, DNS_NOERROR, c.ttl); break;
    case CHAIN_NO_NAME: keep_negative(q, l, now, DNS_NXDOMAIN, c.ttl); break;
    case CHAIN_FAILED: fail(q, l, now, REFUSAL_UPSTREAM, NULL); break;
    case CHAIN_MALFORMED: break; /* the next try, or silence, decides */
    case CHAIN_BROKEN: fail(q, l, now, REFUSAL_CHAIN, NULL); break;
    case CHAIN_FORBIDDEN: fail(q, l, now, REFUSAL_FORBIDDEN, &c.addrs[0]); break;
    }
}

/* An answer about an unlisted name goes on as it is, under the client's own id, wording and size. */
static void forwarded_answer(struct query *q, struct lookup *l, uint64_t now, const uint8_t *data, size_t len,
                             size_t question_end)
{
    uint8_t out[DNS_MSG_MAX];
    struct addr bad;
    if (!chain_harmless(data, len, &bad)) {
        if (bad.family != 0)
            fail(q, l, now, REFUSAL_FORBIDDEN, &bad);
        return;
    }
    uint8_t mine = (uint8_t)(index_of(q, l) + 1);
    enter(q, l, LOOKUP_FREE, now);
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        const struct dns_question *asked = &q->askers[i].question;
        bool fits = len <= asked->room;
        size_t n = fits ? len : question_end;
        memcpy(out, data, n);
        out[0] = (uint8_t)(asked->id >> 8);
        out[1] = (uint8_t)asked->id;
        memcpy(out + DNS_HEADER_LEN, asked->name, asked->name_len);
        if (!fits) {
            out[2] |= 0x02; /* TC */
            memset(out + 6, 0, 6);
        }
        q->waiting[i] = 0;
        lookup_count(q, out[3] & 0xf);
        q->ops.reply(q->ops.user, &q->askers[i].client, out, n);
    }
}

void query_upstream(struct query *q, uint64_t now, uint8_t service, unsigned sock, const uint8_t *data, size_t len)
{
    if (len < DNS_HEADER_LEN || len > DNS_MSG_MAX)
        return;
    uint16_t id = (uint16_t)(data[0] << 8 | data[1]);
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] == 0 || l->state != LOOKUP_ASKING || !l->sent || l->query_id != id || l->service != service ||
            l->sock != sock)
            continue;
        size_t end = dns_echo_matches(data, len, id, &l->question);
        if (end == 0)
            continue;
        if (l->forward)
            forwarded_answer(q, l, now, data, len, end);
        else
            listed_answer(q, l, now, data, len);
        return;
    }
}

void query_upstream_ready(struct query *q, uint64_t now, uint8_t service)
{
    (void)now;
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] != 0 && l->state == LOOKUP_ASKING && !l->sent && l->service == service)
            send_question(q, l);
    }
}

/* ---- from gate ---- */

static void admitted(struct query *q, struct lookup *l, uint64_t now)
{
    struct dns_answer a;
    ttl_confirm(&l->clock, l->sent_at, l->timeout_s);
    struct cache_entry *e =
        cache_put(&q->cache, l->id, l->question.type, q->mode.generation, &l->clock, l->addrs, l->count);
    if (!cache_ready(e, now)) { /* the answer ran out while gate was busy */
        fail(q, l, now, REFUSAL_KERNEL, NULL);
        return;
    }
    cache_answer(e, now, &a);
    finish(q, l, now, &a);
}

/*
 * gate does not open these addresses. A tunnel without IPv6 must not cost a name its IPv4: AAAA becomes "none", so that
 * clients go on with A, and is reported all the same.
 */
static void gate_refused(struct query *q, struct lookup *l, uint64_t now, enum refusal why)
{
    if (l->question.type != DNS_AAAA) {
        fail(q, l, now, why, &l->addrs[0]);
        return;
    }
    refuse_report(q, now, why, first_client(q, l), l->question.lower, l->question.name_len, DNS_AAAA, &l->addrs[0]);
    keep_negative(q, l, now, DNS_NOERROR, TTL_NEGATIVE_S);
}

void query_admitted(struct query *q, uint64_t now, const struct msg_admitted *m)
{
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] == 0 || l->state != LOOKUP_ADMITTING || !l->sent || l->seq != m->seq)
            continue;
        switch ((enum msg_verdict)m->verdict) {
        case ADMIT_OK: admitted(q, l, now); break;
        case ADMIT_STALE: /* the session changed under us: MSG_MODE says how it goes on */
            enter(q, l, LOOKUP_HELD, now);
            break;
        case ADMIT_OUTSIDE: gate_refused(q, l, now, REFUSAL_OUTSIDE); break;
        case ADMIT_FORBIDDEN: gate_refused(q, l, now, REFUSAL_FORBIDDEN); break;
        case ADMIT_KERNEL: fail(q, l, now, REFUSAL_KERNEL, NULL); break;
        }
        return;
    }
}

/* Answers of another session, or of a tunnel that went down, are forgotten at once. */
static void forget(struct query *q, const struct msg_mode *old)
{
    if (old->generation != q->mode.generation || q->mode.mode != MODE_SESSION) {
        cache_drop_all(&q->cache);
        return;
    }
    uint8_t gone = (uint8_t)(old->services_up & ~q->mode.services_up);
    for (unsigned id = 0; gone != 0 && id < q->listed.count; id++)
        if (gone >> (q->listed.names[id].service - 1) & 1)
            cache_drop(&q->cache, id);
}

void query_mode(struct query *q, uint64_t now, const struct msg_mode *m)
{
    struct msg_mode old = q->mode;
    q->mode = *m;
    forget(q, &old);
    bool other = old.generation != m->generation;
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] == 0)
            continue;
        if (l->forward) {
            if (m->mode != MODE_INTERNET)
                fail(q, l, now, REFUSAL_NOT_LISTED, NULL);
        } else if (lookup_service_up(q, l->service)) {
            if (l->state == LOOKUP_HELD || other)
                enter(q, l, LOOKUP_ASKING, now);
        } else if (m->failed >> (l->service - 1) & 1) {
            fail(q, l, now, REFUSAL_NO_TUNNEL, NULL);
        } else if (l->state != LOOKUP_HELD) {
            enter(q, l, LOOKUP_HELD, now);
        }
    }
}

/* ---- time ---- */

static void expired(struct query *q, struct lookup *l, uint64_t now)
{
    switch (l->state) {
    case LOOKUP_HELD: fail(q, l, now, REFUSAL_NO_TUNNEL, NULL); break;
    case LOOKUP_ASKING:
        if (l->tries < QUERY_TRIES)
            enter(q, l, LOOKUP_ASKING, now);
        else
            fail(q, l, now, REFUSAL_SILENT, NULL);
        break;
    case LOOKUP_ADMITTING: fail(q, l, now, REFUSAL_KERNEL, NULL); break;
    case LOOKUP_FREE: break;
    }
}

int query_tick(struct query *q, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] == 0)
            continue;
        if (now >= l->deadline) {
            expired(q, l, now);
        } else if (!l->sent && l->state == LOOKUP_HELD) {
            want_for_first(q, l, now); /* gate's queue was full */
        } else if (!l->sent && l->state == LOOKUP_ADMITTING) {
            send_admit(q, l, now);
        }
        if (q->keys[i] == 0)
            continue;
        uint64_t at = l->sent || l->state == LOOKUP_ASKING ? l->deadline : now + 50;
        if (at < next)
            next = at;
    }
    if (next == UINT64_MAX)
        return -1;
    return next <= now ? 0 : (int)(next - now);
}

#include "fair.h"
#include "lookup.h"
#include "signed.h"

#include <string.h>

_Static_assert(QUERY_LOOKUPS_MAX <= 256, "an admission's number has eight bits for the lookup");
_Static_assert(DNS_ADDRS_MAX <= 8 * MSG_ADMIT_ADDRS, "and three for its part");

static unsigned index_of(const struct query *q, const struct lookup *l)
{
    return (unsigned)(l - q->lookups);
}

/* Never 0 or LOOKUP_KEY_FORWARD. Two names with the same key are told apart by the question itself. */
static uint32_t key_of(const struct dns_question *question)
{
    uint32_t h = 2166136261u ^ question->type;
    if (signed_zone_type(question->type))
        h = (h ^ (unsigned)(question->cd << 1 | question->dnssec_ok)) * 16777619u;
    for (unsigned i = 0; i < question->name_len; i++)
        h = (h ^ question->lower[i]) * 16777619u;
    return h | 0x80000000;
}

bool lookup_service_up(const struct query *q, uint8_t service)
{
    return q->mode.mode == MODE_SESSION && q->mode.generation != 0 && (q->mode.services_up >> (service - 1) & 1);
}

struct lookup *lookup_find(struct query *q, const struct dns_question *question)
{
    if (q->live == 0)
        return NULL;
    uint32_t key = key_of(question);
    for (unsigned i = 0; i < QUERY_LOOKUPS_MAX; i++) {
        const struct dns_question *asked = &q->lookups[i].question;
        if (q->keys[i] != key || asked->type != question->type || asked->name_len != question->name_len ||
            memcmp(asked->lower, question->lower, question->name_len) != 0)
            continue;
        if (!q->lookups[i].zone || (asked->cd == question->cd && asked->dnssec_ok == question->dnssec_ok))
            return &q->lookups[i];
    }
    return NULL;
}

struct cache_key lookup_key(const struct lookup *l)
{
    return (struct cache_key){.id = l->id,
                              .type = l->question.type,
                              .wild = l->wild,
                              .name_len = l->question.name_len,
                              .name = l->question.lower};
}

void lookup_count(struct query *q, enum dns_rcode rcode)
{
    if (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN)
        q->stats.answered++;
    else if (rcode == DNS_SERVFAIL)
        q->stats.failed++;
}

static void wake(struct query *q, uint64_t at)
{
    if (at < q->next)
        q->next = at;
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

const struct client *lookup_client(const struct query *q, const struct lookup *l)
{
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++)
        if (q->waiting[i] == index_of(q, l) + 1)
            return &q->askers[i].client;
    return NULL;
}

static void want_for_first(struct query *q, struct lookup *l, uint64_t now)
{
    const struct client *client = lookup_client(q, l);
    if (client != NULL)
        lookup_want(q, l, now, client);
}

/* A new id for each try, and letters in a new case; the last try in plain small letters, for a resolver that changes them. */
static size_t new_question(struct query *q, struct lookup *l, uint8_t *out)
{
    uint32_t bits[DNS_WIRE_NAME_MAX / 32 + 1] = {0};
    for (unsigned i = 0; l->tries < QUERY_TRIES && i <= l->question.name_len / 32u; i++)
        bits[i] = q->ops.random(q->ops.user);
    dns_mix_case(&l->question, (const uint8_t *)bits);
    uint16_t id = q->query_ids[index_of(q, l)] = (uint16_t)q->ops.random(q->ops.user);
    bool edns = l->question.edns;
    l->question.edns = edns && !l->plain;
    size_t len = dns_build_question(&l->question, id, out);
    l->question.edns = edns;
    return len;
}

static void send_question(struct query *q, struct lookup *l)
{
    if (l->tcp) {
        struct msg_service m = {l->service};
        l->sent = q->ops.to_gate(q->ops.user, MSG_UPSTREAM_TCP, &m);
        return;
    }
    uint8_t out[DNS_MSG_MAX];
    size_t len = new_question(q, l, out);
    l->sent = q->ops.ask(q->ops.user, l->service, out, len, &l->sock);
    if (!l->sent)
        l->sock = 0;
}

size_t query_stream(struct query *q, uint8_t service, unsigned sock, uint8_t *out)
{
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] == 0 || l->state != LOOKUP_ASKING || !l->tcp || l->sock != 0 || l->service != service)
            continue;
        l->sock = sock;
        l->sent = true;
        return new_question(q, l, out);
    }
    return 0;
}

/* The addresses go in parts that a message can hold; each says which lookup and which part it is. */
static void send_admit(struct query *q, struct lookup *l, uint64_t now)
{
    if (l->chunks_sent == 0) {
        l->seq = ++q->seq << 11 | index_of(q, l) << 3;
        l->sent_at = now;
        l->timeout_s = ttl_element(&l->clock, now);
    }
    struct msg_admit m;
    memset(&m, 0, sizeof(m));
    m.id = l->id;
    m.generation = q->mode.generation;
    m.timeout_s = l->timeout_s;
    dns_name_to_text(l->question.lower, l->question.name_len, m.name);
    for (; l->chunks_sent < l->chunks; l->chunks_sent++) {
        unsigned from = l->chunks_sent * MSG_ADMIT_ADDRS, left = l->count - from;
        m.seq = l->seq | l->chunks_sent;
        m.count = (uint8_t)(left < MSG_ADMIT_ADDRS ? left : MSG_ADMIT_ADDRS);
        memcpy(m.addrs, l->addrs + from, m.count * sizeof(m.addrs[0]));
        if (!q->ops.to_gate(q->ops.user, MSG_ADMIT, &m))
            return;
    }
    l->sent = true;
}

/* The one place where a lookup changes its state, with all that belongs to it: timer, counters, message. */
static void enter(struct query *q, struct lookup *l, enum lookup_state to, uint64_t now)
{
    unsigned before = l->sock;
    if (l->state == LOOKUP_ASKING && l->sock != 0)
        q->ops.done(q->ops.user, l->service, l->sock);
    l->sock = 0;
    if (to != LOOKUP_ASKING || l->state != LOOKUP_ASKING) {
        l->tries = 0;
        l->tcp = false;
    }
    l->state = to;
    l->sent = false;
    switch (to) {
    case LOOKUP_FREE:
        q->keys[index_of(q, l)] = 0;
        q->live--;
        q->forwards -= l->forward;
        return;
    case LOOKUP_HELD:
        l->deadline = l->started + QUERY_HOLD_MS;
        want_for_first(q, l, now);
        break;
    case LOOKUP_ASKING:
        l->deadline = now + (l->tcp ? QUERY_TCP_MS : QUERY_TRY_MS);
        l->tries++;
        l->plain = l->no_edns || (!l->tcp && l->tries > QUERY_EDNS_TRIES) || now < q->plain_until[l->service];
        l->sock = l->tcp ? 0 : before;
        send_question(q, l);
        break;
    case LOOKUP_ADMITTING:
        l->deadline = now + QUERY_ADMIT_MS;
        l->chunks = (uint8_t)((l->count + MSG_ADMIT_ADDRS - 1) / MSG_ADMIT_ADDRS);
        l->chunks_sent = l->chunks_done = 0;
        send_admit(q, l, now);
        break;
    }
    wake(q, l->sent ? l->deadline : now + QUERY_AGAIN_MS);
}

void lookup_admit(struct query *q, struct lookup *l, uint64_t now)
{
    enter(q, l, LOOKUP_ADMITTING, now);
}

void lookup_over_tcp(struct query *q, struct lookup *l, uint64_t now)
{
    l->tcp = true;
    l->tries = QUERY_TRIES - 1; /* this is the last */
    enter(q, l, LOOKUP_ASKING, now);
}

bool lookup_without_edns(struct query *q, struct lookup *l, uint64_t now)
{
    if (l->plain || l->tcp || !l->question.edns)
        return false;
    l->no_edns = true;
    enter(q, l, LOOKUP_ASKING, now);
    return true;
}

void lookup_answered(struct query *q, const struct lookup *l, uint64_t now)
{
    if (l->plain && l->question.edns && !l->tcp && now >= q->plain_until[l->service])
        q->plain_until[l->service] = now + (l->no_edns ? QUERY_PLAIN_MS : QUERY_PLAIN_MS / 5);
}

void lookup_end(struct query *q, struct lookup *l, uint64_t now)
{
    enter(q, l, LOOKUP_FREE, now);
}

/* ---- begin and end ---- */

/* All are in use: the client who has most of them loses his oldest. */
static bool make_room(struct query *q, uint64_t now, const struct addr *owner, bool only_forwards)
{
    const struct addr *owners[QUERY_LOOKUPS_MAX];
    for (unsigned i = 0; i < QUERY_LOOKUPS_MAX; i++)
        owners[i] = q->keys[i] != 0 && (!only_forwards || q->lookups[i].forward) ? &q->lookups[i].owner : NULL;
    const struct addr *most = fair_victim(owners, QUERY_LOOKUPS_MAX, owner);
    struct lookup *victim = NULL;
    for (unsigned i = 0; most != NULL && i < QUERY_LOOKUPS_MAX; i++)
        if (owners[i] != NULL && addr_equal(owners[i], most) &&
            (victim == NULL || q->lookups[i].started < victim->started))
            victim = &q->lookups[i];
    if (victim != NULL)
        lookup_fail(q, victim, now, REFUSAL_BUSY, NULL);
    return victim != NULL;
}

struct lookup *lookup_new(struct query *q, uint64_t now, const struct dns_question *question, enum lookup_kind kind,
                          unsigned id, const struct addr *owner)
{
    bool forward = kind == LOOKUP_FORWARD;
    if (forward && q->forwards >= QUERY_FORWARDS_MAX && !make_room(q, now, owner, true))
        return NULL;
    if (q->live >= QUERY_LOOKUPS_MAX && !make_room(q, now, owner, false))
        return NULL;
    unsigned i = 0;
    while (q->keys[i] != 0)
        i++;
    struct lookup *l = &q->lookups[i];
    q->keys[i] = forward ? LOOKUP_KEY_FORWARD : key_of(question);
    q->live++;
    q->forwards += forward;
    l->state = LOOKUP_FREE;
    l->forward = forward;
    l->zone = kind == LOOKUP_ZONE;
    l->wild = kind == LOOKUP_LISTED && q->listed.names[id].wild;
    l->sent = l->tcp = l->is_signed = l->plain = l->no_edns = false;
    l->copy_len = 0;
    l->sock = 0;
    l->id = forward ? 0 : (uint16_t)id;
    l->service = forward ? 0 : q->listed.names[id].service;
    l->started = now;
    l->deadline = now + QUERY_HOLD_MS;
    l->tries = l->count = l->record_count = 0;
    l->records_len = 0;
    l->owner = *owner;
    l->question = *question;
    if (!forward)
        l->question.edns = true;
    if (kind == LOOKUP_LISTED) {
        /* Several clients may wait for it, and one of them may want signatures. */
        l->question.cd = false;
        l->question.dnssec_ok = true;
    }
    return l;
}

void lookup_start(struct query *q, struct lookup *l, uint64_t now)
{
    struct cache_entry *e = NULL;
    struct cache_key key = lookup_key(l);
    if (!l->forward && !lookup_service_up(q, l->service)) {
        enter(q, l, LOOKUP_HELD, now);
        return;
    }
    if (!l->forward && !l->zone && l->question.type != DNS_HTTPS)
        e = cache_get(&q->cache, &key, q->mode.generation, now);
    if (e == NULL || e->count == 0 || e->is_signed) {
        enter(q, l, LOOKUP_ASKING, now);
        return;
    }
    l->clock = e->clock;
    l->count = e->count;
    for (unsigned i = 0; i < e->count; i++)
        dns_render_addr(l->question.type, e->records + i * (e->len / e->count), &l->addrs[i]);
    enter(q, l, LOOKUP_ADMITTING, now);
}

/* Every asker gets this answer; the lookup ends. */
void lookup_finish(struct query *q, struct lookup *l, uint64_t now, const struct dns_answer *a)
{
    static uint8_t out[DNS_TCP_MAX];
    uint16_t mine = (uint16_t)(index_of(q, l) + 1);
    lookup_end(q, l, now);
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        q->waiting[i] = 0;
        const struct dns_question *asked = &q->askers[i].question;
        bool whole = asked->dnssec_ok && l->copy_len != 0;
        lookup_count(q, a->rcode);
        q->ops.reply(q->ops.user, &q->askers[i].client, out,
                     whole ? dns_build_copy(asked, l->copy, l->copy_len, out) : dns_build(asked, a, out));
    }
}

void lookup_pass(struct query *q, struct lookup *l, uint64_t now, const uint8_t *copy, size_t len)
{
    static uint8_t out[DNS_TCP_MAX + DNS_HEADER_LEN];
    uint16_t mine = (uint16_t)(index_of(q, l) + 1);
    lookup_end(q, l, now);
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        q->waiting[i] = 0;
        lookup_count(q, copy[3] & 0xf);
        q->ops.reply(q->ops.user, &q->askers[i].client, out, dns_build_copy(&q->askers[i].question, copy, len, out));
    }
}

void lookup_fail(struct query *q, struct lookup *l, uint64_t now, enum refusal why, const struct addr *bad)
{
    struct dns_answer a;
    refuse_report(q, now, why, lookup_client(q, l), l->question.lower, l->question.name_len, l->question.type, bad);
    refuse_answer(why, &a);
    l->copy_len = 0;
    lookup_finish(q, l, now, &a);
}

void lookup_negative(struct query *q, struct lookup *l, uint64_t now, enum dns_rcode rcode, uint32_t ttl)
{
    struct dns_answer a;
    struct cache_key key = lookup_key(l);
    ttl_start(&l->clock, now, ttl_served_negative(ttl));
    struct cache_entry *e = cache_put_negative(&q->cache, &key, q->mode.generation, &l->clock, now, rcode);
    e->is_signed = l->is_signed;
    e->unused = l->unused;
    cache_answer(e, now, &a);
    lookup_finish(q, l, now, &a);
}

void query_upstream_ready(struct query *q, uint64_t now, uint8_t service)
{
    (void)now;
    for (unsigned i = 0; q->live != 0 && i < QUERY_LOOKUPS_MAX; i++) {
        struct lookup *l = &q->lookups[i];
        if (q->keys[i] != 0 && l->state == LOOKUP_ASKING && !l->sent && !l->tcp && l->service == service)
            send_question(q, l);
    }
}

/* ---- from gate ---- */

static void admitted(struct query *q, struct lookup *l, uint64_t now)
{
    uint8_t rendered[DNS_RECORDS_MAX];
    const uint8_t *records = l->records;
    unsigned len = l->records_len, count = l->record_count;
    if (l->question.type != DNS_HTTPS) {
        records = rendered;
        count = l->count;
        len = dns_render(l->question.type, l->addrs, count, rendered);
    }
    struct dns_answer a;
    struct cache_key key = lookup_key(l);
    ttl_confirm(&l->clock, l->sent_at, l->timeout_s);
    struct cache_entry *e = cache_put(&q->cache, &key, q->mode.generation, &l->clock, now, records, len, count, true);
    e->is_signed = l->is_signed;
    if (q->cache.evicted != q->evicted_told) {
        q->evicted_told = q->cache.evicted;
        refuse_limit(q, now, lookup_client(q, l), l->question.lower, l->question.name_len, l->question.type);
    }
    if (!cache_ready(e, now)) { /* the answer ran out while gate was busy */
        lookup_fail(q, l, now, REFUSAL_KERNEL, NULL);
        return;
    }
    cache_answer(e, now, &a);
    lookup_finish(q, l, now, &a);
}

/*
 * gate does not open these addresses. A tunnel without IPv6 must not cost a name its IPv4: AAAA becomes "none", so that
 * clients go on with A, and is reported all the same; and so does an HTTPS record, whose hints are addresses.
 */
static void gate_refused(struct query *q, struct lookup *l, uint64_t now, enum refusal why)
{
    if (l->question.type == DNS_A) {
        lookup_fail(q, l, now, why, &l->addrs[0]);
        return;
    }
    refuse_report(q, now, why, lookup_client(q, l), l->question.lower, l->question.name_len, l->question.type,
                  &l->addrs[0]);
    l->copy_len = 0;
    lookup_negative(q, l, now, DNS_NOERROR, TTL_NEGATIVE_S);
}

void query_admitted(struct query *q, uint64_t now, const struct msg_admitted *m)
{
    unsigned i = m->seq >> 3 & 0xff, part = m->seq & 7;
    struct lookup *l = &q->lookups[i];
    if (i >= QUERY_LOOKUPS_MAX || q->keys[i] == 0 || l->state != LOOKUP_ADMITTING || part >= l->chunks_sent ||
        (m->seq & ~7u) != l->seq)
        return;
    switch ((enum msg_verdict)m->verdict) {
    case ADMIT_OK:
        l->chunks_done |= (uint8_t)(1u << part);
        if (l->chunks_done == (1u << l->chunks) - 1)
            admitted(q, l, now);
        break;
    case ADMIT_STALE: /* the session changed under us: MSG_MODE says how it goes on */
        enter(q, l, LOOKUP_HELD, now);
        break;
    case ADMIT_OUTSIDE: gate_refused(q, l, now, REFUSAL_OUTSIDE); break;
    case ADMIT_FORBIDDEN: gate_refused(q, l, now, REFUSAL_FORBIDDEN); break;
    case ADMIT_KERNEL: lookup_fail(q, l, now, REFUSAL_KERNEL, NULL); break;
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
            cache_drop(&q->cache, id, q->listed.names[id].wild);
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
                lookup_fail(q, l, now, REFUSAL_NOT_LISTED, NULL);
        } else if (lookup_service_up(q, l->service)) {
            if (l->state == LOOKUP_HELD || other) {
                l->tcp = false;
                enter(q, l, LOOKUP_ASKING, now);
            }
        } else if (m->failed >> (l->service - 1) & 1) {
            lookup_fail(q, l, now, REFUSAL_NO_TUNNEL, NULL);
        } else if (l->state != LOOKUP_HELD) {
            enter(q, l, LOOKUP_HELD, now);
        }
    }
}

/* ---- time ---- */

static void expired(struct query *q, struct lookup *l, uint64_t now)
{
    switch (l->state) {
    case LOOKUP_HELD: lookup_fail(q, l, now, REFUSAL_NO_TUNNEL, NULL); break;
    case LOOKUP_ASKING:
        if (l->tries < QUERY_TRIES)
            enter(q, l, LOOKUP_ASKING, now);
        else
            lookup_fail(q, l, now, REFUSAL_SILENT, NULL);
        break;
    case LOOKUP_ADMITTING: lookup_fail(q, l, now, REFUSAL_KERNEL, NULL); break;
    case LOOKUP_FREE: break;
    }
}

/* Its time is over, or gate's queue was full. */
static void look_after(struct query *q, struct lookup *l, uint64_t now)
{
    if (now >= l->deadline)
        expired(q, l, now);
    else if (l->sent)
        return;
    else if (l->state == LOOKUP_HELD)
        want_for_first(q, l, now);
    else if (l->state == LOOKUP_ADMITTING)
        send_admit(q, l, now);
    else if (l->tcp && l->sock == 0)
        send_question(q, l);
}

/*
 * A server in front of the box (it validates, so it asks for signatures) gives up after a second or two, long before a
 * tunnel may be up, and then denies the name for up to a minute. Told in time to come by TCP it waits there once more.
 */
static void turn_servers(struct query *q, uint64_t now)
{
    static const struct dns_answer cut = {.rcode = DNS_NOERROR, .ede = DNS_EDE_NONE, .tc = true};
    uint8_t out[DNS_MSG_MAX];
    for (unsigned i = 0; i < QUERY_ASKERS_MAX; i++) {
        struct asker *a = &q->askers[i];
        if (q->waiting[i] == 0 || a->client.tcp || !a->question.dnssec_ok)
            continue;
        if (now - a->since < QUERY_TURN_MS) {
            wake(q, a->since + QUERY_TURN_MS);
            continue;
        }
        q->waiting[i] = 0;
        q->ops.reply(q->ops.user, &a->client, out, dns_build(&a->question, &cut, out));
    }
}

int query_tick(struct query *q, uint64_t now)
{
    if (q->live == 0) {
        q->next = UINT64_MAX;
        return -1;
    }
    if (now >= q->next) {
        q->next = UINT64_MAX;
        for (unsigned i = 0; i < QUERY_LOOKUPS_MAX; i++) {
            struct lookup *l = &q->lookups[i];
            if (q->keys[i] != 0)
                look_after(q, l, now);
            if (q->keys[i] != 0)
                wake(q, l->sent || (l->state == LOOKUP_ASKING && !l->tcp) ? l->deadline : now + QUERY_AGAIN_MS);
        }
        turn_servers(q, now);
    }
    return q->next <= now ? 0 : q->next == UINT64_MAX ? -1 : (int)(q->next - now);
}

#include "evict.h"
#include "pending.h"
#include "signed.h"

#include <string.h>

_Static_assert(FRONTEND_PENDING_MAX <= 256, "an admission's number has eight bits for the lookup");
_Static_assert(DNS_ADDRS_MAX <= 8 * MSG_ADMIT_ADDRS, "and three for its part");

static unsigned index_of(const struct frontend *q, const struct pending *l)
{
    return (unsigned)(l - q->pending);
}

/* Never 0 or PENDING_KEY_FORWARD. On equal keys the questions themselves are compared. */
static uint32_t key_of(const struct dns_question *question)
{
    uint32_t h = 2166136261u ^ question->type;
    if (signed_zone_type(question->type))
        h = (h ^ (unsigned)(question->cd << 1 | question->dnssec_ok)) * 16777619u;
    for (unsigned i = 0; i < question->name_len; i++)
        h = (h ^ question->lower[i]) * 16777619u;
    return h | 0x80000000;
}

bool pending_service_up(const struct frontend *q, uint8_t service)
{
    return q->mode.mode == MODE_SESSION && q->mode.generation != 0 && (q->mode.services_up >> (service - 1) & 1);
}

bool pending_name_open(const struct frontend *q, const struct allowlist_name *n)
{
    if (n->via_line && n->before && q->mode.mode == MODE_BEFORE)
        return q->mode.generation != 0;
    return pending_service_up(q, n->service);
}

enum refusal pending_not_open(const struct frontend *q, const struct allowlist_name *n)
{
    return n->before && q->mode.mode == MODE_CLOSED ? REFUSAL_NO_TUNNEL : REFUSAL_NO_SESSION;
}

static bool is_open(const struct frontend *q, const struct pending *l)
{
    return pending_name_open(q, &q->listed.names[l->id]);
}

struct pending *pending_find(struct frontend *q, const struct dns_question *question)
{
    if (q->live == 0)
        return NULL;
    uint32_t key = key_of(question);
    for (unsigned i = 0; i < FRONTEND_PENDING_MAX; i++) {
        const struct dns_question *asked = &q->pending[i].question;
        if (q->keys[i] != key || asked->type != question->type || asked->name_len != question->name_len ||
            memcmp(asked->lower, question->lower, question->name_len) != 0)
            continue;
        if (!q->pending[i].zone || (asked->cd == question->cd && asked->dnssec_ok == question->dnssec_ok))
            return &q->pending[i];
    }
    return NULL;
}

struct cache_key pending_key(const struct pending *l)
{
    return (struct cache_key){.id = l->id,
                              .type = l->question.type,
                              .wild = l->wild,
                              .name_len = l->question.name_len,
                              .name = l->question.lower};
}

void pending_count(struct frontend *q, enum dns_rcode rcode)
{
    if (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN)
        q->stats.answered++;
    else if (rcode == DNS_SERVFAIL)
        q->stats.failed++;
}

static void wake(struct frontend *q, uint64_t at)
{
    if (at < q->next)
        q->next = at;
}

/* ---- the message of each state ---- */

void pending_want(struct frontend *q, struct pending *l, uint64_t now, const struct client *client)
{
    struct msg_want m = {.id = l->id, .client = client->addr};
    uint64_t *last = &q->wanted_at[l->id];
    /*
     * Too soon after the last MSG_WANT, which may already have failed, so it does not count for this lookup; the tick
     * tries again.
     */
    if (*last != 0 && now - *last < FRONTEND_WANT_MS)
        return;
    if (q->ops.to_gate(q->ops.user, MSG_WANT, &m)) {
        *last = now == 0 ? 1 : now;
        l->sent = true;
    }
}

const struct client *pending_client(const struct frontend *q, const struct pending *l)
{
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++)
        if (q->waiting[i] == index_of(q, l) + 1)
            return &q->waiters[i].client;
    return NULL;
}

static void want_for_first(struct frontend *q, struct pending *l, uint64_t now)
{
    const struct client *client = pending_client(q, l);
    if (client != NULL)
        pending_want(q, l, now, client);
}

/* A new id and new random case for each try; the last try in lower case, for resolvers that do not preserve case. */
static size_t new_question(struct frontend *q, struct pending *l, uint8_t *out)
{
    uint32_t bits[DNS_WIRE_NAME_MAX / 32 + 1] = {0};
    for (unsigned i = 0; l->tries < FRONTEND_TRIES && i <= l->question.name_len / 32u; i++)
        bits[i] = q->ops.random(q->ops.user);
    dns_mix_case(&l->question, (const uint8_t *)bits);
    uint16_t id = q->query_ids[index_of(q, l)] = (uint16_t)q->ops.random(q->ops.user);
    bool edns = l->question.edns;
    l->question.edns = edns && !l->plain;
    size_t len = dns_build_question(&l->question, id, out);
    l->question.edns = edns;
    return len;
}

static void send_question(struct frontend *q, struct pending *l)
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

size_t frontend_stream(struct frontend *q, uint8_t service, unsigned sock, uint8_t *out)
{
    for (unsigned i = 0; q->live != 0 && i < FRONTEND_PENDING_MAX; i++) {
        struct pending *l = &q->pending[i];
        if (q->keys[i] == 0 || l->state != PENDING_ASKING || !l->tcp || l->sock != 0 || l->service != service)
            continue;
        l->sock = sock;
        l->sent = true;
        return new_question(q, l, out);
    }
    return 0;
}

/* Send the addresses in as many messages as needed; the sequence numbers identify lookup and part. */
static void send_admit(struct frontend *q, struct pending *l, uint64_t now)
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

/* The only place where a lookup changes its state, with the timer, counters and message that belong to it. */
static void enter(struct frontend *q, struct pending *l, enum pending_state to, uint64_t now)
{
    unsigned before = l->sock;
    if (l->state == PENDING_ASKING && l->sock != 0)
        q->ops.done(q->ops.user, l->service, l->sock);
    l->sock = 0;
    if (to != PENDING_ASKING || l->state != PENDING_ASKING) {
        l->tries = 0;
        l->tcp = false;
    }
    l->state = to;
    l->sent = false;
    switch (to) {
    case PENDING_FREE:
        q->keys[index_of(q, l)] = 0;
        q->live--;
        q->forwards -= l->forward;
        return;
    case PENDING_HELD:
        l->deadline = l->started + FRONTEND_HOLD_MS;
        want_for_first(q, l, now);
        break;
    case PENDING_ASKING:
        l->deadline = now + (l->tcp ? FRONTEND_TCP_MS : FRONTEND_TRY_MS);
        l->tries++;
        l->plain = l->no_edns || (!l->tcp && l->tries > FRONTEND_EDNS_TRIES) || now < q->plain_until[l->service];
        l->sock = l->tcp ? 0 : before;
        send_question(q, l);
        break;
    case PENDING_ADMITTING:
        l->deadline = now + FRONTEND_ADMIT_MS;
        l->chunks = (uint8_t)((l->count + MSG_ADMIT_ADDRS - 1) / MSG_ADMIT_ADDRS);
        l->chunks_sent = l->chunks_done = 0;
        send_admit(q, l, now);
        break;
    }
    wake(q, l->sent ? l->deadline : now + FRONTEND_AGAIN_MS);
}

void pending_admit(struct frontend *q, struct pending *l, uint64_t now)
{
    enter(q, l, PENDING_ADMITTING, now);
}

void pending_over_tcp(struct frontend *q, struct pending *l, uint64_t now)
{
    l->tcp = true;
    l->tries = FRONTEND_TRIES - 1; /* the last try */
    enter(q, l, PENDING_ASKING, now);
}

bool pending_without_edns(struct frontend *q, struct pending *l, uint64_t now)
{
    if (l->plain || l->tcp || !l->question.edns)
        return false;
    l->no_edns = true;
    enter(q, l, PENDING_ASKING, now);
    return true;
}

void pending_answered(struct frontend *q, const struct pending *l, uint64_t now)
{
    if (l->plain && l->question.edns && !l->tcp && now >= q->plain_until[l->service])
        q->plain_until[l->service] = now + (l->no_edns ? FRONTEND_PLAIN_MS : FRONTEND_PLAIN_MS / 5);
}

void pending_end(struct frontend *q, struct pending *l, uint64_t now)
{
    enter(q, l, PENDING_FREE, now);
}

/* ---- begin and end ---- */

/* The table is full: the client with most lookups loses its oldest. */
static bool make_room(struct frontend *q, uint64_t now, const struct addr *owner, bool only_forwards)
{
    const struct addr *owners[FRONTEND_PENDING_MAX];
    for (unsigned i = 0; i < FRONTEND_PENDING_MAX; i++)
        owners[i] = q->keys[i] != 0 && (!only_forwards || q->pending[i].forward) ? &q->pending[i].owner : NULL;
    const struct addr *most = evict_victim(owners, FRONTEND_PENDING_MAX, owner);
    struct pending *victim = NULL;
    for (unsigned i = 0; most != NULL && i < FRONTEND_PENDING_MAX; i++)
        if (owners[i] != NULL && addr_equal(owners[i], most) &&
            (victim == NULL || q->pending[i].started < victim->started))
            victim = &q->pending[i];
    if (victim != NULL)
        pending_fail(q, victim, now, REFUSAL_BUSY, NULL);
    return victim != NULL;
}

struct pending *pending_new(struct frontend *q, uint64_t now, const struct dns_question *question,
                            enum pending_kind kind, unsigned id, const struct addr *owner)
{
    bool forward = kind == PENDING_FORWARD;
    if (forward && q->forwards >= FRONTEND_FORWARDS_MAX && !make_room(q, now, owner, true))
        return NULL;
    if (q->live >= FRONTEND_PENDING_MAX && !make_room(q, now, owner, false))
        return NULL;
    unsigned i = 0;
    while (q->keys[i] != 0)
        i++;
    struct pending *l = &q->pending[i];
    q->keys[i] = forward ? PENDING_KEY_FORWARD : key_of(question);
    q->live++;
    q->forwards += forward;
    l->state = PENDING_FREE;
    l->forward = forward;
    l->zone = kind == PENDING_ZONE;
    l->wild = kind == PENDING_LISTED && q->listed.names[id].wild;
    l->sent = l->tcp = l->is_signed = l->plain = l->no_edns = false;
    l->copy_len = 0;
    l->sock = 0;
    l->id = forward ? 0 : (uint16_t)id;
    l->via_line = !forward && q->listed.names[id].via_line;
    l->service = forward || l->via_line ? 0 : q->listed.names[id].service;
    l->started = now;
    l->deadline = now + FRONTEND_HOLD_MS;
    l->tries = l->count = l->record_count = 0;
    l->records_len = 0;
    l->owner = *owner;
    l->question = *question;
    if (!forward)
        l->question.edns = true;
    if (kind == PENDING_LISTED) {
        /* Several clients may wait for it, and some may want signatures. */
        l->question.cd = false;
        l->question.dnssec_ok = true;
    }
    return l;
}

void pending_start(struct frontend *q, struct pending *l, uint64_t now)
{
    struct cache_entry *e = NULL;
    struct cache_key key = pending_key(l);
    if (!l->forward && !is_open(q, l)) {
        enter(q, l, PENDING_HELD, now);
        return;
    }
    if (!l->forward && !l->zone && l->question.type != DNS_HTTPS)
        e = cache_get(&q->cache, &key, q->mode.generation, now);
    if (e == NULL || e->count == 0 || e->is_signed) {
        enter(q, l, PENDING_ASKING, now);
        return;
    }
    l->clock = e->clock;
    l->count = e->count;
    for (unsigned i = 0; i < e->count; i++)
        dns_render_addr(l->question.type, e->records + i * (e->len / e->count), &l->addrs[i]);
    enter(q, l, PENDING_ADMITTING, now);
}

/* Send this answer to every waiter and end the lookup. */
void pending_finish(struct frontend *q, struct pending *l, uint64_t now, const struct dns_answer *a)
{
    static uint8_t out[DNS_TCP_MAX];
    uint16_t mine = (uint16_t)(index_of(q, l) + 1);
    pending_end(q, l, now);
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        q->waiting[i] = 0;
        const struct dns_question *asked = &q->waiters[i].question;
        bool whole = asked->dnssec_ok && l->copy_len != 0;
        pending_count(q, a->rcode);
        q->ops.reply(q->ops.user, &q->waiters[i].client, out,
                     whole ? dns_build_copy(asked, l->copy, l->copy_len, out) : dns_build(asked, a, out));
    }
}

void pending_pass(struct frontend *q, struct pending *l, uint64_t now, const uint8_t *copy, size_t len)
{
    static uint8_t out[DNS_TCP_MAX + DNS_HEADER_LEN];
    uint16_t mine = (uint16_t)(index_of(q, l) + 1);
    pending_end(q, l, now);
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        q->waiting[i] = 0;
        pending_count(q, copy[3] & 0xf);
        q->ops.reply(q->ops.user, &q->waiters[i].client, out, dns_build_copy(&q->waiters[i].question, copy, len, out));
    }
}

void pending_fail(struct frontend *q, struct pending *l, uint64_t now, enum refusal why, const struct addr *bad)
{
    struct dns_answer a;
    refuse_report(q, now, why, pending_client(q, l), l->question.lower, l->question.name_len, l->question.type, bad);
    refuse_answer(why, &a);
    l->copy_len = 0;
    pending_finish(q, l, now, &a);
}

void pending_negative(struct frontend *q, struct pending *l, uint64_t now, enum dns_rcode rcode, uint32_t ttl)
{
    struct dns_answer a;
    struct cache_key key = pending_key(l);
    ttl_start(&l->clock, now, ttl_served_negative(ttl));
    struct cache_entry *e = cache_put_negative(&q->cache, &key, q->mode.generation, &l->clock, now, rcode);
    e->is_signed = l->is_signed;
    e->unused = l->unused;
    cache_answer(e, now, &a);
    pending_finish(q, l, now, &a);
}

void frontend_upstream_ready(struct frontend *q, uint64_t now, uint8_t service)
{
    (void)now;
    for (unsigned i = 0; q->live != 0 && i < FRONTEND_PENDING_MAX; i++) {
        struct pending *l = &q->pending[i];
        if (q->keys[i] != 0 && l->state == PENDING_ASKING && !l->sent && !l->tcp && l->service == service)
            send_question(q, l);
    }
}

/* ---- from gate ---- */

static void admitted(struct frontend *q, struct pending *l, uint64_t now)
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
    struct cache_key key = pending_key(l);
    ttl_confirm(&l->clock, l->sent_at, l->timeout_s);
    struct cache_entry *e = cache_put(&q->cache, &key, q->mode.generation, &l->clock, now, records, len, count, true);
    e->is_signed = l->is_signed;
    if (q->cache.evicted != q->evicted_told) {
        q->evicted_told = q->cache.evicted;
        refuse_limit(q, now, pending_client(q, l), l->question.lower, l->question.name_len, l->question.type);
    }
    if (!cache_ready(e, now)) { /* the answer expired while gate was busy */
        pending_fail(q, l, now, REFUSAL_KERNEL, NULL);
        return;
    }
    cache_answer(e, now, &a);
    pending_finish(q, l, now, &a);
}

/*
 * gate refuses these addresses. A tunnel without IPv6 must not break a name's IPv4, so for AAAA the answer becomes "no
 * data", and clients go on with A; the refusal is reported all the same. Likewise for HTTPS, whose hints are addresses.
 */
static void gate_refused(struct frontend *q, struct pending *l, uint64_t now, enum refusal why)
{
    if (l->question.type == DNS_A) {
        pending_fail(q, l, now, why, &l->addrs[0]);
        return;
    }
    refuse_report(q, now, why, pending_client(q, l), l->question.lower, l->question.name_len, l->question.type,
                  &l->addrs[0]);
    l->copy_len = 0;
    pending_negative(q, l, now, DNS_NOERROR, TTL_NEGATIVE_S);
}

void frontend_admitted(struct frontend *q, uint64_t now, const struct msg_admitted *m)
{
    unsigned i = m->seq >> 3 & 0xff, part = m->seq & 7;
    struct pending *l = &q->pending[i];
    if (i >= FRONTEND_PENDING_MAX || q->keys[i] == 0 || l->state != PENDING_ADMITTING || part >= l->chunks_sent ||
        (m->seq & ~7u) != l->seq)
        return;
    switch ((enum msg_verdict)m->verdict) {
    case ADMIT_OK:
        l->chunks_done |= (uint8_t)(1u << part);
        if (l->chunks_done == (1u << l->chunks) - 1)
            admitted(q, l, now);
        break;
    case ADMIT_STALE: /* the session has changed: wait for MSG_MODE, which raises nothing for a name on the line */
        if (l->via_line)
            pending_fail(q, l, now, pending_not_open(q, &q->listed.names[l->id]), NULL);
        else
            enter(q, l, PENDING_HELD, now);
        break;
    case ADMIT_OUTSIDE: gate_refused(q, l, now, REFUSAL_OUTSIDE); break;
    case ADMIT_FORBIDDEN: gate_refused(q, l, now, REFUSAL_FORBIDDEN); break;
    case ADMIT_REGISTRY: gate_refused(q, l, now, REFUSAL_REGISTRY); break;
    case ADMIT_KERNEL: pending_fail(q, l, now, REFUSAL_KERNEL, NULL); break;
    }
}

/* Drop cached answers of another session, or of a tunnel that has gone down. */
static void forget(struct frontend *q, const struct msg_mode *old)
{
    if (old->generation != q->mode.generation || q->mode.generation == 0) {
        cache_drop_all(&q->cache);
        return;
    }
    uint8_t gone = (uint8_t)(old->services_up & ~q->mode.services_up);
    for (unsigned id = 0; gone != 0 && id < q->listed.count; id++)
        if (gone >> (q->listed.names[id].service - 1) & 1)
            cache_drop(&q->cache, id, q->listed.names[id].wild);
}

/* A question that was passed on as in mode internet. A name on the line may be open now, and then comes another way. */
static void end_forward(struct frontend *q, struct pending *l, uint64_t now)
{
    int id = allowlist_find_wire(&q->listed, l->question.lower, l->question.name_len);
    pending_fail(q, l, now, id >= 0 && q->listed.names[id].via_line ? REFUSAL_KERNEL : REFUSAL_NOT_LISTED, NULL);
}

void frontend_mode(struct frontend *q, uint64_t now, const struct msg_mode *m)
{
    struct msg_mode old = q->mode;
    q->mode = *m;
    forget(q, &old);
    bool other = old.generation != m->generation;
    for (unsigned i = 0; q->live != 0 && i < FRONTEND_PENDING_MAX; i++) {
        struct pending *l = &q->pending[i];
        if (q->keys[i] == 0)
            continue;
        if (l->forward) {
            if (m->mode != MODE_INTERNET)
                end_forward(q, l, now);
        } else if (is_open(q, l)) {
            if (l->state == PENDING_HELD || other) {
                l->tcp = false;
                enter(q, l, PENDING_ASKING, now);
            }
        } else if (l->via_line) {
            pending_fail(q, l, now, pending_not_open(q, &q->listed.names[l->id]), NULL);
        } else if (m->failed >> (l->service - 1) & 1) {
            pending_fail(q, l, now, REFUSAL_NO_TUNNEL, NULL);
        } else if (l->state != PENDING_HELD) {
            enter(q, l, PENDING_HELD, now);
        }
    }
}

/* ---- time ---- */

static void expired(struct frontend *q, struct pending *l, uint64_t now)
{
    switch (l->state) {
    case PENDING_HELD: pending_fail(q, l, now, REFUSAL_NO_TUNNEL, NULL); break;
    case PENDING_ASKING:
        if (l->tries < FRONTEND_TRIES)
            enter(q, l, PENDING_ASKING, now);
        else
            pending_fail(q, l, now, REFUSAL_SILENT, NULL);
        break;
    case PENDING_ADMITTING: pending_fail(q, l, now, REFUSAL_KERNEL, NULL); break;
    case PENDING_FREE: break;
    }
}

/* The deadline has passed, or gate's queue was full. */
static void look_after(struct frontend *q, struct pending *l, uint64_t now)
{
    if (now >= l->deadline)
        expired(q, l, now);
    else if (l->sent)
        return;
    else if (l->state == PENDING_HELD)
        want_for_first(q, l, now);
    else if (l->state == PENDING_ADMITTING)
        send_admit(q, l, now);
    else if (l->tcp && l->sock == 0)
        send_question(q, l);
}

/*
 * A DNS server in front of the box (recognised by DO: it validates) gives up after a second or two, long before a
 * tunnel may be up, and then fails the name for up to a minute. If it gets TC in time, it retries over TCP and waits
 * there once more.
 */
static void turn_servers(struct frontend *q, uint64_t now)
{
    static const struct dns_answer cut = {.rcode = DNS_NOERROR, .ede = DNS_EDE_NONE, .tc = true};
    uint8_t out[DNS_MSG_MAX];
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++) {
        struct waiter *a = &q->waiters[i];
        if (q->waiting[i] == 0 || a->client.tcp || !a->question.dnssec_ok)
            continue;
        if (now - a->since < FRONTEND_TURN_MS) {
            wake(q, a->since + FRONTEND_TURN_MS);
            continue;
        }
        q->waiting[i] = 0;
        q->ops.reply(q->ops.user, &a->client, out, dns_build(&a->question, &cut, out));
    }
}

int frontend_tick(struct frontend *q, uint64_t now)
{
    if (q->live == 0) {
        q->next = UINT64_MAX;
        return -1;
    }
    if (now >= q->next) {
        q->next = UINT64_MAX;
        for (unsigned i = 0; i < FRONTEND_PENDING_MAX; i++) {
            struct pending *l = &q->pending[i];
            if (q->keys[i] != 0)
                look_after(q, l, now);
            if (q->keys[i] != 0)
                wake(q, l->sent || (l->state == PENDING_ASKING && !l->tcp) ? l->deadline : now + FRONTEND_AGAIN_MS);
        }
        turn_servers(q, now);
    }
    return q->next <= now ? 0 : q->next == UINT64_MAX ? -1 : (int)(q->next - now);
}

#include "frontend.h"

#include "evict.h"
#include "pending.h"
#include "signed.h"

#include <stddef.h>
#include <string.h>

void frontend_init(struct frontend *q, const struct frontend_ops *ops)
{
    memset(q, 0, offsetof(struct frontend, cache));
    cache_drop_all(&q->cache);
    q->cache.evicted = 0;
    q->ops = *ops;
    q->mode.mode = MODE_CLOSED;
    q->seq = ops->random(ops->user);
    q->next = UINT64_MAX;
    hosts_clear(&q->hosts);
    ratelimit_init(&q->limit, ops->random(ops->user));
    q->cache.seed = ops->random(ops->user);
}

/* ---- immediate answers ---- */

static size_t answer(struct frontend *q, const struct dns_question *question, const struct dns_answer *a, uint8_t *out)
{
    pending_count(q, a->rcode);
    return dns_build(question, a, out);
}

static size_t refuse(struct frontend *q, uint64_t now, enum refusal why, const struct client *from,
                     const struct dns_question *question, uint8_t *out)
{
    struct dns_answer a;
    refuse_report(q, now, why, from, question->lower, question->name_len, question->type, NULL);
    refuse_answer(why, &a);
    return answer(q, question, &a, out);
}

static size_t no_data(struct frontend *q, const struct dns_question *question, uint8_t *out)
{
    struct dns_answer a = {.rcode = DNS_NOERROR, .ttl = TTL_NEGATIVE_S, .soa = true, .ede = DNS_EDE_NONE};
    return answer(q, question, &a, out);
}

/* A client over its limit is not answered. */
static bool flooded(struct frontend *q, uint64_t now, const struct client *from, enum ratelimit_kind kind)
{
    if (ratelimit_take(&q->limit, now, &from->addr, kind))
        return false;
    if (!ratelimit_tell(&q->limit, now, &from->addr, RATELIMIT_ANY)) /* one report for both limits */
        q->stats.refused++;
    else if (!refuse_report_other(q, now, WHY_FLOOD, from))
        ratelimit_tell_later(&q->limit, now, &from->addr, RATELIMIT_ANY);
    return true;
}

/* ---- waiters ---- */

static uint16_t tag_of(const struct addr *a)
{
    uint32_t word[4];
    memcpy(word, a->bytes, sizeof(word));
    uint32_t h = (word[0] ^ word[1] ^ word[2] ^ word[3]) * 2654435761u;
    return (uint16_t)(h >> 16);
}

static bool same_client(const struct client *a, const struct client *b)
{
    return a->port == b->port && a->tcp == b->tcp && a->slot == b->slot && a->serial == b->serial &&
           addr_equal(&a->addr, &b->addr);
}

/* The table is full: for the client with most entries answer SERVFAIL to its oldest. Returns the entry, or -1. */
static int make_room(struct frontend *q, uint64_t now, const struct addr *newcomer)
{
    const struct addr *owners[FRONTEND_WAITERS_MAX];
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++)
        owners[i] = q->waiting[i] != 0 ? &q->waiters[i].client.addr : NULL;
    const struct addr *most = evict_victim(owners, FRONTEND_WAITERS_MAX, newcomer);
    int place = -1;
    for (int i = 0; most != NULL && i < FRONTEND_WAITERS_MAX; i++)
        if (owners[i] != NULL && addr_equal(owners[i], most) &&
            (place < 0 || q->pending[q->waiting[i] - 1].started < q->pending[q->waiting[place] - 1].started))
            place = i;
    if (place >= 0) {
        static uint8_t out[DNS_TCP_MAX];
        struct waiter *a = &q->waiters[place];
        q->waiting[place] = 0;
        size_t n = refuse(q, now, REFUSAL_BUSY, &a->client, &a->question, out);
        q->ops.reply(q->ops.user, &a->client, out, n);
    }
    return place;
}

/*
 * An entry for this client's query; -1: none. *again: the same query already waits (a stub resolver retransmits every
 * few seconds).
 */
static int waiter_place(struct frontend *q, uint64_t now, const struct client *from,
                        const struct dns_question *question, bool *again)
{
    int place = -1;
    unsigned his = 0;
    uint16_t tag = tag_of(&from->addr);
    *again = false;
    for (int i = 0; i < FRONTEND_WAITERS_MAX; i++) {
        const struct waiter *a = &q->waiters[i];
        if (q->waiting[i] == 0) {
            place = place < 0 ? i : place;
            continue;
        }
        if (q->tags[i] != tag || !addr_equal(&a->client.addr, &from->addr))
            continue;
        his++;
        if (a->question.id == question->id && a->question.type == question->type && same_client(&a->client, from) &&
            a->question.name_len == question->name_len &&
            memcmp(a->question.lower, question->lower, question->name_len) == 0)
            *again = true;
    }
    if (*again || his >= FRONTEND_WAITERS_CLIENT_MAX)
        return -1;
    return place < 0 ? make_room(q, now, &from->addr) : place;
}

/* Make the client wait for a listed name, a zone of one, or an unlisted name (id is then unused). */
static size_t wait_for(struct frontend *q, uint64_t now, const struct client *from, const struct dns_question *question,
                       enum pending_kind kind, unsigned id, uint8_t *out)
{
    bool again;
    int place = waiter_place(q, now, from, question, &again);
    if (again)
        return 0;
    struct pending *l = kind != PENDING_FORWARD ? pending_find(q, question) : NULL;
    bool begin = l == NULL;
    if (begin && place >= 0)
        l = pending_new(q, now, question, kind, id, &from->addr);
    if (l == NULL || place < 0)
        return refuse(q, now, REFUSAL_BUSY, from, question, out);
    q->waiters[place].client = *from;
    q->waiters[place].question = *question;
    q->waiters[place].since = now;
    q->waiting[place] = (uint16_t)(l - q->pending + 1);
    q->tags[place] = tag_of(&from->addr);
    if (question->dnssec_ok && !from->tcp && now + FRONTEND_TURN_MS < q->next)
        q->next = now + FRONTEND_TURN_MS;
    if (begin)
        pending_start(q, l, now);
    else if (l->state == PENDING_HELD)
        pending_want(q, l, now, from);
    return 0;
}

/* ---- a client's query ---- */

/* Count a name below a wildcard that is not in the cache. */
static void count_below(struct frontend *q, uint64_t now, const struct client *from,
                        const struct dns_question *question)
{
    if (!ratelimit_take(&q->limit, now, &from->addr, RATELIMIT_BELOW) &&
        ratelimit_tell(&q->limit, now, &from->addr, RATELIMIT_BELOW) &&
        !refuse_many(q, from, question->lower, question->name_len, question->type))
        ratelimit_tell_later(&q->limit, now, &from->addr, RATELIMIT_BELOW);
}

static size_t ask_listed(struct frontend *q, uint64_t now, const struct client *from,
                         const struct dns_question *question, unsigned id, uint8_t *out)
{
    const struct allowlist_name *name = &q->listed.names[id];
    bool open = pending_name_open(q, name);
    if (!hosts_may(&q->hosts, &from->addr, name->service))
        return refuse(q, now, REFUSAL_HOST, from, question, out);
    if (question->type == DNS_OPT || (question->type >= DNS_META_FIRST && question->type <= DNS_META_LAST))
        return refuse(q, now, REFUSAL_TYPE, from, question, out);
    /* Nothing is raised for a name on the line: its session is there, or it is not open. */
    if (name->via_line && !open)
        return refuse(q, now, pending_not_open(q, name), from, question, out);
    if ((question->type != DNS_A && question->type != DNS_AAAA && question->type != DNS_HTTPS) ||
        (question->type == DNS_AAAA && q->ipv4_only && !(question->dnssec_ok && open)))
        return no_data(q, question, out);
    if (open) {
        struct cache_key key = {.id = (uint16_t)id,
                                .type = question->type,
                                .wild = name->wild,
                                .name_len = question->name_len,
                                .name = question->lower};
        const struct cache_entry *e = cache_get(&q->cache, &key, q->mode.generation, now);
        if (e != NULL && cache_ready(e, now) && !(e->is_signed && question->dnssec_ok)) {
            struct dns_answer a;
            cache_answer(e, now, &a);
            q->stats.cached++;
            return answer(q, question, &a, out);
        }
    }
    if (flooded(q, now, from, RATELIMIT_WORK))
        return 0;
    if (name->wild)
        count_below(q, now, from, question);
    return wait_for(q, now, from, question, PENDING_LISTED, id, out);
}

/* NS, DS or DNSKEY of a listed name or of a parent zone of it; `id` is the listed name's. */
static size_t ask_zone(struct frontend *q, uint64_t now, const struct client *from, const struct dns_question *question,
                       unsigned id, uint8_t *out)
{
    const struct allowlist_name *name = &q->listed.names[id];
    if (!hosts_may(&q->hosts, &from->addr, name->service))
        return refuse(q, now, REFUSAL_HOST, from, question, out);
    if (name->via_line && !pending_name_open(q, name))
        return refuse(q, now, pending_not_open(q, name), from, question, out);
    if (flooded(q, now, from, RATELIMIT_WORK))
        return 0;
    if (name->wild)
        count_below(q, now, from, question);
    return wait_for(q, now, from, question, PENDING_ZONE, id, out);
}

/* A listed name in this zone: preferably one whose tunnel is up, else one that this client may use. -1: none. */
static int name_below(const struct frontend *q, const struct client *from, const struct dns_question *question)
{
    int best = -1, best_rank = -1;
    for (unsigned id = 0; id < q->listed.count && best_rank < 3; id++) {
        const struct allowlist_name *n = &q->listed.names[id];
        if (!allowlist_is_zone_of(n, question->lower, question->name_len))
            continue;
        int rank = 2 * hosts_may(&q->hosts, &from->addr, n->service) + pending_name_open(q, n);
        if (rank > best_rank) {
            best = (int)id;
            best_rank = rank;
        }
    }
    return best;
}

static size_t ask_other(struct frontend *q, uint64_t now, const struct client *from,
                        const struct dns_question *question, uint8_t *out)
{
    if (q->mode.mode != MODE_INTERNET)
        return refuse(q, now, REFUSAL_NOT_LISTED, from, question, out);
    if (question->type == DNS_OPT || (question->type >= DNS_META_FIRST && question->type <= DNS_META_LAST))
        return refuse(q, now, REFUSAL_TYPE, from, question, out);
    if (flooded(q, now, from, RATELIMIT_WORK))
        return 0;
    return wait_for(q, now, from, question, PENDING_FORWARD, 0, out);
}

/* Answer by the kind of name: listed, a zone of a listed one, or another. */
static size_t ask_one(struct frontend *q, uint64_t now, const struct client *from, const struct dns_question *question,
                      uint8_t *out)
{
    bool zone = signed_zone_type(question->type);
    int id = allowlist_find_wire(&q->listed, question->lower, question->name_len);
    /* Without RD the query was meant for an authoritative server and redirected here: no forwarder waits for it. */
    if (id < 0 && zone && question->rd && q->mode.mode != MODE_INTERNET)
        id = name_below(q, from, question);
    /* Where PCs have the internet, a name on the line is a name like any other. */
    if (id >= 0 && q->listed.names[id].via_line && q->mode.mode == MODE_INTERNET)
        return ask_other(q, now, from, question, out);
    if (id >= 0)
        return zone ? ask_zone(q, now, from, question, (unsigned)id, out)
                    : ask_listed(q, now, from, question, (unsigned)id, out);
    unsigned skip = dns_service_prefix(question->lower, question->name_len);
    if (skip != 0 && allowlist_find_wire(&q->listed, question->lower + skip, (uint8_t)(question->name_len - skip)) >= 0)
        return no_data(q, question,
                       out); /* belongs to a listed name, which has no such records: no refusal, no tunnel needed */
    return ask_other(q, now, from, question, out);
}

size_t frontend_client(struct frontend *q, uint64_t now, const struct client *from, const uint8_t *in, size_t len,
                       uint8_t *out)
{
    static struct dns_question question; /* static: half a KiB that need not be cleared each time */
    enum dns_rcode rcode = DNS_NOERROR;
    q->stats.queries++;
    if (flooded(q, now, from, RATELIMIT_ANY))
        return 0;
    switch (dns_question_parse(in, len, &question, &rcode)) {
    case DNS_CHECK_OK: break;
    case DNS_CHECK_DROP: q->stats.refused++; return 0;
    case DNS_CHECK_REJECT:
        if (flooded(q, now, from, RATELIMIT_WORK))
            return 0;
        pending_count(q, rcode);
        refuse_report_other(q, now, WHY_MALFORMED, from);
        return dns_build_error(in, rcode, out);
    }
    if (from->tcp)
        question.room = DNS_TCP_MAX;
    return ask_one(q, now, from, &question, out);
}

void frontend_resolve(struct frontend *q, uint64_t now, const struct msg_resolve *m)
{
    static const struct addr nobody;
    struct dns_question question = {.type = DNS_A, .room = DNS_MSG_MAX, .rd = true};
    question.name_len = dns_name_to_wire(m->name, question.lower);
    memcpy(question.name, question.lower, question.name_len);
    if (question.name_len == 0 || allowlist_find_wire(&q->listed, question.lower, question.name_len) != m->id ||
        pending_find(q, &question) != NULL)
        return;
    struct pending *l = pending_new(q, now, &question, PENDING_LISTED, m->id, &nobody);
    if (l != NULL)
        pending_start(q, l, now);
}

void frontend_client_gone(struct frontend *q, uint16_t slot, uint32_t serial)
{
    /* A lookup without waiters still runs to its end, to fill the cache. */
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++)
        if (q->waiting[i] != 0 && q->waiters[i].client.tcp && q->waiters[i].client.slot == slot &&
            q->waiters[i].client.serial == serial)
            q->waiting[i] = 0;
}

/* A new list starts after a complete one: ids change their meaning, so drop everything that holds an id. */
static void begin_list(struct frontend *q)
{
    if (!q->listed.complete)
        return;
    for (unsigned i = 0; i < FRONTEND_PENDING_MAX; i++)
        if (q->keys[i] != 0 && q->pending[i].state == PENDING_ASKING && q->pending[i].sock != 0)
            q->ops.done(q->ops.user, q->pending[i].service, q->pending[i].sock);
    cache_drop_all(&q->cache);
    memset(q->wanted_at, 0, sizeof(q->wanted_at));
    memset(q->waiting, 0, sizeof(q->waiting));
    memset(q->keys, 0, sizeof(q->keys));
    q->live = q->forwards = 0;
    allowlist_clear(&q->listed);
    hosts_clear(&q->hosts);
    private_clear(&q->private_answers);
}

bool frontend_name(struct frontend *q, const struct msg_name *m)
{
    begin_list(q);
    return allowlist_add(&q->listed, m);
}

bool frontend_host(struct frontend *q, const struct msg_host *m)
{
    begin_list(q);
    return hosts_add(&q->hosts, m);
}

bool frontend_private(struct frontend *q, const struct msg_private *m)
{
    begin_list(q);
    return private_domain(&q->private_answers, m);
}

bool frontend_never(struct frontend *q, const struct msg_never *m)
{
    if (!m->line)
        begin_list(q);
    return private_never(&q->private_answers, m);
}

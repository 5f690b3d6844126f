/* Resolvers' answers: from the octets of an answer to the next state of its lookup. */
#include "pending.h"
#include "signed.h"

#include <string.h>

#define FLAG_TC 0x02

/* Hand the addresses to gate and wait. */
static void take_addrs(struct frontend *q, struct pending *l, uint64_t now, const struct cname *c)
{
    ttl_start(&l->clock, now, ttl_served(c->ttl));
    l->count = c->count;
    memcpy(l->addrs, c->addrs, c->count * sizeof(c->addrs[0]));
    if (c->more)
        refuse_limit(q, now, pending_client(q, l), l->question.lower, l->question.name_len, l->question.type);
    pending_admit(q, l, now);
}

/* HTTPS records, rewritten without the parameters that must not be served; their address hints go to gate too. */
static void take_records(struct frontend *q, struct pending *l, uint64_t now, const struct cname *c)
{
    struct dns_answer a;
    struct cache_key key = pending_key(l);
    l->record_count = c->record_count;
    l->records_len = c->records_len;
    memcpy(l->records, c->records, c->records_len);
    if (c->count != 0) {
        take_addrs(q, l, now, c);
        return;
    }
    ttl_start(&l->clock, now, ttl_served(c->ttl));
    cache_answer(cache_put(&q->cache, &key, q->mode.generation, &l->clock, now, l->records, l->records_len,
                           l->record_count, false),
                 now, &a);
    pending_finish(q, l, now, &a);
}

/*
 * NXDOMAIN holds for every type (RFC 8020), so a client that gets it for one type denies the others too. But many
 * servers send it for types they do not know. So it is believed for A, which a listed name must have, unless AAAA is
 * known to exist; for any other type only if A has had the same answer, and becomes "no data" otherwise.
 */
static void no_name(struct frontend *q, struct pending *l, uint64_t now, uint32_t ttl)
{
    struct cache_key key = pending_key(l);
    key.type = l->question.type == DNS_A ? DNS_AAAA : DNS_A;
    const struct cache_entry *other = cache_get(&q->cache, &key, q->mode.generation, now);
    bool exists = l->question.type == DNS_A ? other != NULL && (other->count != 0 || other->unused)
                                            : other == NULL || other->rcode != DNS_NXDOMAIN;
    if (exists)
        l->copy_len = 0;
    pending_negative(q, l, now, exists ? DNS_NOERROR : DNS_NXDOMAIN, ttl);
}

/* Keep the unchanged answer for validating clients, if it is signed. */
static void keep_copy(struct pending *l, const uint8_t *data, size_t len, const struct cname *c)
{
    size_t end = (size_t)DNS_HEADER_LEN + l->question.name_len + 4;
    bool negative = c->result == CNAME_NO_DATA || c->result == CNAME_NO_NAME;
    l->copy_len = 0;
    l->is_signed = l->unused = false;
    if (c->more || (!negative && c->result != CNAME_ADDRS))
        return;
    uint32_t ttl = negative ? ttl_served_negative(c->ttl) : ttl_served(c->ttl);
    size_t n =
        signed_copy(data, len, end, l->question.type, c->addrs, c->count, ttl, l->copy, sizeof(l->copy), &l->is_signed);
    l->copy_len = l->is_signed ? (uint16_t)n : 0;
}

/* The LAN has no IPv6, so an IPv6 address is useless. */
static bool of_no_use(const struct frontend *q, const struct pending *l)
{
    return l->question.type == DNS_AAAA && q->ipv4_only;
}

static void listed_answer(struct frontend *q, struct pending *l, uint64_t now, const uint8_t *data, size_t len)
{
    static struct cname c;
    char name[CONF_FQDN_MAX];
    if ((data[2] & FLAG_TC) && !l->tcp) {
        pending_over_tcp(q, l, now);
        return;
    }
    dns_name_to_text(l->question.lower, l->question.name_len, name);
    cname_read(data, len, name, l->question.type, &c);
    keep_copy(l, data, len, &c);
    switch (c.result) {
    case CNAME_ADDRS:
        if (!of_no_use(q, l)) {
            take_addrs(q, l, now, &c);
            break;
        }
        l->copy_len = 0;
        l->unused = true;
        pending_negative(q, l, now, DNS_NOERROR, TTL_NEGATIVE_S);
        break;
    case CNAME_RECORDS: take_records(q, l, now, &c); break;
    case CNAME_NO_DATA: pending_negative(q, l, now, DNS_NOERROR, c.ttl); break;
    case CNAME_NO_NAME: no_name(q, l, now, c.ttl); break;
    case CNAME_FAILED: pending_fail(q, l, now, REFUSAL_UPSTREAM, NULL); break;
    case CNAME_MALFORMED: break; /* ignore it: the next try or the time-out decides */
    case CNAME_BROKEN: pending_fail(q, l, now, REFUSAL_CHAIN, NULL); break;
    case CNAME_FORBIDDEN: pending_fail(q, l, now, REFUSAL_FORBIDDEN, &c.addrs[0]); break;
    }
}

/* An answer about a zone: records of the zone types with their signatures, nothing else. */
static void zone_answer(struct frontend *q, struct pending *l, uint64_t now, const uint8_t *data, size_t len,
                        size_t end)
{
    static uint8_t copy[DNS_TCP_MAX];
    bool is_signed;
    if ((data[2] & FLAG_TC) && !l->tcp) {
        pending_over_tcp(q, l, now);
        return;
    }
    size_t n = signed_copy(data, len, end, l->question.type, NULL, 0, UINT32_MAX, copy, sizeof(copy), &is_signed);
    if (n == 0)
        pending_fail(q, l, now, REFUSAL_UPSTREAM, NULL);
    else
        pending_pass(q, l, now, copy, n);
}

static bool any_over_tcp(const struct frontend *q, uint16_t lookup)
{
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++)
        if (q->waiting[i] == lookup && q->waiters[i].client.tcp)
            return true;
    return false;
}

/* An answer for an unlisted name is passed on unchanged, with the client's id, question and size. */
static void forwarded_answer(struct frontend *q, struct pending *l, uint64_t now, const uint8_t *data, size_t len,
                             size_t question_end)
{
    static uint8_t out[DNS_TCP_MAX];
    struct addr bad;
    uint16_t mine = (uint16_t)(l - q->pending + 1);
    if ((data[2] & FLAG_TC) && !l->tcp && any_over_tcp(q, mine)) {
        pending_over_tcp(q, l, now);
        return;
    }
    char name[CONF_FQDN_MAX];
    dns_name_to_text(l->question.lower, l->question.name_len, name);
    bool own = private_covers(&q->private_answers, name);
    if (!cname_harmless(data, len, own ? &q->private_answers : NULL, &bad)) {
        /* For an address that is never allowed, whatever the site file lists, do not advise a private-answers line. */
        bool astray = own || addr_kind(&bad) == ADDR_NO_HOST || !private_may(&q->private_answers, &bad);
        if (bad.family != 0)
            pending_fail(q, l, now, astray ? REFUSAL_FORBIDDEN : REFUSAL_PRIVATE, &bad);
        return;
    }
    pending_end(q, l, now);
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++) {
        if (q->waiting[i] != mine)
            continue;
        const struct dns_question *asked = &q->waiters[i].question;
        bool fits = len <= asked->room;
        size_t n = fits ? len : question_end;
        memcpy(out, data, n);
        out[0] = (uint8_t)(asked->id >> 8);
        out[1] = (uint8_t)asked->id;
        memcpy(out + DNS_HEADER_LEN, asked->name, asked->name_len);
        if (!fits) {
            out[2] |= FLAG_TC;
            memset(out + 6, 0, 6);
        }
        q->waiting[i] = 0;
        pending_count(q, out[3] & 0xf);
        q->ops.reply(q->ops.user, &q->waiters[i].client, out, n);
    }
}

/* RFC 6891 section 7: FORMERR; older servers also NOTIMP. */
static bool knows_no_edns(const uint8_t *data)
{
    return (data[3] & 0xf) == DNS_FORMERR || (data[3] & 0xf) == DNS_NOTIMP;
}

void frontend_upstream(struct frontend *q, uint64_t now, uint8_t service, unsigned sock, const uint8_t *data,
                       size_t len)
{
    if (len < DNS_HEADER_LEN || len > DNS_TCP_MAX)
        return;
    uint16_t id = (uint16_t)(data[0] << 8 | data[1]);
    for (unsigned i = 0; q->live != 0 && i < FRONTEND_PENDING_MAX; i++) {
        struct pending *l = &q->pending[i];
        if (q->query_ids[i] != id || q->keys[i] == 0 || l->state != PENDING_ASKING || !l->sent ||
            l->service != service || l->sock != sock)
            continue;
        size_t end = dns_echo_matches(data, len, id, &l->question);
        /* Many servers without EDNS return only a header. Forging one gains an attacker nothing but one more query. */
        bool says_no = (end != 0 || dns_is_bare(data, len)) && knows_no_edns(data);
        if (says_no && pending_without_edns(q, l, now))
            return;
        if (end == 0)
            continue;
        if (!says_no)
            pending_answered(q, l, now);
        if (l->forward)
            forwarded_answer(q, l, now, data, len, end);
        else if (l->zone)
            zone_answer(q, l, now, data, len, end);
        else
            listed_answer(q, l, now, data, len);
        return;
    }
}

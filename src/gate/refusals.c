#include "refusals.h"
#include "audit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *refusals_word(const char *text, char *out, size_t size)
{
    size_t n = 0;
    for (; text[n] && n + 1 < size; n++)
        out[n] = (char)(text[n] > ' ' && text[n] < 127 && text[n] != '"' ? text[n] : '?');
    if (n == 0)
        out[n++] = '-';
    out[n] = 0;
    return out;
}

static const char *address(const struct addr *a, char *out, size_t size)
{
    if (a->family)
        return addr_text(a, out, size);
    snprintf(out, size, "-");
    return out;
}

/* ---- names of addresses ---- */

static struct refusals_name *name_place(struct refusals *r, const struct addr *a)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (unsigned i = 0; i < sizeof a->bytes; i++)
        h = (h ^ a->bytes[i]) * 16777619u;
    return &r->names[(h ^ h >> 16) & (REFUSALS_NAMES - 1)];
}

void refusals_learn(struct refusals *r, const struct addr *addr, const char *name, const struct conf_rule *rule,
                    uint64_t until_ms)
{
    struct refusals_name *n = name_place(r, addr);
    bool same = addr_equal(&n->addr, addr);
    n->until_ms = same && n->until_ms > until_ms ? n->until_ms : until_ms;
    n->addr = *addr;
    n->rule = rule;
    snprintf(n->name, sizeof n->name, "%s", name);
}

static const char *name_of(struct refusals *r, const struct addr *a)
{
    const struct refusals_name *n = name_place(r, a);
    return a->family && addr_equal(&n->addr, a) ? n->name : "-";
}

/* ---- counting, and allowances ---- */

static struct refusals_reason *count(struct refusals *r, enum reason_kind kind, const char *word, uint64_t now_ms)
{
    const struct reason *reason = reason_find(kind, word);
    for (unsigned i = 0; reason && i < REFUSALS_REASONS; i++) {
        struct refusals_reason *e = &r->reasons[i];
        if (!e->reason)
            *e = (struct refusals_reason){.reason = reason, .tokens = REFUSALS_BURST, .tokens_at = now_ms};
        if (e->reason == reason) {
            e->count++;
            return e;
        }
    }
    return NULL;
}

/* A bucket of REFUSALS_BURST tokens, refilled by one every REFUSALS_EVERY_MS. */
static bool may_write(struct refusals_reason *e, uint64_t now_ms)
{
    if (!e)
        return false;
    uint64_t filled = (now_ms - e->tokens_at) / REFUSALS_EVERY_MS;
    e->tokens_at += filled * REFUSALS_EVERY_MS;
    e->tokens = filled >= REFUSALS_BURST - e->tokens ? REFUSALS_BURST : e->tokens + (unsigned)filled;
    if (e->tokens == 0) {
        e->lost++;
        return false;
    }
    e->tokens--;
    return true;
}

/*
 * May this line be written? Not if the same line was written recently, or if its reason has used up its allowance.
 * times: number of occurrences since it was last written, including this one.
 */
static bool write_line(struct refusals *r, struct refusals_reason *e, const char *line, uint64_t now_ms,
                       unsigned *times)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a; a collision costs a line */
    for (const char *c = line; *c; c++)
        h = (h ^ (uint8_t)*c) * 1099511628211u;
    struct refusals_same *s = &r->same[(h ^ h >> 32) & (REFUSALS_SAME - 1)];
    bool same = s->since && s->what == h;
    if (same && now_ms - s->since < REFUSALS_SAME_MS) {
        s->more++;
        return false;
    }
    *times = 1 + (same ? s->more : 0);
    if (!may_write(e, now_ms)) {
        s->more += same;
        return false;
    }
    *s = (struct refusals_same){.what = h, .since = now_ms};
    return true;
}

/* ---- the three kinds ---- */

static const char *way_word(enum msg_way way)
{
    static const char *const words[WAY_COUNT] = {[WAY_NONE] = "-", [WAY_TUNNEL] = "tunnel", [WAY_LINE] = "line"};
    return words[way];
}

void refusals_dns(struct refusals *r, const struct msg_refused *m, uint64_t now_ms)
{
    static const char *const words[WHY_COUNT] = {[WHY_NOT_LISTED] = "not-listed",
                                                 [WHY_CLOSED] = "closed",
                                                 [WHY_OUTSIDE] = "outside-tunnel",
                                                 [WHY_FORBIDDEN] = "forbidden-address",
                                                 [WHY_PRIVATE] = "private-address",
                                                 [WHY_TYPE] = "type",
                                                 [WHY_UPSTREAM] = "resolver",
                                                 [WHY_CHAIN] = "chain",
                                                 [WHY_FLOOD] = "flood",
                                                 [WHY_MALFORMED] = "malformed",
                                                 [WHY_HOST] = "host",
                                                 [WHY_LIMIT] = "limit",
                                                 [WHY_NO_SESSION] = "no-session",
                                                 [WHY_REGISTRY] = "registry-address"};
    char client[INET6_ADDRSTRLEN], answer[INET6_ADDRSTRLEN], name[CONF_FQDN_MAX];
    if (m->why == WHY_MANY) {
        audit_event("dns.many", "client=%s name=%s cause=\"%s\"", address(&m->client, client, sizeof client),
                    refusals_word(m->name, name, sizeof name), cause_word(CAUSE_WILDCARD_NAMES_MANY));
        return;
    }
    struct refusals_reason *e = count(r, REASON_DNS, words[m->why], now_ms);
    r->dns++;
    char line[AUDIT_LINE_MAX];
    unsigned times;
    snprintf(line, sizeof line, "name=%s client=%s why=%s answer=%s via=%s", refusals_word(m->name, name, sizeof name),
             address(&m->client, client, sizeof client), words[m->why], address(&m->answer, answer, sizeof answer),
             way_word((enum msg_way)m->way));
    if (!write_line(r, e, line, now_ms, &times))
        return;
    audit_event("dns.refused", "%s type=%u count=%u not-logged=%u", line, m->qtype, times, e->lost);
    e->lost = 0;
}

void refusals_tls(struct refusals *r, const struct msg_flow *m, uint64_t now_ms)
{
    static const char *const words[FLOW_WHAT_COUNT] = {
        [FLOW_NAME] = "wrong-name", [FLOW_NOT_TLS] = "not-tls",   [FLOW_BROKEN] = "broken",
        [FLOW_NO_NAME] = "no-name", [FLOW_ECH] = "ech",           [FLOW_NOT_LISTED] = "not-listed",
        [FLOW_SECOND] = "second",   [FLOW_TOO_LONG] = "too-long", [FLOW_TOO_SLOW] = "too-slow",
        [FLOW_CROWD] = "crowd",     [FLOW_OLD_TLS] = "old-tls",   [FLOW_NO_START] = "no-start"};
    char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN], name[CONF_FQDN_MAX], known[CONF_FQDN_MAX];
    const char *why = words[m->what] ? words[m->what] : "broken";
    struct refusals_reason *e = count(r, REASON_TLS, why, now_ms);
    r->tls++;
    /* `name` is from the PC's ClientHello, `at` the listed name that the address was admitted for. */
    char line[AUDIT_LINE_MAX];
    unsigned times;
    snprintf(line, sizeof line, "name=%s at=%s client=%s server=%s port=%u why=%s via=%s",
             refusals_word(m->name, name, sizeof name), refusals_word(name_of(r, &m->server), known, sizeof known),
             address(&m->client, client, sizeof client), address(&m->server, server, sizeof server), m->server_port,
             why, way_word(m->service == MSG_ON_LINE ? WAY_LINE : WAY_TUNNEL));
    if (!write_line(r, e, line, now_ms, &times))
        return;
    audit_event("tls.refused", "%s count=%u not-logged=%u", line, times, e->lost);
    e->lost = 0;
}

static const char *proto_word(uint8_t proto, char *out, size_t size)
{
    static const char *const words[] = {[1] = "icmp", [6] = "tcp", [17] = "udp", [50] = "esp", [58] = "icmpv6"};
    if (proto < sizeof words / sizeof words[0] && words[proto])
        snprintf(out, size, "%s", words[proto]);
    else
        snprintf(out, size, "%u", proto);
    return out;
}

static bool has_port(const struct conf_rule *rule, uint8_t proto, uint16_t port)
{
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == proto && rule->ports[i].port == port)
            return true;
    return false;
}

/* The packet filter only sees an address that is not allowed; we know that it was, on this port, until recently. */
static const char *packet_reason(struct refusals *r, const struct msg_blocked *m, uint64_t now_ms)
{
    const struct refusals_name *n = name_place(r, &m->server);
    bool was_open = m->server.family && addr_equal(&n->addr, &m->server) && now_ms >= n->until_ms &&
                    has_port(n->rule, m->proto, m->port);
    return was_open && strcmp(m->reason, "not-listed") == 0 ? "old-address" : m->reason;
}

void refusals_packet(struct refusals *r, const struct msg_blocked *m, uint64_t now_ms)
{
    char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN], name[CONF_FQDN_MAX], proto[8];
    struct refusals_reason *e = count(r, REASON_PACKET, packet_reason(r, m, now_ms), now_ms);
    if (!may_write(e, now_ms))
        return;
    audit_event("blocked", "reason=%s client=%s server=%s name=%s proto=%s port=%u count=%u not-logged=%u",
                e->reason->word, address(&m->client, client, sizeof client), address(&m->server, server, sizeof server),
                refusals_word(name_of(r, &m->server), name, sizeof name), proto_word(m->proto, proto, sizeof proto),
                m->port, m->count, e->lost);
    e->lost = 0;
}

#include "refuse.h"

#include <string.h>

#define LIMIT_TELL_MS 10000

static const struct {
    enum dns_rcode rcode;
    enum dns_ede ede;
    int why; /* enum msg_why; -1: not reported */
    const char *text;
} table[REFUSAL_COUNT] = {
    [REFUSAL_NOT_LISTED] = {DNS_REFUSED, DNS_EDE_BLOCKED, WHY_NOT_LISTED,
                            "sekisho: this name is not on this box's list"},
    [REFUSAL_HOST] = {DNS_REFUSED, DNS_EDE_BLOCKED, WHY_HOST,
                      "sekisho: this computer may not use the service of this name"},
    [REFUSAL_TYPE] = {DNS_REFUSED, DNS_EDE_BLOCKED, WHY_TYPE, "sekisho: this box does not answer this record type"},
    [REFUSAL_NO_TUNNEL] = {DNS_SERVFAIL, DNS_EDE_NETWORK, WHY_CLOSED,
                           "sekisho: the tunnel to this service could not be raised"},
    [REFUSAL_SILENT] = {DNS_SERVFAIL, DNS_EDE_NO_AUTHORITY, WHY_UPSTREAM,
                        "sekisho: the name server of this service does not answer"},
    [REFUSAL_UPSTREAM] = {DNS_SERVFAIL, DNS_EDE_NETWORK, WHY_UPSTREAM,
                          "sekisho: the name server of this service gave no usable answer"},
    [REFUSAL_CHAIN] = {DNS_SERVFAIL, DNS_EDE_BLOCKED, WHY_CHAIN,
                       "sekisho: the answer for this name led astray and was refused"},
    [REFUSAL_FORBIDDEN] = {DNS_SERVFAIL, DNS_EDE_BLOCKED, WHY_FORBIDDEN,
                           "sekisho: the answer pointed at a forbidden address and was refused"},
    [REFUSAL_PRIVATE] = {DNS_SERVFAIL, DNS_EDE_BLOCKED, WHY_PRIVATE,
                         "sekisho: the answer is a private address; private-answers in the site file can allow it"},
    [REFUSAL_OUTSIDE] = {DNS_SERVFAIL, DNS_EDE_BLOCKED, WHY_OUTSIDE,
                         "sekisho: the answer pointed outside the tunnel and was refused"},
    [REFUSAL_NO_SESSION] = {DNS_SERVFAIL, DNS_EDE_BLOCKED, WHY_NO_SESSION,
                            "sekisho: this name is open in a session only; open the registry's page first"},
    [REFUSAL_REGISTRY] = {DNS_SERVFAIL, DNS_EDE_BLOCKED, WHY_REGISTRY,
                          "sekisho: this name is for the line, but the answer is an address behind a tunnel"},
    [REFUSAL_KERNEL] = {DNS_SERVFAIL, DNS_EDE_OTHER, -1, "sekisho: the box could not open the way, try again"},
    [REFUSAL_BUSY] = {DNS_SERVFAIL, DNS_EDE_OTHER, WHY_LIMIT, "sekisho: too many questions are waiting, try again"},
};

void refuse_answer(enum refusal why, struct dns_answer *a)
{
    memset(a, 0, sizeof(*a));
    a->rcode = table[why].rcode;
    a->ede = table[why].ede;
    a->text = table[why].text;
}

static bool may_report(struct frontend *q, uint64_t now)
{
    uint64_t tokens = q->report_tokens + (now - q->report_at) * FRONTEND_REPORTS_RATE;
    q->report_tokens = (uint32_t)(tokens > FRONTEND_REPORTS_RATE * 1000 ? FRONTEND_REPORTS_RATE * 1000 : tokens);
    q->report_at = now;
    if (q->report_tokens < 1000)
        return false;
    q->report_tokens -= 1000;
    return true;
}

void refuse_limit(struct frontend *q, uint64_t now, const struct client *client, const uint8_t *name, uint8_t name_len,
                  uint16_t type)
{
    struct msg_refused m = {.why = WHY_LIMIT, .qtype = type};
    if (q->limit_told != 0 && now - q->limit_told < LIMIT_TELL_MS)
        return;
    if (client != NULL)
        m.client = client->addr;
    if (name != NULL)
        dns_name_to_text(name, name_len, m.name);
    if (q->ops.to_gate(q->ops.user, MSG_REFUSED, &m))
        q->limit_told = now;
}

bool refuse_many(struct frontend *q, const struct client *client, const uint8_t *name, uint8_t name_len, uint16_t type)
{
    struct msg_refused m = {.why = WHY_MANY, .qtype = type, .client = client->addr};
    dns_name_to_text(name, name_len, m.name);
    return q->ops.to_gate(q->ops.user, MSG_REFUSED, &m);
}

static enum msg_way way_of(const struct frontend *q, const uint8_t *name, uint8_t len)
{
    int id = allowlist_find_wire(&q->listed, name, len);
    return id < 0 ? WAY_NONE : q->listed.names[id].via_line ? WAY_LINE : WAY_TUNNEL;
}

void refuse_report(struct frontend *q, uint64_t now, enum refusal why, const struct client *client, const uint8_t *name,
                   uint8_t name_len, uint16_t type, const struct addr *bad)
{
    struct msg_refused m = {.qtype = type};
    if (table[why].why < 0)
        return;
    q->stats.refused++;
    if (why == REFUSAL_BUSY) {
        /* Rarely, or the client that fills the tables would use up the rate of reports for all others. */
        refuse_limit(q, now, client, name, name_len, type);
        return;
    }
    if (!may_report(q, now))
        return;
    m.why = (uint8_t)table[why].why;
    if (client != NULL)
        m.client = client->addr;
    if (bad != NULL)
        m.answer = *bad;
    if (name != NULL) {
        dns_name_to_text(name, name_len, m.name);
        m.way = (uint8_t)way_of(q, name, name_len);
    }
    q->ops.to_gate(q->ops.user, MSG_REFUSED, &m);
}

bool refuse_report_other(struct frontend *q, uint64_t now, enum msg_why why, const struct client *client)
{
    struct msg_refused m = {.why = (uint8_t)why, .client = client->addr};
    q->stats.refused++;
    /* A flood has its own limit: ratelimit_tell, once in ten seconds per client. */
    return (why == WHY_FLOOD || may_report(q, now)) && q->ops.to_gate(q->ops.user, MSG_REFUSED, &m);
}

#include "stale_dns.h"
#include "clock.h"

#include <netinet/in.h>
#include <string.h>

#define STALE_DNS_NAMES_MAX 64 /* names resolved per tunnel */
#define STALE_DNS_EVERY_MS 5000
#define STALE_DNS_BEFORE_MS 30000 /* the cached answer has expired by then: an element outlives it by a minute */

static bool has_tcp_port(const struct admit *a, const struct admit_pair *p, uint16_t port)
{
    const struct conf_rule *rule = admit_rule(a, p->rule);
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == IPPROTO_TCP && rule->ports[i].port == port)
            return true;
    return false;
}

/* ---- a PC waits ---- */

struct waiting {
    const struct admit *admit;
    const struct msg_blocked *m;
    const struct conf_service *service; /* NULL: none */
};

static void match(void *user, const struct admit_pair *p, const char *name)
{
    struct waiting *w = user;
    (void)name;
    /* (No session is begun for a name on the line. Its address is no registry's anyway.) */
    if (!admit_rule(w->admit, p->rule)->via_line && addr_equal(&p->addr, &w->m->server) &&
        has_tcp_port(w->admit, p, w->m->port))
        w->service = admit_service(w->admit, p->rule);
}

bool stale_dns_wanted(struct stale_dns *d, const struct msg_blocked *m)
{
    struct waiting w = {d->admit, m, NULL};
    if (m->proto != IPPROTO_TCP || !m->client.family || !m->server.family)
        return false;
    admit_each(d->admit, clock_monotonic_ms(), match, &w);
    /* By the IP address, as `dns` decides. (The packet filter has checked the packet's MAC address before.) */
    uint8_t may = conf_host_may(d->admit->conf, conf_host_at(&d->admit->conf->site, &m->client));
    if (w.service && (may >> (w.service->number - 1) & 1))
        session_want(d->session, w.service->number, &m->client);
    return w.service != NULL;
}

/* ---- a tunnel comes up ---- */

struct names {
    const struct stale_dns *d;
    uint8_t service;
    unsigned count;
    uint8_t rules[ADMIT_NAMES_MAX / 8 + 1], texts[ADMIT_TEXTS / 8 + 1]; /* bits: already requested */
};

static bool once(uint8_t *bits, unsigned i)
{
    bool first = !(bits[i / 8] & 1u << i % 8);
    bits[i / 8] |= (uint8_t)(1u << i % 8);
    return first;
}

static void resolve(void *user, const struct admit_pair *p, const char *name)
{
    struct names *n = user;
    struct msg_resolve m = {.id = p->rule};
    if (p->addr.family != AF_INET || admit_service(n->d->admit, p->rule)->number != n->service ||
        n->count == STALE_DNS_NAMES_MAX || name[0] == '*') /* below a wildcard, and its text was not kept */
        return;
    if (p->text < ADMIT_TEXTS ? !once(n->texts, p->text) : !once(n->rules, p->rule))
        return;
    n->count++;
    memcpy(m.name, name, strnlen(name, sizeof m.name - 1));
    dns_link_send(n->d->dns, MSG_RESOLVE, &m, -1);
}

void stale_dns_resolve(struct stale_dns *d, uint8_t service)
{
    struct names n = {.d = d, .service = service};
    admit_each(d->admit, clock_monotonic_ms(), resolve, &n);
}

/* ---- a session lives ---- */

struct ends {
    uint64_t at[ADMIT_NAMES_MAX]; /* expiry of the last address of each listed name; 0: none is allowed */
};

static void note_end(void *user, const struct admit_pair *p, const char *name)
{
    struct ends *e = user;
    (void)name;
    /* (Not below wildcards, where a PC can invent names that would then be kept.) */
    if (p->addr.family == AF_INET && p->text == ADMIT_TEXTS && p->ends_ms > e->at[p->rule])
        e->at[p->rule] = p->ends_ms;
}

void stale_dns_keep(struct stale_dns *d, uint64_t now_ms)
{
    static struct ends e;
    struct msg_mode mode;
    if (now_ms - d->kept_at < STALE_DNS_EVERY_MS)
        return;
    d->kept_at = now_ms;
    session_mode(d->session, &mode);
    if (!mode.generation || mode.generation != d->admit->generation)
        return;
    memset(&e, 0, sizeof e);
    admit_each(d->admit, now_ms, note_end, &e);
    for (unsigned id = 0; id < d->admit->name_count; id++) {
        struct msg_resolve m = {.id = (uint16_t)id};
        uint8_t service;
        const char *name = admit_name(d->admit, id, &service);
        if (e.at[id] == 0 || e.at[id] - now_ms >= STALE_DNS_BEFORE_MS || name[0] == '*' ||
            !(mode.services_up & 1u << (service - 1)))
            continue;
        memcpy(m.name, name, strnlen(name, sizeof m.name - 1));
        dns_link_send(d->dns, MSG_RESOLVE, &m, -1);
    }
}

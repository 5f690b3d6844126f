/*
 * PCs that still know an address from the session before. A browser keeps an address for a minute and more, whatever
 * happens to the session; until then it asks for no name, and by the list of addresses alone it would find the door
 * shut. So gate goes by what it has admitted itself a short while ago: a PC that waits for such an address begins a
 * session as one that asks for the name; and in each new session the names of before are looked up anew. An address opens
 * by that answer only, never from memory.
 */
#include "gate.h"

#include <netinet/in.h>
#include <string.h>

#define AGAIN_NAMES_MAX 64 /* looked up for one tunnel */

static const struct conf_service *service_of(const struct gate *g, const struct admit_pair *p)
{
    return &g->conf.services[g->admit.names[p->rule].service];
}

static bool has_tcp_port(const struct gate *g, const struct admit_pair *p, uint16_t port)
{
    const struct conf_rule *rule = &service_of(g, p)->rules[g->admit.names[p->rule].rule];
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == IPPROTO_TCP && rule->ports[i].port == port)
            return true;
    return false;
}

/* As `names` judges a question. (The rule set has judged the packet by its network card before.) */
static bool host_may(const struct conf_site *site, const struct addr *host, const char *service)
{
    for (unsigned i = 0; i < site->host_count; i++)
        if (addr_equal(&site->hosts[i].addr, host))
            return strcmp(site->hosts[i].service, service) == 0;
    return conf_others_may(site, service);
}

/* ---- a PC waits ---- */

struct wish {
    const struct gate *g;
    const struct msg_blocked *m;
    const struct conf_service *service; /* NULL: none */
};

static void match(void *user, const struct admit_pair *p, const char *name)
{
    struct wish *w = user;
    (void)name;
    if (addr_equal(&p->addr, &w->m->server) && has_tcp_port(w->g, p, w->m->port))
        w->service = service_of(w->g, p);
}

void again_wanted(struct gate *g, const struct msg_blocked *m)
{
    struct wish w = {g, m, NULL};
    if (m->proto != IPPROTO_TCP || !m->client.family || !m->server.family)
        return;
    admit_each(&g->admit, gate_now_ms(), match, &w);
    if (w.service && host_may(&g->conf.site, &m->client, w.service->name))
        session_want(&g->session, w.service->number, &m->client);
}

/* ---- a tunnel comes up ---- */

struct names {
    struct gate *g;
    uint8_t service;
    unsigned count;
    uint8_t rules[ADMIT_NAMES_MAX / 8 + 1], texts[ADMIT_TEXTS / 8 + 1]; /* bits: has been asked for already */
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
    if (p->addr.family != AF_INET || service_of(n->g, p)->number != n->service || n->count == AGAIN_NAMES_MAX ||
        name[0] == '*') /* a name below a wildcard that was not kept */
        return;
    if (p->text < ADMIT_TEXTS ? !once(n->texts, p->text) : !once(n->rules, p->rule))
        return;
    n->count++;
    memcpy(m.name, name, strnlen(name, sizeof m.name - 1));
    children_send(&n->g->children, MSG_RESOLVE, &m, -1);
}

void again_resolve(struct gate *g, uint8_t service)
{
    struct names n = {.g = g, .service = service};
    admit_each(&g->admit, gate_now_ms(), resolve, &n);
}

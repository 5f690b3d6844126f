#include "pc_tunnels.h"
#include "clock.h"

#include <string.h>

/* Not shorter than what the kernel was told: no address may be another service's there while it is forgotten here. */
#define KNOWN_MS ((ADMIT_TIMEOUT_MAX_S + 10) * UINT64_C(1000))

static const struct conf_service *service_of(const struct pc_tunnels *p, unsigned id)
{
    return &p->admit->conf->services[p->admit->names[id].service];
}

static bool alive(const struct pc_tunnels_hub *h, uint64_t now_ms)
{
    return h->addr.family && h->until_ms > now_ms;
}

/* The box's own address, the hub of a tunnel that is up, or of another service whose tunnel is the PC's own. */
static bool taken(void *user, uint8_t service, const struct addr *addr)
{
    const struct pc_tunnels *p = user;
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (p->session->services[n].up && addr_equal(&p->session->services[n].tunnel.hub, addr))
            return true;
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        const struct pc_tunnels_hub *h = &p->hubs[i];
        if (alive(h, now_ms) && addr_equal(&h->addr, addr) && service_of(p, h->id)->number != service)
            return true;
    }
    return addr_equal(p->uplink, addr);
}

void pc_tunnels_init(struct pc_tunnels *p)
{
    memset(p->hubs, 0, sizeof p->hubs);
    p->admit->taken = taken;
    p->admit->taken_user = p;
}

/* Its own place, or that which ends first. */
static struct pc_tunnels_hub *place(struct pc_tunnels *p, uint16_t id, const struct addr *addr)
{
    struct pc_tunnels_hub *first = &p->hubs[0];
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        struct pc_tunnels_hub *h = &p->hubs[i];
        if (h->id == id && addr_equal(&h->addr, addr))
            return h;
        if (h->until_ms < first->until_ms)
            first = h;
    }
    return first;
}

void pc_tunnels_learn(struct pc_tunnels *p, const struct msg_admit *m)
{
    if (!service_of(p, m->id)->by_pc)
        return;
    for (unsigned i = 0; i < m->count; i++)
        *place(p, m->id, &m->addrs[i]) = (struct pc_tunnels_hub){m->addrs[i], m->id, clock_monotonic_ms() + KNOWN_MS};
}

void pc_tunnels_wanted(struct pc_tunnels *p, const struct msg_blocked *m)
{
    const struct conf *conf = p->admit->conf;
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < PC_TUNNELS_MAX; i++) {
        const struct pc_tunnels_hub *h = &p->hubs[i];
        if (!alive(h, now_ms) || !addr_equal(&h->addr, &m->server))
            continue;
        /* As `dns` judges a question, by the address. (The rule set has judged the packet by its network card.) */
        uint8_t number = service_of(p, h->id)->number;
        if (conf_host_may(conf, conf_host_at(&conf->site, &m->client)) >> (number - 1) & 1)
            session_want(p->session, number, &m->client);
        return;
    }
}

void pc_tunnels_resolve(struct pc_tunnels *p, uint8_t service)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned id = 0; id < p->admit->name_count; id++) {
        struct msg_resolve m = {.id = (uint16_t)id};
        bool known = false;
        for (unsigned i = 0; service_of(p, id)->number == service && i < PC_TUNNELS_MAX; i++)
            known = known || (p->hubs[i].id == id && alive(&p->hubs[i], now_ms));
        if (!known)
            continue;
        const char *name = admit_rule(p->admit, id)->name;
        memcpy(m.name, name, strnlen(name, sizeof m.name - 1));
        dns_link_send(p->dns, MSG_RESOLVE, &m, -1);
    }
}

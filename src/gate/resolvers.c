#include "resolvers.h"
#include "log.h"

#include <errno.h>
#include <string.h>

static void tell_firewall(const struct resolvers *r)
{
    struct addr list[FIREWALL_RESOLVERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < r->uplink_count; i++)
        list[count++] = r->uplink[i];
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (r->inside[n].family)
            list[count++] = r->inside[n];
    if (firewall_resolvers(list, count) < 0)
        log_error("the kernel does not take the list of resolvers: %s", strerror(errno));
}

void resolvers_init(struct resolvers *r)
{
    r->uplink_count = 0;
    memset(r->inside, 0, sizeof r->inside);
    tell_firewall(r);
}

void resolvers_uplink(struct resolvers *r, const struct addr *list, unsigned count)
{
    const struct addr any = {0};
    if (count == r->uplink_count && memcmp(list, r->uplink, count * sizeof *list) == 0)
        return;
    memcpy(r->uplink, list, count * sizeof *list);
    r->uplink_count = count;
    tell_firewall(r);
    for (unsigned i = 0; i < r->conf->service_count; i++)
        if (r->conf->services[i].resolver_wan)
            dns_link_upstream(r->dns, r->conf->services[i].number, r->uplink, r->uplink_count, &any);
    if (r->conf->site.outside == CONF_OUTSIDE_INTERNET || conf_on_line(r->conf) > 0)
        dns_link_upstream(r->dns, 0, r->uplink, r->uplink_count, &any);
}

static const struct conf_service *service_of(const struct resolvers *r, uint8_t number)
{
    for (unsigned i = 0; i < r->conf->service_count; i++)
        if (r->conf->services[i].number == number)
            return &r->conf->services[i];
    return NULL;
}

void resolvers_tunnel(struct resolvers *r, uint8_t service, const struct firewall_tunnel *tunnel)
{
    const struct conf_service *s = service_of(r, service);
    if (!s || s->resolver_wan)
        return;
    r->inside[service] = tunnel ? s->resolver : (struct addr){0};
    tell_firewall(r);
    if (!tunnel) {
        dns_link_upstream(r->dns, service, NULL, 0, NULL);
        return;
    }
    /* From the virtual IP, so that the queries go through the tunnel. */
    const struct addr *vip = s->resolver.family == AF_INET6 ? &tunnel->vip6 : &tunnel->vip4;
    if (!vip->family || dns_link_upstream(r->dns, service, &s->resolver, 1, vip) == 0)
        log_error("%s: no socket to its resolver could be made; its names will not be found", s->name);
}

bool resolvers_probe(struct resolvers *r, uint8_t service)
{
    return r->inside[service].family && dns_link_probe(r->dns, service);
}

const struct addr *resolvers_one(const struct resolvers *r)
{
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (r->inside[n].family)
            return &r->inside[n];
    return r->uplink_count ? &r->uplink[0] : NULL;
}

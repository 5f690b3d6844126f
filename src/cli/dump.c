/*
 * `check --dump`: the elements that a service file, or a site file with its services, adds to the packet filter's
 * sets (configs/firewall.nft), one per line in nft syntax. Addresses of names are known only at run time: `A(name)`
 * stands for each that is admitted.
 */
#include "conf.h"
#include "ops.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool has_family(const struct conf_service *service, uint8_t family)
{
    for (unsigned i = 0; i < service->remote_count; i++)
        if (service->remote[i].addr.family == family)
            return true;
    return false;
}

/* The suffix of a set's name, by the address family. */
static const char *version(uint8_t family)
{
    return family == AF_INET ? "v4" : "v6";
}

static void dump_allow(const struct conf_service *service, uint8_t family)
{
    /* Addresses outside the tunnel's networks are refused, so a family without networks has no elements. */
    if (!has_family(service, family))
        return;
    for (unsigned i = 0; i < service->rule_count; i++)
        for (unsigned k = 0; k < service->rules[i].port_count; k++) {
            const struct conf_port *port = &service->rules[i].ports[k];
            (void)printf("set %s_%s { %s(%s) . %s . %u . %u }%s\n", port->tls ? "tls" : "allow", version(family),
                         family == AF_INET ? "A" : "AAAA", service->rules[i].name,
                         port->proto == IPPROTO_TCP ? "tcp" : "udp", port->port, service->number,
                         port->tls && service->rules[i].ech_noise ? " # ech-noise" : "");
        }
}

void dump_service(const struct conf_service *service)
{
    char text[INET6_ADDRSTRLEN];
    for (unsigned i = 0; i < service->remote_count; i++) {
        const struct prefix *p = &service->remote[i];
        (void)printf("map tunnel_%s { %s/%u : %u }\n", version(p->addr.family), addr_text(&p->addr, text, sizeof text),
                     p->len, service->number);
    }
    if (service->resolver.family)
        (void)printf("set resolvers_%s { %s }\n", version(service->resolver.family),
                     addr_text(&service->resolver, text, sizeof text));
    dump_allow(service, AF_INET);
    dump_allow(service, AF_INET6);
}

/* Which host may use what: the same elements as gate's firewall_hosts adds. */
void dump_hosts(const struct conf *conf)
{
    for (unsigned i = 0; i < conf->site.host_count; i++) {
        const struct conf_host *h = &conf->site.hosts[i];
        const uint8_t *m = h->mac;
        char mac[18], address[INET6_ADDRSTRLEN];
        (void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        (void)addr_text(&h->addr, address, sizeof address);
        (void)printf("set hosts { %s }\nset hosts_at { %s . %s }\nset hosts_v4 { %s }\n", mac, mac, address, address);
        for (unsigned number = 1; number <= CONF_SERVICES_MAX; number++)
            if (conf_host_may(conf, h) >> (number - 1) & 1)
                (void)printf("set hosts_may { %s . %u }\n", mac, number);
    }
    for (unsigned number = 1; number <= CONF_SERVICES_MAX; number++)
        if (conf_host_may(conf, NULL) >> (number - 1) & 1)
            (void)printf("set unbound { %u }\n", number);
}

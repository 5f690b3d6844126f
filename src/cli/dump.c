/*
 * `check --dump`: the elements that a service file, or a site file with its services, adds to the packet filter's
 * sets (configs/firewall.nft), one per line in nft syntax. Addresses of names are known only at run time: `A(name)`
 * stands for each that is admitted.
 */
#include "conf.h"
#include "msg.h"
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

static void dump_rule(const struct conf_rule *rule, uint8_t family, unsigned mark, const char *note)
{
    for (unsigned k = 0; k < rule->port_count; k++) {
        const struct conf_port *port = &rule->ports[k];
        bool noise = port->tls && rule->ech_noise;
        (void)printf("set %s_%s { %s(%s) . %s . %u . %u }%s%s%s\n", port->tls ? "tls" : "allow", version(family),
                     family == AF_INET ? "A" : "AAAA", rule->name, port->proto == IPPROTO_TCP ? "tcp" : "udp",
                     port->port, mark, noise || note[0] ? " #" : "", noise ? " ech-noise" : "", note);
    }
}

/* Names on the line: the mark says for which hosts (configs/firewall/line.nft); here, those bound to the service. */
static void dump_line(const struct conf_service *service)
{
    for (unsigned i = 0; i < service->rule_count; i++)
        if (service->rules[i].via_line)
            dump_rule(&service->rules[i], AF_INET, MSG_ON_LINE + service->number,
                      service->rules[i].before ? " on the line, before a session too" : " on the line");
}

static void dump_allow(const struct conf_service *service, uint8_t family)
{
    /* Addresses outside the tunnel's networks are refused, so a family without networks has no elements. */
    if (!has_family(service, family))
        return;
    for (unsigned i = 0; i < service->rule_count; i++)
        if (!service->rules[i].via_line)
            dump_rule(&service->rules[i], family, service->number, "");
}

/* A tunnel of the PC's own: its mark has a bit beside the number, and it is IPv4's only. */
static void dump_pc(const struct conf_service *service)
{
    for (unsigned i = 0; i < service->rule_count; i++) {
        const struct conf_rule *rule = &service->rules[i];
        (void)printf("map pc_hubs { A(%s) : 0x1%u }\n", rule->name, service->number);
        for (unsigned k = 0; k < rule->port_count; k++)
            if (rule->ports[k].proto == IPPROTO_ESP)
                (void)printf("set esp_v4 { A(%s) . 0x1%u }\n", rule->name, service->number);
            else
                (void)printf("set allow_v4 { A(%s) . udp . %u . 0x1%u }\n", rule->name, rule->ports[k].port,
                             service->number);
    }
}

void dump_service(const struct conf_service *service)
{
    char text[INET6_ADDRSTRLEN];
    if (service->by_pc) {
        dump_pc(service);
        return;
    }
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
    dump_line(service);
}

static const char *mark(const struct conf_service *service, char text[8])
{
    (void)snprintf(text, 8, "%s%u", service->by_pc ? "0x1" : "", service->number);
    return text;
}

/* Which host may use what: the same elements as gate's firewall_hosts adds. */
void dump_hosts(const struct conf *conf)
{
    char text[8];
    for (unsigned i = 0; i < conf->site.host_count; i++) {
        const struct conf_host *h = &conf->site.hosts[i];
        const uint8_t *m = h->mac;
        char mac[18], address[INET6_ADDRSTRLEN];
        (void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        (void)addr_text(&h->addr, address, sizeof address);
        (void)printf("set hosts { %s }\nset hosts_at { %s . %s }\nset hosts_v4 { %s }\n", mac, mac, address, address);
        unsigned on_line = MSG_ON_LINE + 15; /* nothing there */
        for (unsigned k = 0; k < conf->service_count; k++)
            if (conf_host_may(conf, h) >> (conf->services[k].number - 1) & 1) {
                (void)printf("set hosts_may { %s . %s }\n", mac, mark(&conf->services[k], text));
                on_line = MSG_ON_LINE + conf->services[k].number;
            }
        (void)printf("map hosts_line { %s : %u }\n", mac, on_line);
    }
    for (unsigned i = 0; i < conf->service_count; i++)
        if (conf_host_may(conf, NULL) >> (conf->services[i].number - 1) & 1)
            (void)printf("set unbound { %s }\n", mark(&conf->services[i], text));
}

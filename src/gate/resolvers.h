/* The DNS servers that the box may query, and dns's sockets to them: the uplink's, and those of each tunnel that is
 * up. */
#ifndef SEKISHO_GATE_RESOLVERS_H
#define SEKISHO_GATE_RESOLVERS_H

#include "conf.h"
#include "dns_link.h"
#include "firewall.h"

struct resolvers {
    /* given at the start */
    const struct conf *conf;
    struct dns_link *dns;
    /* its own */
    unsigned uplink_count;
    struct addr uplink[CONF_ADDRS_MAX];
    struct addr inside[CONF_SERVICES_MAX + 1]; /* by number of the service, while its tunnel is up; family 0: none */
};

/* Call once the members given at the start are set. No server may be queried yet. */
void resolvers_init(struct resolvers *r);
/* The uplink's DNS servers: for services that are resolved outside, and for names that are not listed. */
void resolvers_uplink(struct resolvers *r, const struct addr *list, unsigned count);
/* The service's tunnel is up, or down (NULL). */
void resolvers_tunnel(struct resolvers *r, uint8_t service, const struct firewall_tunnel *tunnel);
/* Start a connection through the tunnel that a host behind it must answer; false: no probe is possible. */
bool resolvers_probe(struct resolvers *r, uint8_t service);
/* A server in use now, for the status; NULL: none. */
const struct addr *resolvers_one(const struct resolvers *r);

#endif

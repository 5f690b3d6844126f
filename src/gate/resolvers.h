/* Which DNS servers the box may ask, and the sockets that `dns` asks them through: the uplink's, and each open
 * tunnel's. */
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

/* Once all that is given is there: none may be asked yet. */
void resolvers_init(struct resolvers *r);
/* The uplink's DNS servers: for services that are resolved outside, and for names that are not listed. */
void resolvers_uplink(struct resolvers *r, const struct addr *list, unsigned count);
/* The service's tunnel is up, or gone (NULL). */
void resolvers_tunnel(struct resolvers *r, uint8_t service, const struct firewall_tunnel *tunnel);
/* Begin a connection through the tunnel that a host behind it must answer; false: there is nothing to ask. */
bool resolvers_probe(struct resolvers *r, uint8_t service);
/* One that is asked now, for people; NULL: none. */
const struct addr *resolvers_one(const struct resolvers *r);

#endif

/* The line's address and default route, through netlink. Needs CAP_NET_ADMIN. All return 0 or -1 with errno. */
#ifndef SEKISHO_WAN_ROUTE_H
#define SEKISHO_WAN_ROUTE_H

#include "conf.h"

int route_open(void);
int route_address(unsigned card, const struct prefix *address, bool add);
/* The default route; a gateway outside the address's own network is reached on the card all the same. mtu: of the
 * line, on the route and not on the card, which may drop what it receives beyond its own; segments are clamped by it. */
int route_default(unsigned card, const struct addr *gateway, bool on_link, uint32_t mtu);

#endif

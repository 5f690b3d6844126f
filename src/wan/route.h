/* The uplink's address and default route, by netlink. Needs CAP_NET_ADMIN. All return 0 or -1 with errno. */
#ifndef SEKISHO_WAN_ROUTE_H
#define SEKISHO_WAN_ROUTE_H

#include "conf.h"

int route_open(void);
int route_address(unsigned card, const struct prefix *address, bool add);
/* Set the default route. on_link: the gateway is outside the interface's own prefix. mtu: of the uplink; set on the
 * route (MSS clamping uses it), not on the interface, which might then drop larger packets that it receives. */
int route_default(unsigned card, const struct addr *gateway, bool on_link, uint32_t mtu);

#endif

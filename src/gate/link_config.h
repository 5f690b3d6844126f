/* Sends the configuration to `dns` and `sni`. The ids of names are their indexes in struct admit. */
#ifndef SEKISHO_GATE_LINK_CONFIG_H
#define SEKISHO_GATE_LINK_CONFIG_H

#include "admit.h"
#include "dns_link.h"
#include "sni_link.h"

/* Everything: the listed names, the hosts' services, the domains with private answers, the networks never allowed in
 * answers. */
void link_config_dns(struct dns_link *dns, const struct admit *admit);
/* The box's own address on the uplink, never allowed in answers either; called when it changes. */
void link_config_uplink(struct dns_link *dns, const struct addr *own);
/* The listed names. */
void link_config_sni(struct sni_link *sni, const struct admit *admit);

#endif

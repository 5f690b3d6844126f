/* What `dns` and `sni` are told of the site file and the service files. Names go by their index in struct admit. */
#ifndef SEKISHO_GATE_LINK_CONFIG_H
#define SEKISHO_GATE_LINK_CONFIG_H

#include "admit.h"
#include "dns_link.h"
#include "sni_link.h"

/* All: the listed names, who may use what, whose answers may be private addresses, which addresses no answer may
 * have. */
void link_config_dns(struct dns_link *dns, const struct admit *admit);
/* The box's own address on the uplink, which no answer may have either; it changes. */
void link_config_uplink(struct dns_link *dns, const struct addr *own);
/* The listed names. */
void link_config_sni(struct sni_link *sni, const struct admit *admit);

#endif

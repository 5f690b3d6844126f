/* Implements struct session_ops with the packet filter, charon, `dns` and `sni`. */
#ifndef SEKISHO_GATE_SESSION_EFFECTS_H
#define SEKISHO_GATE_SESSION_EFFECTS_H

#include "charon.h"
#include "dns_link.h"
#include "firewall_mode.h"
#include "firewall_stats.h"
#include "pc_tunnels.h"
#include "publish.h"
#include "resolvers.h"
#include "session.h"
#include "sni_link.h"
#include "stale_dns.h"

/* All given at the start. */
struct session_effects {
    struct firewall_mode *mode;
    struct firewall_stats *stats;
    struct charon *charon;
    struct dns_link *dns;
    struct sni_link *sni;
    struct resolvers *resolvers;
    struct stale_dns *stale_dns;
    struct pc_tunnels *pc_tunnels;
    struct publish *publish;
};

/* user: a struct session_effects */
extern const struct session_ops session_effects_ops;

#endif

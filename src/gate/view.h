/* Read-only access to the parts of gate that are published, for state.c and rules.c; set up by main.c. */
#ifndef SEKISHO_GATE_VIEW_H
#define SEKISHO_GATE_VIEW_H

#include "admit.h"
#include "charon.h"
#include "conf.h"
#include "dns_requests.h"
#include "firewall_stats.h"
#include "refusals.h"
#include "resolvers.h"
#include "session.h"
#include "sni_link.h"
#include "sni_verdicts.h"

struct view {
    const char *run; /* /run/sekisho */
    const struct cause
        *fault; /* why gate is not configured; the other members are then meaningless. CAUSE_NONE: it is */
    const struct conf *conf;
    const struct session *session;
    const struct charon *charon;
    const struct admit *admit;
    const struct resolvers *resolvers;
    const struct dns_requests *requests;
    const struct sni_verdicts *verdicts;
    const struct sni_link *sni;
    const struct refusals *refusals;
    const struct firewall_stats *stats;
};

#endif

/* What is published of gate: read only, given to state.c and rules.c by publish.c. */
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
    const struct cause *fault; /* why gate is not configured; none: it is. Else all that follows means nothing yet */
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

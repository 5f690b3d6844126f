/*
 * Handles sni's messages about TLS flows and refused packets, and gives the verdicts. `sni` parses untrusted input,
 * so each message is checked.
 */
#ifndef SEKISHO_GATE_SNI_VERDICTS_H
#define SEKISHO_GATE_SNI_VERDICTS_H

#include "admit.h"
#include "charon.h"
#include "pc_tunnels.h"
#include "refusals.h"
#include "session.h"
#include "sni_link.h"
#include "stale_dns.h"

#define SNI_VERDICTS_AWAY_MS 4000 /* sni may be down so long before it is reported */
#define SNI_VERDICTS_SHOWN_MS 600000 /* how long the last PC without a DNS query is shown in the status */

struct sni_verdicts {
    /* given at the start */
    const struct session *session;
    struct charon *charon;
    const struct admit *admit;
    struct refusals *refusals;
    struct sni_link *sni;
    struct stale_dns *stale_dns;
    struct pc_tunnels *pc_tunnels;
    const char *run; /* /run/sekisho */
    bool *changed; /* set when the state file is to be written (publish.h) */
    /* its own */
    uint64_t agreed; /* number of allowed TLS flows */
    uint64_t gone_at; /* when sni disconnected, or gate's start */
    bool away_told; /* its absence is in the state file, or will be with the next tick */
    /* The last PC that waited for an address without a DNS query for its name; "": none recently. */
    char unasked[INET6_ADDRSTRLEN];
    uint64_t unasked_at;
};

/* user: a struct sni_verdicts */
extern const struct sni_link_ops sni_verdicts_ops;

/* Call once the members given at the start are set. */
void sni_verdicts_init(struct sni_verdicts *v);
void sni_verdicts_tick(struct sni_verdicts *v, uint64_t now_ms);
/* Is sni down, for longer than a restart takes? */
bool sni_verdicts_away(const struct sni_verdicts *v, uint64_t now_ms);

#endif

/*
 * What `sni` says of TLS flows and of refused packets, and gate's verdict. `sni` reads what strangers write: it is not
 * simply believed.
 */
#ifndef SEKISHO_GATE_SNI_VERDICTS_H
#define SEKISHO_GATE_SNI_VERDICTS_H

#include "admit.h"
#include "charon.h"
#include "refusals.h"
#include "session.h"
#include "sni_link.h"
#include "stale_dns.h"

#define SNI_VERDICTS_AWAY_MS 4000 /* sni may be away so long without anybody being told */
#define SNI_VERDICTS_SHOWN_MS 600000 /* how long people are shown the last PC that did not ask */

struct sni_verdicts {
    /* given at the start */
    const struct session *session;
    struct charon *charon;
    const struct admit *admit;
    struct refusals *refusals;
    struct sni_link *sni;
    struct stale_dns *stale_dns;
    const char *run; /* /run/sekisho */
    bool *changed; /* set when the state file is to be written (publish.h) */
    /* its own */
    uint64_t agreed; /* TLS flows whose ClientHello was agreed to */
    uint64_t gone_at; /* when sni was there last, or gate's start */
    bool away_told; /* that it is away is in the state file, or will be with the next tick */
    /* The last PC that waited for an address without asking for its name; "": none lately. */
    char unasked[INET6_ADDRSTRLEN];
    uint64_t unasked_at;
};

/* user: a struct sni_verdicts */
extern const struct sni_link_ops sni_verdicts_ops;

/* Once all that is given is there. */
void sni_verdicts_init(struct sni_verdicts *v);
void sni_verdicts_tick(struct sni_verdicts *v, uint64_t now_ms);
/* It is away, and not only for the moment that it needs to come back. */
bool sni_verdicts_away(const struct sni_verdicts *v, uint64_t now_ms);

#endif

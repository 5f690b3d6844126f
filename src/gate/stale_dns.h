/*
 * PCs that still use an address from the previous session. A browser caches an address for a minute and more,
 * whatever happens to the session; until then it sends no DNS query, and its packets would be refused. So gate uses
 * its own recent admissions: a PC that waits for such an address starts a session like one that asks for the name,
 * and in each new session the names of the previous one are resolved again. An address is allowed by that answer
 * only, never from memory.
 *
 * Also programs that resolve a name once and keep the address as long as they run (Java, or a line in a hosts file).
 * During a session the listed names allowed in it are resolved again before they expire. That does not count as
 * traffic: the idle time considers only packets from and to the LAN. An address that is no longer in the answer
 * expires at its own time.
 */
#ifndef SEKISHO_GATE_STALE_DNS_H
#define SEKISHO_GATE_STALE_DNS_H

#include "admit.h"
#include "dns_link.h"
#include "session.h"

struct stale_dns {
    /* given at the start */
    const struct admit *admit;
    struct session *session;
    struct dns_link *dns;
    /* its own */
    uint64_t kept_at; /* time of the last check by stale_dns_keep */
};

/* A PC waits: start a session if the address was recently admitted for a listed name. False: it was not. */
bool stale_dns_wanted(struct stale_dns *d, const struct msg_blocked *m);
/* The tunnel of this service is coming up: have the names allowed last resolved again. */
void stale_dns_resolve(struct stale_dns *d, uint8_t service);
/* Call regularly: has allowed names resolved again before they expire, during their session. */
void stale_dns_keep(struct stale_dns *d, uint64_t now_ms);

#endif

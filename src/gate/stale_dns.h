/*
 * PCs that still know an address from the session before. A browser keeps an address for a minute and more, whatever
 * happens to the session; until then it asks for no name, and by the list of addresses alone it would find the door
 * shut. So gate goes by what it has admitted itself a short while ago: a PC that waits for such an address begins a
 * session as one that asks for the name; and in each new session the names of before are looked up anew. An address
 * opens by that answer only, never from memory.
 *
 * And programs that ask for a name once and then keep the address for as long as they run (Java does; so does a line in
 * a hosts file). While a session lives, the names on the list that are open in it are looked up again before their time
 * is over. That is no traffic: the idle clock counts what comes from the LAN and what is sent to it. An address that
 * the answer no longer has ends with its own time.
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
    uint64_t kept_at; /* when stale_dns_keep looked around last */
};

/* A PC waits: begin a session, if the address was a listed name's just now. False: it was not. */
bool stale_dns_wanted(struct stale_dns *d, const struct msg_blocked *m);
/* The tunnel of this service is coming up: have the names that were open last looked up anew. */
void stale_dns_resolve(struct stale_dns *d, uint8_t service);
/* Time passes: names that are open and about to end are looked up again, as long as their session lives. */
void stale_dns_keep(struct stale_dns *d, uint64_t now_ms);

#endif

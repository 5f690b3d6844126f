/*
 * Which answers for unlisted names may be private addresses: those for the domains in the site file
 * (`private-answers`); never addresses of the LAN, of the networks behind the tunnels or of the box. Pure.
 */
#ifndef SEKISHO_DNS_PRIVATE_H
#define SEKISHO_DNS_PRIVATE_H

#include "cname.h"
#include "msg.h"

#define PRIVATE_NEVER_MAX (1 + CONF_SERVICES_MAX * CONF_PREFIXES_MAX)

struct private_answers {
    unsigned count, never_count;
    char domains[CONF_PRIVATE_MAX][CONF_FQDN_MAX];
    struct prefix never[PRIVATE_NEVER_MAX];
    struct prefix line; /* the box's own address on the uplink; family 0: none now. Survives a new list. */
};

void private_clear(struct private_answers *p);
/* False: a protocol error by gate (too many). */
bool private_domain(struct private_answers *p, const struct msg_private *m);
bool private_never(struct private_answers *p, const struct msg_never *m);

/* Is this name (lower-case text) one of these domains or below one? */
bool private_covers(const struct private_answers *p, const char *name);
/* May an answer for such a name contain this private address? */
bool private_may(const struct private_answers *p, const struct addr *a);

#endif

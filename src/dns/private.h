/*
 * Which answers about unlisted names may lead into private networks: those about the domains that the site file names
 * (`private-answers`), and never into the LAN, the registry's networks behind the tunnels, or to the box. Pure.
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
    struct prefix line; /* the box's own address on the line; family 0: none now. Outlives a new list. */
};

void private_clear(struct private_answers *p);
/* False: gate breaks its own rules (too many). */
bool private_domain(struct private_answers *p, const struct msg_private *m);
bool private_never(struct private_answers *p, const struct msg_never *m);

/* Is this name (lower-case text) one of these domains or below one? */
bool private_covers(const struct private_answers *p, const char *name);
/* May this private address stand in an answer about such a name? */
bool private_may(const struct private_answers *p, const struct addr *a);

#endif

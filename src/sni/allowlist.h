/* The listed TLS names of all services, as gate sends them. A few hundred at most: searched from end to end. Pure. */
#ifndef SEKISHO_SNI_ALLOWLIST_H
#define SEKISHO_SNI_ALLOWLIST_H

#include "msg.h"

#define ALLOWLIST_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)

struct allowlist {
    unsigned count;
    bool complete; /* gate has said that this is all */
    struct {
        uint8_t service;
        bool ech_noise;
        uint8_t len;
        char name[CONF_FQDN_MAX]; /* lower case; a wildcard begins with `*.` */
    } names[ALLOWLIST_MAX];
};

/* Take in one name. Id 0 after a complete list begins a new one. False: gate breaks its own rules. */
bool allowlist_add(struct allowlist *l, const struct msg_name *m);

/* The entry of a service that covers this name, an exact one before a wildcard; -1: not listed. */
int allowlist_find(const struct allowlist *l, uint8_t service, const char *name);

/* Could a name of this service that is listed begin so? With a wildcard any could. */
bool listed_begins(const struct allowlist *l, uint8_t service, const char *begin);

#endif

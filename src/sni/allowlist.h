/* The listed TLS names of all services, as sent by gate. A few hundred at most, so the search is linear. Pure. */
#ifndef SEKISHO_SNI_ALLOWLIST_H
#define SEKISHO_SNI_ALLOWLIST_H

#include "msg.h"

#define ALLOWLIST_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)

struct allowlist {
    unsigned count;
    bool complete; /* MSG_NAMES_END was received */
    struct {
        uint8_t service;
        bool ech_noise;
        uint8_t len;
        char name[CONF_FQDN_MAX]; /* lower case; a wildcard begins with `*.` */
    } names[ALLOWLIST_MAX];
};

/* Add one name. Id 0 after a complete list starts a new one. False: a protocol error by gate. */
bool allowlist_add(struct allowlist *l, const struct msg_name *m);

/* Index of the service's entry that covers this name, an exact one before a wildcard; -1: not listed. */
int allowlist_find(const struct allowlist *l, uint8_t service, const char *name);

/* Can a listed name of this service begin like this? With a wildcard, always. */
bool listed_begins(const struct allowlist *l, uint8_t service, const char *begin);

#endif

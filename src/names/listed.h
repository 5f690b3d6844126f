/*
 * The listed names of all services: a fixed table filled by gate, and a hash over the wire form for the hot path. Pure.
 * An id is the index that gate gave; it stays valid until the list is begun anew.
 */
#ifndef SEKISHO_NAMES_LISTED_H
#define SEKISHO_NAMES_LISTED_H

#include "dnsmsg.h"
#include "msg.h"

#define LISTED_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)
#define LISTED_SLOTS 2048 /* power of two, four times the names: look-ups end after a step or two */

struct listed_name {
    uint8_t service;
    uint8_t wire_len;
    uint8_t wire[DNS_WIRE_NAME_MAX];
    char text[CONF_FQDN_MAX];
};

struct listed {
    unsigned count;
    bool complete; /* gate has said that this is all */
    struct listed_name names[LISTED_MAX];
    uint16_t slots[LISTED_SLOTS]; /* id + 1; 0: free */
};

/*
 * Take in one name. Id 0 after a complete list begins a new one. False: gate breaks its own rules (gap in the ids, no
 * FQDN, upper case, a service that cannot be, the same name twice, too many).
 */
bool listed_add(struct listed *l, const struct msg_name *m);

/* The id of a name in lower-case wire form; -1: not listed. */
int listed_find(const struct listed *l, const uint8_t *wire, uint8_t len);

#endif

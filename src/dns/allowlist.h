/*
 * The listed names of all services: a fixed table filled by gate, and hashes over the wire form for the hot path. Pure.
 * An id is the index that gate gave; it stays valid until the list is begun anew.
 *
 * A name is exact, or a wildcard: `*.example.jp` stands for every name below example.jp, on a label border, and not for
 * example.jp itself. An exact name wins over a wildcard, a longer wildcard over a shorter one.
 */
#ifndef SEKISHO_DNS_ALLOWLIST_H
#define SEKISHO_DNS_ALLOWLIST_H

#include "dnsmsg.h"
#include "msg.h"

#ifdef SEKISHO_FUZZ /* small tables: the fuzzer fills them, and starts fast */
#define ALLOWLIST_MAX 8
#define ALLOWLIST_SLOTS 32
#else
#define ALLOWLIST_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)
#define ALLOWLIST_SLOTS 2048 /* power of two, four times the names: look-ups end after a step or two */
#endif

struct allowlist_name {
    uint8_t service;
    bool wild;
    uint8_t wire_len;
    uint8_t wire[DNS_WIRE_NAME_MAX]; /* of a wildcard: without its first label */
    char text[CONF_FQDN_MAX];        /* as gate gave it */
};

struct allowlist {
    unsigned count, wild_count;
    bool complete; /* gate has said that this is all */
    struct allowlist_name names[ALLOWLIST_MAX];
    uint16_t slots[ALLOWLIST_SLOTS];      /* exact names: id + 1; 0: free */
    uint16_t wild_slots[ALLOWLIST_SLOTS]; /* wildcards */
};

/*
 * Take in one name. Id 0 after a complete list begins a new one. False: gate breaks its own rules (gap in the ids, no
 * pattern, upper case, a service that cannot be, the same name twice, too many).
 */
bool allowlist_add(struct allowlist *l, const struct msg_name *m);

/*
 * The id of a name in lower-case wire form, listed exactly or below a wildcard; -1: not listed. Below a wildcard only
 * host names (conf_is_fqdn) are listed: what gate and `sni` may hear of.
 */
int allowlist_find(const struct allowlist *l, const uint8_t *wire, uint8_t len);

/* Is this zone (lower-case wire form; the root is one octet) a name's own or above it? */
bool allowlist_is_zone_of(const struct allowlist_name *n, const uint8_t *wire, uint8_t len);

/*
 * The beginning of the name that a name for SVCB records belongs to: `_8443._https.NAME` (RFC 9460 section 2.3). 0: it is
 * not of that kind.
 */
unsigned listed_service_prefix(const uint8_t *wire, uint8_t len);

#endif

/*
 * The listed names of all services: a fixed table filled by gate, and hashes over the wire form for the hot path. Pure.
 * An id is the index given by gate; it is valid until a new list starts.
 *
 * A name is exact or a wildcard: `*.example.jp` covers every name below example.jp (whole labels), but not example.jp
 * itself. An exact name takes precedence over a wildcard, a longer wildcard over a shorter one.
 */
#ifndef SEKISHO_DNS_ALLOWLIST_H
#define SEKISHO_DNS_ALLOWLIST_H

#include "dnsmsg.h"
#include "msg.h"

#ifdef SEKISHO_FUZZ /* small tables, so that the fuzzer fills them and starts fast */
#define ALLOWLIST_MAX 8
#define ALLOWLIST_SLOTS 32
#else
#define ALLOWLIST_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)
#define ALLOWLIST_SLOTS 2048 /* power of two; at most a quarter full, so a look-up takes one or two steps */
#endif

struct allowlist_name {
    uint8_t service;
    bool wild;
    uint8_t wire_len;
    uint8_t wire[DNS_WIRE_NAME_MAX]; /* of a wildcard: without its first label */
    char text[CONF_FQDN_MAX];        /* as received from gate */
};

struct allowlist {
    unsigned count, wild_count;
    bool complete; /* MSG_NAMES_END was received */
    struct allowlist_name names[ALLOWLIST_MAX];
    uint16_t slots[ALLOWLIST_SLOTS];      /* exact names: id + 1; 0: free */
    uint16_t wild_slots[ALLOWLIST_SLOTS]; /* wildcards */
};

/*
 * Add one name. Id 0 after a complete list starts a new one. False: a protocol error by gate (a gap in the ids, an
 * invalid pattern, upper case, an invalid service, a duplicate, too many).
 */
bool allowlist_add(struct allowlist *l, const struct msg_name *m);

/*
 * The id of a name in lower-case wire form, listed exactly or by a wildcard; -1: not listed. A wildcard covers only
 * host names (conf_is_fqdn), because gate and sni accept no others.
 */
int allowlist_find(const struct allowlist *l, const uint8_t *wire, uint8_t len);

/* Is the zone (lower-case wire form; the root is one octet) the name itself or a parent of it? */
bool allowlist_is_zone_of(const struct allowlist_name *n, const uint8_t *wire, uint8_t len);

/*
 * Offset of NAME in `_8443._https.NAME`, the name for SVCB records of another port (RFC 9460 section 2.3). 0: not
 * such a name.
 */
unsigned listed_service_prefix(const uint8_t *wire, uint8_t len);

#endif

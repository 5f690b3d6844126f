/*
 * The listed names of all services, and which of them covers a name: used by gate, dns and sni. A fixed table, with
 * hashes over the wire form because dns looks up every query. Pure.
 *
 * A name is exact or a wildcard: `*.example.jp` covers every name below example.jp (whole labels), but not example.jp
 * itself. An exact name takes precedence over a wildcard, a longer wildcard over a shorter one. (A valid configuration
 * has only one such pair: an exact name and a wildcard of the same service.)
 *
 * An id is the position in the list; it is valid until a new list starts.
 */
#ifndef SEKISHO_ALLOWLIST_H
#define SEKISHO_ALLOWLIST_H

#include "dnsname.h"
#include "msg.h"

#ifdef SEKISHO_FUZZ /* small tables, so that the fuzzer fills them and starts fast */
#define ALLOWLIST_MAX 8
#define ALLOWLIST_SLOTS 32
#else
#define ALLOWLIST_MAX (CONF_SERVICES_MAX * CONF_RULES_MAX)
#define ALLOWLIST_SLOTS 2048 /* power of two; at most a quarter full, so a look-up takes one or two steps */
#endif

struct allowlist_name {
    uint8_t service; /* its number */
    bool wild, ech_noise;
    bool via_line, before; /* reached on the line; in MODE_BEFORE too (conf.h) */
    uint8_t wire_len;
    uint8_t wire[DNS_WIRE_NAME_MAX]; /* of a wildcard: without its first label */
    char text[CONF_FQDN_MAX];        /* lower case; a wildcard begins with `*.` */
};

struct allowlist {
    unsigned count, wild_count;
    bool complete; /* MSG_NAMES_END was received */
    struct allowlist_name names[ALLOWLIST_MAX];
    uint16_t slots[ALLOWLIST_SLOTS];      /* exact names: id + 1; 0: free */
    uint16_t wild_slots[ALLOWLIST_SLOTS]; /* wildcards */
};

/* Empty the list. (Zeros are an empty list too.) */
void allowlist_clear(struct allowlist *l);
/*
 * Add one name. Id 0 after a complete list starts a new one. False: a protocol error by the sender (a gap in the ids,
 * an invalid pattern, upper case, an invalid service, a duplicate, too many).
 */
bool allowlist_add(struct allowlist *l, const struct msg_name *m);

/*
 * The id of the listed name that covers this one (lower case; as text, or in wire form); -1: not listed. A wildcard
 * covers only host names (conf_is_fqdn): names that gate, dns and sni all read alike.
 */
int allowlist_find(const struct allowlist *l, const char *name);
int allowlist_find_wire(const struct allowlist *l, const uint8_t *wire, uint8_t len);

/* Is it reached this way: through the tunnel of that service, or (MSG_ON_LINE) on the line? */
bool allowlist_goes(const struct allowlist_name *n, uint8_t way);
/* Can a listed name that is reached this way begin like this? With a wildcard, any text can. */
bool allowlist_begins(const struct allowlist *l, uint8_t way, const char *begin);

/* Is the zone (lower-case wire form; the root is one octet) the name itself or a parent of it? */
bool allowlist_is_zone_of(const struct allowlist_name *n, const uint8_t *wire, uint8_t len);

#endif

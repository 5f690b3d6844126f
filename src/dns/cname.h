/*
 * Parse a resolver's answer with c-ares: the addresses it gives for the name of the query, and the CNAME chain. Pure
 * except for c-ares' own allocations, all freed before the return. The caller has already checked id and question
 * (dns_echo_matches).
 *
 * An answer is accepted as a whole or not at all: a single wrong address, CNAME or owner in its answer section
 * refuses it. Only addresses that can never be valid are refused here; gate decides whether an address is behind the
 * tunnel.
 */
#ifndef SEKISHO_DNS_CNAME_H
#define SEKISHO_DNS_CNAME_H

#include "dnsmsg.h"

#define CNAME_LINKS_MAX 8

#define CNAME_HTTPS_MAX 512 /* octets of the HTTPS records served */

enum cname_result {
    CNAME_ADDRS,     /* count addresses */
    CNAME_RECORDS,   /* HTTPS: record_count records, with count addresses as hints in them */
    CNAME_NO_DATA,   /* the name has no records of this type */
    CNAME_NO_NAME,   /* NXDOMAIN */
    CNAME_FAILED,    /* an error RCODE, or a truncated answer without a usable address */
    CNAME_MALFORMED, /* not a DNS message */
    CNAME_BROKEN,    /* a loop, too many links, two CNAMEs of one owner, or a record outside the chain */
    CNAME_FORBIDDEN  /* loopback, link-local, multicast … (ADDR_NO_HOST); the address is in addrs[0] */
};

struct cname {
    enum cname_result result;
    uint8_t count;
    uint32_t ttl; /* smallest of the chain; for NO_DATA and NO_NAME from the SOA (RFC 2308 section 5), else 0 */
    bool more; /* the answer has more addresses than fit into addrs */
    struct addr addrs[DNS_ADDRS_MAX];
    uint8_t record_count;
    uint16_t records_len;
    uint8_t records[CNAME_HTTPS_MAX]; /* in the form of dns_render */
};

/* name: of the query, lower-case text; type: DNS_A, DNS_AAAA or DNS_HTTPS. */
void cname_read(const uint8_t *msg, size_t len, const char *name, uint16_t type, struct cname *out);

/*
 * Check an answer for an unlisted name before it is passed on unchanged: it is well-formed, and no address in any
 * section (SVCB hints included) is private, special or the box's own (DNS rebinding). may: the private addresses
 * allowed for a name in one of the site's private-answers domains; NULL for any other name. False: *bad is the
 * address, or has family 0 if the message is malformed.
 */
struct private_answers;
bool cname_harmless(const uint8_t *msg, size_t len, const struct private_answers *may, struct addr *bad);

#endif

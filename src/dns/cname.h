/*
 * Reading a resolver's answer with c-ares: which addresses does it give for the name that was asked, by which chain?
 * Pure but for c-ares' own allocations, all freed before the return. The caller has checked id and question already
 * (dns_echo_matches).
 *
 * An answer is used whole or not at all: it is refused when one address, CNAME or owner in its answer section is not as
 * it must be. Whether an address lies behind the tunnel is for gate to say; here only what can never be right is refused.
 */
#ifndef SEKISHO_DNS_CNAME_H
#define SEKISHO_DNS_CNAME_H

#include "dnsmsg.h"

#define CNAME_LINKS_MAX 8

#define CNAME_HTTPS_MAX 512 /* octets of the HTTPS records that are handed out */

enum cname_result {
    CNAME_ADDRS,     /* count addresses */
    CNAME_RECORDS,   /* HTTPS: record_count records; count addresses that stand in them as hints */
    CNAME_NO_DATA,   /* the name has none of this type */
    CNAME_NO_NAME,   /* NXDOMAIN */
    CNAME_FAILED,    /* the resolver gave an error, or a cut answer without a usable address */
    CNAME_MALFORMED, /* no DNS message */
    CNAME_BROKEN,    /* a loop, too many links, two ways on, or a record of a name outside the chain */
    CNAME_FORBIDDEN  /* loopback, link-local, multicast … (ADDR_NO_HOST); the address is in addrs[0] */
};

struct cname {
    enum cname_result result;
    uint8_t count;
    uint32_t ttl; /* smallest of the chain; for NO_DATA and NO_NAME from the SOA (RFC 2308 section 5), else 0 */
    bool more; /* the answer has more than addrs holds */
    struct addr addrs[DNS_ADDRS_MAX]; /* the first of them */
    uint8_t record_count;
    uint16_t records_len;
    uint8_t records[CNAME_HTTPS_MAX]; /* as dns_render writes records */
};

/* name: what was asked, lower case text; type: DNS_A, DNS_AAAA or DNS_HTTPS. */
void cname_read(const uint8_t *msg, size_t len, const char *name, uint16_t type, struct cname *out);

/*
 * For an answer about an unlisted name that is to be passed on as it is: well-formed, and no address in any section (nor
 * as an SVCB hint) leads into a private network, this box or nowhere (DNS rebinding). may: the name is of a domain of the
 * site's own, so private addresses may stand there as far as this says; otherwise NULL. False: *bad is the address, or has
 * family 0 if the message is malformed.
 */
struct private_answers;
bool cname_harmless(const uint8_t *msg, size_t len, const struct private_answers *may, struct addr *bad);

#endif

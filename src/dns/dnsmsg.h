/*
 * DNS messages on the wire: a strict parser for clients' queries, and a writer for our own answers and queries. Pure,
 * no allocation and no needless copy: this is the hot path. Resolvers' answers are parsed by cname.h with c-ares, and
 * only after dns_echo_matches has accepted them.
 *
 * RFC 1035 section 4 (format), RFC 6891 (EDNS0), RFC 8914 (Extended DNS Errors), RFC 2308 (negative answers).
 * Names are kept in wire form; an answer repeats the query's case (draft-vixie-dnsext-dns0x20).
 */
#ifndef SEKISHO_DNS_DNSMSG_H
#define SEKISHO_DNS_DNSMSG_H

#include "dnsname.h"
#include "netaddr.h"

#define DNS_HEADER_LEN 12
#define DNS_MSG_MAX 1232  /* octets of any message over UDP, and of any query: no IP fragments at an MTU of 1280 */
#define DNS_TCP_MAX 8192  /* octets of an answer over TCP, a resolver's or ours */
#define DNS_PLAIN_MAX 512 /* RFC 1035 section 2.3.4: without EDNS over UDP */
#define DNS_ADDRS_MAX 64  /* addresses of one answer */
#define DNS_RECORDS_MAX (DNS_ADDRS_MAX * 28)

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_AAAA = 28,
    DNS_OPT = 41,
    DNS_DS = 43,
    DNS_DNSKEY = 48,
    DNS_SVCB = 64,
    DNS_HTTPS = 65,
    DNS_META_FIRST = 249, /* TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY: never forwarded */
    DNS_META_LAST = 255
};

enum dns_rcode { DNS_NOERROR, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };

/* RFC 8914 section 4; DNS_EDE_NONE is our own "no such option". */
enum dns_ede {
    DNS_EDE_OTHER = 0,
    DNS_EDE_BLOCKED = 15,
    DNS_EDE_NO_AUTHORITY = 22,
    DNS_EDE_NETWORK = 23,
    DNS_EDE_NONE = 0xffff
};

struct dns_question {
    uint16_t id;
    uint16_t type;
    uint16_t room;    /* maximum size of an answer to the client, 512..DNS_MSG_MAX; over TCP DNS_TCP_MAX */
    bool rd, cd;      /* copied to the answer */
    bool edns;        /* the answer has an OPT record */
    bool dnssec_ok;
    uint8_t name_len; /* of the wire name, with its final zero */
    uint8_t name[DNS_WIRE_NAME_MAX];  /* as in the query */
    uint8_t lower[DNS_WIRE_NAME_MAX]; /* in lower case, for look-ups */
};

enum dns_check {
    DNS_CHECK_OK,
    DNS_CHECK_DROP,   /* a response, or too short: do not answer, else two servers could loop for ever */
    DNS_CHECK_REJECT, /* answer with dns_build_error and *rcode */
};

/*
 * Parse a client's query: exactly one question of class IN, opcode QUERY, no compression, no record except one OPT, no
 * trailing octets. On DNS_CHECK_OK all of *q is set; over TCP the caller must raise room.
 */
enum dns_check dns_question_parse(const uint8_t *in, size_t len, struct dns_question *q, enum dns_rcode *rcode);

/* Write an error of 12 octets (23 with BADVERS) for a message whose question is unusable. in: at least 12 octets. */
size_t dns_build_error(const uint8_t *in, enum dns_rcode rcode, uint8_t *out);

struct dns_answer {
    enum dns_rcode rcode;
    uint32_t ttl;
    unsigned count; /* records, `len` octets in all, in the form of dns_render */
    unsigned len;
    const uint8_t *records;
    bool tc;          /* truncated: an empty answer with TC */
    bool soa;         /* no data or no such name: add an SOA, so that clients cache it for ttl (RFC 2308 section 5) */
    enum dns_ede ede; /* sent only to clients with EDNS */
    const char *text; /* EXTRA-TEXT, UTF-8, or NULL */
};

/* Write an answer, at most q->room octets: too much data becomes an empty answer with TC. */
size_t dns_build(const struct dns_question *q, const struct dns_answer *a, uint8_t *out);

/*
 * The same from a copy of a resolver's answer (signed.h), with the client's id, flags, question and size. Names
 * compressed to the question get the client's case.
 */
size_t dns_build_copy(const struct dns_question *q, const uint8_t *copy, size_t len, uint8_t *out);

/*
 * Write address records owned by the question's name. Returns their total length. (All cached records have this form:
 * the owner is a pointer to the question's name, the TTL is at offset 6, RDLENGTH at offset 10.)
 */
unsigned dns_render(uint16_t type, const struct addr *addrs, unsigned count, uint8_t *out);
/* The address in the record at p, written by dns_render. */
void dns_render_addr(uint16_t type, const uint8_t *p, struct addr *out);

/* Set the case of each letter in q->name from one bit of `bits`, which is random (draft-vixie-dnsext-dns0x20). */
void dns_mix_case(struct dns_question *q, const uint8_t bits[DNS_WIRE_NAME_MAX / 8 + 1]);

/* Write a query to a resolver for q's name (with its case) and type, with this id and RD. out[DNS_MSG_MAX]. */
size_t dns_build_question(const struct dns_question *q, uint16_t id, uint8_t *out);

/*
 * Is this a response with this id to exactly this question, case included? Anything else is stray or forged and is
 * discarded before other code sees it. Returns the end of the question section, or 0.
 */
size_t dns_echo_matches(const uint8_t *msg, size_t len, uint16_t id, const struct dns_question *q);

/* Is it a response with a header only, so that nothing but the id can be checked? */
bool dns_is_bare(const uint8_t *msg, size_t len);

#endif

/*
 * DNS messages on the wire: a strict parser for a client's question, a writer for our own answers and questions. Pure,
 * no allocation, no copy that is not needed: this is the hot path. Answers that come from a resolver are read by
 * cname.h with c-ares instead, and only after dns_echo_matches has agreed here.
 *
 * RFC 1035 section 4 (format), RFC 6891 (EDNS0), RFC 8914 (Extended DNS Errors), RFC 2308 (negative answers).
 * Names on the wire are kept in wire form; the case of a question is given back as it came (draft-vixie-dnsext-dns0x20).
 */
#ifndef SEKISHO_DNS_DNSMSG_H
#define SEKISHO_DNS_DNSMSG_H

#include "conf.h"

#define DNS_HEADER_LEN 12
#define DNS_WIRE_NAME_MAX 255
#define DNS_MSG_MAX 1232  /* octets of any message over UDP, and of any question: no IP fragments at an MTU of 1280 */
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
    uint16_t room;    /* octets that the client takes in one answer, 512..DNS_MSG_MAX; over TCP DNS_TCP_MAX */
    bool rd, cd;      /* given back */
    bool edns;        /* the answer carries an OPT record */
    bool dnssec_ok;
    uint8_t name_len; /* of the wire name, with its final zero */
    uint8_t name[DNS_WIRE_NAME_MAX];  /* as asked */
    uint8_t lower[DNS_WIRE_NAME_MAX]; /* in lower case, for look-up */
};

enum dns_check {
    DNS_CHECK_OK,
    DNS_CHECK_DROP,   /* a response, or too short to answer: silence, or two boxes could talk for ever */
    DNS_CHECK_REJECT, /* answer with dns_build_error and *rcode */
};

/*
 * Check and read a client's question: exactly one question of class IN, opcode QUERY, no compression, no record but one
 * OPT, no octet left over. On DNS_CHECK_OK all of *q is set except room over TCP, which the caller raises himself.
 */
enum dns_check dns_question_parse(const uint8_t *in, size_t len, struct dns_question *q, enum dns_rcode *rcode);

/* An answer of 12 octets (23 with BADVERS) to a message whose question cannot be used. in: at least 12 octets. */
size_t dns_build_error(const uint8_t *in, enum dns_rcode rcode, uint8_t *out);

struct dns_answer {
    enum dns_rcode rcode;
    uint32_t ttl;
    unsigned count; /* records, together `len` octets, as dns_render writes them */
    unsigned len;
    const uint8_t *records;
    bool tc;          /* nothing but the mark of a cut answer */
    bool soa;         /* no data or no such name: add an SOA so that it is cached for ttl (RFC 2308 section 5) */
    enum dns_ede ede; /* sent only to clients with EDNS */
    const char *text; /* EXTRA-TEXT, UTF-8, or NULL */
};

/* Write an answer, at most q->room octets: too much data becomes an empty answer with TC. */
size_t dns_build(const struct dns_question *q, const struct dns_answer *a, uint8_t *out);

/*
 * The same from a copy of a resolver's answer (signed.h): under the client's own id, bits, wording and size. The letters
 * of the question's name are the client's; what points there reads them so.
 */
size_t dns_build_copy(const struct dns_question *q, const uint8_t *copy, size_t len, uint8_t *out);

/*
 * Address records owned by the question's name. Returns their length together. (Any record that is kept looks so: a
 * pointer to the question's name as its owner, the TTL six octets on, the length of its data ten octets on.)
 */
unsigned dns_render(uint16_t type, const struct addr *addrs, unsigned count, uint8_t *out);
/* The address in the record at p, as dns_render wrote it. */
void dns_render_addr(uint16_t type, const uint8_t *p, struct addr *out);

/* Choose upper or lower case at random for each letter of q->name (draft-vixie-dnsext-dns0x20); bits: one a letter. */
void dns_mix_case(struct dns_question *q, const uint8_t bits[DNS_WIRE_NAME_MAX / 8 + 1]);

/* A question to a resolver for q's name as it is and type with our own id, RD set. out[DNS_MSG_MAX]. */
size_t dns_build_question(const struct dns_question *q, uint16_t id, uint8_t *out);

/*
 * Is this a response with this id to exactly this question, its letters in the very case that was asked? Everything else
 * is somebody else's or a forgery and is thrown away before any other code sees it. Returns the end of the question
 * section, or 0.
 */
size_t dns_echo_matches(const uint8_t *msg, size_t len, uint16_t id, const struct dns_question *q);

/* A response that is nothing but a header: the id is all that can be looked at. */
bool dns_is_bare(const uint8_t *msg, size_t len);

/* Wire form of a lower-case FQDN as msg_name has it. Returns its length, 0 if it is none. out[DNS_WIRE_NAME_MAX]. */
uint8_t dns_name_to_wire(const char *text, uint8_t *out);
/* Text of a wire name for people: printable ASCII, anything else as '?'. out[CONF_FQDN_MAX]. */
void dns_name_to_text(const uint8_t *wire, uint8_t len, char *out);

#endif

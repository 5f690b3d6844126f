/* The IPC messages: every type, its direction and its fixed-size body. Fields are in host byte order; no pointers. */
#ifndef SEKISHO_MSG_H
#define SEKISHO_MSG_H

#include "cause.h"
#include "conf.h"

#include <stdint.h>

enum msg_role {
    ROLE_GATE,
    ROLE_DNS,
    ROLE_SNI,
    ROLE_ENROLL,
    ROLE_ENROLL_NET,
    ROLE_CLOCK,
    ROLE_CLOCK_NET,
    ROLE_WAN,
    ROLE_WAN_NET,
    ROLE_CTL_CLIENT
};

enum msg_type {
    /* gate -> dns */
    MSG_LISTEN = 1, /* fd: a DNS socket bound to the LAN (struct msg_listen) */
    MSG_UPSTREAM, /* fd: a socket to a resolver, UDP or (on MSG_UPSTREAM_TCP) TCP (struct msg_upstream) */
    MSG_UPSTREAM_CLEAR, /* close all upstream sockets of a service (struct msg_service) */
    MSG_NAME, /* one listed name; also to sni (struct msg_name) */
    MSG_HOST, /* which services a LAN host may use; before MSG_NAMES_END (struct msg_host) */
    MSG_NAMES_END, /* the list is complete: start answering; also to sni (no body) */
    MSG_MODE, /* what may be answered now; also to sni, which then clears its flow table (struct msg_mode) */
    MSG_ADMITTED, /* reply to MSG_ADMIT (struct msg_admitted) */
    /* gate -> sni */
    MSG_QUEUE, /* fd: netlink socket to read packets from; replaces the one of the same kind (struct msg_queue) */
    /* gate -> dns */
    MSG_RESOLVE, /* resolve this name again without a client's query (struct msg_resolve) */
    MSG_PRIVATE, /* answers for this domain may be private addresses; before MSG_NAMES_END (struct msg_private) */
    MSG_NEVER, /* … but never in this network; before MSG_NAMES_END (struct msg_never) */
    MSG_PING, /* also to sni: reply MSG_PONG, or count as hanging (no body) */
    /* dns -> gate */
    MSG_WANT = 32, /* a client has asked for a listed name (struct msg_want) */
    MSG_ADMIT, /* addresses of a listed name, to be allowed (struct msg_admit) */
    MSG_REFUSED, /* a name or an answer was refused; to be counted and logged (struct msg_refused) */
    MSG_UPSTREAM_TCP, /* request a TCP connection to a resolver: an answer was truncated (struct msg_service) */
    MSG_PONG, /* also from sni: the reply to MSG_PING (no body) */
    /* sni -> gate */
    MSG_FLOW = 48, /* what to do with a TLS flow's held packets (struct msg_flow) */
    MSG_BLOCKED, /* the packet filter has refused a packet; to be counted and logged (struct msg_blocked) */
    /* enroll <-> enroll-net */
    MSG_EST_START = 64, /* key -> net: do one EST exchange (struct msg_est_start) */
    MSG_EST_CSR, /* key -> net: the PKCS#10 in DER (struct msg_blob) */
    MSG_EST_CHAIN, /* key -> net: current client certificate and CA, DER, one per message (struct msg_blob) */
    MSG_SIGN, /* net -> key: sign this TLS handshake digest (struct msg_sign) */
    MSG_SIGNATURE, /* key -> net (struct msg_blob) */
    MSG_EST_CERT, /* net -> key: a certificate in DER, the device certificate first (struct msg_blob) */
    MSG_EST_DONE, /* net -> key: the outcome (struct msg_est_done) */
    /* clock <-> clock's network part */
    MSG_TIME_ASK = 80, /* clock -> net: query these servers once (struct msg_time_ask) */
    MSG_TIME_ANSWER, /* net -> clock: the answer of one server; one message for each (struct msg_time_answer) */
    /* wan <-> wan's network part */
    MSG_LINE, /* wan -> net: the uplink has a carrier (again): request an address (struct msg_line) */
    MSG_LEASE, /* net -> wan: a DHCP lease of the uplink, or its end (struct msg_lease) */
    /* sekisho -> daemon, and back, over ctl.sock */
    MSG_CTL_SESSION_START = 96, /* struct msg_service: service number, 0: the first */
    MSG_CTL_SESSION_END, /* no body */
    MSG_CTL_CERT_RENEW, /* no body */
    MSG_CTL_REPLY /* struct msg_reply */
};

/* In the place of a service's number where a flow or a question goes on the line (conf.h, via_line). */
#define MSG_ON_LINE 32

struct msg_head {
    uint16_t type; /* enum msg_type */
    uint16_t size; /* of the body */
    uint32_t zero; /* must be 0 */
};

struct msg_listen {
    uint8_t proto; /* IPPROTO_UDP or IPPROTO_TCP (listening) */
    uint8_t family;
};

struct msg_upstream {
    uint8_t
        service; /* 1..8; 0: the line's, for names on the line and, in mode internet, for those that are not listed */
    uint8_t proto; /* IPPROTO_UDP: connected; IPPROTO_TCP: connecting */
    struct addr resolver;
};

struct msg_service {
    uint8_t service;
};

/* Later messages refer to the name by id. Ids count up from 0 without gaps. */
struct msg_name {
    uint16_t id;
    uint8_t service;
    uint8_t ech_noise; /* for sni: allow an ECH extension in the ClientHello (conf.h) */
    uint8_t via_line; /* on the line, and never through the tunnel … */
    uint8_t before; /* … and in MODE_BEFORE too */
    char name[CONF_FQDN_MAX]; /* lower case, NUL-terminated; a wildcard begins with `*.` */
};

/* Bit N-1 of services: the host may use service N. family 0: all hosts that have no message of their own. */
struct msg_host {
    struct addr addr;
    uint8_t services;
};

struct msg_private {
    char domain[CONF_FQDN_MAX]; /* lower case */
};

/*
 * line 1: net is the uplink's own address and replaces the previous one; may come at any time; family 0: it has none.
 */
struct msg_never {
    struct prefix net;
    uint8_t line;
};

/* MODE_BEFORE: closed, but for the names on the line that are open before a session. */
enum msg_mode_kind { MODE_CLOSED, MODE_INTERNET, MODE_SESSION, MODE_BEFORE };

struct msg_mode {
    uint8_t mode; /* enum msg_mode_kind */
    uint8_t services_up; /* bit N-1: the tunnel of service N is up */
    uint8_t failed; /* bit N-1: bringing up service N has just failed: answer SERVFAIL to waiting clients */
    uint32_t generation; /* of the session, or of MODE_BEFORE; 0 in the other modes */
};

struct msg_want {
    uint16_t id;
    struct addr client;
};

struct msg_resolve {
    uint16_t id;
    char name[CONF_FQDN_MAX]; /* the name with this id, or one that its wildcard covers */
};

#define MSG_ADMIT_ADDRS 16
/*
 * All addresses of one answer. gate allows them on all ports the service file lists for the name, in one transaction.
 */
struct msg_admit {
    uint32_t seq; /* echoed in the reply */
    uint16_t id;
    uint32_t generation; /* of the session when the answer was made; refused if it is not the current one */
    uint32_t timeout_s; /* of the set elements: the TTL served plus a grace period */
    uint8_t count;
    struct addr addrs[MSG_ADMIT_ADDRS];
    char name[CONF_FQDN_MAX]; /* what was asked for: the name with this id, or one that its wildcard covers */
};

enum msg_verdict {
    ADMIT_OK,
    ADMIT_STALE, /* the session has ended or changed since */
    ADMIT_OUTSIDE, /* an address outside the tunnel's remote selectors */
    ADMIT_FORBIDDEN, /* loopback, multicast, LAN, the box itself … */
    ADMIT_REGISTRY, /* of a name on the line: an address behind a tunnel */
    ADMIT_KERNEL /* the kernel rejected the transaction */
};

struct msg_admitted {
    uint32_t seq;
    uint8_t verdict; /* enum msg_verdict */
};

/* How what is listed is reached. */
enum msg_way { WAY_NONE, WAY_TUNNEL, WAY_LINE, WAY_COUNT };

enum msg_why {
    WHY_NOT_LISTED, /* the name is not listed */
    WHY_CLOSED, /* listed, but the box is closed and cannot bring up the tunnel */
    WHY_OUTSIDE, /* the answer is outside the tunnel's remote networks */
    WHY_FORBIDDEN, /* the answer points at the LAN, loopback … */
    WHY_TYPE, /* a query type that is not answered */
    WHY_UPSTREAM, /* the resolver does not answer, or not correctly */
    WHY_CHAIN, /* a CNAME leads to a name that is not acceptable */
    WHY_FLOOD, /* too many queries from one client */
    WHY_MALFORMED,
    WHY_PRIVATE, /* the answer for an unlisted name is a private address */
    WHY_HOST, /* listed, but the asking host is bound to another service */
    WHY_LIMIT, /* a limit of the box: too many names, addresses or queries at once */
    WHY_MANY, /* not refused: a client asks for unusually many names below wildcards, a way to leak data */
    WHY_NO_SESSION, /* on the line, and only in a session of its service */
    WHY_REGISTRY, /* the answer about a name on the line is an address behind a tunnel */
    WHY_COUNT
};

struct msg_refused {
    uint8_t why; /* enum msg_why */
    uint8_t way; /* enum msg_way, of the name */
    uint16_t qtype;
    struct addr client;
    struct addr answer; /* the address refused, if one was */
    char name[CONF_FQDN_MAX]; /* printable ASCII, checked by dns and again by gate before logging */
};

/* ---- sni ---- */

enum msg_queue_kind {
    QUEUE_SNI, /* nfnetlink_queue: packets of TLS flows whose name is not allowed yet */
    QUEUE_BLOCKED /* nfnetlink_log: the heads of refused packets, with the rule's reason as prefix */
};

/*
 * gate keeps the same socket: only gate writes to it (verdicts need CAP_NET_ADMIN), only sni reads. So the kernel's
 * error replies to gate's verdicts also arrive at sni, which skips them.
 */
struct msg_queue {
    uint8_t kind; /* enum msg_queue_kind */
};

enum msg_flow_what {
    FLOW_NAME, /* a complete ClientHello for `name`: gate allows the flow or resets it */
    FLOW_EARLY, /* the ClientHello is incomplete and the client waits for ACKs: accept these packets only */
    FLOW_DROP, /* the session has changed, the packets are obsolete: drop them */
    FLOW_MORE, /* further packets of a refused flow: reset the client, do not log again */
    FLOW_ANSWER, /* the server's first answer: accept it; the rest of the flow needs no verdict */
    FLOW_AFTER, /* of the client, sent before the server's answer: run it through the rules again (NF_REPEAT) */
    FLOW_NOT_TLS, /* this and all below: refuse, for this reason */
    FLOW_BROKEN, /* TLS, but not a parsable ClientHello */
    FLOW_NO_NAME, /* no server_name */
    FLOW_ECH, /* encrypted_client_hello; `name` is the outer name */
    FLOW_NOT_LISTED, /* `name` is not listed (gate also refuses with it a FLOW_NAME that it does not allow) */
    FLOW_SECOND, /* unexpected data after the ClientHello, for instance a second one */
    FLOW_TOO_LONG,
    FLOW_TOO_SLOW,
    FLOW_CROWD, /* the client's share of the flow table is full */
    FLOW_OLD_TLS, /* offers SSL, TLS 1.0 or 1.1 only */
    FLOW_NO_START, /* the start of the flow was not seen: it is older than sni, or the table was full */
    FLOW_WHAT_COUNT
};

#define MSG_FLOW_PACKETS 64
struct msg_flow {
    uint8_t what; /* enum msg_flow_what */
    uint8_t service; /* the packet's mark: 1..8, or MSG_ON_LINE */
    uint8_t count; /* of packets; at least 1, but a refusal may have 0 when no packet of the client is held */
    struct addr client, server; /* as in the forward hook: before NAT */
    uint16_t client_port, server_port;
    uint32_t seq, ack; /* of the first held segment: for the RST to the server */
    uint32_t
        packets[MSG_FLOW_PACKETS]; /* NFQA_PACKET_HDR ids in the order of arrival; each id is in one message only */
    char name[CONF_FQDN_MAX]; /* lower case, printable; "": none */
};

#define MSG_REASON_MAX 24
struct msg_blocked {
    char reason[MSG_REASON_MAX]; /* the log prefix of the rule: [a-z-]+ */
    uint8_t proto; /* 0: unknown */
    struct addr client, server; /* source and destination as seen by the rule; family 0: not IP */
    uint16_t port; /* destination port; 0: none */
    uint32_t count; /* of packets since the last message about this client, server and port */
};

struct msg_est_start {
    uint8_t renew; /* 0: simpleenroll with the password; 1: simplereenroll with the certificate (RFC 7030) */
    uint8_t ca_known; /* 1: MSG_EST_CHAIN carries the CA; 0: find it in /cacerts by its fingerprint */
    uint8_t resolver_count; /* the uplink's resolvers: the network part has an empty root without /etc/resolv.conf */
    struct addr resolvers[CONF_ADDRS_MAX];
};

#define MSG_BLOB_MAX 8192
struct msg_blob {
    uint16_t len;
    uint8_t kind; /* MSG_EST_CHAIN, MSG_EST_CERT: 0 device certificate, 1 CA certificate, 2 intermediate */
    uint8_t data[MSG_BLOB_MAX];
};

struct msg_sign {
    uint32_t seq;
    uint8_t len; /* 32, 48 or 64 */
    uint8_t digest[64];
};

#define MSG_RETRY_AFTER_MAX (24u * 3600) /* the longest delay that a server may ask for */

struct msg_est_done {
    uint8_t ok;
    uint16_t http_status; /* 0: no response */
    uint32_t retry_after_s; /* 0: none; at most MSG_RETRY_AFTER_MAX */
    int64_t server_time; /* UNIX time from the Date header, the server's certificate being verified; 0: none */
    struct cause cause; /* `est-…`; CAUSE_NONE when ok */
};

/* ---- clock ---- */

struct msg_time_ask {
    uint32_t round; /* echoed */
    uint8_t server_count, resolver_count;
    char servers[CONF_ADDRS_MAX][CONF_FQDN_MAX]; /* host name or address */
    struct addr resolvers[CONF_ADDRS_MAX];
};

/*
 * base_ns: the server's UNIX time minus the box's CLOCK_BOOTTIME, so that setting the box's clock does not change it.
 */
struct msg_time_answer {
    uint32_t round;
    uint8_t server; /* index in msg_time_ask.servers */
    uint8_t good; /* 0: no answer, or an unusable one */
    uint32_t delay_us; /* round trip; the error of base_ns is at most half of it */
    int64_t base_ns;
};

/* ---- wan ---- */

struct msg_line {
    uint8_t up;
};

/* All addresses IPv4. */
struct msg_lease {
    uint8_t bound; /* 0: no lease (any more); the other fields are then unused */
    uint8_t prefix_len; /* 1..32 */
    uint8_t dns_count, ntp_count;
    uint16_t mtu; /* of the uplink, 576 to 1500; 0: not given */
    struct addr address, gateway; /* gateway family 0: none given */
    struct addr dns[CONF_ADDRS_MAX], ntp[CONF_ADDRS_MAX];
    uint32_t lease_s;
};

struct msg_reply {
    uint8_t ok;
    struct cause cause; /* the answer */
};

struct msg {
    struct msg_head head;
    union {
        struct msg_listen listen;
        struct msg_upstream upstream;
        struct msg_service service;
        struct msg_name name;
        struct msg_mode mode;
        struct msg_admitted admitted;
        struct msg_want want;
        struct msg_resolve resolve;
        struct msg_admit admit;
        struct msg_refused refused;
        struct msg_host host;
        struct msg_private private_answers;
        struct msg_never never;
        struct msg_queue queue;
        struct msg_flow flow;
        struct msg_blocked blocked;
        struct msg_est_start est_start;
        struct msg_blob blob;
        struct msg_sign sign;
        struct msg_est_done est_done;
        struct msg_time_ask time_ask;
        struct msg_time_answer time_answer;
        struct msg_line line;
        struct msg_lease lease;
        struct msg_reply reply;
    } u;
};

#endif

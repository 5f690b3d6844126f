/* The internal messages: every type, its direction and its fixed-size body. Fields are host byte order; no pointers. */
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
    MSG_LISTEN = 1, /* fd: a bound DNS socket of the LAN (struct msg_listen) */
    MSG_UPSTREAM, /* fd: a socket to a resolver, UDP or (asked for) TCP (struct msg_upstream) */
    MSG_UPSTREAM_CLEAR, /* close all upstream sockets of a service (struct msg_service) */
    MSG_NAME, /* one listed name; also to sni (struct msg_name) */
    MSG_HOST, /* which services a LAN host may use; before MSG_NAMES_END (struct msg_host) */
    MSG_NAMES_END, /* the list is complete: begin to answer; also to sni (no body) */
    MSG_MODE, /* what may be answered now; also to sni, which then forgets its flows (struct msg_mode) */
    MSG_ADMITTED, /* reply to MSG_ADMIT (struct msg_admitted) */
    /* gate -> sni */
    MSG_QUEUE, /* fd: netlink socket to read packets from, replaces one of the same kind (struct msg_queue) */
    /* gate -> dns */
    MSG_RESOLVE, /* find this name's addresses out again, though nobody asks (struct msg_resolve) */
    MSG_PRIVATE, /* answers about this domain may be private addresses; before MSG_NAMES_END (struct msg_private) */
    MSG_NEVER, /* … but none in this network; before MSG_NAMES_END (struct msg_never) */
    MSG_PING, /* also to sni: say MSG_PONG, or be taken for one that hangs (no body) */
    /* dns -> gate */
    MSG_WANT = 32, /* a listed name was asked for (struct msg_want) */
    MSG_ADMIT, /* addresses of a listed name, to be opened (struct msg_admit) */
    MSG_REFUSED, /* a name or an answer was refused; for counting and the log (struct msg_refused) */
    MSG_UPSTREAM_TCP, /* one TCP connection to a resolver of this service, please: an answer was cut (struct msg_service) */
    MSG_PONG, /* also of sni: the reply to MSG_PING (no body) */
    /* sni -> gate */
    MSG_FLOW = 48, /* what is to be done with a TLS flow's held packets (struct msg_flow) */
    MSG_BLOCKED, /* the rule set has refused a packet; for counting and the log (struct msg_blocked) */
    /* enroll <-> enroll-net */
    MSG_EST_START = 64, /* key -> net: do one exchange (struct msg_est_start) */
    MSG_EST_CSR, /* key -> net: the PKCS#10 in DER (struct msg_blob) */
    MSG_EST_CHAIN, /* key -> net: current client certificate and CA, DER, one a message (struct msg_blob) */
    MSG_SIGN, /* net -> key: sign this TLS handshake digest (struct msg_sign) */
    MSG_SIGNATURE, /* key -> net (struct msg_blob) */
    MSG_EST_CERT, /* net -> key: a certificate in DER, device certificate first (struct msg_blob) */
    MSG_EST_DONE, /* net -> key: how it ended (struct msg_est_done) */
    /* clock <-> clock's network part */
    MSG_TIME_ASK = 80, /* clock -> net: ask these servers once (struct msg_time_ask) */
    MSG_TIME_ANSWER, /* net -> clock: what one of them said; one for each (struct msg_time_answer) */
    /* wan <-> wan's network part */
    MSG_LINE, /* wan -> net: the line is up (again): ask for an address (struct msg_line) */
    MSG_LEASE, /* net -> wan: what the line's DHCP server gave, or took back (struct msg_lease) */
    /* sekisho -> daemon, and back, over ctl.sock */
    MSG_CTL_SESSION_START = 96, /* struct msg_service: service number, 0: the first */
    MSG_CTL_SESSION_END, /* no body */
    MSG_CTL_CERT_RENEW, /* no body */
    MSG_CTL_REPLY /* struct msg_reply */
};

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
    uint8_t service; /* 1..8; 0: names that are not listed, in mode internet */
    uint8_t proto; /* IPPROTO_UDP: connected; IPPROTO_TCP: connecting */
    struct addr resolver;
};

struct msg_service {
    uint8_t service;
};

/* id is the index that later messages use for this name; ids count up from 0 without a gap. */
struct msg_name {
    uint16_t id;
    uint8_t service;
    uint8_t ech_noise; /* to sni: an ECH extension in the ClientHello is no reason to refuse (conf.h) */
    char name[CONF_FQDN_MAX]; /* lower case, NUL-terminated; a wildcard begins with `*.` */
};

/* Bit N-1 of services: the host may use service N. family 0: hosts that are bound to none. */
struct msg_host {
    struct addr addr;
    uint8_t services;
};

struct msg_private {
    char domain[CONF_FQDN_MAX]; /* lower case */
};

/* line: the box's own address there, in place of the one before, at any time; family 0: it has none. */
struct msg_never {
    struct prefix net;
    uint8_t line;
};

enum msg_mode_kind { MODE_CLOSED, MODE_INTERNET, MODE_SESSION };

struct msg_mode {
    uint8_t mode; /* enum msg_mode_kind */
    uint8_t services_up; /* bit N-1: the tunnel of service N is up */
    uint8_t failed; /* bit N-1: raising service N has just failed: answer SERVFAIL to those who wait */
    uint32_t generation; /* of the session; 0 outside */
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
/* All addresses of one answer. gate opens every port that the service file lists for the name, in one transaction. */
struct msg_admit {
    uint32_t seq; /* echoed in the reply */
    uint16_t id;
    uint32_t generation; /* the session that the answer was made in; another one is refused */
    uint32_t timeout_s; /* of the set elements: served TTL + grace */
    uint8_t count;
    struct addr addrs[MSG_ADMIT_ADDRS];
    char name[CONF_FQDN_MAX]; /* what was asked for: the name with this id, or one that its wildcard covers */
};

enum msg_verdict {
    ADMIT_OK,
    ADMIT_STALE, /* another session, or none, by now */
    ADMIT_OUTSIDE, /* an address outside the tunnel's remote selectors */
    ADMIT_FORBIDDEN, /* loopback, multicast, LAN, the box itself … */
    ADMIT_KERNEL /* the kernel did not take it */
};

struct msg_admitted {
    uint32_t seq;
    uint8_t verdict; /* enum msg_verdict */
};

enum msg_why {
    WHY_NOT_LISTED, /* the name is on no list */
    WHY_CLOSED, /* listed, but the box is closed and cannot raise the tunnel */
    WHY_OUTSIDE, /* answer outside the tunnel */
    WHY_FORBIDDEN, /* answer points at the LAN, loopback … */
    WHY_TYPE, /* a query type that is not answered */
    WHY_UPSTREAM, /* the resolver is silent or broken */
    WHY_CHAIN, /* a CNAME that leads to a name that is not acceptable */
    WHY_FLOOD, /* too many queries of one client */
    WHY_MALFORMED,
    WHY_PRIVATE, /* an unlisted name's answer is a private address */
    WHY_HOST, /* listed, but the asking host is bound to another service */
    WHY_LIMIT, /* a limit of the box bites: too many names, addresses or questions at once */
    WHY_MANY, /* not refused: this client asks for unusually many names below wildcards, which can carry its words out */
    WHY_COUNT
};

struct msg_refused {
    uint8_t why; /* enum msg_why */
    uint16_t qtype;
    struct addr client;
    struct addr answer; /* the address refused, if one was */
    char name[CONF_FQDN_MAX]; /* printable ASCII, checked by dns and again by gate before logging */
};

/* ---- sni ---- */

enum msg_queue_kind {
    QUEUE_SNI, /* nfnetlink_queue: packets of TLS flows that no name has been agreed for */
    QUEUE_BLOCKED /* nfnetlink_log: the heads of refused packets, the rule's reason as prefix */
};

/*
 * gate keeps the same socket: it alone may write (verdicts need CAP_NET_ADMIN), sni alone reads. So what the kernel
 * answers to gate's verdicts (errors) arrives at sni too, which skips it.
 */
struct msg_queue {
    uint8_t kind; /* enum msg_queue_kind */
};

enum msg_flow_what {
    FLOW_NAME, /* a whole ClientHello asking for `name`: gate agrees or resets */
    FLOW_EARLY, /* no whole ClientHello yet, and the client waits for acknowledgements: let these packets go, no more */
    FLOW_DROP, /* nobody decides about these packets any more (the session has changed): drop them */
    FLOW_MORE, /* of a flow that was refused already: reset its client, say nothing a second time */
    FLOW_ANSWER, /* of the server, which has answered with it: let it go, nothing more of the flow is a question */
    FLOW_AFTER, /* of the client, under way when the server answered: the rules decide about it by what they know now */
    FLOW_NOT_TLS, /* from here on: refuse; what is wrong with it */
    FLOW_BROKEN, /* TLS, but not a ClientHello that can be read */
    FLOW_NO_NAME, /* no server_name */
    FLOW_ECH, /* encrypted_client_hello, `name` is the outer name */
    FLOW_NOT_LISTED, /* `name` is on no list (gate says the same of a FLOW_NAME that it does not agree to) */
    FLOW_SECOND, /* something follows the ClientHello that cannot be there, a second one for instance */
    FLOW_TOO_LONG,
    FLOW_TOO_SLOW,
    FLOW_CROWD, /* no room for one more flow of this client */
    FLOW_OLD_TLS, /* SSL, TLS 1.0 or 1.1 is all that is on offer */
    FLOW_NO_START, /* how the flow began was not seen: it is older than sni, or there was no room to remember it */
    FLOW_WHAT_COUNT
};

#define MSG_FLOW_PACKETS 64
struct msg_flow {
    uint8_t what; /* enum msg_flow_what */
    uint8_t service; /* the packet's mark: 1..8 */
    uint8_t count; /* of packets, 1.. ; what refuses may have none, because none of the client is held */
    struct addr client, server; /* as in the forward hook: before translation */
    uint16_t client_port, server_port;
    uint32_t seq, ack; /* of the first held segment: for the reset to the server */
    uint32_t packets
        [MSG_FLOW_PACKETS]; /* NFQA_PACKET_HDR ids, in the order of arrival; each is mentioned once in its life */
    char name[CONF_FQDN_MAX]; /* lower case, printable; "" when there is none */
};

#define MSG_REASON_MAX 24
struct msg_blocked {
    char reason[MSG_REASON_MAX]; /* the log prefix of the rule: [a-z-]+ */
    uint8_t proto; /* 0: unknown */
    struct addr client, server; /* source and destination as seen by the rule; family 0: not IP */
    uint16_t port; /* destination port; 0: none */
    uint32_t count; /* of packets since sni last said so of this client, server and port */
};

struct msg_est_start {
    uint8_t renew; /* 0: simpleenroll with password; 1: simplereenroll with the certificate */
    uint8_t ca_known; /* 1: MSG_EST_CHAIN brings the CA; 0: find it in /cacerts by the fingerprint */
    uint8_t resolver_count; /* the box's own resolvers: the network part has an empty root and no /etc/resolv.conf */
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

#define MSG_RETRY_AFTER_MAX (24u * 3600) /* no server puts a renewal off for longer */

struct msg_est_done {
    uint8_t ok;
    uint16_t http_status; /* 0: none came */
    uint32_t retry_after_s; /* 0: none; at most MSG_RETRY_AFTER_MAX */
    int64_t server_time; /* UNIX time by the server's own clock, its certificate checked; 0: it did not say */
    struct cause cause; /* what is wrong: `est-…`, none when ok */
};

/* ---- clock ---- */

struct msg_time_ask {
    uint32_t round; /* echoed */
    uint8_t server_count, resolver_count;
    char servers[CONF_ADDRS_MAX][CONF_FQDN_MAX]; /* host name or address */
    struct addr resolvers[CONF_ADDRS_MAX];
};

/* base_ns: the server's UNIX time less CLOCK_BOOTTIME of the box: no change of the box's own clock moves it. */
struct msg_time_answer {
    uint32_t round;
    uint8_t server; /* its place in the question */
    uint8_t good; /* 0: no answer, or none that can be used */
    uint32_t delay_us; /* there and back: the answer is right within half of it */
    int64_t base_ns;
};

/* ---- wan ---- */

struct msg_line {
    uint8_t up;
};

/* All addresses IPv4. */
struct msg_lease {
    uint8_t bound; /* 0: there is none (any more); the rest is nothing then */
    uint8_t prefix_len; /* 1..32 */
    uint8_t dns_count, ntp_count;
    uint16_t mtu; /* of the line, 576 to 1500; 0: not given */
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

/*
 * The processing of a query, from the client's octets to those of the answer. No socket, clock or random source of
 * its own: they come in through struct frontend_ops and the parameter `now` (milliseconds, CLOCK_MONOTONIC), so that
 * unit tests and the fuzzer drive the same code.
 *
 * Cached answers and refusals are sent at once. Any other query becomes a lookup (struct pending: one name and type)
 * with the clients that wait for it (waiters). A lookup has these states, changed only by enter() in pending.c:
 *
 *     FREE ── listed, its tunnel down ──> HELD ── tunnel up ──────────────> ASKING
 *       └──── listed, tunnel up, or unlisted in mode internet ────────────> ASKING ── addresses ──> ADMITTING
 *       └──── in the cache, but its element not confirmed for long enough ────────────────────────> ADMITTING
 *     ASKING ── truncated answer ──> ASKING over TCP
 *     ASKING, ADMITTING ── the session changed ──> HELD or ASKING        any ── answered or given up ──> FREE
 *
 * The invariant: an address of a listed name leaves this module only from a cache entry of the current generation whose
 * element gate has confirmed for the served TTL plus the grace period (ttlclock.h).
 *
 * A validating server does not wait as long as a tunnel may take: over UDP it gets TC after FRONTEND_TURN_MS, retries
 * over TCP and waits there. The lookup goes on meanwhile.
 *
 * One client's queries cannot starve another's: when a table is full, the client with most entries loses one to a
 * client with fewer.
 *
 * Answers give the addresses under the name of the query, without the CNAME chain: the other names of the chain are
 * not listed, so a PC or a forwarder that asked for one of them would be refused. Only a validating client gets a
 * signed answer unchanged.
 *
 * A validating server asks for NS, DS and DNSKEY of the zones above a listed name, up to the root. In a session these
 * few queries go to the resolver of that name's service; they are a fixed set, so no PC can leak data with them. When
 * the LAN is closed they bring up the tunnel as the name itself would; in mode internet they are names like any
 * other.
 */
#ifndef SEKISHO_DNS_FRONTEND_H
#define SEKISHO_DNS_FRONTEND_H

#include "cache.h"
#include "cname.h"
#include "client.h"
#include "hosts.h"
#include "ratelimit.h"
#include "allowlist.h"
#include "dnsmsg.h"
#include "private.h"

#ifdef SEKISHO_FUZZ
#define FRONTEND_WAITERS_MAX 8
#define FRONTEND_WAITERS_CLIENT_MAX 6
#define FRONTEND_PENDING_MAX 6
#define FRONTEND_FORWARDS_MAX 4
#else
#define FRONTEND_WAITERS_MAX 512        /* waiting queries, in all … */
#define FRONTEND_WAITERS_CLIENT_MAX 384 /* … and of one client, while nobody else needs the room */
#define FRONTEND_PENDING_MAX 256       /* lookups … */
#define FRONTEND_FORWARDS_MAX 192      /* … of which for unlisted names */
#endif
#define FRONTEND_HOLD_MS 8000          /* time-out for the tunnel to come up */
#define FRONTEND_TURN_MS 900           /* until a validating server that waits over UDP gets TC */
#define FRONTEND_TRY_MS 600            /* time-out of one query to the resolver */
#define FRONTEND_EDNS_TRIES 3          /* then without EDNS: some old resolvers drop queries with it */
#define FRONTEND_PLAIN_MS                                                                                              \
    300000       /* after an error: so long without EDNS; after silence (perhaps of the uplink) for a fifth of it */
#define FRONTEND_TCP_MS 3000           /* time-out of one query over TCP */
#define FRONTEND_TRIES 5
#define FRONTEND_ADMIT_MS 2000         /* time-out of gate and the kernel */
#define FRONTEND_AGAIN_MS 50           /* until a retry when gate's queue was full */
#define FRONTEND_WANT_MS 1000          /* minimum interval of MSG_WANT for one name */
#define FRONTEND_REPORTS_RATE 20       /* MSG_REFUSED per second; all refusals are counted */
#define FRONTEND_COPY_MAX 4096         /* octets of a signed answer */
#define PENDING_KEY_FORWARD 1

struct frontend_ops {
    void *user;
    /* Send a late answer to a client. Errors are ignored: the client will retry. */
    void (*reply)(void *user, const struct client *to, const uint8_t *data, size_t len);
    /* Send a message to gate. False: its queue is full now. */
    bool (*to_gate)(void *user, enum msg_type type, const void *body);
    /*
     * Send a query to a service's resolver, from a source port of its own while there are sockets enough. *sock: in,
     * the socket of the previous try (0: none), whose resolver is then avoided; out, the socket used. False: there is
     * none.
     */
    bool (*ask)(void *user, uint8_t service, const uint8_t *data, size_t len, unsigned *sock);
    /* One query sent on this socket awaits no answer any more. */
    void (*done)(void *user, uint8_t service, unsigned sock);
    /* 32 unpredictable bits. */
    uint32_t (*random)(void *user);
};

enum pending_state { PENDING_FREE, PENDING_HELD, PENDING_ASKING, PENDING_ADMITTING };

struct pending {
    enum pending_state state;
    bool forward; /* an unlisted name in mode internet; then id is unused and service is 0 */
    bool zone; /* NS, DS, DNSKEY of a zone of the listed name; the answer is passed on */
    bool wild; /* covered by a wildcard, whose id it has */
    bool via_line; /* a listed name that is resolved on the line: then service is 0, and no tunnel is raised for it */
    bool tcp; /* ASKING: over TCP, because the answer over UDP was truncated */
    bool plain; /* ASKING: without EDNS … */
    bool no_edns; /* … because the resolver does not support it */
    bool sent; /* the message that belongs to the state has been sent */
    uint8_t service;
    uint8_t tries;
    uint8_t chunks, chunks_sent,
        chunks_done; /* ADMITTING: number of messages of MSG_ADMIT_ADDRS addresses; bit mask of those confirmed */
    uint16_t id; /* of the listed name */
    unsigned sock; /* ASKING: the socket used; 0: none (TCP: not yet) */
    uint32_t seq; /* ADMITTING: of the first message */
    uint32_t timeout_s; /* ADMITTING: the element time-out requested */
    uint64_t started, deadline, sent_at;
    struct addr owner; /* the client that caused it, for eviction */
    struct dns_question question; /* as sent to the resolver */
    struct ttl_clock clock; /* ADMITTING: of addrs */
    uint8_t count;
    struct addr addrs[DNS_ADDRS_MAX]; /* to be allowed */
    uint8_t record_count; /* HTTPS: the records to serve after that */
    uint16_t records_len;
    uint8_t records[CNAME_HTTPS_MAX];
    bool unused; /* the resolver's answer has addresses, but of a kind the LAN cannot use */
    bool is_signed; /* the resolver's answer is signed … */
    uint16_t copy_len; /* … and copy is for validating clients; 0: it must not be served */
    uint8_t copy[FRONTEND_COPY_MAX];
};

struct waiter {
    struct client client;
    struct dns_question question;
    uint64_t since; /* time of arrival */
};

struct frontend_stats {
    uint64_t queries, cached, answered, refused, failed;
};

struct frontend {
    struct frontend_ops ops;
    struct msg_mode mode;
    bool ipv4_only; /* the LAN has no IPv6, so do not serve IPv6 addresses */
    struct frontend_stats stats;
    struct allowlist listed;
    struct hosts hosts;
    struct private_answers private_answers;
    uint64_t wanted_at[ALLOWLIST_MAX]; /* time of the last MSG_WANT for each name */
    struct ratelimit limit;
    unsigned live, forwards; /* lookups in use, and of these the unlisted ones */
    uint32_t seq;
    uint32_t report_tokens; /* thousandths */
    uint64_t report_at, limit_told, evicted_told;
    uint64_t plain_until[CONF_SERVICES_MAX + 1]; /* time until which a service's resolver is queried without EDNS */
    uint64_t next; /* time of the next deadline */
    /* Kept apart from the large arrays, because every query that is not cached scans them. */
    uint32_t keys[FRONTEND_PENDING_MAX]; /* pending_key of each lookup, PENDING_KEY_FORWARD, or 0: free */
    uint16_t query_ids[FRONTEND_PENDING_MAX]; /* ASKING: message id of the query to the resolver */
    uint16_t waiting[FRONTEND_WAITERS_MAX]; /* 1 + index of the lookup that a waiter waits for; 0: free */
    uint16_t tags[FRONTEND_WAITERS_MAX]; /* short hash of the waiter's address: usually differs between clients */
    /*
     * The members below are not cleared at the start; generations and the arrays above tell which entries are in use.
     */
    struct cache cache;
    struct pending pending[FRONTEND_PENDING_MAX];
    struct waiter waiters[FRONTEND_WAITERS_MAX];
};

void frontend_init(struct frontend *q, const struct frontend_ops *ops);

/*
 * A query from a client. Returns the length of an answer to send now, written to out[DNS_MSG_MAX] (over TCP
 * out[DNS_TCP_MAX]); 0: no answer, or a later one through ops.reply.
 */
size_t frontend_client(struct frontend *q, uint64_t now, const struct client *from, const uint8_t *in, size_t len,
                       uint8_t *out);

/* A TCP client has disconnected: remove its waiters. */
void frontend_client_gone(struct frontend *q, uint16_t slot, uint32_t serial);

/* A datagram from a resolver on socket `sock` of a service. Forged and stray ones are ignored. */
void frontend_upstream(struct frontend *q, uint64_t now, uint8_t service, unsigned sock, const uint8_t *data,
                       size_t len);

/* A service has a new upstream socket: send the queries that are waiting for one. */
void frontend_upstream_ready(struct frontend *q, uint64_t now, uint8_t service);

/*
 * A TCP connection to a service's resolver is established as socket `sock`. Writes the query to send on it to
 * out[DNS_MSG_MAX]; 0: no lookup needs it any more. The answer comes through frontend_upstream; ops.done ends its use.
 */
size_t frontend_stream(struct frontend *q, uint8_t service, unsigned sock, uint8_t *out);

/* Messages from gate. False: a protocol error by gate. After a complete list the first of either starts a new one. */
bool frontend_name(struct frontend *q, const struct msg_name *m);
bool frontend_host(struct frontend *q, const struct msg_host *m);
bool frontend_private(struct frontend *q, const struct msg_private *m);
bool frontend_never(struct frontend *q, const struct msg_never *m);
void frontend_mode(struct frontend *q, uint64_t now, const struct msg_mode *m);
void frontend_admitted(struct frontend *q, uint64_t now, const struct msg_admitted *m);
/* Look up the name's IPv4 addresses and have them allowed, for PCs that still use them from their own cache. */
void frontend_resolve(struct frontend *q, uint64_t now, const struct msg_resolve *m);

/* Handle expired deadlines. Returns the milliseconds until the next call; -1: none needed. */
int frontend_tick(struct frontend *q, uint64_t now);

#endif

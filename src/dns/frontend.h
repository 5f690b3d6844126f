/*
 * A question's life, from the client's octets to the answer's. No socket, no clock, no random source of its own: all of
 * them come in through struct frontend_ops and the `now` of each call (milliseconds, CLOCK_MONOTONIC), so that unit tests
 * and the fuzzer drive this very code.
 *
 * What can be answered at once is: cached answers, refusals. Everything else becomes a lookup (one name and type being
 * found out) with the clients that wait for it (waiters). A lookup goes through these states, and only enter() in pending.c
 * changes them:
 *
 *     FREE ── listed, its tunnel down ──> HELD ── tunnel up ──────────────> ASKING
 *       └──── listed, tunnel up, or unlisted in mode internet ────────────> ASKING ── addresses ──> ADMITTING
 *       └──── in the cache, but its element not confirmed for long enough ────────────────────────> ADMITTING
 *     ASKING ── the answer was cut ──> ASKING over TCP
 *     ASKING, ADMITTING ── the session changed ──> HELD or ASKING        any ── answered or given up ──> FREE
 *
 * The rule that nothing may break: an address of a listed name leaves this module only out of a cache entry of the
 * present generation whose element gate has confirmed for the TTL that is served and the grace (ttlclock.h).
 *
 * A server that validates does not wait as long as a tunnel may need: over UDP it is told after FRONTEND_TURN_MS to come by
 * TCP, and waits there. The lookup goes on meanwhile.
 *
 * One client's questions cannot starve another's: when the tables are full, the client who has most in them makes room
 * for one who has less.
 *
 * Answers hold the addresses under the name that was asked, without the CNAME chain: the chain's other names are on no
 * list, so a PC or a forwarding server that asked for one of them by itself would be refused. Only a client that
 * validates gets a signed answer as it came.
 *
 * A server that validates asks for NS, DS and DNSKEY of the zones above a listed name, up to the root. In a session these
 * few go to the resolver of that name's service: a fixed set, with which no PC can say anything. In a closed LAN they raise
 * the tunnel as the name itself would; in mode internet they are names like any other.
 */
#ifndef SEKISHO_DNS_FRONTEND_H
#define SEKISHO_DNS_FRONTEND_H

#include "cache.h"
#include "cname.h"
#include "client.h"
#include "hosts.h"
#include "ratelimit.h"
#include "allowlist.h"
#include "private.h"

#ifdef SEKISHO_FUZZ
#define FRONTEND_WAITERS_MAX 8
#define FRONTEND_WAITERS_CLIENT_MAX 6
#define FRONTEND_PENDING_MAX 6
#define FRONTEND_FORWARDS_MAX 4
#else
#define FRONTEND_WAITERS_MAX 512        /* clients' questions waiting, all together … */
#define FRONTEND_WAITERS_CLIENT_MAX 384 /* … and of one client, as long as nobody else needs the place */
#define FRONTEND_PENDING_MAX 256       /* names being found out … */
#define FRONTEND_FORWARDS_MAX 192      /* … of which unlisted ones */
#endif
#define FRONTEND_HOLD_MS 8000          /* for the tunnel to come up */
#define FRONTEND_TURN_MS 900           /* until a server that waits over UDP is told to come by TCP */
#define FRONTEND_TRY_MS 600            /* for one question to the resolver */
#define FRONTEND_EDNS_TRIES 3          /* then without EDNS, which some old resolvers do not even answer */
#define FRONTEND_PLAIN_MS                                                                                              \
    300000       /* one that said so is asked so for this time; a silent one (it may have been the line) a fifth */
#define FRONTEND_TCP_MS 3000           /* for one over TCP */
#define FRONTEND_TRIES 5
#define FRONTEND_ADMIT_MS 2000         /* for gate and the kernel */
#define FRONTEND_AGAIN_MS 50           /* until gate, whose queue was full, is told again */
#define FRONTEND_WANT_MS 1000          /* MSG_WANT for one name no more often than this */
#define FRONTEND_REPORTS_RATE 20       /* MSG_REFUSED a second; all are counted */
#define FRONTEND_COPY_MAX 4096         /* octets of a signed answer */
#define PENDING_KEY_FORWARD 1

struct frontend_ops {
    void *user;
    /* Send a late answer to a client. Never fails visibly. */
    void (*reply)(void *user, const struct client *to, const uint8_t *data, size_t len);
    /* Send a message to gate. False: its queue is full just now. */
    bool (*to_gate)(void *user, enum msg_type type, const void *body);
    /*
     * Send a question to a service's resolver from a port of its own, as far as there are sockets. *sock: in, the one of
     * the try before (0: none), whose resolver is then avoided; out, which. False: there is none.
     */
    bool (*ask)(void *user, uint8_t service, const uint8_t *data, size_t len, unsigned *sock);
    /* No answer is awaited on this socket any more for a question that went out on it. */
    void (*done)(void *user, uint8_t service, unsigned sock);
    /* 32 unpredictable bits. */
    uint32_t (*random)(void *user);
};

enum pending_state { PENDING_FREE, PENDING_HELD, PENDING_ASKING, PENDING_ADMITTING };

struct pending {
    enum pending_state state;
    bool forward; /* an unlisted name in mode internet; then id is unused and service is 0 */
    bool zone; /* about a zone of the listed name: NS, DS, DNSKEY; the answer is passed on */
    bool wild; /* below a wildcard, whose id it has */
    bool tcp; /* ASKING: over TCP, because the answer over UDP was cut */
    bool plain; /* ASKING: without EDNS … */
    bool no_edns; /* … because the resolver does not take it */
    bool sent; /* the message that the state is about is on its way */
    uint8_t service;
    uint8_t tries;
    uint8_t chunks, chunks_sent,
        chunks_done; /* ADMITTING: messages of MSG_ADMIT_ADDRS addresses; bits of those agreed */
    uint16_t id; /* of the listed name */
    unsigned sock; /* ASKING: the socket it went out on; 0: none (TCP: not yet) */
    uint32_t seq; /* ADMITTING: of the first message */
    uint32_t timeout_s; /* ADMITTING: asked for */
    uint64_t started, deadline, sent_at;
    struct addr owner; /* the client who began it: for fairness */
    struct dns_question question; /* as it goes to the resolver */
    struct ttl_clock clock; /* ADMITTING: of addrs */
    uint8_t count;
    struct addr addrs[DNS_ADDRS_MAX]; /* to be opened */
    uint8_t record_count; /* HTTPS: what is then to be handed out */
    uint16_t records_len;
    uint8_t records[CNAME_HTTPS_MAX];
    bool unused; /* the resolver's answer has addresses, of a kind that is of no use here */
    bool is_signed; /* it has signatures … */
    uint16_t copy_len; /* … and this is it, for clients that validate; 0: it cannot be handed out */
    uint8_t copy[FRONTEND_COPY_MAX];
};

struct waiter {
    struct client client;
    struct dns_question question;
    uint64_t since; /* it came */
};

struct frontend_stats {
    uint64_t queries, cached, answered, refused, failed;
};

struct frontend {
    struct frontend_ops ops;
    struct msg_mode mode;
    bool ipv4_only; /* the LAN has no IPv6: an IPv6 address would only make a PC try in vain */
    struct frontend_stats stats;
    struct allowlist listed;
    struct hosts hosts;
    struct private_answers private_answers;
    uint64_t wanted_at[ALLOWLIST_MAX]; /* last MSG_WANT of a name */
    struct ratelimit limit;
    unsigned live, forwards; /* lookups in use, and of these the unlisted ones */
    uint32_t seq;
    uint32_t report_tokens; /* thousandths */
    uint64_t report_at, ratelimit_told, evicted_told;
    uint64_t plain_until[CONF_SERVICES_MAX + 1]; /* resolvers of a service that know no EDNS; 0: of unlisted names */
    uint64_t next; /* the tick has nothing to do before */
    /* Small arrays beside the big ones, because they are searched for every question that is not cached. */
    uint32_t keys[FRONTEND_PENDING_MAX]; /* pending_key of each lookup, PENDING_KEY_FORWARD, or 0: free */
    uint16_t frontend_ids[FRONTEND_PENDING_MAX]; /* ASKING: of the question to the resolver */
    uint16_t waiting[FRONTEND_WAITERS_MAX]; /* 1 + index of the lookup that an waiter waits for; 0: free */
    uint16_t tags[FRONTEND_WAITERS_MAX]; /* of his address: mostly tells two clients apart */
    /* From here on nothing is cleared at the start; what is in use is told by generations and the arrays above. */
    struct cache cache;
    struct pending pending[FRONTEND_PENDING_MAX];
    struct waiter waiters[FRONTEND_WAITERS_MAX];
};

void frontend_init(struct frontend *q, const struct frontend_ops *ops);

/*
 * A client's octets. Returns the length of an answer to send now, written to out[DNS_MSG_MAX] (over TCP
 * out[DNS_TCP_MAX]); 0: no answer, or a later one through ops.reply.
 */
size_t frontend_client(struct frontend *q, uint64_t now, const struct client *from, const uint8_t *in, size_t len,
                       uint8_t *out);

/* A TCP client is gone: nobody waits for its answers. */
void frontend_client_gone(struct frontend *q, uint16_t slot, uint32_t serial);

/* Octets from a resolver on socket `sock` of a service. Forgeries and strays change nothing. */
void frontend_upstream(struct frontend *q, uint64_t now, uint8_t service, unsigned sock, const uint8_t *data,
                       size_t len);

/* A service has a new upstream socket: what could not be sent goes out now. */
void frontend_upstream_ready(struct frontend *q, uint64_t now, uint8_t service);

/*
 * A TCP connection to a service's resolver is there, as socket `sock`: the question to send on it, written to
 * out[DNS_MSG_MAX]. 0: nobody waits for one any more. Its answer comes through frontend_upstream, its end is told by
 * ops.done.
 */
size_t frontend_stream(struct frontend *q, uint8_t service, unsigned sock, uint8_t *out);

/* gate speaks. False: it breaks its own rules. After a complete list the first of either begins a new one. */
bool frontend_name(struct frontend *q, const struct msg_name *m);
bool frontend_host(struct frontend *q, const struct msg_host *m);
bool frontend_private(struct frontend *q, const struct msg_private *m);
bool frontend_never(struct frontend *q, const struct msg_never *m);
void frontend_mode(struct frontend *q, uint64_t now, const struct msg_mode *m);
void frontend_admitted(struct frontend *q, uint64_t now, const struct msg_admitted *m);
/* Look the name's IPv4 addresses up and have them opened, for PCs that still know them and do not ask. */
void frontend_resolve(struct frontend *q, uint64_t now, const struct msg_resolve *m);

/* Time passes. Returns milliseconds until it must be called again, -1: not before something else happens. */
int frontend_tick(struct frontend *q, uint64_t now);

#endif

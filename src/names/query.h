/*
 * A question's life, from the client's octets to the answer's. No socket, no clock, no random source of its own: all of
 * them come in through struct query_ops and the `now` of each call (milliseconds, CLOCK_MONOTONIC), so that unit tests
 * and the fuzzer drive this very code.
 *
 * What can be answered at once is: cached answers, refusals. Everything else becomes a lookup (one name and type being
 * found out) with the clients that wait for it (askers). A lookup goes through these states, and only enter() in lookup.c
 * changes them:
 *
 *     FREE ── listed, its tunnel down ──> HELD ── tunnel up ──────────────> ASKING
 *       └──── listed, tunnel up, or unlisted in mode internet ────────────> ASKING ── addresses ──> ADMITTING
 *       └──── in the cache, but its element not confirmed for long enough ────────────────────────> ADMITTING
 *     ASKING, ADMITTING ── the session changed ──> HELD or ASKING        any ── answered or given up ──> FREE
 *
 * The rule that nothing may break: an address of a listed name leaves this module only out of a cache entry of the
 * present generation whose element gate has confirmed for the TTL that is served and the grace (ttlclock.h).
 *
 * Answers hold the addresses under the name that was asked, without the CNAME chain: the chain's other names are on no
 * list, so a PC or a forwarding server that asked for one of them by itself would be refused.
 */
#ifndef SEKISHO_NAMES_QUERY_H
#define SEKISHO_NAMES_QUERY_H

#include "cache.h"
#include "chain.h"
#include "client.h"
#include "limit.h"
#include "listed.h"

#define QUERY_ASKERS_MAX 256        /* clients' questions waiting, all together … */
#define QUERY_ASKERS_CLIENT_MAX 64  /* … and of one client */
#define QUERY_LOOKUPS_MAX 128       /* names being found out … */
#define QUERY_FORWARDS_MAX 96       /* … of which unlisted ones */
#define QUERY_HOLD_MS 8000          /* for the tunnel to come up */
#define QUERY_TRY_MS 1200           /* for one question to the resolver */
#define QUERY_TRIES 3
#define QUERY_ADMIT_MS 2000         /* for gate and the kernel */
#define QUERY_WANT_MS 1000          /* MSG_WANT for one name no more often than this */
#define QUERY_REPORTS_RATE 20       /* MSG_REFUSED a second; all are counted in MSG_STATS */
#define LOOKUP_KEY_FORWARD 0xffff

struct query_ops {
    void *user;
    /* Send a late answer to a client. Never fails visibly. */
    void (*reply)(void *user, const struct client *to, const uint8_t *data, size_t len);
    /* Send a message to gate. False: its queue is full just now. */
    bool (*to_gate)(void *user, enum msg_type type, const void *body);
    /* Send a question to a service's resolver through a random socket of its pool. *sock: which. False: there is none. */
    bool (*ask)(void *user, uint8_t service, const uint8_t *data, size_t len, unsigned *sock);
    /* 32 unpredictable bits. */
    uint32_t (*random)(void *user);
};

enum lookup_state { LOOKUP_FREE, LOOKUP_HELD, LOOKUP_ASKING, LOOKUP_ADMITTING };

struct lookup {
    enum lookup_state state;
    bool forward; /* an unlisted name in mode internet; then id is unused and service is 0 */
    bool sent; /* the message that the state is about is on its way */
    uint8_t service;
    uint8_t tries;
    uint16_t id; /* of the listed name */
    uint16_t query_id; /* ASKING: of the question to the resolver */
    unsigned sock; /* ASKING: the socket it went out on */
    uint32_t seq; /* ADMITTING */
    uint32_t timeout_s; /* ADMITTING: asked for */
    uint64_t started, deadline, sent_at;
    struct dns_question question; /* as it goes to the resolver */
    struct ttl_clock clock; /* ADMITTING: of addrs */
    uint8_t count;
    struct addr addrs[DNS_ADDRS_MAX];
};

struct asker {
    struct client client;
    struct dns_question question;
};

struct query {
    struct query_ops ops;
    struct msg_mode mode;
    struct msg_stats stats;
    struct listed listed;
    uint64_t wanted_at[LISTED_MAX]; /* last MSG_WANT of a name */
    struct limit limit;
    struct cache cache;
    unsigned live, forwards; /* lookups in use, and of these the unlisted ones */
    uint32_t seq;
    uint32_t report_tokens; /* thousandths */
    uint64_t report_at;
    /* Small arrays beside the big ones, because they are searched for every question that is not cached. */
    uint16_t keys[QUERY_LOOKUPS_MAX]; /* lookup_key of each lookup, LOOKUP_KEY_FORWARD, or 0: free */
    uint8_t waiting[QUERY_ASKERS_MAX]; /* 1 + index of the lookup that an asker waits for; 0: free */
    struct lookup lookups[QUERY_LOOKUPS_MAX];
    struct asker askers[QUERY_ASKERS_MAX];
};

void query_init(struct query *q, const struct query_ops *ops);

/*
 * A client's octets. Returns the length of an answer to send now, written to out[DNS_MSG_MAX]; 0: no answer, or a later
 * one through ops.reply.
 */
size_t query_client(struct query *q, uint64_t now, const struct client *from, const uint8_t *in, size_t len,
                    uint8_t *out);

/* A TCP client is gone: nobody waits for its answers. */
void query_client_gone(struct query *q, uint16_t slot, uint32_t serial);

/* Octets from a resolver on socket `sock` of a service. Forgeries and strays change nothing. */
void query_upstream(struct query *q, uint64_t now, uint8_t service, unsigned sock, const uint8_t *data, size_t len);

/* A service has a new upstream socket: what could not be sent goes out now. */
void query_upstream_ready(struct query *q, uint64_t now, uint8_t service);

/* gate speaks. query_name: false if gate breaks its own rules. */
bool query_name(struct query *q, const struct msg_name *m);
void query_mode(struct query *q, uint64_t now, const struct msg_mode *m);
void query_admitted(struct query *q, uint64_t now, const struct msg_admitted *m);

/* Time passes. Returns milliseconds until it must be called again, -1: not before something else happens. */
int query_tick(struct query *q, uint64_t now);

#endif

/* Shared by frontend.c (clients), pending.c (the state machine of a lookup) and reply.c (resolvers' answers). */
#ifndef SEKISHO_DNS_PENDING_H
#define SEKISHO_DNS_PENDING_H

#include "frontend.h"
#include "refuse.h"

enum pending_kind {
    PENDING_LISTED,
    PENDING_ZONE, /* NS, DS, DNSKEY of a zone of a listed name */
    PENDING_FORWARD /* an unlisted name */
};

/* Is the tunnel of this service up in the current session? */
bool pending_service_up(const struct frontend *q, uint8_t service);

/*
 * May this listed name be resolved now? Behind a tunnel: it is up. On the line: its service's tunnel is up, or the name
 * is open before a session and the mode is that.
 */
bool pending_name_open(const struct frontend *q, const struct allowlist_name *n);
/* Why a name on the line that is not open is refused: its session is not there, or the box is closed even to it. */
enum refusal pending_not_open(const struct frontend *q, const struct allowlist_name *n);

/* The lookup in progress for this listed name and type, or NULL. */
struct pending *pending_find(struct frontend *q, const struct dns_question *question);

/*
 * Create a lookup; the caller adds the client as a waiter before it calls pending_start. NULL: the table is full, and
 * no client has more entries than `owner`. PENDING_FORWARD: id is ignored.
 */
struct pending *pending_new(struct frontend *q, uint64_t now, const struct dns_question *question,
                            enum pending_kind kind, unsigned id, const struct addr *owner);
void pending_start(struct frontend *q, struct pending *l, uint64_t now);

/*
 * Send MSG_WANT for this name. Within FRONTEND_WANT_MS of the last one nothing is sent, and the tick tries again.
 */
void pending_want(struct frontend *q, struct pending *l, uint64_t now, const struct client *client);

/* A client that waits for the lookup; NULL: none any more. */
const struct client *pending_client(const struct frontend *q, const struct pending *l);

/* The lookup's key in the cache. */
struct cache_key pending_key(const struct pending *l);

/* The outcomes of an answer, for reply.c: each ends or continues the lookup. */
void pending_admit(struct frontend *q, struct pending *l, uint64_t now); /* addrs, clock and records are set */
/*
 * The resolver may not support EDNS: retry without; if that works, later queries omit it too. False: it was off
 * already.
 */
bool pending_without_edns(struct frontend *q, struct pending *l, uint64_t now);
/* The resolver has sent a valid answer. */
void pending_answered(struct frontend *q, const struct pending *l, uint64_t now);
void pending_over_tcp(struct frontend *q, struct pending *l, uint64_t now);
void pending_finish(struct frontend *q, struct pending *l, uint64_t now, const struct dns_answer *a);
void pending_fail(struct frontend *q, struct pending *l, uint64_t now, enum refusal why, const struct addr *bad);
/* Send this copy of the resolver's answer to every waiter and end the lookup. */
void pending_pass(struct frontend *q, struct pending *l, uint64_t now, const uint8_t *copy, size_t len);
/* End the lookup without an answer: the caller answers the waiters. */
void pending_end(struct frontend *q, struct pending *l, uint64_t now);
void pending_negative(struct frontend *q, struct pending *l, uint64_t now, enum dns_rcode rcode, uint32_t ttl);

/* Count an answer; refusals are counted by reason in refuse.c. */
void pending_count(struct frontend *q, enum dns_rcode rcode);

#endif

/* Between frontend.c (clients), pending.c (the state machine of one name being found out), reply.c (what resolvers say). */
#ifndef SEKISHO_DNS_PENDING_H
#define SEKISHO_DNS_PENDING_H

#include "frontend.h"
#include "refuse.h"

enum pending_kind {
    PENDING_LISTED,
    PENDING_ZONE, /* NS, DS, DNSKEY of a zone of a listed name */
    PENDING_FORWARD /* an unlisted name */
};

/* Is the tunnel of this service up in the present session? */
bool pending_service_up(const struct frontend *q, uint8_t service);

/* The lookup of this listed name and type that is under way, or NULL. */
struct pending *pending_find(struct frontend *q, const struct dns_question *question);

/*
 * Begin one; the caller then makes the client its waiter and only after that calls pending_start. NULL: too many, and
 * nobody has more of them than `owner`. PENDING_FORWARD: id is ignored.
 */
struct pending *pending_new(struct frontend *q, uint64_t now, const struct dns_question *question,
                            enum pending_kind kind, unsigned id, const struct addr *owner);
void pending_start(struct frontend *q, struct pending *l, uint64_t now);

/*
 * Tell gate that this name is wanted. Within FRONTEND_WANT_MS of the last time nothing is sent, and the tick tries again.
 */
void pending_want(struct frontend *q, struct pending *l, uint64_t now, const struct client *client);

/* A client that waits for it; NULL: nobody does any more. */
const struct client *pending_client(const struct frontend *q, const struct pending *l);

/* Its name in the cache. */
struct cache_key pending_key(const struct pending *l);

/* What reply.c makes of an answer: each ends or continues the lookup. */
void pending_admit(struct frontend *q, struct pending *l, uint64_t now); /* addrs, clock and records are set */
/* The resolver may know no EDNS: it is asked without, and if that helps, so are its next questions. False: it was already. */
bool pending_without_edns(struct frontend *q, struct pending *l, uint64_t now);
/* A good answer has come. */
void pending_answered(struct frontend *q, const struct pending *l, uint64_t now);
void pending_over_tcp(struct frontend *q, struct pending *l, uint64_t now);
void pending_finish(struct frontend *q, struct pending *l, uint64_t now, const struct dns_answer *a);
void pending_fail(struct frontend *q, struct pending *l, uint64_t now, enum refusal why, const struct addr *bad);
/* Every waiter gets this copy of the resolver's answer. */
void pending_pass(struct frontend *q, struct pending *l, uint64_t now, const uint8_t *copy, size_t len);
/* It ends without an answer of ours: the caller has sent one to each waiter, or does now. */
void pending_end(struct frontend *q, struct pending *l, uint64_t now);
void pending_negative(struct frontend *q, struct pending *l, uint64_t now, enum dns_rcode rcode, uint32_t ttl);

/* Count an answer; refusals are counted in refuse.c, where each has its reason. */
void pending_count(struct frontend *q, enum dns_rcode rcode);

#endif

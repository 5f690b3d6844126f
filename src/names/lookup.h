/* Between query.c (clients), lookup.c (the state machine of one name being found out), resolve.c (what resolvers say). */
#ifndef SEKISHO_NAMES_LOOKUP_H
#define SEKISHO_NAMES_LOOKUP_H

#include "query.h"
#include "refuse.h"

enum lookup_kind {
    LOOKUP_LISTED,
    LOOKUP_ZONE, /* NS, DS, DNSKEY of a zone of a listed name */
    LOOKUP_FORWARD /* an unlisted name */
};

/* Is the tunnel of this service up in the present session? */
bool lookup_service_up(const struct query *q, uint8_t service);

/* The lookup of this listed name and type that is under way, or NULL. */
struct lookup *lookup_find(struct query *q, const struct dns_question *question);

/*
 * Begin one; the caller then makes the client its asker and only after that calls lookup_start. NULL: too many, and
 * nobody has more of them than `owner`. LOOKUP_FORWARD: id is ignored.
 */
struct lookup *lookup_new(struct query *q, uint64_t now, const struct dns_question *question, enum lookup_kind kind,
                          unsigned id, const struct addr *owner);
void lookup_start(struct query *q, struct lookup *l, uint64_t now);

/*
 * Tell gate that this name is wanted. Within QUERY_WANT_MS of the last time nothing is sent, and the tick tries again.
 */
void lookup_want(struct query *q, struct lookup *l, uint64_t now, const struct client *client);

/* A client that waits for it; NULL: nobody does any more. */
const struct client *lookup_client(const struct query *q, const struct lookup *l);

/* Its name in the cache. */
struct cache_key lookup_key(const struct lookup *l);

/* What resolve.c makes of an answer: each ends or continues the lookup. */
void lookup_admit(struct query *q, struct lookup *l, uint64_t now); /* addrs, clock and records are set */
/* The resolver may know no EDNS: it is asked without, and if that helps, so are its next questions. False: it was already. */
bool lookup_without_edns(struct query *q, struct lookup *l, uint64_t now);
/* A good answer has come. */
void lookup_answered(struct query *q, const struct lookup *l, uint64_t now);
void lookup_over_tcp(struct query *q, struct lookup *l, uint64_t now);
void lookup_finish(struct query *q, struct lookup *l, uint64_t now, const struct dns_answer *a);
void lookup_fail(struct query *q, struct lookup *l, uint64_t now, enum refusal why, const struct addr *bad);
/* Every asker gets this copy of the resolver's answer. */
void lookup_pass(struct query *q, struct lookup *l, uint64_t now, const uint8_t *copy, size_t len);
/* It ends without an answer of ours: the caller has sent one to each asker, or does now. */
void lookup_end(struct query *q, struct lookup *l, uint64_t now);
void lookup_negative(struct query *q, struct lookup *l, uint64_t now, enum dns_rcode rcode, uint32_t ttl);

/* Count an answer; refusals are counted in refuse.c, where each has its reason. */
void lookup_count(struct query *q, enum dns_rcode rcode);

#endif

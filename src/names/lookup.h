/* Between query.c (clients) and lookup.c (the state machine of one name being found out). */
#ifndef SEKISHO_NAMES_LOOKUP_H
#define SEKISHO_NAMES_LOOKUP_H

#include "query.h"
#include "refuse.h"

/* Is the tunnel of this service up in the present session? */
bool lookup_service_up(const struct query *q, uint8_t service);

/* The lookup of this listed name and type that is under way, or NULL. */
struct lookup *lookup_find(struct query *q, unsigned id, uint16_t type);

/*
 * Begin one; the caller then makes the client its asker and only after that calls lookup_start. NULL: too many.
 * forward: for an unlisted name, id is ignored.
 */
struct lookup *lookup_new(struct query *q, uint64_t now, const struct dns_question *question, bool forward,
                          unsigned id);
void lookup_start(struct query *q, struct lookup *l, uint64_t now);

/*
 * Tell gate that this name is wanted. Within QUERY_WANT_MS of the last time nothing is sent, and the tick tries again.
 */
void lookup_want(struct query *q, struct lookup *l, uint64_t now, const struct client *client);

/* Count an answer for MSG_STATS; refusals are counted in refuse.c, where each has its reason. */
void lookup_count(struct query *q, enum dns_rcode rcode);

#endif

/* The table in struct flows: set-associative, with a hash under a random seed. */
#ifndef SEKISHO_SNI_FLOWTABLE_H
#define SEKISHO_SNI_FLOWTABLE_H

#include "flows.h"

/* Is the entry in use, and of the current session? */
bool flowtable_alive(const struct flows *f, const struct flow *fl);
/* The flow that a packet of the client belongs to, or NULL. */
struct flow *flowtable_find(struct flows *f, const struct packet *p);
/*
 * An entry for a new flow: its own previous one, a free one, or one of the client that has most entries in the set; of
 * these the one idle for longest. So one client's flood cannot evict another client's flows.
 */
struct flow *flowtable_place(struct flows *f, const struct packet *p);

/*
 * The stream to evict for a new one of this client; NULL: none. The client's own oldest if it has too many. If all
 * are in use: of the client with most streams the oldest allowed one, else its oldest. A usual client needs a stream
 * for milliseconds only, so clients with old or many streams lose.
 */
struct flow_work *flowtable_to_evict(struct flows *f, const struct addr *client);
/* Allocate a stream for this flow. One must be free. */
struct flow_work *flowtable_work(struct flows *f, uint64_t now, struct flow *fl);

/* Would one more packet of this size exceed the flow's or the client's share of the kernel's queue? */
bool flowtable_beyond_share(const struct flows *f, const struct flow_work *w, size_t size);

#endif

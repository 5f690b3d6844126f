/* Where a flow stands in the table of struct flows: sets of a few ways, chosen by a hash that starts from a random seed. */
#ifndef SEKISHO_SNI_FLOWTABLE_H
#define SEKISHO_SNI_FLOWTABLE_H

#include "flows.h"

/* In use, and of this session. */
bool flowtable_alive(const struct flows *f, const struct flow *fl);
/* The flow that a packet of the client belongs to, or NULL. */
struct flow *flowtable_find(struct flows *f, const struct packet *p);
/*
 * Room for a flow that begins: its own place of before, a free one, or one of the client that would have most places among
 * those that are tried: the one that was silent longest. So nobody's flood drives another's flow out.
 */
struct flow *flowtable_place(struct flows *f, const struct packet *p);

/*
 * Which stream gives way to a new one of this client; NULL: none need. Its own oldest when it has too many. When all are in
 * use: of the client that would have most, the oldest that is agreed to, else its oldest. A proper client needs
 * milliseconds, so who holds on for long, or has many, loses.
 */
struct flow_work *flowtable_to_evict(struct flows *f, const struct addr *client);
/* A stream for this flow. There is room for it. */
struct flow_work *flowtable_work(struct flows *f, uint64_t now, struct flow *fl);

/* Would one more packet of this size be more than a flow's, or a client's, share of what the kernel holds? */
bool flowtable_beyond_share(const struct flows *f, const struct flow_work *w, size_t size);

#endif

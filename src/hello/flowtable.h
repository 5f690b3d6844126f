/* Where a flow stands in the table of struct flows: sets of a few ways, chosen by a hash that starts from a random seed. */
#ifndef SEKISHO_HELLO_FLOWTABLE_H
#define SEKISHO_HELLO_FLOWTABLE_H

#include "flows.h"

/* In use, and of this session. */
bool flowtable_alive(const struct flows *f, const struct flow *fl);
/* The flow that a packet of the client belongs to, or NULL. */
struct flow *flowtable_find(struct flows *f, const struct packet *p);
/* Room for a flow that begins: its own place of before, a free one, or that of the one that was silent longest. */
struct flow *flowtable_place(struct flows *f, const struct packet *p);

/* Would one more packet of this size be more than a flow's, or a client's, share of what the kernel holds? */
bool flowtable_beyond_share(const struct flows *f, const struct flow_work *w, size_t size);

#endif

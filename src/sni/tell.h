/* What sni tells gate about packets: messages of msg.h, by flows.send. */
#ifndef SEKISHO_SNI_TELL_H
#define SEKISHO_SNI_TELL_H

#include "flows.h"

/* About one packet of a flow that nothing is, or stays, held of. */
void tell_one(struct flows *f, const struct flow *fl, enum msg_flow_what what, uint32_t id);

/*
 * A further packet of a flow that is refused. One report is enough, if there was a packet in it; gate then puts the packet
 * through the rules again, which reset the client. If those sent it here again and again (the kernel has lost the flow),
 * it would go round for ever: so only a few times.
 */
void tell_refused(struct flows *f, struct flow *fl, uint32_t id);

/*
 * A packet of the client that was under way when the server was seen to have answered: the rules let it go now. (If the
 * kernel has lost the flow they may send it here again: so only a few times.)
 */
void tell_answered(struct flows *f, struct flow *fl, uint32_t id);

/* About the held packets that end at `upto` or before, in the order in which they came. */
void tell_held(struct flows *f, struct flow_work *w, enum msg_flow_what what, uint32_t upto, const char *name);

/* A segment of the server. Its flow is reset at both ends: the report comes first, because in it stand packets of the client. */
void tell_server_refused(struct flows *f, struct flow *fl, uint32_t id);

#endif

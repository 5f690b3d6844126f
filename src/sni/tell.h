/* Messages to gate about packets (struct msg_flow), sent by flows.send. */
#ifndef SEKISHO_SNI_TELL_H
#define SEKISHO_SNI_TELL_H

#include "flows.h"

/* About one packet of a flow without held packets. */
void tell_one(struct flows *f, const struct flow *fl, enum msg_flow_what what, uint32_t id);

/*
 * A further packet of a refused flow. One refusal is enough, if it had a packet; after it gate repeats the rules on
 * the packet, and they reset the client. If the kernel has lost the flow, the rules queue the packet again, so this
 * is limited to a few times, lest it loop.
 */
void tell_refused(struct flows *f, struct flow *fl, uint32_t id);

/*
 * A packet of the client that was queued before the server's answer was seen: the rules accept it now. (If the kernel
 * has lost the flow, they may queue it again, so this is limited to a few times.)
 */
void tell_answered(struct flows *f, struct flow *fl, uint32_t id);

/* About the held packets that end at or before the offset `upto`, in the order of arrival. */
void tell_held(struct flows *f, struct flow_work *w, enum msg_flow_what what, uint32_t upto, const char *name);

/*
 * A segment of the server in a refused flow, which is reset in both directions. The refusal goes first and without this
 * packet, because gate takes the packets in it for the client's.
 */
void tell_server_refused(struct flows *f, struct flow *fl, uint32_t id);

#endif

/* The line to gate: one SEQPACKET socket, messages of msg.h. The end of gate, or a message that breaks the rules, ends us. */
#ifndef SEKISHO_NAMES_GATELINK_H
#define SEKISHO_NAMES_GATELINK_H

#include "server.h"
#include "upstream.h"

struct gatelink {
    int fd;
    struct query *query;
    struct server *server;
    struct upstream *upstream;
};

/* gate has something to say. Returns only if all of it was good. */
void gatelink_ready(struct gatelink *g, uint64_t now);
/* query_ops.to_gate */
bool gatelink_send(struct gatelink *g, enum msg_type type, const void *body);

#endif

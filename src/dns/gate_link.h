/* The line to gate: one SEQPACKET socket, messages of msg.h. The end of gate, or a message that breaks the rules, ends us. */
#ifndef SEKISHO_DNS_GATE_LINK_H
#define SEKISHO_DNS_GATE_LINK_H

#include "server.h"
#include "upstream.h"

struct gate_link {
    int fd;
    struct frontend *query;
    struct server *server;
    struct upstream *upstream;
};

/* gate has something to say. Returns only if all of it was good. */
void gate_link_ready(struct gate_link *g, uint64_t now);
/* frontend_ops.to_gate */
bool gate_link_send(struct gate_link *g, enum msg_type type, const void *body);

#endif

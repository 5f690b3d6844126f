/*
 * The connection to gate: one SEQPACKET socket, messages of msg.h. If gate closes it or breaks the protocol, dns
 * exits.
 */
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

/* The socket is readable. Exits on an invalid message. */
void gate_link_ready(struct gate_link *g, uint64_t now);
/* frontend_ops.to_gate */
bool gate_link_send(struct gate_link *g, enum msg_type type, const void *body);

#endif

/*
 * Builds a TCP reset as a whole IP packet, which replaces a refused TLS flow's first data on its way to the server.
 * Pure.
 */
#ifndef SEKISHO_GATE_RESET_H
#define SEKISHO_GATE_RESET_H

#include "conf.h"

#include <stddef.h>
#include <stdint.h>

#define RESET_MAX 60 /* IPv6 and TCP header */

struct reset {
    struct addr from, to; /* of one family, AF_INET or AF_INET6 */
    uint16_t from_port, to_port;
    uint32_t seq, ack; /* seq: the receiver's next expected sequence number; the packet has RST and ACK */
};

/* Returns the packet's length, 40 (IPv4) or 60 (IPv6). Includes the checksums. */
size_t reset_build(uint8_t out[RESET_MAX], const struct reset *r);

#endif

/*
 * A TCP reset, as a whole IP packet. Pure: nothing is read but the arguments. What a refused TLS flow sends to its
 * server in place of its first words.
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
    uint32_t seq, ack; /* seq: what the receiver expects next; ack goes along (RST and ACK) */
};

/* The packet's length: 40 (IPv4) or 60 (IPv6), checksums included. */
size_t reset_build(uint8_t out[RESET_MAX], const struct reset *r);

#endif

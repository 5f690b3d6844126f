/*
 * Parser for the headers of an IP packet: addresses, ports, and the TCP fields that decide whether the server will
 * read the payload as we do. Pure. All octets are untrusted; nothing is read beyond the given length.
 */
#ifndef SEKISHO_SNI_PACKET_H
#define SEKISHO_SNI_PACKET_H

#include "conf.h"

/*
 * A packet whose hop limit expires behind the box would show us data that the server never reads, so it must be high
 * enough to reach any server. PCs start with 64, 128 or 255.
 */
#define PACKET_HOPS_MIN 32

struct packet {
    struct addr client, server; /* source and destination */
    uint8_t proto; /* upper-layer protocol; 0: not known */
    uint16_t client_port, server_port; /* TCP and UDP; 0 otherwise, or if they are cut off */

    /* set by packet_tcp only */
    uint8_t flags; /* PACKET_SYN | … */
    uint32_t seq, ack;
    bool stamped; /* has a timestamp option (RFC 7323) */
    uint32_t stamp, stamp_echo;
    const uint8_t *data; /* the payload */
    size_t len;
    const char *odd; /* why a server may interpret this packet differently, or discard it; NULL: no such reason */
    bool unheard; /* `odd` also holds for packets from the server: a client may discard it */
};

#define PACKET_FIN 0x01
#define PACKET_SYN 0x02
#define PACKET_RST 0x04
#define PACKET_ACK 0x10
#define PACKET_URG 0x20

/* Addresses, protocol and ports as far as present, even of a truncated packet. False: not IP. */
bool packet_head(const uint8_t *ip, size_t len, struct packet *out);

/*
 * Parse a whole TCP packet. checksum: verify it (the kernel has not). False: not IP, or not TCP with a complete
 * header. Any other fault is reported in `odd`.
 */
bool packet_tcp(const uint8_t *ip, size_t len, bool checksum, struct packet *out);

#endif

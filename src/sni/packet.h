/*
 * The heads of an IP packet: addresses, ports, and of TCP what decides whether the server will read its payload as we do.
 * Pure. Every octet here is a stranger's; nothing is read beyond the given length.
 */
#ifndef SEKISHO_SNI_PACKET_H
#define SEKISHO_SNI_PACKET_H

#include "conf.h"

/*
 * A packet that dies on its way behind the box would make us believe what the server never reads, so its hop limit must
 * reach any server. PCs begin with 64, 128 or 255.
 */
#define PACKET_HOPS_MIN 32

struct packet {
    struct addr client, server; /* source and destination */
    uint8_t proto; /* the upper layer's; 0: not known */
    uint16_t client_port, server_port; /* TCP and UDP; 0 otherwise, or when they are cut off */

    /* only after packet_tcp */
    uint8_t flags; /* PACKET_SYN | … */
    uint32_t seq, ack;
    bool stamped; /* it has a timestamp (RFC 7323) */
    uint32_t stamp, stamp_echo;
    const uint8_t *data; /* the payload */
    size_t len;
    const char *odd; /* why a server may read this packet otherwise than we do, or not at all; NULL: it will not */
    bool
        unheard; /* odd in a way that concerns its receiver too, not only the way to a server: a client may not take it */
};

#define PACKET_FIN 0x01
#define PACKET_SYN 0x02
#define PACKET_RST 0x04
#define PACKET_ACK 0x10
#define PACKET_URG 0x20

/* Addresses, protocol and ports as far as they can be read, also of a packet that is cut off. False: not IP. */
bool packet_head(const uint8_t *ip, size_t len, struct packet *out);

/*
 * A whole TCP packet. checksum: verify it, nobody has yet. False: not IP, or not TCP with its whole head. Everything
 * else that is wrong is said in `odd`.
 */
bool packet_tcp(const uint8_t *ip, size_t len, bool checksum, struct packet *out);

#endif

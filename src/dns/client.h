/* Where an answer goes: filled by server.c, carried along by frontend.c, which looks at nothing but addr, port and tcp. */
#ifndef SEKISHO_DNS_CLIENT_H
#define SEKISHO_DNS_CLIENT_H

#include "conf.h"

struct client {
    struct addr addr; /* for limits and reports */
    uint16_t port; /* host byte order */
    bool tcp;
    uint16_t slot; /* LAN socket, or place in the table of TCP clients */
    uint32_t serial; /* TCP: which client in that place; UDP: 0 */
    uint32_t scope; /* UDP over IPv6: the interface of a link-local peer */
    uint8_t local_len; /* UDP: octets in local; 0: let the kernel choose the source address */
    uint8_t
        local[20]; /* UDP: struct in_pktinfo or in6_pktinfo, so that the answer leaves from where the question went */
};

#endif

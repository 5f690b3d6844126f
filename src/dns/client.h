/* The destination of an answer: filled by server.c; frontend.c keeps it and reads only addr, port and tcp. */
#ifndef SEKISHO_DNS_CLIENT_H
#define SEKISHO_DNS_CLIENT_H

#include "conf.h"

struct client {
    struct addr addr; /* for limits and reports */
    uint16_t port; /* host byte order */
    bool tcp;
    uint16_t slot; /* index of the LAN socket, or in the table of TCP clients */
    uint32_t serial; /* TCP: distinguishes successive clients in the same slot; UDP: 0 */
    uint32_t scope; /* UDP over IPv6: the interface of a link-local peer */
    uint8_t local_len; /* UDP: octets in local; 0: let the kernel choose the source address */
    uint8_t local[20]; /* UDP: struct in_pktinfo or in6_pktinfo: the answer's source is the query's destination */
};

#endif

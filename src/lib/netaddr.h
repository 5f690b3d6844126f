/* Addresses and prefixes of both families, and what kind of address one is. Pure. */
#ifndef SEKISHO_NETADDR_H
#define SEKISHO_NETADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address of either family; v4 in the first four octets, network byte order. */
struct addr {
    uint8_t family; /* AF_INET or AF_INET6; 0: none */
    uint8_t bytes[16];
};

struct prefix {
    struct addr addr;
    uint8_t len; /* bits */
};

bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
bool addr_equal(const struct addr *a, const struct addr *b);
/* Writes the address as text; buf at least INET6_ADDRSTRLEN; returns buf. */
const char *addr_text(const struct addr *a, char *buf, size_t len);

/* For connect, bind and sendto; returns the size of what stands in *out. */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out);

/* The kinds of RFC 6890's registries, as far as they differ for us. */
enum addr_kind {
    ADDR_PUBLIC,  /* anybody's on the Internet */
    ADDR_PRIVATE, /* RFC 1918, RFC 6598, RFC 4193: right inside a tunnel or a house, wrong on the Internet */
    ADDR_OTHER,   /* documentation, benchmarks, transition: nobody's, but a host can have it (in a lab) */
    ADDR_NO_HOST  /* this host, this link, many hosts, IPv4 inside IPv6, none: no other host has it, wherever it is */
};
enum addr_kind addr_kind(const struct addr *a);

#endif

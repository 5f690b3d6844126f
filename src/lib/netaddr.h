/* Addresses and prefixes of both families, and kinds of addresses. Pure. */
#ifndef SEKISHO_NETADDR_H
#define SEKISHO_NETADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address of either family in network byte order; IPv4 uses the first four octets. */
struct addr {
    uint8_t family; /* AF_INET or AF_INET6; 0: no address */
    uint8_t bytes[16];
};

struct prefix {
    struct addr addr;
    uint8_t len; /* bits */
};

bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
bool prefix_is_all(const struct prefix *p); /* every address of its family */
bool addr_equal(const struct addr *a, const struct addr *b);
/* Write the address as text; len at least INET6_ADDRSTRLEN. Returns buf. */
const char *addr_text(const struct addr *a, char *buf, size_t len);

/* For connect, bind and sendto. Returns the size of the address in *out. */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out);

/* The kinds of addresses by the registries of RFC 6890, as far as the box distinguishes them. */
enum addr_kind {
    ADDR_PUBLIC,  /* globally reachable */
    ADDR_PRIVATE, /* RFC 1918, RFC 6598, RFC 4193: valid inside a tunnel or a site, not on the Internet */
    ADDR_OTHER,   /* documentation, benchmarking, transition: unassigned, but possible for a host (in a lab) */
    ADDR_NO_HOST /* loopback, link-local, multicast, unspecified, IPv4 inside IPv6: never a remote host's */
};
enum addr_kind addr_kind(const struct addr *a);

#endif

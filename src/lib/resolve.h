/* Addresses of a server with a name, asked of given resolvers: an empty root has no /etc/resolv.conf. */
#ifndef SEKISHO_RESOLVE_H
#define SEKISHO_RESOLVE_H

#include "conf.h"

#define RESOLVE_MAX 8

/*
 * Fill out with at most RESOLVE_MAX addresses of host (an address as text stands for itself), in the order in which to
 * try them. Returns how many; 0: none, *why is what the resolver says of it; NULL: there is nobody to ask. Takes at most timeout_ms.
 */
unsigned resolve(const char *host, const struct addr *resolvers, unsigned resolver_count, int timeout_ms,
                 struct addr *out, const char **why);

#endif

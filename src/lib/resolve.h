/* Resolve a host name with given resolvers, for processes in an empty root without /etc/resolv.conf. */
#ifndef SEKISHO_RESOLVE_H
#define SEKISHO_RESOLVE_H

#include "conf.h"

#define RESOLVE_MAX 8

/* Fill out with at most RESOLVE_MAX addresses of host (a name, or an address as text), in the order in which to try
 * them. Returns their number; 0: none, and *why is the resolver's error text, or NULL if there is no resolver. Blocks
 * for at most timeout_ms.
 */
unsigned resolve(const char *host, const struct addr *resolvers, unsigned resolver_count, int timeout_ms,
                 struct addr *out, const char **why);

#endif

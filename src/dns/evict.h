/* Eviction from a full table: from the client that has most entries. Pure. */
#ifndef SEKISHO_DNS_EVICT_H
#define SEKISHO_DNS_EVICT_H

#include "conf.h"

#define EVICT_MAX 512 /* maximum size of a table */

/*
 * owners: the client of each entry; NULL: free, or not to be counted. Returns the client with most entries if it has at
 * least two more than `newcomer` (with fewer, the two would evict each other in turn); NULL: nobody.
 */
const struct addr *evict_victim(const struct addr *const owners[], unsigned count, const struct addr *newcomer);

#endif

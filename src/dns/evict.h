/* Who makes room when a table is full: the client who has most places in it. Pure. */
#ifndef SEKISHO_DNS_EVICT_H
#define SEKISHO_DNS_EVICT_H

#include "conf.h"

#define EVICT_MAX 512 /* places at most */

/*
 * owners: of each place, NULL: free, or not to be counted. The client with most of them, if that is at least two more
 * than `newcomer` has (or he would be thrown out next, and so on in turn); NULL: nobody.
 */
const struct addr *evict_victim(const struct addr *const owners[], unsigned count, const struct addr *newcomer);

#endif

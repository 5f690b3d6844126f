/*
 * Which services a LAN host may use (requirement 8): a table of fixed size, filled by gate. Pure. The packet filter
 * enforces the same by MAC address; here a host that may not use a service does not even get the address, and brings
 * up no tunnel.
 */
#ifndef SEKISHO_DNS_HOSTS_H
#define SEKISHO_DNS_HOSTS_H

#include "msg.h"

#define HOSTS_SLOTS 256 /* power of two; at most a quarter full */

struct hosts {
    unsigned count;
    bool others_known;
    uint8_t others; /* services of all other hosts; all services until gate sends them */
    struct msg_host hosts[CONF_HOSTS_MAX];
    uint8_t slots[HOSTS_SLOTS]; /* index + 1; 0: free */
};

void hosts_clear(struct hosts *h);
/* False: a protocol error by gate (a duplicate, too many). */
bool hosts_add(struct hosts *h, const struct msg_host *m);
bool hosts_may(const struct hosts *h, const struct addr *client, uint8_t service);

#endif

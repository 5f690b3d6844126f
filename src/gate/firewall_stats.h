/* The packet filter's counters, and the use of the connection table. Read periodically, for the idle time and for
 * people. */
#ifndef SEKISHO_GATE_FIREWALL_STATS_H
#define SEKISHO_GATE_FIREWALL_STATS_H

#include "firewall.h"

struct firewall_stats {
    /* given at the start */
    const struct prefix *lan;
    bool *changed; /* set when the state file is to be written (publish.h) */
    /* its own */
    uint64_t read_at,
        told; /* read_at: time of the last reading by firewall_stats_tick; told: the number of blocked packets then */
    struct firewall_counters counters;
    struct firewall_tracked tracked;
    bool crowded; /* a host has too many connections, and that was reported */
};

/* Packets through the tunnels, for the idle time. */
uint64_t firewall_stats_activity(struct firewall_stats *f);
/* Reads every few seconds. */
void firewall_stats_tick(struct firewall_stats *f, uint64_t now_ms);

#endif

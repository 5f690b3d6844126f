/* What the packet filter has counted, and how full the table of connections is. Read now and then, for idle clock
 * and people. */
#ifndef SEKISHO_GATE_FIREWALL_STATS_H
#define SEKISHO_GATE_FIREWALL_STATS_H

#include "firewall.h"

struct firewall_stats {
    /* given at the start */
    const struct prefix *lan;
    bool *changed; /* set when the state file is to be written (publish.h) */
    /* its own */
    uint64_t read_at,
        told; /* by firewall_stats_tick; packets that were counted then, of those that people are told of */
    struct firewall_counters counters;
    struct firewall_tracked tracked;
    bool crowded; /* somebody has too many connections, and that was said */
};

/* Packets through the tunnels: for the idle clock. */
uint64_t firewall_stats_activity(struct firewall_stats *f);
/* Reads every few seconds. */
void firewall_stats_tick(struct firewall_stats *f, uint64_t now_ms);

#endif

#include "firewall_stats.h"
#include "audit.h"
#include "log.h"

#include <errno.h>
#include <string.h>

#define READ_EVERY_MS 5000

uint64_t firewall_stats_activity(struct firewall_stats *f)
{
    if (firewall_counters(&f->counters) < 0)
        log_warn("cannot read the counters: %s", strerror(errno));
    return f->counters.session_out + f->counters.session_in;
}

/* Report a host that has nearly its share of the connection table, or that the table is nearly full. */
static void read_table(struct firewall_stats *f)
{
    char host[INET6_ADDRSTRLEN];
    bool before = f->crowded;
    struct firewall_tracked *t = &f->tracked;
    if (firewall_tracked(f->lan, t) < 0) {
        log_warn("the tracked connections cannot be counted: %s", strerror(errno));
        return;
    }
    f->crowded = t->by_most >= FIREWALL_CROWDED(FIREWALL_SHARE) || t->entries >= FIREWALL_CROWDED(t->most);
    if (f->crowded && !before)
        audit_event("connections.many", "client=%s count=%u of=%u all=%u",
                    t->host.family ? addr_text(&t->host, host, sizeof host) : "-", t->by_most, FIREWALL_SHARE,
                    t->entries);
    if (f->crowded || before)
        *f->changed = true;
}

void firewall_stats_tick(struct firewall_stats *f, uint64_t now_ms)
{
    if (now_ms - f->read_at < READ_EVERY_MS)
        return;
    f->read_at = now_ms;
    if (firewall_counters(&f->counters) == 0 && f->counters.blocked + f->counters.asked != f->told) {
        f->told = f->counters.blocked + f->counters.asked;
        *f->changed = true;
    }
    read_table(f);
}

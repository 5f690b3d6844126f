#include "uplink.h"
#include "link_config.h"

void uplink_init(struct uplink *u, const char *run)
{
    state_watch_init(&u->file, run, "wan/state");
    u->address.family = 0;
}

void uplink_tick(struct uplink *u)
{
    struct state_watch_wan now;
    if (!state_watch_changed(&u->file))
        return;
    state_watch_read_wan(&u->file, &now);
    registry_uplink(u->registry, &now);
    resolvers_uplink(u->resolvers, now.dns, now.dns_count);
    /* (While it is down there is none; then compare the last one with the next.) */
    bool moved = u->address.family && now.address.family && !addr_equal(&u->address, &now.address);
    if (now.address.family)
        u->address = now.address;
    link_config_uplink(u->dns, &u->address);
    session_wan(u->session, now.up, moved);
}

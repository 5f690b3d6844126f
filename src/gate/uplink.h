/* Reads the uplink's state published by `wan` (DNS servers, own address, up or down) and passes it on. */
#ifndef SEKISHO_GATE_UPLINK_H
#define SEKISHO_GATE_UPLINK_H

#include "dns_link.h"
#include "registry.h"
#include "resolvers.h"
#include "session.h"
#include "state_watch.h"

struct uplink {
    /* given at the start */
    struct session *session;
    struct registry *registry;
    struct resolvers *resolvers;
    struct dns_link *dns;
    /* its own */
    struct state_watch_file file;
    struct addr address; /* the last one, kept while the uplink is down; family 0: none yet */
};

void uplink_init(struct uplink *u, const char *run);
void uplink_tick(struct uplink *u);

#endif

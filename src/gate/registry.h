/*
 * What is the registry's, where the hub of a service carries everything (`remote = 0.0.0.0/0`) and so its file says
 * nothing of it: the resolver behind the hub; each address of an answer for a listed name, opened or not; what the hub
 * has lent, and the networks that it has narrowed a tunnel to. The packet filter keeps them as it keeps prefixes
 * (tunnel_v4, tunnel_v6): in a session the service's, out of one never in clear. None is ever forgotten: they are kept
 * in RUN/gate/registry, so that a gate that is started again knows them, until the box is switched off.
 */
#ifndef SEKISHO_GATE_REGISTRY_H
#define SEKISHO_GATE_REGISTRY_H

#include "firewall.h"
#include "ike_sa.h"
#include "session.h"
#include "state_watch.h"

#define REGISTRY_MAX FIREWALL_KNOWN_MAX
#define REGISTRY_RESERVED 128 /* of them not for answers: for the resolver, and for what hubs lend and carry */
#define REGISTRY_LENT_MAX (REGISTRY_MAX - REGISTRY_RESERVED / 2) /* with what hubs lend, perhaps another each time */
#define REGISTRY_CARRIED_MAX (REGISTRY_MAX - CONF_PREFIXES_MAX) /* with what they carry; the rest is the resolver's */
#define REGISTRY_LOG_MS 60000 /* that there is no room is said once in this time */

struct registry {
    /* given at the start */
    const struct conf *conf;
    const struct session *session;
    const char *run; /* /run/sekisho */
    /* In the kernel; all or none: 0, or -1 with errno (firewall_known). */
    int (*tell)(const struct firewall_range *list, unsigned count);
    /* its own */
    uint8_t service; /* whose hub carries everything; 0: none has such a hub, and nothing is learned */
    bool unsaved; /* the file does not have all of the list */
    uint64_t limited, limit_said_ms; /* times that there was no room */
    struct state_watch_wan uplink; /* the last one that had an address */
    unsigned count;
    struct firewall_range list[REGISTRY_MAX]; /* as the kernel has them: in order, none overlaps another */
};

/* Once all that is given stands there, and nothing is open: learn what an earlier gate knew. 0, or -1 with errno. */
int registry_init(struct registry *r);
void registry_uplink(struct registry *r, const struct state_watch_wan *uplink);
/*
 * May this be the registry's? Not what the box itself needs on the LAN and on the uplink: it would cut itself off. And
 * nothing before that is known: an uplink, and the hub (named by its address, or there was a tunnel to it).
 */
bool registry_may(const struct registry *r, const struct prefix *p);
/* From now on it is the service's, which must be r->service. 0 also if it is known; -1 with errno, and it is not. */
int registry_learn(struct registry *r, const struct prefix *p);
/*
 * For struct charon, before a tunnel counts as up and each time that it changes: what the hub has lent, and what it
 * carries if that is not everything, is the registry's; but for the parts that the box needs itself. CAUSE_NONE, or why
 * the tunnel cannot be used: its address is one that the box needs itself, or on the line's network; or what it carries
 * could leave in clear afterwards. (An address that it has lent and that finds no room is no such reason.)
 */
enum cause_code registry_tunnel(void *registry, uint8_t service, const struct ike_sa *sa);

/* For struct admit_now; registry: a struct registry. */
bool registry_may_open(void *registry, const struct addr *a);
int registry_learn_open(void *registry, const struct addr *a);
bool registry_knows(void *registry, const struct addr *a);

#endif

#include "session_effects.h"
#include "audit.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* ---- the packet filter ---- */

static int op_apply(void *user, const struct firewall_view *view)
{
    return firewall_mode_set(((struct session_effects *)user)->mode, view);
}

static void op_forget(void *user, uint32_t generation)
{
    (void)user;
    firewall_mode_forget(generation);
}

static uint64_t op_activity(void *user)
{
    return firewall_stats_activity(((struct session_effects *)user)->stats);
}

/*
 * When gate has exited, Finit reloads the whole ruleset (rootfs …/close), which closes everything, and restarts gate.
 */
static void op_helpless(void *user)
{
    publish_state(((struct session_effects *)user)->publish);
    log_fatal("the packet filter does not even close: ending, so that its rules are loaded afresh");
}

/* ---- tunnels ---- */

static int op_initiate(void *user, uint8_t service)
{
    return charon_initiate(((struct session_effects *)user)->charon, service);
}

static void op_terminate(void *user, uint8_t service)
{
    charon_terminate(((struct session_effects *)user)->charon, service);
}

static bool op_has_ike_sa(void *user, uint8_t service)
{
    return charon_has_ike_sa(((struct session_effects *)user)->charon, service);
}

static bool op_probe(void *user, uint8_t service)
{
    return resolvers_probe(((struct session_effects *)user)->resolvers, service);
}

static void op_tunnel(void *user, uint8_t service, const struct firewall_tunnel *tunnel)
{
    struct session_effects *e = user;
    resolvers_tunnel(e->resolvers, service, tunnel);
    if (tunnel && tunnel->by_pc)
        pc_tunnels_resolve(e->pc_tunnels, service);
    else if (tunnel)
        stale_dns_resolve(e->stale_dns, service);
}

/* ---- notifications ---- */

static void op_announce(void *user, const struct msg_mode *mode)
{
    struct session_effects *e = user;
    dns_link_send(e->dns, MSG_MODE, mode, -1);
    sni_link_send(e->sni, MSG_MODE, mode, -1);
}

static void op_changed(void *user)
{
    publish_session_changed(((struct session_effects *)user)->publish);
}

static void op_audit(void *user, const char *event, const char *details)
{
    (void)user;
    audit_event(event, "%s", details);
}

/* ---- inputs ---- */

static uint32_t op_random(void *user)
{
    uint32_t value;
    (void)user;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        log_fatal("no random numbers: %s", strerror(errno));
    return value;
}

static uint64_t op_now(void *user)
{
    (void)user;
    return clock_monotonic_ms();
}

const struct session_ops session_effects_ops = {
    .apply = op_apply,
    .forget = op_forget,
    .activity = op_activity,
    .initiate = op_initiate,
    .probe = op_probe,
    .terminate = op_terminate,
    .has_ike_sa = op_has_ike_sa,
    .tunnel = op_tunnel,
    .announce = op_announce,
    .helpless = op_helpless,
    .changed = op_changed,
    .audit = op_audit,
    .random = op_random,
    .now = op_now,
};

/* A session that can begin, and does nothing: a test replaces what it looks at. After cmocka.h. */
#ifndef SEKISHO_TEST_GATE_NO_EFFECTS_H
#define SEKISHO_TEST_GATE_NO_EFFECTS_H

#include "clock.h"
#include "session.h"

static int no_apply(void *user, const struct firewall_view *view)
{
    (void)user, (void)view;
    return 0;
}

static uint64_t no_activity(void *user)
{
    (void)user;
    return 0;
}

static int no_initiate(void *user, uint8_t service)
{
    (void)user, (void)service;
    return 0;
}

static void no_tunnel(void *user, uint8_t service, const struct firewall_tunnel *tunnel)
{
    (void)user, (void)service, (void)tunnel;
}

static void no_announce(void *user, const struct msg_mode *mode)
{
    (void)user, (void)mode;
}

static void no_changed(void *user)
{
    (void)user;
}

static void no_audit(void *user, const char *event, const char *details)
{
    (void)user, (void)event, (void)details;
}

static uint32_t same_number(void *user)
{
    (void)user;
    return 12345;
}

static uint64_t real_now(void *user)
{
    (void)user;
    return clock_monotonic_ms();
}

static const struct session_ops no_effects = {.apply = no_apply,
                                              .activity = no_activity,
                                              .initiate = no_initiate,
                                              .tunnel = no_tunnel,
                                              .announce = no_announce,
                                              .changed = no_changed,
                                              .audit = no_audit,
                                              .random = same_number,
                                              .now = real_now};

#endif

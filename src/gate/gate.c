/* How the parts of gate are connected: the session's effects, the child's messages, commands, time. */
#include "gate.h"
#include "audit.h"
#include "clock.h"
#include "firewall.h"
#include "log.h"
#include "rules.h"
#include "hang_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SITE_CHECK_TICKS 10   /* a bad site file is looked at again every this many ticks */
#define STATE_FILE_EVERY_MS 200  /* not more often than this */
#define COUNT_EVERY_MS 5000

static uint64_t now_ms(void *user)
{
    (void)user;
    return clock_monotonic_ms();
}

/* ---- resolvers: who the box may ask, and the sockets that `dns` asks through ---- */

static void tell_kernel_resolvers(struct gate *g)
{
    struct addr list[FIREWALL_RESOLVERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < g->wan.dns_count; i++)
        list[count++] = g->wan.dns[i];
    for (unsigned n = 1; n <= CONF_SERVICES_MAX; n++)
        if (g->inside[n].family)
            list[count++] = g->inside[n];
    if (firewall_resolvers(list, count) < 0)
        log_error("the kernel does not take the list of resolvers: %s", strerror(errno));
}

/* The line's resolvers have changed: for services that are resolved outside, and for names that are not listed. */
static void renew_wan_upstreams(struct gate *g)
{
    const struct addr any = {0};
    tell_kernel_resolvers(g);
    for (unsigned i = 0; i < g->conf.service_count; i++)
        if (g->conf.services[i].resolver_wan)
            dns_link_upstream(&g->dns, g->conf.services[i].number, g->wan.dns, g->wan.dns_count, &any);
    if (g->conf.site.outside == CONF_OUTSIDE_INTERNET)
        dns_link_upstream(&g->dns, 0, g->wan.dns, g->wan.dns_count, &any);
}

static void ask_through(struct gate *g, uint8_t service, const struct firewall_tunnel *tunnel)
{
    const struct conf_service *s = g->charon.services[service].conf;
    if (!s || s->resolver_wan)
        return;
    g->inside[service] = tunnel ? s->resolver : (struct addr){0};
    tell_kernel_resolvers(g);
    if (!tunnel) {
        dns_link_upstream(&g->dns, service, NULL, 0, NULL);
        return;
    }
    /* From the virtual address, so that the questions go through the tunnel. */
    const struct addr *vip = s->resolver.family == AF_INET6 ? &tunnel->vip6 : &tunnel->vip4;
    if (!vip->family || dns_link_upstream(&g->dns, service, &s->resolver, 1, vip) == 0)
        log_error("%s: no socket to its resolver could be made; its names will not be found", s->name);
}

/* ---- the session's other effects ---- */

static void op_tunnel(void *user, uint8_t service, const struct firewall_tunnel *tunnel)
{
    ask_through(user, service, tunnel);
    if (tunnel)
        stale_dns_resolve(user, service);
}

static int op_apply(void *user, const struct firewall_view *view)
{
    struct firewall_view with = *view;
    const struct gate *g = user;
    with.tls_waits = !sni_link_is_there(&g->sni);
    with.registry = g->conf.services;
    with.registry_count = g->conf.service_count;
    return firewall_apply(&with);
}

static void op_forget(void *user, uint32_t generation)
{
    (void)user;
    if (firewall_forget(generation) < 0)
        log_warn("old connections are still tracked (they are dead all the same): %s", strerror(errno));
}

static uint64_t op_activity(void *user)
{
    struct gate *g = user;
    if (firewall_counters(&g->counters) < 0)
        log_warn("cannot read the counters: %s", strerror(errno));
    return g->counters.session_out + g->counters.session_in;
}

static int op_initiate(void *user, uint8_t service)
{
    return charon_initiate(&((struct gate *)user)->charon, service);
}

static bool op_probe(void *user, uint8_t service)
{
    struct gate *g = user;
    return g->inside[service].family && dns_link_probe(&g->dns, service);
}

static void op_terminate(void *user, uint8_t service)
{
    charon_terminate(&((struct gate *)user)->charon, service);
}

static bool op_stands(void *user, uint8_t service)
{
    return charon_stands(&((struct gate *)user)->charon, service);
}

static void op_announce(void *user, const struct msg_mode *mode)
{
    struct gate *g = user;
    dns_link_send(&g->dns, MSG_MODE, mode, -1);
    sni_link_send(&g->sni, MSG_MODE, mode, -1);
}

static void charon_hangs(void *user)
{
    struct gate *g = user;
    if (!hang_guard_tell(g->paths.run, "end charon"))
        log_error("the hang guard cannot be told to end charon: %s", strerror(errno));
}

/* When gate has ended, Finit loads the whole rule set anew (rootfs …/close), which closes everything, and starts gate. */
static void op_helpless(void *user)
{
    struct gate *g = user;
    state_write(g);
    log_fatal("the packet filter does not even close: ending, so that its rules are loaded afresh");
}

/* The page of open names changes with every answer, so it has a slower clock of its own. */
static void publish_rules(struct gate *g)
{
    g->rules_at = now_ms(g);
    g->rules_admitted = g->admit.admitted;
    rules_write(g);
}

static void publish_now(struct gate *g)
{
    g->published_at = now_ms(g);
    g->dirty = false;
    g->counted = g->counters.blocked + g->counters.asked;
    state_write(g);
}

static void op_changed(void *user)
{
    struct gate *g = user;
    g->dirty = true;
    g->rules_at = 0; /* with the next tick */
    /* At once, unless it changes faster than anybody reads; then with the next tick. */
    if (now_ms(g) - g->published_at >= STATE_FILE_EVERY_MS)
        publish_now(g);
}

static void op_audit(void *user, const char *event, const char *details)
{
    (void)user;
    audit_event(event, "%s", details);
}

static uint32_t op_random(void *user)
{
    uint32_t value;
    (void)user;
    if (getrandom(&value, sizeof value, 0) != sizeof value)
        log_fatal("no random numbers: %s", strerror(errno));
    return value;
}

static const struct session_ops session_ops = {
    .apply = op_apply,
    .forget = op_forget,
    .activity = op_activity,
    .initiate = op_initiate,
    .probe = op_probe,
    .terminate = op_terminate,
    .stands = op_stands,
    .tunnel = op_tunnel,
    .announce = op_announce,
    .helpless = op_helpless,
    .changed = op_changed,
    .audit = op_audit,
    .random = op_random,
    .now = now_ms,
};

/* ---- commands ---- */

static void on_command(void *user, const struct msg *m, struct msg_reply *reply)
{
    struct gate *g = user;
    if (!g->configured)
        reply->cause = g->fault;
    else if (m->head.type == MSG_CTL_SESSION_START)
        reply->ok = session_command_start(&g->session, m->u.service.service, &reply->cause);
    else
        reply->ok = session_command_end(&g->session, &reply->cause);
}

/* ---- time ---- */

static void look_around(struct gate *g)
{
    if (state_watch_changed(&g->wan_file)) {
        struct state_watch_wan before = g->wan;
        state_watch_read_wan(&g->wan_file, &g->wan);
        if (before.dns_count != g->wan.dns_count || memcmp(before.dns, g->wan.dns, sizeof before.dns) != 0)
            renew_wan_upstreams(g);
        bool moved = before.address.family && g->wan.address.family && !addr_equal(&before.address, &g->wan.address);
        if (!g->wan.address.family)
            g->wan.address = before.address; /* the line is down: remember, to see whether it comes back as another */
        peers_send_line(g);
        session_wan(&g->session, g->wan.up, moved);
    }
    if (state_watch_changed(&g->certificate_file)) {
        static struct state_watch_certificate c;
        state_watch_read_certificate(&g->certificate_file, &c);
        charon_identity(&g->charon, &c);
    }
}

/* One host has (nearly) its share of the table of connections, or all together have filled it: people are told who. */
static void look_at_table(struct gate *g)
{
    char host[INET6_ADDRSTRLEN];
    bool before = g->crowded;
    struct firewall_tracked *t = &g->tracked;
    if (firewall_tracked(&g->conf.site.lan_address, t) < 0) {
        log_warn("the tracked connections cannot be counted: %s", strerror(errno));
        return;
    }
    g->crowded = t->by_most >= FIREWALL_CROWDED(FIREWALL_SHARE) || t->entries >= FIREWALL_CROWDED(t->most);
    if (g->crowded && !before)
        audit_event("connections.many", "client=%s count=%u of=%u all=%u",
                    t->host.family ? addr_text(&t->host, host, sizeof host) : "-", t->by_most, FIREWALL_SHARE,
                    t->entries);
    if (g->crowded || before)
        g->dirty = true;
}

/* What people have been told since then needs not be told any longer. */
static bool told_long_enough(struct gate *g, uint64_t now, uint64_t since)
{
    bool enough = now - since >= GATE_REFUSED_MS;
    g->dirty = g->dirty || enough;
    return enough;
}

static void on_tick(uev_t *w, void *arg, int events)
{
    struct gate *g = arg;
    static unsigned ticks;
    (void)events;
    ticks++;
    hang_guard_alive(g->paths.run, "gate");
    if (!g->configured) {
        if (ticks % SITE_CHECK_TICKS == 0 && state_watch_changed(&g->site_file)) {
            log_info("the site file has changed: starting again");
            uev_exit(w->ctx);
        }
        return;
    }
    look_around(g);
    charon_tick(&g->charon);
    dns_link_tick(&g->dns);
    stale_dns_keep(g);
    sni_link_tick(&g->sni);
    session_tick(&g->session);
    session_tick_tunnels(&g->session);
    uint64_t now = now_ms(g);
    if (g->refused.code && told_long_enough(g, now, g->refused_at))
        cause_set(&g->refused, CAUSE_NONE, NULL);
    if (g->unasked[0] && told_long_enough(g, now, g->unasked_at))
        g->unasked[0] = 0;
    if (!sni_link_is_there(&g->sni) && now - g->sni_gone_at >= GATE_SNI_MS &&
        now - g->sni_gone_at < GATE_SNI_MS + 2 * SESSION_TICK_MS)
        g->dirty = true; /* its absence is told now */
    if (now - g->counted_at >= COUNT_EVERY_MS) {
        g->counted_at = now;
        if (firewall_counters(&g->counters) == 0 && g->counters.blocked + g->counters.asked != g->counted)
            g->dirty = true;
        look_at_table(g);
    }
    if (g->dirty && now - g->published_at >= STATE_FILE_EVERY_MS)
        publish_now(g);
    if (g->rules_at == 0 || (g->admit.admitted != g->rules_admitted && now - g->rules_at >= RULES_EVERY_MS))
        publish_rules(g);
}

static void on_signal(uev_t *w, void *arg, int events)
{
    (void)arg;
    (void)events;
    log_info("asked to end");
    uev_exit(w->ctx);
}

/* ---- start and end ---- */

static void start(struct gate *g)
{
    state_watch_init(&g->wan_file, g->paths.run, "wan/state");
    state_watch_init(&g->certificate_file, g->paths.run, "enroll/state");
    /* (Closed, which is how the rules were loaded; Finit loads them afresh and starts gate again. What opens later brings the
     * prefixes with it, so that it cannot open without them.) */
    if (firewall_hosts(&g->conf) < 0)
        log_fatal("the kernel does not take which host may use what: %s", strerror(errno));
    admit_init(&g->admit, &g->conf);
    session_init(&g->session, &g->conf, &session_ops, g);
    charon_init(&g->charon, &g->loop, &g->conf, &g->session);
    g->charon.socket = g->paths.vici;
    g->charon.hangs = charon_hangs;
    g->charon.user = g;
    dns_link_watch(&g->dns, &g->loop, &peers_dns, g);
    tell_kernel_resolvers(g);
    session_begin(&g->session);
    if (firewall_forget_all() < 0) /* closed first, so that what comes now begins as a refused flow */
        log_warn("connections of before are still tracked: %s", strerror(errno));
    peers_send_allowlist(g);
    peers_send_hosts(g);
    peers_send_private(g);
    dns_link_send(&g->dns, MSG_NAMES_END, NULL, -1);
    g->sni_gone_at = clock_monotonic_ms();
    if (sni_link_watch(&g->sni, &g->loop, &peers_sni, g) < 0)
        log_fatal("cannot watch sni's socket: %s", strerror(errno));
}

static void end(struct gate *g)
{
    if (g->configured) {
        struct cause answer;
        session_command_end(&g->session, &answer);
    }
    if (firewall_closed() < 0)
        log_error("the kernel could not be closed: %s", strerror(errno));
}

int gate_run(struct gate *g)
{
    /* Signals and time come through the loop. */
    uev_signal_init(&g->loop, &g->sigterm, on_signal, g, SIGTERM);
    uev_signal_init(&g->loop, &g->sigint, on_signal, g, SIGINT);
    uev_timer_init(&g->loop, &g->tick, on_tick, g, SESSION_TICK_MS, SESSION_TICK_MS);
    if (g->configured)
        start(g);
    if (ctl_watch(&g->ctl, &g->loop, on_command, g) < 0)
        log_fatal("cannot watch the command socket: %s", strerror(errno));
    publish_now(g);
    publish_rules(g);
    char line[CAUSE_LINE_MAX];
    audit_event("gate.start", "%s", g->configured ? "configuration=good" : cause_line(&g->fault, line));
    uev_run(&g->loop, 0);
    end(g);
    return 0;
}

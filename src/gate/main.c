/*
 * gate: the session and the packet filter. Starts as root to bind port 53 and start `dns`; then it runs as its own user
 * with CAP_NET_ADMIN. It fails closed: first of all it closes the packet filter.
 *
 * The parts are connected only here: each owns its state and gets what it needs. See
 * docs/decisions/0066-parts-of-gate.md.
 */
#include "admit.h"
#include "audit.h"
#include "charon.h"
#include "clock.h"
#include "conf.h"
#include "ctl_server.h"
#include "dns_link.h"
#include "dns_requests.h"
#include "firewall_mode.h"
#include "firewall_stats.h"
#include "hang_guard.h"
#include "link_config.h"
#include "log.h"
#include "pc_tunnels.h"
#include "publish.h"
#include "refusals.h"
#include "registry.h"
#include "resolvers.h"
#include "sandbox.h"
#include "session.h"
#include "session_effects.h"
#include "sni_link.h"
#include "sni_verdicts.h"
#include "stale_dns.h"
#include "state_file.h"
#include "state_watch.h"
#include "uplink.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SITE_CHECK_TICKS 10 /* interval of checking an invalid site file again */

/* Paths; the defaults are the box's. */
static struct {
    const char *site;      /* /state/site.conf */
    const char *services1; /* /state/services */
    const char *services2; /* /etc/sekisho/services */
    const char *run;       /* /run/sekisho */
    const char *dns;       /* the program dns */
    const char *vici;      /* charon's socket */
} paths;

static uev_ctx_t loop;
static struct conf conf;
static struct cause fault; /* why gate is not configured: then only this is published. CAUSE_NONE: it is */
static struct state_watch_file site_file, certificate_file;
static struct ctl_server ctl;

/* The parts, in the order of their dependencies: each uses only those above it. */
static struct dns_link dns;
static struct sni_link sni;
static struct refusals refusals;
static struct admit admit;
static struct session session;
static struct charon charon;
static struct registry registry;
static struct firewall_mode mode;
static struct firewall_stats stats;
static struct resolvers resolvers;
static struct stale_dns stale_dns;
static struct pc_tunnels pc_tunnels;
static struct dns_requests requests;
static struct sni_verdicts verdicts;
static struct uplink uplink;
static struct publish publish;
static struct session_effects effects;

/* ---- callbacks of the parts ---- */

/* dns cannot be restarted without root: gate exits too, closed, and Finit restarts both. */
static void on_dns_lost(void *user, enum cause_code why)
{
    (void)user;
    firewall_mode_close();
    if (session.state == SESSION_UP)
        audit_event("session.end", "reason=\"%s\"", cause_word(CAUSE_DNS_GONE));
    audit_fault(CAUSE_DNS_FRONT_LOST, why);
    cause_set(&fault, CAUSE_NAMES_GONE, NULL);
    publish_state(&publish);
    log_fatal("dns: %s", cause_word(why));
}

/*
 * Before a tunnel counts as up: what its hub lends and carries is the registry's, and the hub no PC's any more. Where
 * that fails there is no tunnel.
 */
static enum cause_code guard_tunnel(void *user, uint8_t service, const struct ike_sa *sa)
{
    (void)user;
    enum cause_code why = registry_tunnel(&registry, service, sa);
    if (why == CAUSE_NONE && pc_tunnels_box_hub(&pc_tunnels, &sa->hub) < 0) {
        log_error("the hub of a PC's own tunnel that is the box's cannot be taken back: %s", strerror(errno));
        why = CAUSE_HUB_NOT_TAKEN_BACK;
    }
    return why;
}

static void on_charon_hangs(void *user)
{
    (void)user;
    if (!hang_guard_tell(paths.run, "end charon"))
        log_error("the hang guard cannot be told to end charon: %s", strerror(errno));
}

static bool on_command(void *user, const struct msg *m, struct msg_reply *reply)
{
    (void)user;
    if (m->head.type != MSG_CTL_SESSION_START && m->head.type != MSG_CTL_SESSION_END)
        return false;
    if (fault.code)
        reply->cause = fault;
    else if (m->head.type == MSG_CTL_SESSION_START)
        reply->ok = session_command_start(&session, m->u.service.service, &reply->cause);
    else
        reply->ok = session_command_end(&session, &reply->cause);
    return true;
}

static void on_ctl(uev_t *w, void *arg, int events)
{
    (void)w;
    (void)arg;
    (void)events;
    ctl_server_process(&ctl, on_command, NULL);
}

/* ---- connecting the parts ---- */

static void wire(void)
{
    registry.conf = &conf;
    registry.session = &session;
    registry.run = paths.run;
    registry.tell = firewall_known;
    mode = (struct firewall_mode){.conf = &conf, .sni = &sni, .registry = &registry};
    stats = (struct firewall_stats){.lan = &conf.site.lan_address, .changed = &publish.changed};
    resolvers = (struct resolvers){.conf = &conf, .dns = &dns};
    stale_dns = (struct stale_dns){.admit = &admit, .session = &session, .dns = &dns};
    pc_tunnels = (struct pc_tunnels){.admit = &admit,
                                     .session = &session,
                                     .dns = &dns,
                                     .uplink = &uplink.address,
                                     .run = paths.run,
                                     .tell = firewall_pc_hubs,
                                     .revoke = firewall_pc_revoke};
    requests.session = &session;
    requests.charon = &charon;
    requests.admit = &admit;
    requests.registry = &registry;
    requests.refusals = &refusals;
    requests.dns = &dns;
    requests.changed = &publish.changed;
    requests.lost = on_dns_lost;
    verdicts = (struct sni_verdicts){.session = &session,
                                     .charon = &charon,
                                     .admit = &admit,
                                     .refusals = &refusals,
                                     .sni = &sni,
                                     .stale_dns = &stale_dns,
                                     .pc_tunnels = &pc_tunnels,
                                     .run = paths.run,
                                     .changed = &publish.changed};
    uplink = (struct uplink){.session = &session, .registry = &registry, .resolvers = &resolvers, .dns = &dns};
    publish.view = (struct view){.run = paths.run,
                                 .fault = &fault,
                                 .conf = &conf,
                                 .session = &session,
                                 .charon = &charon,
                                 .admit = &admit,
                                 .resolvers = &resolvers,
                                 .requests = &requests,
                                 .verdicts = &verdicts,
                                 .sni = &sni,
                                 .refusals = &refusals,
                                 .stats = &stats};
    effects = (struct session_effects){.mode = &mode,
                                       .stats = &stats,
                                       .charon = &charon,
                                       .dns = &dns,
                                       .sni = &sni,
                                       .resolvers = &resolvers,
                                       .stale_dns = &stale_dns,
                                       .pc_tunnels = &pc_tunnels,
                                       .publish = &publish};
}

/* ---- time and signals ---- */

static void look_at_certificate(void)
{
    static struct state_watch_certificate c;
    if (!state_watch_changed(&certificate_file))
        return;
    state_watch_read_certificate(&certificate_file, &c);
    charon_identity(&charon, &c);
}

static void on_tick(uev_t *w, void *arg, int events)
{
    static unsigned ticks;
    (void)arg;
    (void)events;
    ticks++;
    hang_guard_alive(paths.run, "gate");
    if (fault.code) {
        if (ticks % SITE_CHECK_TICKS == 0 && state_watch_changed(&site_file)) {
            log_info("the site file has changed: starting again");
            uev_exit(w->ctx);
        }
        return;
    }
    uplink_tick(&uplink);
    look_at_certificate();
    charon_tick(&charon);
    dns_link_tick(&dns);
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    sni_link_tick(&sni);
    session_tick(&session);
    session_tick_tunnels(&session);
    uint64_t now_ms = clock_monotonic_ms();
    dns_requests_tick(&requests, now_ms);
    sni_verdicts_tick(&verdicts, now_ms);
    firewall_stats_tick(&stats, now_ms);
    publish_tick(&publish, now_ms);
}

static void on_signal(uev_t *w, void *arg, int events)
{
    (void)arg;
    (void)events;
    log_info("asked to end");
    uev_exit(w->ctx);
}

/* ---- start: as root ---- */

static const char *const syscalls[] = {"socket", "connect", "bind", "setsockopt", "getsockopt", "getsockname",
                                       "accept4", "shutdown",
    /* state files: open, write, rename; reading those of others */
                                       "openat", "rename", "renameat", "renameat2", "fsync", "unlink", "unlinkat",
                                       "stat", "statx", "umask", "fchmod", NULL};

static bool options(int argc, char **argv)
{
    paths.site = "/state/site.conf";
    paths.services1 = "/state/services";
    paths.services2 = "/etc/sekisho/services";
    paths.run = "/run/sekisho";
    paths.dns = DNS_LINK_PROGRAM;
    paths.vici = VICI_SOCKET;
    int c;
    while ((c = getopt(argc, argv, "s:d:D:r:n:v:")) != -1)
        switch (c) {
        case 's': paths.site = optarg; break;
        case 'd': paths.services1 = optarg; break;
        case 'D': paths.services2 = optarg; break;
        case 'r': paths.run = optarg; break;
        case 'n': paths.dns = optarg; break;
        case 'v': paths.vici = optarg; break;
        default: return false;
        }
    return optind == argc;
}

static void load_configuration(void)
{
    static struct conf_errors errors;
    /* Before reading the file, so that a later change is noticed. */
    snprintf(site_file.path, sizeof site_file.path, "%s", paths.site);
    state_watch_changed(&site_file);
    if (conf_load_all(paths.site, paths.services1, paths.services2, &conf, &errors))
        return;
    char line[CAUSE_LINE_MAX];
    conf_first_mistake(&errors, &fault);
    if (!fault.code)
        log_fatal("the files are not good, and no mistake is known");
    log_error("%s", cause_line(&fault, line));
}

/* Make RUN/gate, where our user can create its state file, and root's sockets cannot be replaced. */
static void make_run_folder(void)
{
    char path[160];
    snprintf(path, sizeof path, "%s/gate", paths.run);
    if (mkdir(paths.run, 0755) < 0 && errno != EEXIST)
        log_fatal("cannot make %s: %s", paths.run, strerror(errno));
    if (state_file_folder(path, UID_GATE) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
}

static void make_sockets(void)
{
    char path[160];
    snprintf(path, sizeof path, "%s/gate/ctl.sock", paths.run);
    if (ctl_server_open(&ctl, path, UID_SEKISHO, ROLE_GATE) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/gate/sni.sock", paths.run);
    if (sni_link_open(&sni, path) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
}

static void start_dns(void)
{
    if (dns_link_start(&dns, paths.dns) < 0)
        log_fatal("cannot start dns: %s", strerror(errno));
    if (dns_link_listen(&dns, &conf.site.lan_address.addr) < 0)
        log_fatal("cannot listen on port 53 of the LAN address: %s", strerror(errno));
}

/* ---- start: without root ---- */

static void start_parts(void)
{
    firewall_mode_begin(&mode);
    if (registry_init(&registry) < 0)
        log_fatal("what is the registry's cannot be read or told to the kernel: %s", strerror(errno));
    admit_init(&admit, &conf);
    if (pc_tunnels_init(&pc_tunnels) < 0)
        log_fatal("the hubs of PCs' own tunnels cannot be read or told to the kernel: %s", strerror(errno));
    session_init(&session, &conf, &session_effects_ops, &effects);
    charon_init(&charon, &loop, &conf, &session);
    charon.socket = paths.vici;
    charon.hangs = on_charon_hangs;
    charon.guard = guard_tunnel;
    dns_requests_init(&requests);
    sni_verdicts_init(&verdicts);
    uplink_init(&uplink, paths.run);
    state_watch_init(&certificate_file, paths.run, "enroll/state");
    dns_link_watch(&dns, &loop, &dns_requests_ops, &requests);
    resolvers_init(&resolvers);
    session_begin(&session);
    if (firewall_forget_all() < 0) /* after closing, so that flows that go on are refused as new ones */
        log_warn("earlier connections are still tracked: %s", strerror(errno));
    link_config_dns(&dns, &admit);
    if (sni_link_watch(&sni, &loop, &sni_verdicts_ops, &verdicts) < 0)
        log_fatal("cannot watch sni's socket: %s", strerror(errno));
}

/* Run until a signal. */
static void run(void)
{
    static uev_t tick, sigterm, sigint, commands;
    char line[CAUSE_LINE_MAX];
    uev_signal_init(&loop, &sigterm, on_signal, NULL, SIGTERM);
    uev_signal_init(&loop, &sigint, on_signal, NULL, SIGINT);
    uev_timer_init(&loop, &tick, on_tick, NULL, SESSION_TICK_MS, SESSION_TICK_MS);
    if (!fault.code)
        start_parts();
    if (uev_io_init(&loop, &commands, on_ctl, NULL, ctl.fd, UEV_READ) < 0)
        log_fatal("cannot watch the command socket: %s", strerror(errno));
    publish_all(&publish);
    audit_event("gate.start", "%s", fault.code ? cause_line(&fault, line) : "configuration=good");
    uev_run(&loop, 0);
}

static void end(void)
{
    struct cause answer;
    if (!fault.code)
        session_command_end(&session, &answer);
    firewall_mode_close();
}

int main(int argc, char **argv)
{
    static const uint32_t groups[] = {UID_SEKISHO, UID_VICI};
    log_name("gate");
    if (!options(argc, argv)) {
        fprintf(stderr, "usage: gate [-s SITE] [-d SERVICES] [-D SHIPPED-SERVICES] [-r RUN] [-n NAMES] [-v VICI]\n");
        return 2;
    }
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    if (firewall_open() < 0)
        log_fatal("no netlink: %s", strerror(errno));
    firewall_mode_close();
    wire();
    load_configuration();
    make_run_folder();
    make_sockets();
    audit_open();
    if (!fault.code)
        start_dns();
    if (uev_init(&loop) < 0)
        log_fatal("no event loop: %s", strerror(errno));
    sandbox_user(UID_GATE, groups, 2, 1ULL << CAP_NET_ADMIN);
    sandbox_syscalls(syscalls);
    run();
    end();
    return 0;
}

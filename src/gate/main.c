/*
 * gate: the session and the packet filter. Starts as root to bind port 53 and start `dns`; from then on it is its
 * own user with CAP_NET_ADMIN. Whatever goes wrong here ends closed: the first act is to close the kernel.
 */
#include "gate.h"
#include "audit.h"
#include "firewall.h"
#include "log.h"
#include "state_file.h"
#include "sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct gate gate; /* large, and there is one */

static const char *const syscalls[] = {"socket", "connect", "bind", "setsockopt", "getsockopt", "getsockname",
                                       "accept4", "shutdown",
    /* state files: open, write, rename; reading those of others */
                                       "openat", "rename", "renameat", "renameat2", "fsync", "unlink", "unlinkat",
                                       "stat", "statx", "umask", "fchmod", NULL};

static bool options(struct gate_paths *p, int argc, char **argv)
{
    *p = (struct gate_paths){"/state/site.conf", "/state/services", "/etc/sekisho/services",
                             "/run/sekisho",     DNS_LINK_PROGRAM,  VICI_SOCKET};
    int c;
    while ((c = getopt(argc, argv, "s:d:D:r:n:v:")) != -1)
        switch (c) {
        case 's': p->site = optarg; break;
        case 'd': p->services1 = optarg; break;
        case 'D': p->services2 = optarg; break;
        case 'r': p->run = optarg; break;
        case 'n': p->names = optarg; break;
        case 'v': p->vici = optarg; break;
        default: return false;
        }
    return optind == argc;
}

static void load_configuration(struct gate *g)
{
    static struct conf_errors errors;
    /* Taken before reading: a change after this is seen. */
    snprintf(g->site_file.path, sizeof g->site_file.path, "%s", g->paths.site);
    state_watch_changed(&g->site_file);
    g->configured = conf_load_all(g->paths.site, g->paths.services1, g->paths.services2, &g->conf, &errors);
    if (g->configured)
        return;
    char line[CAUSE_LINE_MAX];
    conf_first_mistake(&errors, &g->fault);
    log_error("%s", cause_line(&g->fault, line));
}

/* RUN/gate, where our user may put its state without root, and root its doors, which nobody can replace. */
static void make_run_folder(const struct gate *g)
{
    char path[160];
    snprintf(path, sizeof path, "%s/gate", g->paths.run);
    if (mkdir(g->paths.run, 0755) < 0 && errno != EEXIST)
        log_fatal("cannot make %s: %s", g->paths.run, strerror(errno));
    if (state_file_folder(path, UID_GATE) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
}

static void make_doors(struct gate *g)
{
    char path[160];
    snprintf(path, sizeof path, "%s/gate/ctl.sock", g->paths.run);
    if (ctl_open(&g->ctl, path) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/gate/sni.sock", g->paths.run);
    if (sni_link_open(&g->sni, path) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
    static const uint32_t groups[] = {UID_SEKISHO, UID_VICI};
    log_name("gate");
    if (!options(&gate.paths, argc, argv)) {
        fprintf(stderr, "usage: gate [-s SITE] [-d SERVICES] [-D SHIPPED-SERVICES] [-r RUN] [-n NAMES] [-v VICI]\n");
        return 2;
    }
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    if (firewall_open() < 0)
        log_fatal("no netlink: %s", strerror(errno));
    if (firewall_closed() < 0)
        log_error("the kernel could not be closed: %s", errno == ENOENT ? "its rules are not loaded" : strerror(errno));
    load_configuration(&gate);
    make_run_folder(&gate);
    make_doors(&gate);
    audit_open();
    if (gate.configured) {
        if (dns_link_start(&gate.dns, gate.paths.names) < 0)
            log_fatal("cannot start dns: %s", strerror(errno));
        if (dns_link_listen(&gate.dns, &gate.conf.site.lan_address.addr) < 0)
            log_fatal("cannot listen on port 53 of the LAN address: %s", strerror(errno));
    }
    if (uev_init(&gate.loop) < 0)
        log_fatal("no event loop: %s", strerror(errno));
    sandbox_user(UID_GATE, groups, 2, 1ULL << CAP_NET_ADMIN);
    sandbox_syscalls(syscalls);
    return gate_run(&gate);
}

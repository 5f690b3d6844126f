/*
 * enroll: the box's keys and certificates. Started by Finit as root; splits into the key part (user enroll: keys,
 * requests, checks, schedule, VICI) and the network part (user enroll-net, `enroll net`), then both drop root. If one
 * exits, so does the other, and Finit restarts the pair.
 *
 *   enroll [-d PREFIX]         PREFIX is prepended to every path (tests)
 */
#include "agent.h"
#include "audit.h"
#include "ctl_server.h"
#include "log.h"
#include "net.h"
#include "state_file.h"
#include "report.h"
#include "sandbox.h"
#include "hang_guard.h"
#include "zone.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NET_FD 3 /* the network part finds its socket here */

/* For the store's files, the state file, charon's socket, the audit socket, and clients of ctl.sock. */
static const char *const calls[] = {"openat",   "mkdirat", "renameat",   "renameat2",  "rename",     "symlinkat",
                                    "unlinkat", "unlink",  "fsync",      "getdents64", "readlinkat", "socket",
                                    "connect",  "accept4", "getsockopt", NULL};

static struct conf_site site;
static struct conf_errors errors;
static const char *prefix = "";

static const char *path_of(char *out, const char *path)
{
    if (snprintf(out, PATH_MAX, "%s%s", prefix, path) >= PATH_MAX)
        log_fatal("%s%s: too long", prefix, path);
    return out;
}

/* Make a folder of ours. Its parent belongs to root, so nobody can put anything else there. */
static void own_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        log_fatal("cannot make %s: %s", path, strerror(errno));
    if (chown(path, UID_ENROLL, UID_ENROLL) < 0 || chmod(path, mode) < 0)
        log_fatal("cannot own %s: %s", path, strerror(errno));
}

static bool load_site(struct cause *fault)
{
    char path[PATH_MAX];
    bool good = conf_load_site(path_of(path, "/state/site.conf"), &site, &errors);
    zone_set(site.zone_min);
    conf_first_mistake(&errors, fault);
    return good;
}

_Noreturn static void run_net(void)
{
    struct cause fault;
    if (!load_site(&fault))
        log_fatal("the network part cannot read the site file");
    net_run(NET_FD, &site);
}

/* Start the network part while still root. Returns our side of the socket pair. */
static int start_net(void)
{
    int sock;
    pid_t child = ipc_fork(&sock);
    if (child < 0)
        log_fatal("fork: %s", strerror(errno));
    if (child == 0) {
        /* dup2 onto the same number would keep close-on-exec */
        if (sock == NET_FD ? fcntl(NET_FD, F_SETFD, 0) < 0 : dup2(sock, NET_FD) < 0)
            log_fatal("dup2: %s", strerror(errno));
        execl("/proc/self/exe", "enroll", "net", "-d", prefix, (char *)NULL);
        log_fatal("cannot start the network part: %s", strerror(errno));
    }
    return sock;
}

/* ---- ctl.sock ---- */

struct command {
    struct agent *agent;
    const struct agent_time *now;
};

static bool on_command(void *user, const struct msg *m, struct msg_reply *reply)
{
    const struct command *c = user;
    if (m->head.type != MSG_CTL_CERT_RENEW)
        return false;
    agent_renew(c->agent, c->now, reply);
    return true;
}

/* ---- the loop ---- */

static void serve_net(struct agent *a, const struct agent_time *now)
{
    static struct msg m;
    for (;;) {
        int passed = -1;
        enum ipc_result result = ipc_recv(a->net, ROLE_ENROLL, &m, &passed);
        if (result == IPC_AGAIN)
            return;
        if (result == IPC_EOF)
            log_fatal("the network part has ended");
        if (result != IPC_OK || m.head.type == MSG_CTL_CERT_RENEW || !agent_message(a, &m, now))
            log_fatal("the network part breaks the rules");
    }
}

_Noreturn static void run(struct agent *a, struct ctl_server *ctl, const char *run_dir, const char *state_path)
{
    struct agent_time now = {0};
    for (;;) {
        hang_guard_alive(run_dir, "enroll");
        report_look(&now, run_dir, a->site);
        agent_tick(a, &now);
        report_write(a, &now, state_path);

        struct pollfd p[] = {{a->net, POLLIN, 0}, {ctl->fd, POLLIN, 0}, {-1, 0, 0}};
        p[2].fd = charon_load_fd(&a->load, &p[2].events);
        if (poll(p, sizeof p / sizeof p[0], 1000) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
        report_look(&now, run_dir, a->site);
        if (p[0].revents)
            serve_net(a, &now);
        if (p[2].revents)
            charon_load_process(&a->load, now.mono);
        if (p[1].revents)
            ctl_server_process(ctl, on_command, &(struct command){a, &now});
    }
}

_Noreturn static void run_key(void)
{
    static struct agent agent;
    static char run_dir[PATH_MAX], state_path[PATH_MAX], vici_path[PATH_MAX];
    static int keys;
    char path[PATH_MAX];
    struct cause fault;
    struct ctl_server ctl;

    path_of(run_dir, "/run/sekisho");
    path_of(state_path, "/run/sekisho/enroll/state");
    path_of(vici_path, VICI_SOCKET);
    bool usable = load_site(&fault);
    int net = usable ? start_net() : -1;
    explicit_bzero(site.est_password, sizeof site.est_password);

    if (state_file_folder(path_of(path, "/run/sekisho/enroll"), UID_ENROLL) < 0)
        log_fatal("cannot make %s: %s", path, strerror(errno));
    own_folder(path_of(path, "/state/keys"), 0700);
    keys = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); /* (only root can write to the parent) */
    path_of(path, "/run/sekisho/enroll/ctl.sock");
    if (keys < 0 || ctl_server_open(&ctl, path, UID_SEKISHO, ROLE_ENROLL) < 0)
        log_fatal("cannot open the key store or the control socket: %s", strerror(errno));
    audit_open();

    umask(022);
    sandbox_user(UID_ENROLL, (const uint32_t[]){UID_SEKISHO, UID_VICI}, 2, 0);
    sandbox_syscalls(calls);
    agent_init(&agent, usable ? &site : NULL, &fault, net, &keys, vici_path);
    report_resume(&agent, state_path);
    run(&agent, &ctl, run_dir, state_path);
}

int main(int argc, char **argv)
{
    bool net = argc > 1 && strcmp(argv[1], "net") == 0;
    int option;
    log_name("enroll");
    optind = net ? 2 : 1;
    while ((option = getopt(argc, argv, "d:")) != -1) {
        if (option != 'd')
            return 2;
        prefix = optarg;
    }
    signal(SIGPIPE, SIG_IGN);
    if (net)
        run_net();
    run_key();
}

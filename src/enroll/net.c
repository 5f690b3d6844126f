#include "net.h"

#include "est.h"
#include "ipc.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKER_S 90 /* time limit of an exchange; shorter than the key part's */

/* For resolving, TCP, and a process per exchange; openat finds nothing in the empty root. */
static const char *const calls[] = {"socket",      "connect",   "bind",   "getsockopt", "setsockopt", "getsockname",
                                    "getpeername", "ioctl",     "openat", "access",     "clone",      "clone3",
                                    "wait4",       "setitimer", "pipe2",  "kill",       "prctl",      "getppid",
                                    "uname",       "sysinfo",   NULL};

/* Wait for one message from the key part. Exits when it closes the socket. */
static void receive(int sock, struct msg *m)
{
    for (;;) {
        int fd = -1;
        switch (ipc_recv(sock, ROLE_ENROLL_NET, m, &fd)) {
        case IPC_OK: return;
        case IPC_AGAIN: break;
        case IPC_EOF: exit(0);
        default: log_fatal("a message of the key part breaks the rules");
        }
        struct pollfd p = {sock, POLLIN, 0};
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
    }
}

static void report_death(int sock, int status)
{
    struct msg_est_done end = {0};
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        cause_set(&end.cause, CAUSE_EST_TOO_SLOW, CAUSE_NUMBER(WORKER_S), NULL);
    else if (WIFSIGNALED(status))
        cause_set(&end.cause, CAUSE_EST_READER_SIGNAL, CAUSE_NUMBER(WTERMSIG(status)), NULL);
    else
        cause_set(&end.cause, CAUSE_EST_READER_STATUS, CAUSE_NUMBER(WEXITSTATUS(status)), NULL);
    if (ipc_send(sock, MSG_EST_DONE, &end, -1) != IPC_OK)
        log_fatal("the key part does not take an answer");
}

_Noreturn static void work(int sock, const struct conf_site *site, const struct msg_est_start *start)
{
    /* setitimer, because arm64 has no system call alarm */
    struct itimerval limit = {.it_value = {.tv_sec = WORKER_S}};
    if (setitimer(ITIMER_REAL, &limit, NULL) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        log_fatal("cannot limit the exchange: %s", strerror(errno));
    if (getppid() == 1) /* the parent died before prctl; it is never process 1 itself */
        _exit(1);
    est_run(sock, site, start);
}

/*
 * Wait until the worker exits, which closes its side of the pipe, or the key part does, which makes the exchange
 * pointless. (PR_SET_PDEATHSIG cannot do that: one user may not signal the other.)
 */
static void watch(int sock, int alive, pid_t worker)
{
    struct pollfd p[] = {{sock, 0, 0}, {alive, POLLIN, 0}};
    while (poll(p, 2, -1) < 0)
        if (errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
    if (p[1].revents == 0) {
        kill(worker, SIGKILL);
        log_fatal("the key part has ended during an exchange");
    }
}

static void serve(int sock, const struct conf_site *site, const struct msg_est_start *start)
{
    int alive[2], status;
    struct rusage used;
    if (pipe2(alive, O_CLOEXEC) < 0)
        log_fatal("pipe2: %s", strerror(errno));
    pid_t worker = fork();
    if (worker < 0)
        log_fatal("fork: %s", strerror(errno));
    if (worker == 0)
        work(sock, site, start);
    close(alive[1]);
    watch(sock, alive[0], worker);
    close(alive[0]);
    while (wait4(worker, &status, 0, &used) < 0)
        if (errno != EINTR)
            log_fatal("wait4: %s", strerror(errno));
    log_info("exchange ended with status %d, peak memory %ld KiB", status, used.ru_maxrss);
    if (status != 0)
        report_death(sock, status);
}

void net_run(int sock, const struct conf_site *site)
{
    static struct msg m;
    log_name("enroll-net");
    prctl(PR_SET_NAME, "enroll-net", 0, 0, 0); /* otherwise `exe`, from /proc/self/exe */
    signal(SIGPIPE, SIG_IGN);
    sandbox_empty_root();
    sandbox_user(UID_ENROLL_NET, NULL, 0, 0);
    sandbox_syscalls(calls);
    for (;;) {
        receive(sock, &m);
        if (m.head.type == MSG_EST_START) /* anything else is left over from an aborted exchange */
            serve(sock, site, &m.u.est_start);
    }
}

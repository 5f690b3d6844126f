/*
 * confine PROFILE COMMAND [ARGUMENT...]: start a third-party program with the privileges it needs and no others: its
 * user, capabilities, no_new_privs, and a list of allowed system calls. Any other call fails with EPERM instead of
 * killing the process: these programs were not written for a filter, and one refused call must not end the box's VPN.
 */
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP(name) (1ULL << CAP_##name)

/* For every program: memory, files, time, signals, threads, exit. */
static const char *const common[] = {"read",
                                     "write",
                                     "readv",
                                     "writev",
                                     "pread64",
                                     "pwrite64",
                                     "close",
                                     "close_range",
                                     "lseek",
                                     "fstat",
                                     "stat",
                                     "lstat",
                                     "newfstatat",
                                     "statx",
                                     "access",
                                     "faccessat",
                                     "faccessat2",
                                     "open",
                                     "openat",
                                     "fcntl",
                                     "flock",
                                     "ftruncate",
                                     "fsync",
                                     "fdatasync",
                                     "rename",
                                     "renameat",
                                     "renameat2",
                                     "unlink",
                                     "unlinkat",
                                     "readlink",
                                     "readlinkat",
                                     "getcwd",
                                     "getdents64",
                                     "umask",
                                     "dup",
                                     "dup2",
                                     "dup3",
                                     "pipe",
                                     "pipe2",
                                     "poll",
                                     "ppoll",
                                     "select",
                                     "pselect6",
                                     "epoll_create1",
                                     "epoll_ctl",
                                     "epoll_wait",
                                     "epoll_pwait",
                                     "eventfd2",
                                     "signalfd4",
                                     "timerfd_create",
                                     "timerfd_settime",
                                     "mmap",
                                     "munmap",
                                     "mremap",
                                     "mprotect",
                                     "madvise",
                                     "brk",
                                     "clock_gettime",
                                     "clock_getres",
                                     "clock_nanosleep",
                                     "nanosleep",
                                     "gettimeofday",
                                     "time",
                                     "getrandom",
                                     "futex",
                                     "rt_sigaction",
                                     "rt_sigprocmask",
                                     "rt_sigreturn",
                                     "rt_sigtimedwait",
                                     "rt_sigsuspend",
                                     "rt_sigpending",
                                     "sigaltstack",
                                     "restart_syscall",
                                     "getpid",
                                     "getppid",
                                     "gettid",
                                     "getuid",
                                     "geteuid",
                                     "getgid",
                                     "getegid",
                                     "getgroups",
                                     "getresuid",
                                     "getresgid",
                                     "getpgrp",
                                     "getpgid",
                                     "getsid",
                                     "setsid",
                                     "uname",
                                     "sysinfo",
                                     "getrlimit",
                                     "setrlimit",
                                     "prlimit64",
                                     "getrusage",
                                     "times",
                                     "sched_yield",
                                     "sched_getaffinity",
                                     "sched_getparam",
                                     "sched_getscheduler",
                                     "sched_get_priority_min",
                                     "sched_get_priority_max",
                                     "rseq",
                                     "set_robust_list",
                                     "get_robust_list",
                                     "set_tid_address",
                                     "arch_prctl",
                                     "prctl",
                                     "capget",
                                     "clone",
                                     "clone3",
                                     "exit",
                                     "exit_group",
                                     "kill",
                                     "tgkill",
                                     "wait4",
                                     "execve",
                                     "ioctl",
                                     "membarrier",
                                     NULL};

static const char *const sockets[] = {"socket",     "socketpair",  "connect",     "bind",     "listen",
                                      "accept",     "accept4",     "shutdown",    "sendto",   "sendmsg",
                                      "sendmmsg",   "recvfrom",    "recvmsg",     "recvmmsg", "getsockopt",
                                      "setsockopt", "getsockname", "getpeername", NULL};

/* charon changes its user by itself, after opening its sockets. */
static const char *const becomes_user[] = {"setuid",   "setgid",   "setgroups", "setresuid", "setresgid",
                                           "setreuid", "setregid", "setfsuid",  "setfsgid",  "capset",
                                           "chown",    "fchown",   "lchown",    "fchownat",  "chmod",
                                           "fchmod",   "fchmodat", "mkdir",     NULL};

static const char *const makes_socket[] = {"chmod", "fchmod", "fchmodat", "mknod", "mknodat", NULL};

static const struct profile {
    const char *name;
    uint32_t uid; /* 0: keeps uid 0 */
    uint64_t caps; /* the bounding set: the most that it and its children can ever have */
    const char *const *calls[3];
} profiles[] = {
    {"charon",
     0,
     CAP(NET_ADMIN) | CAP(NET_BIND_SERVICE) | CAP(NET_RAW) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP) | CAP(CHOWN) |
         CAP(DAC_OVERRIDE) | CAP(FOWNER),
     {sockets, becomes_user}},
    {"syslogd", 0, 0, {sockets, makes_socket}},
    {"dhcpd", UID_LAN, CAP(NET_RAW) | CAP(NET_BIND_SERVICE), {sockets}},
    {"idle", UID_STATUS, 0, {NULL}},
};

static void limit_caps(const struct profile *p)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    for (unsigned cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (!(p->caps & (1ULL << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            log_fatal("cannot drop capability %u: %s", cap, strerror(errno));
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        log_fatal("cannot keep capabilities: %s", strerror(errno));
    if (p->uid &&
        (setgroups(0, NULL) < 0 || setresgid(p->uid, p->uid, p->uid) < 0 || setresuid(p->uid, p->uid, p->uid) < 0))
        log_fatal("cannot become user %u: %s", p->uid, strerror(errno));
    for (unsigned i = 0; i < 2; i++) {
        uint32_t word = (uint32_t)(p->caps >> (32 * i));
        data[i] = (struct __user_cap_data_struct){.effective = word, .permitted = word, .inheritable = word};
    }
    if (syscall(SYS_capset, &head, data) < 0)
        log_fatal("cannot set capabilities: %s", strerror(errno));
    for (unsigned cap = 0; p->uid && cap < 64; cap++) /* ambient, so that they survive execve */
        if (p->caps & (1ULL << cap) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            log_fatal("cannot hand on capability %u: %s", cap, strerror(errno));
}

static void limit_calls(const struct profile *p)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        log_fatal("seccomp: out of memory");
    sandbox_allow(filter, common);
    for (size_t i = 0; i < sizeof p->calls / sizeof p->calls[0]; i++)
        sandbox_allow(filter, p->calls[i]);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || seccomp_load(filter) < 0)
        log_fatal("seccomp: cannot load the filter: %s", strerror(errno));
    seccomp_release(filter);
}

int main(int argc, char **argv)
{
    log_name("confine");
    for (size_t i = 0; argc > 2 && i < sizeof profiles / sizeof profiles[0]; i++) {
        if (strcmp(profiles[i].name, argv[1]) != 0)
            continue;
        limit_caps(&profiles[i]);
        limit_calls(&profiles[i]);
        (void)execv(argv[2], argv + 2);
        log_fatal("cannot start %s: %s", argv[2], strerror(errno));
    }
    log_fatal("usage: confine PROFILE COMMAND [ARGUMENT...]");
}

#include "sandbox.h"
#include "log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EMPTY_ROOT "/var/empty"

void sandbox_empty_root(void)
{
    struct stat st;
    if (chdir(EMPTY_ROOT) < 0 || stat(".", &st) < 0)
        log_fatal("cannot enter %s: %s", EMPTY_ROOT, strerror(errno));
    /* In a root that the user can write to chroot would be no protection. */
    if (st.st_uid != 0 || (st.st_mode & 022))
        log_fatal("%s must belong to root and be writable by root alone", EMPTY_ROOT);
    if (chroot(".") < 0 || chdir("/") < 0)
        log_fatal("cannot chroot to %s: %s", EMPTY_ROOT, strerror(errno));
}

static void set_caps(uint64_t caps)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t word = (uint32_t)(caps >> (32 * i));
        data[i] = (struct __user_cap_data_struct){.effective = word, .permitted = word, .inheritable = 0};
    }
    if (syscall(SYS_capset, &head, data) < 0)
        log_fatal("cannot set capabilities: %s", strerror(errno));
}

/* Needs CAP_SETPCAP, so it runs before the change of user. The first number the kernel does not know ends the list. */
static void clear_bounding_set(uint64_t caps)
{
    for (unsigned cap = 0; cap < 64; cap++) {
        int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (has < 0)
            return;
        if (has && !(caps & (1ULL << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            log_fatal("cannot drop capability %u: %s", cap, strerror(errno));
    }
}

void sandbox_user(uint32_t uid, const uint32_t *groups, unsigned group_count, uint64_t caps)
{
    gid_t list[16];
    if (uid == 0 || group_count > sizeof list / sizeof list[0])
        log_fatal("sandbox_user: refusing uid %u with %u groups", uid, group_count);
    for (unsigned i = 0; i < group_count; i++)
        list[i] = groups[i];
    clear_bounding_set(caps);
    /* Capabilities survive the change of user only with KEEPCAPS; set_caps then reduces them to the mask. */
    if (prctl(PR_SET_KEEPCAPS, caps != 0, 0, 0, 0) < 0 || setgroups(group_count, list) < 0 ||
        setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        log_fatal("cannot become user %u: %s", uid, strerror(errno));
    set_caps(caps);
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        log_fatal("cannot give up privileges: %s", strerror(errno));
    if (setresuid(0, 0, 0) == 0 || getuid() != uid || geteuid() != uid || getgid() != uid || getegid() != uid)
        log_fatal("user %u could become root again", uid);
}

/* What every program needs once it runs: I/O on open descriptors, memory, time, exit. */
static const char *const base_set[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "close", "lseek", "fstat", "newfstatat", "fcntl",
    "recvmsg", "recvfrom", "recvmmsg", "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "select", "pselect6", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4",
    "eventfd2", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "clock_gettime", "clock_getres",
    "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "futex", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack", "restart_syscall", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid",
    "sched_yield", "rseq", "set_robust_list", "exit", "exit_group",
    /* abort() and the stack protector must be able to end the process with the right signal */
    "tgkill", NULL};

/* The calls that can carry a destination address. */
static const char *const send_set[] = {"sendmsg", "sendto", "sendmmsg", NULL};

void sandbox_allow(void *filter, const char *const *names)
{
    for (; names && *names; names++) {
        int number = seccomp_syscall_resolve_name(*names);
        if (number == __NR_SCMP_ERROR)
            log_fatal("seccomp: there is no system call %s", *names);
        /* A call that this architecture lacks (a negative pseudo number) needs no rule. */
        if (number < 0)
            continue;
        int bad = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        if (bad)
            log_fatal("seccomp: cannot allow %s: %s", *names, strerror(-bad));
    }
}

static void confine(const char *const *sends, const char *const *extra)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        log_fatal("seccomp: out of memory");
    sandbox_allow(filter, base_set);
    sandbox_allow(filter, sends);
    sandbox_allow(filter, extra);
    int bad = seccomp_load(filter);
    if (bad)
        log_fatal("seccomp: cannot load the filter: %s", strerror(-bad));
    seccomp_release(filter);
}

void sandbox_syscalls(const char *const *extra)
{
    confine(send_set, extra);
}

void sandbox_mute(const char *const *extra)
{
    confine(NULL, extra);
}

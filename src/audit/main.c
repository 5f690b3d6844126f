/*
 * audit: receives events as datagrams and is the only writer of the log on the state partition.
 *
 *   audit                     the daemon (started by Finit as root; becomes user audit)
 *   audit send EVENT [TEXT]   send one event, for scripts: `audit send boot image=1.2.0`
 */
#include "audit.h"
#include "clock.h"
#include "format.h"
#include "ratelimit.h"
#include "log.h"
#include "state_file.h"
#include "sandbox.h"
#include "store.h"
#include "hang_guard.h"
#include "zone.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOG_FOLDER "/state/audit"
#define SITE_FILE "/state/site.conf"
#define RUN_FOLDER "/run/sekisho/audit"
#define STATE_FILE RUN_FOLDER "/state"
#define BATCH_LINES 32  /* lines written and synced together */
#define RETRY_MS 5000 /* after a failed write */

struct audit {
    int sock;
    struct store store;
    struct ratelimit limit;
    uint64_t written;
    bool open;       /* the log is open; before that no events are received, because the next number is unknown */
    unsigned shortened_told;
    struct cause fault; /* CAUSE_NONE: no fault */
    size_t len;      /* used octets of batch */
    char batch[BATCH_LINES * FORMAT_LINE_MAX];
};

static void publish(const struct audit *a)
{
    struct state_file p;
    state_file_begin(&p);
    state_file_add(&p, "written", "%llu", (unsigned long long)a->written);
    if (a->open)
        state_file_add(&p, "number", "%llu", (unsigned long long)(a->store.next - 1));
    state_file_cause(&p, "cause", &a->fault);
    if (state_file_commit(&p, STATE_FILE) < 0)
        log_error("cannot write %s: %s", STATE_FILE, strerror(errno));
}

static void add_line(struct audit *a, uid_t uid, const char *text, size_t len)
{
    char unknown[24];
    a->len += format_line(a->batch + a->len, sizeof a->batch - a->len, time(NULL), a->store.next++,
                          format_program(uid, unknown, sizeof unknown), text, len);
    a->written++;
}

/* An event of this program itself. */
static void add_own(struct audit *a, const char *text)
{
    add_line(a, UID_AUDIT, text, strlen(text));
}

static bool batch_has_room(const struct audit *a)
{
    return sizeof a->batch - a->len >= 2 * FORMAT_LINE_MAX; /* an event may bring a line about suppressed ones */
}

static void take_event(struct audit *a, uid_t uid, const char *text, size_t len)
{
    unsigned suppressed;
    if (!ratelimit_allow(&a->limit, uid, text, len, clock_monotonic_ms(), &suppressed))
        return;
    if (suppressed > 0) {
        char note[64];
        int n = snprintf(note, sizeof note, "audit.suppressed count=%u", suppressed);
        add_line(a, uid, note, (size_t)n);
    }
    add_line(a, uid, text, len);
}

/* Receive one datagram with its sender's uid, as attested by the kernel. False: none there. */
static bool receive(struct audit *a)
{
    char text[AUDIT_LINE_MAX + 1];
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof control.space};
    ssize_t n = recvmsg(a->sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        struct ucred sender;
        /* The control buffer has no room for SCM_RIGHTS, so the kernel closes any descriptors sent. */
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&sender, CMSG_DATA(c), sizeof sender);
        take_event(a, sender.uid, text, (size_t)n);
    }
    return true;
}

static bool failed(struct audit *a, enum cause_code what)
{
    log_error("%s of %s: %s", cause_word(what), LOG_FOLDER, strerror(errno));
    cause_set(&a->fault, what, CAUSE_NUMBER(errno), NULL);
    publish(a);
    return false;
}

static void add_cause(struct audit *a, const char *event, enum cause_code cause)
{
    char text[2 * CAUSE_WORD_MAX];
    (void)snprintf(text, sizeof text, "%s %s", event, cause_word(cause));
    add_own(a, text);
}

/* If the log cannot be opened, the program stays and publishes the fault, so that `status` shows it. */
static bool open_log(struct audit *a)
{
    if (a->open)
        return true;
    if (store_open(&a->store, LOG_FOLDER, STORE_FILE_MAX) < 0)
        return failed(a, CAUSE_AUDIT_OPEN);
    a->open = true;
    add_own(a, "audit.start");
    if (a->store.torn)
        add_cause(a, "audit.torn", CAUSE_LOG_TORN);
    return true;
}

/* On failure the batch is kept and retried; meanwhile events queue up in the socket. */
static bool flush(struct audit *a)
{
    if (!open_log(a))
        return false;
    if (a->store.shortened != a->shortened_told && batch_has_room(a)) {
        add_cause(a, "audit.shortened", CAUSE_LOG_SHORTENED);
        a->shortened_told = a->store.shortened;
    }
    if (a->len == 0)
        return true;
    if (store_append(&a->store, a->batch, a->len) < 0)
        return failed(a, CAUSE_AUDIT_WRITE);
    a->len = 0;
    cause_set(&a->fault, CAUSE_NONE, NULL);
    publish(a);
    return true;
}

_Noreturn static void run(struct audit *a)
{
    bool good = flush(a); /* opens the log and records this program's start */
    for (;;) {
        struct pollfd p = {.fd = a->sock, .events = POLLIN};
        hang_guard_alive(HANG_GUARD_RUN, "audit");
        if (good)
            (void)poll(&p, 1, HANG_GUARD_EVERY_MS);
        else
            (void)poll(NULL, 0, RETRY_MS);
        while (a->open && batch_has_room(a) && receive(a))
            ;
        good = flush(a);
    }
}

/* The log's folder belongs to this program's user and to the group sekisho, which may read the state. */
static bool make_folder(const char *path, mode_t mode, gid_t gid)
{
    if ((mkdir(path, 0700) == 0 || errno == EEXIST) && chown(path, UID_AUDIT, gid) == 0 && chmod(path, mode) == 0)
        return true;
    log_error("cannot prepare %s: %s", path, strerror(errno));
    return false;
}

static int open_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = AUDIT_SOCKET};
    const int on = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (unlink(AUDIT_SOCKET) < 0 && errno != ENOENT) ||
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(AUDIT_SOCKET, 0666) < 0)
        log_fatal("cannot make %s: %s", AUDIT_SOCKET, strerror(errno));
    return fd;
}

static int send_event(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        log_error("usage: audit send EVENT [TEXT]");
        return 2;
    }
    audit_event(argv[2], "%s", argc == 4 ? argv[3] : "");
    return 0;
}

int main(int argc, char **argv)
{
    static struct audit a;
    static const uint32_t groups[] = {UID_SEKISHO};
    static const char *const calls[] = {"openat", "rename", "renameat", "renameat2", "fdatasync",
                                        "fsync",  "unlink", "unlinkat", "ftruncate", NULL};
    log_name("audit");
    if (argc > 1 && strcmp(argv[1], "send") == 0)
        return send_event(argc, argv);
    if (argc > 1)
        log_fatal("unknown argument %s", argv[1]);
    umask(0);
    (void)mkdir("/run/sekisho", 0755);
    if (state_file_folder(RUN_FOLDER, UID_AUDIT) < 0)
        log_fatal("cannot prepare %s: %s", RUN_FOLDER, strerror(errno));
    (void)make_folder(LOG_FOLDER, 02750, UID_SEKISHO); /* set-gid: its files inherit the group; open_log reports it */
    zone_of_site(SITE_FILE);
    a.sock = open_socket();
    umask(0022);
    sandbox_user(UID_AUDIT, groups, 1, 0);
    tzset(); /* opens its files before seccomp forbids it */
    sandbox_syscalls(calls);
    run(&a);
}

#include "ask.h"

#include "clock.h"
#include "ipc.h"
#include "log.h"
#include "ntp.h"
#include "resolve.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define NTP_PORT 123
#define RESOLVE_MS 4000
#define TRY_MS 1000 /* time-out of one try */
#define TRIES 3

/* For resolving and UDP; openat finds nothing in the empty root. */
static const char *const calls[] = {"socket",      "connect", "bind",   "getsockopt", "setsockopt", "getsockname",
                                    "getpeername", "ioctl",   "openat", "uname",      "sysinfo",    NULL};

/* One query in progress. */
struct question {
    int fd;
    unsigned addr_count, tries;
    struct addr addrs[RESOLVE_MAX];
    uint64_t nonce;
    int64_t sent_ns;
};

static int open_socket(const struct addr *a)
{
    struct sockaddr_storage to;
    socklen_t len = addr_to_sockaddr(a, NTP_PORT, &to);
    int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, len) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Each try goes to another address, with a new nonce and port. */
static void send_question(struct question *q)
{
    uint8_t packet[NTP_PACKET];
    if (q->fd >= 0)
        close(q->fd);
    q->fd = open_socket(&q->addrs[q->tries % q->addr_count]);
    q->tries++;
    if (getrandom(&q->nonce, sizeof q->nonce, 0) != sizeof q->nonce)
        log_fatal("no random numbers");
    ntp_question(packet, q->nonce);
    q->sent_ns = clock_boottime_ns();
    if (q->fd >= 0 && send(q->fd, packet, sizeof packet, 0) < 0)
        log_debug("a time server cannot be asked: %s", strerror(errno));
}

static bool read_answer(struct question *q, struct msg_time_answer *out)
{
    uint8_t packet[512];
    ssize_t n;
    while ((n = recv(q->fd, packet, sizeof packet, 0)) >= 0 || errno == ECONNREFUSED) {
        if (n < 0)
            continue;
        int64_t got = clock_boottime_ns();
        if (ntp_answer(packet, (size_t)n, q->nonce, q->sent_ns, got, &out->base_ns, &out->delay_us)) {
            out->good = 1;
            return true;
        }
    }
    return false;
}

static void tell(int sock, const struct msg_time_answer *answer)
{
    if (ipc_send(sock, MSG_TIME_ANSWER, answer, -1) != IPC_OK)
        log_fatal("the clock does not take an answer");
}

/* Report the first good answer of each server, or that it gave none. */
static void serve(int sock, const struct msg_time_ask *wish)
{
    struct question questions[CONF_ADDRS_MAX];
    bool done[CONF_ADDRS_MAX] = {false};
    for (unsigned i = 0; i < wish->server_count; i++) {
        const char *why = "";
        questions[i] = (struct question){.fd = -1};
        questions[i].addr_count =
            resolve(wish->servers[i], wish->resolvers, wish->resolver_count, RESOLVE_MS, questions[i].addrs, &why);
    }
    for (unsigned attempt = 0; attempt < TRIES; attempt++) {
        for (unsigned i = 0; i < wish->server_count; i++)
            if (!done[i] && questions[i].addr_count > 0)
                send_question(&questions[i]);
        int64_t until = clock_boottime_ns() + TRY_MS * INT64_C(1000000);
        for (int64_t left; (left = (until - clock_boottime_ns()) / 1000000) > 0;) {
            struct pollfd p[CONF_ADDRS_MAX];
            unsigned waiting = 0;
            for (unsigned i = 0; i < CONF_ADDRS_MAX; i++) {
                bool wait = i < wish->server_count && !done[i] && questions[i].fd >= 0;
                p[i] = (struct pollfd){wait ? questions[i].fd : -1, POLLIN, 0};
                waiting += wait;
            }
            if (waiting == 0 || (poll(p, CONF_ADDRS_MAX, (int)left) < 0 && errno != EINTR))
                break;
            for (unsigned i = 0; i < wish->server_count; i++) {
                struct msg_time_answer answer = {.round = wish->round, .server = (uint8_t)i};
                if (p[i].fd < 0 || !p[i].revents || !read_answer(&questions[i], &answer))
                    continue;
                done[i] = true;
                tell(sock, &answer);
            }
        }
    }
    for (unsigned i = 0; i < wish->server_count; i++) {
        if (questions[i].fd >= 0)
            close(questions[i].fd);
        if (!done[i])
            tell(sock, &(struct msg_time_answer){.round = wish->round, .server = (uint8_t)i});
    }
}

_Noreturn void ask_run(int sock)
{
    static struct msg m;
    log_name("clock-net");
    prctl(PR_SET_NAME, "clock-net", 0, 0, 0);
    sandbox_empty_root();
    sandbox_user(UID_NTP, NULL, 0, 0);
    sandbox_syscalls(calls);
    for (;;) {
        struct pollfd p = {sock, POLLIN, 0};
        int fd = -1;
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
        switch (ipc_recv(sock, ROLE_CLOCK_NET, &m, &fd)) {
        case IPC_OK: serve(sock, &m.u.time_ask); break;
        case IPC_AGAIN: break;
        case IPC_EOF: exit(0);
        default: log_fatal("a message of the clock breaks the rules");
        }
    }
}

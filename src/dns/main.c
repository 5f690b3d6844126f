/*
 * dns: the DNS server for the LAN. Started by gate as root with the connection to gate as descriptor 3; it drops all
 * privileges before it reads the first octet. It has no state worth keeping: when it exits, gate closes the LAN and
 * restarts it.
 */
#include "gate_link.h"
#include "clock.h"
#include "log.h"
#include "loop.h"
#include "tokens.h"
#include "sandbox.h"

#include <ares.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#define GATE_FD 3
#define EVENTS_MAX 32

/* Static: large, of fixed size, and untouched pages take no memory. */
static struct frontend query;
static struct server server;
static struct upstream upstream;
static struct gate_link gate;

/* ---- struct frontend_ops ---- */

static void op_reply(void *user, const struct client *to, const uint8_t *data, size_t len)
{
    (void)user;
    server_reply(&server, to, data, len);
}

static bool op_to_gate(void *user, enum msg_type type, const void *body)
{
    (void)user;
    return gate_link_send(&gate, type, body);
}

static uint32_t op_random(void *user)
{
    (void)user;
    static uint32_t pool[64];
    static unsigned left;
    if (left == 0) {
        if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
            log_fatal("no random numbers: %s", strerror(errno));
        left = sizeof(pool) / sizeof(pool[0]);
    }
    uint32_t r = pool[--left];
    pool[left] = 0;
    return r;
}

static bool op_ask(void *user, uint8_t service, const uint8_t *data, size_t len, unsigned *sock)
{
    return upstream_send(&upstream, service, op_random(user), data, len, sock);
}

static void op_done(void *user, uint8_t service, unsigned sock)
{
    (void)user;
    upstream_done(&upstream, service, sock);
}

/* ---- start ---- */

static void drop_privileges(void)
{
    static const char *const calls[] = {"accept4", "connect", "getpeername", NULL};
    sandbox_empty_root();
    sandbox_user(UID_DNS, NULL, 0, 0);
    /*
     * Die with gate, even when hanging: port 53 must be free for the next instance. (A change of user clears this.)
     * It works while gate is root; a gate under another user may not signal us, and then Finit kills gate's process
     * group.
     */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        log_fatal("prctl: %s", strerror(errno));
    sandbox_syscalls(calls);
}

static bool dispatch(uint64_t now, uint32_t token)
{
    unsigned index = LOOP_INDEX(token);
    switch (LOOP_KIND(token)) {
    case LOOP_GATE: gate_link_ready(&gate, now); break;
    case LOOP_SIGNAL: return false;
    case LOOP_LAN: server_lan_ready(&server, now, index); break;
    case LOOP_TCP: server_tcp_ready(&server, now, index); break;
    case LOOP_UPSTREAM: upstream_ready(&upstream, now, index); break;
    case LOOP_STREAM: upstream_stream_ready(&upstream, now, index); break;
    }
    return true;
}

static void run(int epoll)
{
    uint64_t now = clock_monotonic_ms();
    for (;;) {
        /* First: a lookup that ends here may free a TCP client for its next query, which has a new deadline. */
        frontend_tick(&query, now);
        int wait = server_tick(&server, now);
        wait = loop_sooner(wait, frontend_tick(&query, now));
        server_flush(&server);
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, wait);
        if (n < 0 && errno != EINTR)
            log_fatal("epoll_wait: %s", strerror(errno));
        now = clock_monotonic_ms();
        for (int i = 0; i < n; i++)
            if (!dispatch(now, events[i].data.u32))
                return;
    }
}

int main(void)
{
    log_name("dns");
    int epoll = epoll_create1(EPOLL_CLOEXEC), sig = loop_signals();
    int flags = fcntl(GATE_FD, F_GETFL);
    if (epoll < 0 || sig < 0 || flags < 0 || fcntl(GATE_FD, F_SETFL, flags | O_NONBLOCK) < 0)
        log_fatal("dns is started by gate only, with its socket as descriptor 3");
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        log_fatal("c-ares does not start");
    drop_privileges();

    static const struct frontend_ops ops = {
        .reply = op_reply, .to_gate = op_to_gate, .ask = op_ask, .done = op_done, .random = op_random};
    frontend_init(&query, &ops);
    server_init(&server, epoll, &query);
    upstream_init(&upstream, epoll, &query);
    gate = (struct gate_link){.fd = GATE_FD, .query = &query, .server = &server, .upstream = &upstream};
    if (!loop_watch(epoll, GATE_FD, LOOP_TOKEN(LOOP_GATE, 0), true, false) ||
        !loop_watch(epoll, sig, LOOP_TOKEN(LOOP_SIGNAL, 0), true, false))
        log_fatal("cannot watch gate: %s", strerror(errno));
    run(epoll);
    return 0;
}

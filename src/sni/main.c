/*
 * sni: parses the ClientHello of TLS flows and the heads of refused packets, and tells gate what to do with them.
 * Started as root by Finit, it connects to gate, drops all privileges, and only then receives the netlink sockets
 * that the packets come from. It parses untrusted octets and can do nothing but talk to gate. While it does not run
 * the kernel drops queued packets; allowed flows go on.
 */
#include "gate_link.h"
#include "clock.h"
#include "log.h"
#include "loop.h"
#include "tokens.h"
#include "sandbox.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATE_SOCKET "/run/sekisho/gate/sni.sock"
#define PATIENCE_MS 10000 /* gate may be starting */
#define EVENTS_MAX 8
#define DATAGRAMS_MAX 32 /* read per wake-up, so that other sources get their turn */
#define DATAGRAM_MAX (128 * 1024) /* a packet of 64 KiB and its attributes */

/* Static: large, of fixed size, and untouched pages take no memory. */
static struct flows flows;
static struct blocked blocked;
static struct gate_link gate;
static _Alignas(struct nlmsghdr) uint8_t datagram[DATAGRAM_MAX];

static void take(uint64_t now, const struct queued *q)
{
    switch (q->what) {
    case QUEUE_PACKET:
        if (q->answer)
            flows_answer(&flows, q->id, q->mark, q->checksum, q->data, q->len);
        else
            flows_packet(&flows, now, q->id, q->mark, q->checksum, q->data, q->len);
        break;
    case QUEUE_SYNACK: flows_synack(&flows, now, q->agreed, q->data, q->len); break;
    case QUEUE_LOG: blocked_packet(&blocked, now, q); break;
    case QUEUE_NOTHING: break;
    }
}

/* Handle one netlink datagram. False: there is none now. */
static bool receive(int fd, uint64_t now)
{
    struct sockaddr_nl from = {0};
    struct iovec part = {datagram, sizeof datagram};
    struct msghdr h = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
    if (n < 0) {
        if (errno == ENOBUFS) /* the kernel has dropped packets; clients retransmit them */
            log_warn("the kernel had more packets than room for them");
        else if (errno != EAGAIN && errno != EINTR)
            log_fatal("cannot read packets: %s", strerror(errno));
        return errno != EAGAIN;
    }
    if (from.nl_pid != 0 || (h.msg_flags & MSG_TRUNC)) {
        flows.stats.skipped++;
        return true;
    }
    int left = (int)n; /* (mnl_nlmsg_ok treats a nlmsg_len of 2 GiB and more as negative) */
    for (const struct nlmsghdr *m = (const struct nlmsghdr *)datagram;
         mnl_nlmsg_ok(m, left) && m->nlmsg_len <= (uint32_t)left; m = mnl_nlmsg_next(m, &left)) {
        struct queued q;
        queue_read(m, &q);
        take(now, &q);
    }
    return true;
}

static void read_queue(enum msg_queue_kind kind, uint64_t now)
{
    for (int i = 0; i < DATAGRAMS_MAX && gate.waiting == 0 && gate.queues[kind] >= 0; i++)
        if (!receive(gate.queues[kind], now))
            return;
}

/* Run the due timers. Returns the milliseconds until the next one; -1: none. */
static int timers(uint64_t now)
{
    while (gate.waiting == 0 && flows_due(&flows, now))
        ;
    blocked_due(&blocked, now);
    return gate.waiting > 0 ? -1 : loop_sooner(flows_wait(&flows, now), blocked_wait(&blocked, now));
}

static void run(int epoll)
{
    uint64_t now = clock_monotonic_ms();
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, timers(now));
        if (n < 0 && errno != EINTR)
            log_fatal("epoll_wait: %s", strerror(errno));
        now = clock_monotonic_ms();
        for (int i = 0; i < n; i++)
            switch ((enum loop_token)events[i].data.u32) {
            case LOOP_GATE: gate_link_ready(&gate); break;
            case LOOP_QUEUE_SNI: read_queue(QUEUE_SNI, now); break;
            case LOOP_QUEUE_BLOCKED: read_queue(QUEUE_BLOCKED, now); break;
            case LOOP_SIGNAL: return;
            }
    }
}

int main(int argc, char **argv)
{
    const char *path = GATE_SOCKET;
    uint32_t seed;
    int c;
    log_name("sni");
    while ((c = getopt(argc, argv, "s:v")) != -1)
        switch (c) {
        case 's': path = optarg; break;
        case 'v': log_verbose(); break;
        default: fprintf(stderr, "usage: sni [-v] [-s SOCKET-OF-GATE]\n"); return 2;
        }
    int epoll = epoll_create1(EPOLL_CLOEXEC), sig = loop_signals();
    if (epoll < 0 || sig < 0 || getrandom(&seed, sizeof seed, 0) != sizeof seed)
        log_fatal("cannot start: %s", strerror(errno));
    int fd = gate_link_connect(path, PATIENCE_MS);
    if (fd < 0) {
        log_info("gate does not listen at %s", path);
        return 1;
    }
    sandbox_empty_root();
    sandbox_user(UID_SNI, NULL, 0, 0);
    sandbox_syscalls(NULL);

    gate_link_init(&gate, fd, epoll, &flows);
    flows_init(&flows, seed, gate_link_flow, &gate);
    blocked_init(&blocked, clock_monotonic_ms(), gate_link_blocked, &gate, &flows.stats.skipped);
    if (!loop_watch(epoll, fd, LOOP_GATE, true, false) || !loop_watch(epoll, sig, LOOP_SIGNAL, true, false))
        log_fatal("cannot watch gate: %s", strerror(errno));
    run(epoll);
    return 0;
}

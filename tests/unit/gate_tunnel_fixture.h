/*
 * Tunnels for the tests of the packet filter. The test machine's kernel may lack IPsec: here the upper six bits of
 * the type of service represent the tunnel. A packet with 4 * N comes out of tunnel N (from the uplink) or will leave
 * through it (to the uplink); with 0 it is in clear.
 */
#ifndef GATE_TUNNEL_FIXTURE_H
#define GATE_TUNNEL_FIXTURE_H

#define FIREWALL_WITHOUT                                                                                                              \
    "s/^define service_reqid = .*/define service_reqid = { 1 . 4, 2 . 8, 3 . 12 }/; s/ipsec in reqid 1/iifname \"wan0\" @nh,8,8 4/; " \
    "s/ipsec out reqid 1/@nh,8,8 4/; s/ipsec [a-z]* reqid/@nh,8,8/; "                                                                 \
    "s/meta ipsec exists/iifname \"wan0\" @nh,8,8 != 0/; s/\\(meta\\|rt\\) ipsec missing/@nh,8,8 0/; s/rt ipsec exists/@nh,8,8 != 0/; "
#include "gate_firewall_fixture.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#define REGISTRY2 "10.21.0.80"
#define VIP "10.9.0.7"
#define VIP2 "10.8.0.7"
#define HUB "203.0.113.99"
#define HUB2 "203.0.113.98"
#define MAX_PACKET 128

static inline int build_two(void **state)
{
    static struct conf_service services[] = {{.number = 1, .remote_count = 1}, {.number = 2, .remote_count = 1}};
    if (build(state) || !conf_parse_prefix("10.20.0.0/16", &services[0].remote[0]) ||
        !conf_parse_prefix("10.21.0.0/16", &services[1].remote[0]) || firewall_registry(services, 2))
        return -1;
    enter(WAN_NS);
    int failed = system("set -e; ip addr add " REGISTRY2 "/32 dev lo; ip route add " VIP " via " BOX_WAN
                        "; ip route add " VIP2 " via " BOX_WAN);
    enter(PC_NS);
    failed |= system("sysctl -qw net.ipv4.tcp_fastopen=1");
    enter(BOX);
    return failed ? -1 : 0;
}

/* A session with both tunnels, or with the second alone. */
static inline void tunnels(uint32_t generation, bool first, bool keep)
{
    struct firewall_view v = {.mode = MODE_SESSION, .generation = generation, .keep_allow = keep};
    static const struct {
        const char *vip, *hub;
    } of[] = {{VIP, HUB}, {VIP2, HUB2}};
    for (unsigned i = first ? 0 : 1; i < 2; i++) {
        struct firewall_tunnel *t = &v.tunnels[v.tunnel_count++];
        t->service = (uint8_t)(i + 1);
        assert_true(conf_parse_addr(of[i].vip, &t->vip4) && conf_parse_addr(of[i].hub, &t->hub));
    }
    assert_int_equal(firewall_apply(&v), 0);
}

static inline void allow_tls(const char *addr, int port)
{
    struct firewall_allow a = {
        .proto = IPPROTO_TCP, .port = (uint16_t)port, .service = 1, .timeout_s = 60, .tls = true};
    assert_true(conf_parse_addr(addr, &a.addr));
    assert_int_equal(firewall_allow(&a, 1), 0);
}

/* What this socket sends goes by that tunnel; 0: in clear. */
static inline void by(int fd, int tunnel)
{
    int tos = tunnel * 4;
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos), 0);
}

/* ---- UDP through a tunnel ---- */

struct talk {
    int pc, registry;
    struct sockaddr_in from; /* the PC as the registry sees it */
};

static inline void says(struct talk *t, int tunnel)
{
    by(t->pc, tunnel);
    send_to(t->pc, REGISTRY, 5000);
}

static inline void answers(struct talk *t, int tunnel)
{
    by(t->registry, tunnel);
    (void)!sendto(t->registry, "y", 1, 0, (struct sockaddr *)&t->from, sizeof t->from);
}

/* Both ways, through the tunnel of this service. */
static inline void goes_on(struct talk *t)
{
    says(t, 1);
    assert_true(arrives(t->registry, &t->from));
    answers(t, 1);
    assert_true(arrives(t->pc, NULL));
}

/* As long as it takes to be a proper flow (`assured`). */
static inline void goes_on_for_a_while(struct talk *t)
{
    for (int i = 0; i < 4; i++)
        goes_on(t);
}

static inline struct talk talk(void)
{
    allow(REGISTRY, IPPROTO_UDP, 5000);
    struct talk t = {.pc = bound(PC_NS, SOCK_DGRAM, PC, 0), .registry = bound(WAN_NS, SOCK_DGRAM, REGISTRY, 5000)};
    return t;
}

static inline void end(struct talk *t)
{
    close(t->pc), close(t->registry);
}

/* What this sends is seen by that very counter, and does not arrive there. */
#define refused(by_counter, sends, there)                                                                              \
    do {                                                                                                               \
        uint64_t before_ = counter(by_counter);                                                                        \
        sends;                                                                                                         \
        assert_int_equal(counted(by_counter, before_ + 1), before_ + 1);                                               \
        assert_true(silent(there));                                                                                    \
    } while (0)

/* ---- packets by hand ---- */

static inline uint16_t checksum(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (len % 2)
        sum += (uint32_t)p[len - 1] << 8;
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

/* A packet of that protocol (above IP) as a raw socket of a namespace sends it; its tunnel. */
static inline void raw(int where, const char *from, const char *to, uint8_t proto, const void *packet, size_t len,
                       int tunnel)
{
    struct sockaddr_in src = at(from, 0), dst = at(to, 0);
    enter(where);
    int fd = socket(AF_INET, SOCK_RAW, proto);
    enter(BOX);
    assert_true(fd >= 0);
    by(fd, tunnel);
    assert_int_equal(bind(fd, (struct sockaddr *)&src, sizeof src), 0);
    ssize_t sent = sendto(fd, packet, len, 0, (struct sockaddr *)&dst, sizeof dst);
    assert_true(sent == (ssize_t)len || (where == BOX && errno == EPERM)); /* (the box is told when it may not) */
    close(fd);
}

/* ---- TLS ---- */

struct flow {
    int listener, pc, server; /* server: what the listener has accepted, -1: nothing */
};

/* A flow to a TLS port whose handshake of TCP is done, not a word yet. */
static inline struct flow tls_flow(uint32_t generation)
{
    tunnels(generation, true, false);
    allow_tls(REGISTRY, 443);
    struct flow f = {bound(WAN_NS, SOCK_STREAM, REGISTRY, 443), bound(PC_NS, SOCK_STREAM, PC, 0), -1};
    by(f.listener, 1), by(f.pc, 1);
    assert_int_equal(connect_to(f.pc, REGISTRY, 443), 0);
    assert_true(readable(f.listener));
    f.server = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(f.server >= 0);
    by(f.server, 1);
    return f;
}

static inline void end_flow(struct flow *f)
{
    close(f->listener), close(f->pc), close(f->server);
    run("conntrack -D -p tcp --orig-dst " REGISTRY " >/dev/null 2>&1 || true");
}

static inline void say(int from, const void *data, size_t len)
{
    assert_int_equal(send(from, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* No word of it arrives; a reset may. */
static inline void no_word_at(int to)
{
    char buf[MAX_PACKET];
    if (!silent(to))
        assert_true(read(to, buf, sizeof buf) < 0);
}

static inline void delivered(int from, int to, const void *data, size_t len)
{
    char buf[MAX_PACKET];
    say(from, data, len);
    assert_true(readable(to));
    assert_int_equal(read(to, buf, sizeof buf), (ssize_t)len);
}

static inline void mark(uint32_t value)
{
    char command[128];
    snprintf(command, sizeof command, "conntrack -U -p tcp --orig-dst " REGISTRY " --mark %u >/dev/null 2>&1", value);
    run(command);
}

#endif

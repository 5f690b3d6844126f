/*
 * The box's own packets: to the uplink, to the LAN, through a tunnel. (Which user may reach what is in gate_firewall;
 * here are the ports, the errors and the exceptions.)
 */
#include "gate_tunnel_fixture.h"

#define RESOLVER "10.20.0.53"
enum { ROOT = 0, GATE = 601, CHARON = 611, WAN = 612, DHCP = 614 };

/* The kernel's own IPv6 (listener reports, solicitations) would be counted among ours. */
static int build_quiet(void **state)
{
    return build_two(state) || system("sysctl -qw net.ipv6.conf.all.disable_ipv6=1") ? -1 : 0;
}

/* A socket belongs to whoever made it, so it is made by that user; root gives it its port. */
static int socket_of(uid_t uid, int port)
{
    int fd, on = 1;
    struct sockaddr_in own = at("0.0.0.0", port);
    assert_int_equal(setresuid(uid, uid, 0), 0);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(setresuid(0, 0, 0), 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    return fd;
}

struct sent {
    uid_t uid;
    int sport;
    const char *to;
    int dport, tunnel, where; /* where it would arrive */
    bool passes;
};

static void each(const struct sent *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sent *s = &cases[i];
        int there = bound(s->where, SOCK_DGRAM, s->to, s->dport), own = socket_of(s->uid, s->sport);
        by(own, s->tunnel);
        uint64_t before = counter("dropped_output");
        send_to(own, s->to, s->dport);
        if (s->passes)
            assert_true(arrives(there, NULL));
        else
            assert_true(silent(there));
        uint64_t seen = counter("dropped_output") - before;
        if (seen != !s->passes)
            fail_msg("uid %u, %d > %s:%d: expected %d refused, seen %u", (unsigned)s->uid, s->sport, s->to, s->dport,
                     !s->passes, (unsigned)seen);
        close(there), close(own);
    }
}
#define EACH(cases) each(cases, sizeof(cases) / sizeof(cases)[0])

static void to_the_line(void **state)
{
    (void)state;
    static const struct sent cases[] = {
        {WAN, 68, SERVER, 67, 0, WAN_NS, false},        {DHCP, 68, SERVER, 67, 0, WAN_NS, false},
        {ROOT, 68, SERVER, 67, 0, WAN_NS, false},       {CHARON, 68, SERVER, 67, 0, WAN_NS, false},
        {CHARON, 500, SERVER, 500, 0, WAN_NS, true},    {CHARON, 500, SERVER, 501, 0, WAN_NS, false},
        {CHARON, 501, SERVER, 500, 0, WAN_NS, false},   {CHARON, 4500, SERVER, 4500, 0, WAN_NS, true},
        {CHARON, 4500, SERVER, 4501, 0, WAN_NS, false}, {ROOT, 53, SERVER, 5000, 0, WAN_NS, false},
    };
    closed();
    EACH(cases);
}

/* What belongs to the hubs of tunnels that are up is not looked at twice: nothing else may look like it. */
static void to_the_hubs(void **state)
{
    (void)state;
    enter(WAN_NS);
    run("ip addr add " HUB "/24 dev line0");
    enter(BOX);
    static const struct sent cases[] = {
        {ROOT, 4500, HUB, 4500, 0, WAN_NS, true},
        {ROOT, 4501, HUB, 4500, 0, WAN_NS, false},
        {ROOT, 4500, HUB, 4501, 0, WAN_NS, false},
        {ROOT, 4500, PC, 4500, 0, PC_NS, false},
    };
    tunnels(120, true, false);
    EACH(cases);
}

static void to_the_lan(void **state)
{
    (void)state;
    static const struct sent cases[] = {
        {ROOT, 67, PC, 68, 0, PC_NS, true},
        {ROOT, 67, PC, 69, 0, PC_NS, false},
        {ROOT, 66, PC, 68, 0, PC_NS, false},
        {ROOT, 7000, PC, 7000, 0, PC_NS, false},
    };
    closed();
    EACH(cases);
    uint64_t before = counter("dropped_output");
    (void)!system("ping -q -c1 -W1 " PC " >/dev/null 2>&1");
    assert_int_equal(counter("dropped_output"), before + 1);
}

/* `dns` asks a service's resolver behind its hub, by sockets of gate: that port there, and through that tunnel. */
static void to_a_resolver_in_a_tunnel(void **state)
{
    (void)state;
    struct addr resolver;
    enter(WAN_NS);
    run("ip addr add " RESOLVER "/32 dev lo");
    enter(BOX);
    assert_true(conf_parse_addr(RESOLVER, &resolver));
    tunnels(121, true, false);
    assert_int_equal(firewall_resolvers(&resolver, 1), 0);
    static const struct sent cases[] = {
        {GATE, 6000, RESOLVER, 53, 1, WAN_NS, true},
        {GATE, 6001, RESOLVER, 54, 1, WAN_NS, false},
        {GATE, 6002, REGISTRY, 53, 1, WAN_NS, false},
    };
    EACH(cases);
    static const char *const ends[] = {"dropped_clear", NULL, "dropped_wrong_tunnel"};
    int there = bound(WAN_NS, SOCK_DGRAM, RESOLVER, 53);
    for (int tunnel = 0; tunnel < 3; tunnel += 2) {
        int own = socket_of(GATE, 6003 + tunnel);
        by(own, tunnel);
        refused(ends[tunnel], send_to(own, RESOLVER, 53), there);
        close(own);
    }
    close(there);
    assert_int_equal(firewall_resolvers(NULL, 0), 0);
}

/*
 * An ICMP error of the box quotes what a PC was sent, past every rule: none leaves, though connection tracking knows
 * it.
 */
static void no_error_to_the_line(void **state)
{
    (void)state;
    struct sockaddr_in from;
    internet(122);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    send_to(pc, SERVER, 5000);
    assert_true(arrives(server, &from));
    assert_int_equal(sendto(server, "y", 1, 0, (struct sockaddr *)&from, sizeof from), 1);
    assert_true(arrives(pc, NULL));
    uint8_t p[36] = {
        3, 1, [8] = 0x45, [11] = 29, [16] = 64, [17] = IPPROTO_UDP, [28] = 5000 >> 8, [29] = 5000 & 255, [33] = 9};
    struct sockaddr_in src = at(SERVER, 0), dst = at(BOX_WAN, 0);
    memcpy(p + 20, &src.sin_addr, 4);
    memcpy(p + 24, &dst.sin_addr, 4);
    memcpy(p + 30, &from.sin_port, 2);
    uint16_t sum = checksum(p + 8, 20, 0);
    p[18] = (uint8_t)(sum >> 8), p[19] = (uint8_t)sum;
    sum = checksum(p, sizeof p, 0);
    p[2] = (uint8_t)(sum >> 8), p[3] = (uint8_t)sum;
    uint64_t before = counter("dropped_output");
    raw(BOX, BOX_WAN, SERVER, IPPROTO_ICMP, p, sizeof p, 0);
    assert_int_equal(counted("dropped_output", before + 1), before + 1);
    close(server), close(pc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_the_line),          cmocka_unit_test(to_the_hubs),
        cmocka_unit_test(to_the_lan),           cmocka_unit_test(to_a_resolver_in_a_tunnel),
        cmocka_unit_test(no_error_to_the_line),
    };
    return cmocka_run_group_tests_name("gate_output", tests, build_quiet, NULL);
}

/*
 * The connection table is shared: how much one PC, and the LAN as a whole, can take of it, and that the box reports
 * the PC. With real packets and the real rules; only the rate limit is removed where it is not the subject.
 */
#include "gate_tunnel_fixture.h"

#define NEIGHBOUR "192.168.77.11"
#define SAME_PART "192.168.77.18" /* as the PC's, by its last three bits */
#define SAME_PART_2 "192.168.77.26"
#define SAME_PART_3 "192.168.77.34"
#define PART_SHARE 3072
#define OTHERS 5

static void forget_all(void)
{
    run("conntrack -F >/dev/null 2>&1; nft flush set inet sekisho host_share; nft flush set inet sekisho part_share");
}

static int build_neighbours(void **state)
{
    if (build(state))
        return -1;
    enter(PC_NS);
    int failed = system("set -e; for n in 11 18 21 22 23 24 25 26 34; do ip addr add 192.168.77.$n/24 dev pc0; done");
    enter(BOX);
    return failed ? -1 : 0;
}

/* Datagrams from that host, each of a port of its own, so each a flow. */
static void begin_many(const char *from, const char *to, uint16_t dport, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        uint16_t sport = (uint16_t)(10000 + i);
        uint8_t p[9] = {
            (uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8), (uint8_t)dport, 0, sizeof p, 0, 0, 'x'};
        raw(PC_NS, from, to, IPPROTO_UDP, p, sizeof p, 0);
    }
}

/* So many of them are refused. */
static void refuses(const char *from, const char *to, uint16_t dport, unsigned first, unsigned count, unsigned of_them)
{
    uint64_t before = counter("dropped_share");
    begin_many(from, to, dport, first, count);
    usleep(SOON_MS * 1000);
    assert_int_equal(counted("dropped_share", before + of_them), before + of_them);
}

/* ---- how fast ---- */

static void nobody_begins_too_fast(void **state)
{
    (void)state;
    internet(300);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000);
    uint64_t before = counter("dropped_share");
    begin_many(PC, SERVER, 5000, 0, 2000);
    uint64_t seen = counted("dropped_share", before + 1);
    assert_in_range(seen, before + 1, before + 1400); /* 600 at once */
    /* What it has begun goes on, and others begin. */
    begin_many(PC, SERVER, 5000, 0, 300);
    begin_many(NEIGHBOUR, SERVER, 5000, 0, 300);
    usleep(SOON_MS * 1000);
    assert_int_equal(counter("dropped_share"), seen);
    /* All together. */
    static const char *const others[OTHERS] = {"192.168.77.21", "192.168.77.22", "192.168.77.23", "192.168.77.24",
                                               "192.168.77.25"};
    for (unsigned i = 0; i < OTHERS; i++)
        begin_many(others[i], SERVER, 5000, 0, 600);
    counted("dropped_share", seen + 1);
    close(server);
    forget_all();
    run("nft -a list chain inet sekisho share | sed -n 's/.*limit rate.*# handle \\([0-9]*\\)/\\1/p' | "
        "xargs -n1 nft delete rule inet sekisho share handle");
}

/* ---- how many ---- */

static void a_pc_has_its_share(void **state)
{
    (void)state;
    internet(301);
    refuses(PC, SERVER, 5000, 0, 1100, 1100 - FIREWALL_SHARE);
    refuses(PC, SERVER, 5000, 0, 100, 0);
    refuses(PC, SERVER, 5000, 2000, 100, 100);
    refuses(NEIGHBOUR, SERVER, 5000, 0, 100, 0);
    /* It is told. */
    int pc = bound(PC_NS, SOCK_STREAM, PC, 0), web = bound(WAN_NS, SOCK_STREAM, SERVER, 80);
    assert_int_equal(connect_to(pc, SERVER, 80), ECONNREFUSED);
    close(pc);
    /* It heals by itself: what is over counts no more. */
    run("conntrack -D -s " PC " >/dev/null 2>&1");
    assert_int_equal(tcp_from_pc(SERVER, 80), 0);
    close(web);
    forget_all();
}

static void each_eighth_of_the_lan_has_one(void **state)
{
    (void)state;
    internet(302);
    refuses(PC, SERVER, 5000, 0, FIREWALL_SHARE, 0);
    refuses(SAME_PART, SERVER, 5000, 0, FIREWALL_SHARE, 0);
    refuses(SAME_PART_2, SERVER, 5000, 0, 900, 0);
    refuses(SAME_PART_3, SERVER, 5000, 0, 300, 300 - (PART_SHARE - 2 * FIREWALL_SHARE - 900));
    refuses(NEIGHBOUR, SERVER, 5000, 0, 300, 0);
    forget_all();
}

/* What the box answers itself has places there too: DNS that was meant for others, and DNS over TCP. */
static void questions_are_no_way_around(void **state)
{
    (void)state;
    int diverted = bound(BOX, SOCK_DGRAM, BOX_LAN, 1053), tcp = bound(BOX, SOCK_STREAM, BOX_LAN, 53);
    closed();
    refuses(PC, "8.8.8.8", 53, 0, 1100, 1100 - FIREWALL_SHARE);
    uint64_t before = counter("dropped_share");
    assert_int_equal(tcp_from_pc(BOX_LAN, 53), ECONNREFUSED);
    assert_int_equal(tcp_from_pc("8.8.8.8", 53), ECONNREFUSED);
    counted("dropped_share", before + 2);
    /* The usual way takes none. */
    int own = bound(BOX, SOCK_DGRAM, BOX_LAN, 53), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    send_to(pc, BOX_LAN, 53);
    assert_true(arrives(own, NULL));
    close(diverted), close(tcp), close(own), close(pc);
    forget_all();
}

/* In a session: datagrams, connections, and TLS. */
static void the_same_in_a_session(void **state)
{
    (void)state;
    tunnels(303, true, false);
    for (int port = 5000; port < 5002; port++) {
        struct firewall_allow a = {.proto = IPPROTO_UDP, .port = (uint16_t)port, .service = 1, .timeout_s = 60};
        assert_true(conf_parse_addr(REGISTRY, &a.addr));
        assert_int_equal(firewall_allow(&a, 1), 0);
    }
    allow(REGISTRY, IPPROTO_TCP, 5000);
    allow_tls(REGISTRY, 443);
    uint64_t before = counter("dropped_share");
    for (unsigned i = 0; i < 1100; i++) {
        uint16_t sport = (uint16_t)(10000 + i);
        uint8_t p[9] = {(uint8_t)(sport >> 8), (uint8_t)sport, 5000 >> 8, 5000 & 0xff, 0, sizeof p, 0, 0, 'x'};
        raw(PC_NS, PC, REGISTRY, IPPROTO_UDP, p, sizeof p, 1);
    }
    before = counted("dropped_share", before + 1100 - FIREWALL_SHARE);
    static const int ports[] = {5000, 443};
    for (unsigned i = 0; i < 2; i++) {
        int pc = bound(PC_NS, SOCK_STREAM, PC, 0);
        by(pc, 1);
        assert_int_equal(connect_to(pc, REGISTRY, ports[i]), ECONNREFUSED);
        close(pc);
    }
    counted("dropped_share", before + 2);
    forget_all();
}

/* ---- who it is ---- */

/* What is over counts no more for the share, so it is not told of either: a proxy's many short connections. */
static void what_is_over_is_not_counted(void **state)
{
    (void)state;
    struct prefix lan;
    struct firewall_tracked t;
    assert_true(conf_parse_prefix("192.168.77.0/24", &lan));
    internet(305);
    run("i=10000; while [ $i -lt 11200 ]; do echo \"-I -s " NEIGHBOUR " -d " SERVER " -p tcp --sport $i --dport 80"
        " --state TIME_WAIT -t 60\"; i=$((i + 1)); done | conntrack -R - >/dev/null 2>&1");
    begin_many(PC, SERVER, 5000, 0, 10);
    assert_int_equal(firewall_tracked(&lan, &t), 0);
    assert_true(t.entries >= FIREWALL_CROWDED(FIREWALL_SHARE));
    assert_in_range(t.by_most, 1, 10);
    forget_all();
}

static void the_host_is_known(void **state)
{
    (void)state;
    struct prefix lan;
    struct firewall_tracked t;
    struct addr pc;
    assert_true(conf_parse_prefix("192.168.77.0/24", &lan) && conf_parse_addr(PC, &pc));
    internet(304);
    begin_many(NEIGHBOUR, SERVER, 5000, 0, 200);
    assert_int_equal(firewall_tracked(&lan, &t), 0);
    assert_in_range(t.entries, 200, 900);
    assert_true(t.most >= t.entries);
    assert_int_equal(t.host.family, 0);
    refuses(PC, SERVER, 5000, 0, 1100, 1100 - FIREWALL_SHARE);
    assert_int_equal(firewall_tracked(&lan, &t), 0);
    assert_true(addr_equal(&t.host, &pc));
    assert_int_equal(t.by_most, FIREWALL_SHARE);
    assert_true(t.entries >= FIREWALL_SHARE + 200);
    /* Whoever is not of the LAN is nobody to be named. */
    assert_true(conf_parse_prefix("192.168.78.0/24", &lan));
    assert_int_equal(firewall_tracked(&lan, &t), 0);
    assert_int_equal(t.host.family, 0);
    forget_all();
}

/* The sum of what the LAN can take leaves places for the box's own connections, on the box as it is configured. */
static void the_sum_of_the_shares(void **state)
{
    (void)state;
    run("grep -qx 'net.netfilter.nf_conntrack_max = 32768' rootfs/overlay/etc/sysctl.conf");
    run("grep -qx 'net.netfilter.nf_conntrack_tcp_timeout_time_wait = 5' rootfs/overlay/etc/sysctl.conf");
    /* eighths; what is over and kept for its ports, begun at 600 a second, 1,200 at once */
    assert_true(8 * PART_SHARE + 5 * 600 + 1200 + 3000 <= 32768);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_begins_too_fast),         cmocka_unit_test(a_pc_has_its_share),
        cmocka_unit_test(each_eighth_of_the_lan_has_one), cmocka_unit_test(questions_are_no_way_around),
        cmocka_unit_test(the_same_in_a_session),          cmocka_unit_test(the_host_is_known),
        cmocka_unit_test(what_is_over_is_not_counted),    cmocka_unit_test(the_sum_of_the_shares),
    };
    return cmocka_run_group_tests_name("gate_share", tests, build_neighbours, NULL);
}

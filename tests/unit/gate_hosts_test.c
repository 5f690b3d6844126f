/*
 * Bound hosts with real packets: which MAC address may use which service, with which IP address. Needs root, runs in
 * the top of the checkout.
 */
/* That the box passes IPv4 only is one rule; the rules behind it are tested here all the same. */
#define FIREWALL_WITHOUT "/goto no_ip_version/d; "
#include "gate_firewall_fixture.h"

/* Set the PC's MAC and IP address; the rest of its setup stays. */
static void become(const char *mac, const char *addr)
{
    char command[256];
    snprintf(command, sizeof command,
             "ip link set pc0 address %s && ip addr flush dev pc0 && ip addr add %s/24 dev pc0 && "
             "ip route replace default via " BOX_LAN,
             mac, addr);
    enter(PC_NS);
    run(command);
    enter(BOX);
    run("ip neigh flush dev lan0");
}

#define BOUND "02:00:5e:10:00:20"
#define FOREIGN "02:00:5e:10:00:21"
#define STRANGER "02:00:5e:10:00:99"

/*
 * One datagram of the PC to the registry; which counter it ends in. That it gets as far as IPsec (`clear`) is to
 * pass.
 */
static const char *ends_in(const char *mac, const char *addr)
{
    static const char *const names[] = {"dropped_clear", "dropped_wrong_host", "dropped_spoofed", "dropped_not_listed"};
    uint64_t before[4];
    become(mac, addr);
    for (unsigned i = 0; i < 4; i++)
        before[i] = counter(names[i]);
    int pc = bound(PC_NS, SOCK_DGRAM, addr, 0);
    send_to(pc, REGISTRY, 5000);
    close(pc);
    for (unsigned waited = 0; waited < SURELY_MS; waited += 50) {
        for (unsigned i = 0; i < 4; i++)
            if (counter(names[i]) > before[i])
                return names[i];
        usleep(10000);
    }
    return "none";
}

static void bound_hosts(void **state)
{
    (void)state;
    static struct conf conf = {.service_count = 2};
    struct addr here, there, none;
    assert_true(conf_parse_addr("192.168.77.20", &here) && conf_parse_addr("192.168.77.21", &there) &&
                conf_parse_addr("192.168.77.22", &none));
    conf.services[0] = (struct conf_service){.name = "lab", .number = 1};
    conf.services[1] = (struct conf_service){.name = "two", .number = 2};
    conf.site.host_count = 3;
    conf.site.hosts[0] = (struct conf_host){here, {2, 0, 0x5e, 0x10, 0, 0x20}, "lab", 1};
    conf.site.hosts[1] = (struct conf_host){there, {2, 0, 0x5e, 0x10, 0, 0x21}, "two", 2};
    conf.site.hosts[2] = (struct conf_host){none, {2, 0, 0x5e, 0x10, 0, 0x22}, "", 3};
    snprintf(conf.site.others, sizeof conf.site.others, "two");
    assert_int_equal(firewall_hosts(&conf), 0);
    session(13);
    allow(REGISTRY, IPPROTO_UDP, 5000);
    assert_string_equal(ends_in(BOUND, "192.168.77.20"), "dropped_clear"); /* its own service */
    assert_string_equal(ends_in(FOREIGN, "192.168.77.21"), "dropped_wrong_host"); /* bound to another */
    assert_string_equal(ends_in("02:00:5e:10:00:22", "192.168.77.22"), "dropped_wrong_host"); /* to none */
    assert_string_equal(ends_in(STRANGER, "192.168.77.50"), "dropped_wrong_host"); /* the others may use `two` */
    assert_string_equal(ends_in(STRANGER, "192.168.77.20"),
                        "dropped_wrong_host"); /* a bound address, another MAC address */
    assert_string_equal(ends_in(FOREIGN, "192.168.77.20"), "dropped_wrong_host");
    assert_string_equal(ends_in(BOUND, "192.168.77.50"),
                        "dropped_wrong_host"); /* a bound MAC address, another address */
    snprintf(conf.site.others, sizeof conf.site.others, "all");
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_string_equal(ends_in(STRANGER, "192.168.77.50"), "dropped_clear");
    assert_string_equal(ends_in(STRANGER, "192.168.77.20"), "dropped_wrong_host");

    /* Not even the box answers a forged one; and whoever has no address yet may ask for it. */
    become(STRANGER, "192.168.77.20");
    int dns = bound(BOX, SOCK_DGRAM, BOX_LAN, 53), pc = bound(PC_NS, SOCK_DGRAM, "192.168.77.20", 0);
    send_to(pc, BOX_LAN, 53);
    assert_true(silent(dns));
    close(pc);
    int dhcp = bound(BOX, SOCK_DGRAM, BOX_LAN, 67);
    pc = bound(PC_NS, SOCK_DGRAM, "192.168.77.20", 68);
    send_to(pc, BOX_LAN, 67);
    assert_true(readable(dhcp));
    close(pc);
    uint64_t before = counter("dropped_wrong_host");
    pc = bound(PC_NS, SOCK_DGRAM, "192.168.77.20", 69);
    send_to(pc, BOX_LAN, 67);
    close(pc);
    pc = bound(PC_NS, SOCK_DGRAM, "192.168.77.20", 68);
    send_to(pc, BOX_LAN, 69);
    close(pc);
    (void)counted("dropped_wrong_host", before + 2);
    /* An ARP request verifies nobody: the next packet of that MAC and IP address is refused like the first. */
    pc = bound(PC_NS, SOCK_DGRAM, "192.168.77.20", 0);
    send_to(pc, BOX_LAN, 53);
    assert_true(silent(dns));
    close(pc), close(dhcp), close(dns);
    /* A sender stays verified for a second; a binding takes effect at once nevertheless. */
    assert_string_equal(ends_in(STRANGER, "192.168.77.50"), "dropped_clear");
    assert_true(conf_parse_addr("192.168.77.50", &conf.site.hosts[0].addr));
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_string_equal(ends_in(STRANGER, "192.168.77.50"), "dropped_wrong_host");
    conf.site.hosts[0].addr = here;
    assert_int_equal(firewall_hosts(&conf), 0);
}

/* IPv6 has no bound address: only the MAC address decides. Checked by the counters, as the box routes no IPv6 here. */
static void bound_hosts_v6(void **state)
{
    (void)state;
    static struct conf_service six = {.number = 1, .remote_count = 1};
    struct firewall_allow a = {.proto = IPPROTO_UDP, .port = 5000, .service = 1, .timeout_s = 60};
    assert_true(conf_parse_prefix("fd00:20::/32", &six.remote[0]) && conf_parse_addr("fd00:20::80", &a.addr));
    assert_int_equal(firewall_registry(&six, 1), 0);
    session(14);
    assert_int_equal(firewall_allow(&a, 1), 0);
    run("sysctl -qw net.ipv6.conf.all.forwarding=1; ip addr add fd00:77::1/64 dev lan0 nodad; "
        "ip addr add fd00:99::1/64 dev wan0 nodad; ip -6 route add default via fd00:99::2 dev wan0");
    static const struct {
        const char *mac, *ends;
    } cases[] = {{BOUND, "dropped_clear"}, {FOREIGN, "dropped_wrong_host"}, {STRANGER, "dropped_clear"}};
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(5000)};
    assert_int_equal(inet_pton(AF_INET6, "fd00:20::80", &to.sin6_addr), 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        become(cases[i].mac, i == 0 ? "192.168.77.20" : i == 1 ? "192.168.77.21" : "192.168.77.50");
        enter(PC_NS);
        run("ip addr add fd00:77::5/64 dev pc0 nodad; ip -6 route replace default via fd00:77::1");
        int pc = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        enter(BOX);
        uint64_t before = counter(cases[i].ends);
        /*
         * Again and again: an address can be asked for only when the kernel has joined its group, which it does in the
         * background; a question for it that came earlier is repeated after a second, at most three times.
         */
        for (unsigned waited = 0; waited < SURELY_MS && counter(cases[i].ends) == before; waited += 50) {
            (void)!sendto(pc, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
            usleep(50000);
        }
        close(pc);
        (void)counted(cases[i].ends, before + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_hosts),
        cmocka_unit_test(bound_hosts_v6),
    };
    return cmocka_run_group_tests_name("gate_hosts", tests, build, NULL);
}

/*
 * The ruleset with real packets: a PC, the box and the uplink in three network namespaces, sockets of ours in each.
 * Traffic that needs IPsec (a session's own) is tested in the lab; here, that nothing passes without IPsec. Needs
 * root, runs in the checkout's top.
 */
#include "gate_firewall_fixture.h"

/* ---- LAN to uplink ---- */

static void closed_lets_nothing_through(void **state)
{
    (void)state;
    closed();
    int web = bound(WAN_NS, SOCK_STREAM, SERVER, 80), udp = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000);
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    assert_int_equal(tcp_from_pc(SERVER, 80), ECONNREFUSED); /* at once, so that nobody waits for an answer */
    send_to(pc, SERVER, 5000);
    assert_true(silent(udp));
    assert_true(silent(web));
    (void)counted("dropped_closed", 2);
    close(web), close(udp), close(pc);
}

static void internet_lets_out_but_not_to_the_registry(void **state)
{
    (void)state;
    internet(5);
    int web = bound(WAN_NS, SOCK_STREAM, SERVER, 80), udp = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000);
    int registry = bound(WAN_NS, SOCK_DGRAM, REGISTRY, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    struct sockaddr_in from;
    assert_int_equal(tcp_from_pc(SERVER, 80), 0);
    send_to(pc, SERVER, 5000);
    assert_true(arrives(udp, &from));
    assert_int_equal(from.sin_addr.s_addr, at(BOX_WAN, 0).sin_addr.s_addr);
    assert_int_equal(sendto(udp, "y", 1, 0, (struct sockaddr *)&from, sizeof from), 1);
    assert_true(arrives(pc, NULL));

    assert_true(tcp_from_pc_unanswered(REGISTRY, 80)); /* see who_waits_is_told_no_in_the_end */
    send_to(pc, REGISTRY, 5000);
    assert_true(silent(registry));
    (void)counted("dropped_tunnel_outside", 1);
    /* Not even if the hub's side begins. */
    send_to(registry, PC, ntohs(from.sin_port));
    assert_true(silent(pc));
    (void)counted("dropped_clear", 1);
    close(web), close(udp), close(registry), close(pc);
}

static void internet_of_its_own(void)
{
    internet(6);
}

/* A registry address, while there is no session: silence, so that the PC tries again; in the end a word. */
static void who_waits_is_told_no_in_the_end(void **state)
{
    (void)state;
    void (*const modes[])(void) = {closed, internet_of_its_own};
    for (unsigned i = 0; i < 2; i++) {
        modes[i]();
        int registry = bound(WAN_NS, SOCK_STREAM, REGISTRY, 80), pc = bound(PC_NS, SOCK_STREAM, PC, 0), error = 0;
        uint64_t waiting = counter("dropped_waiting");
        socklen_t len = sizeof error;
        assert_true(unanswered(pc, REGISTRY, 80));
        (void)counted("dropped_waiting", waiting + 2); /* it repeats itself after a second */
        /* Eight seconds are over; the attempt is another one in nothing but its time. */
        run("nft flush set inet sekisho held");
        waiting = counter("dropped_waiting");
        assert_true(polled(pc, POLLOUT, SURELY_MS));
        assert_int_equal(getsockopt(pc, SOL_SOCKET, SO_ERROR, &error, &len), 0);
        assert_int_equal(error, ECONNREFUSED);
        assert_int_equal(counter("dropped_waiting"), waiting);
        assert_true(silent(registry));
        close(registry), close(pc);
    }
}

/* A flow whose ClientHello gate does not allow: the next packet from either peer is answered with a reset. */
static void a_refused_flow_is_reset_at_both_ends(void **state)
{
    (void)state;
    internet(9);
    int web = bound(WAN_NS, SOCK_STREAM, SERVER, 80), tcp = bound(PC_NS, SOCK_STREAM, PC, 0);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    char c;
    assert_int_equal(connect_to(tcp, SERVER, 80), 0);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&own, &len), 0);
    assert_true(readable(web));
    int accepted = accept4(web, NULL, NULL, SOCK_NONBLOCK);

    struct firewall_flow flow = {.client_port = ntohs(own.sin_port), .server_port = 80};
    assert_true(conf_parse_addr(PC, &flow.client) && conf_parse_addr(SERVER, &flow.server));
    uint64_t before = counter("dropped_hello");
    assert_int_equal(firewall_refuse(&flow), 0);
    assert_int_equal(write(accepted, "z", 1), 1);
    assert_true(readable(accepted));
    assert_int_equal(read(accepted, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(write(tcp, "z", 1), 1);
    assert_true(readable(tcp));
    assert_int_equal(read(tcp, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)counted("dropped_hello", before + 2); /* (more: what a slow machine has sent again) */
    close(web), close(tcp), close(accepted);
}

/*
 * What comes back from the queue may be another packet than what went there: gate puts a reset in its place, with the
 * addresses that `sni` says. Only to a registry whose tunnel is up does it go on. (A rule stands in for the queue.)
 */
static void reset_from_the_queue(bool refused)
{
    internet(14);
    int web = bound(WAN_NS, SOCK_STREAM, SERVER, 80), tcp = bound(PC_NS, SOCK_STREAM, PC, 0);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    assert_int_equal(connect_to(tcp, SERVER, 80), 0);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&own, &len), 0);
    assert_true(readable(web));
    int accepted = accept4(web, NULL, NULL, SOCK_NONBLOCK);

    struct firewall_flow flow = {.client_port = ntohs(own.sin_port), .server_port = 80};
    assert_true(conf_parse_addr(PC, &flow.client) && conf_parse_addr(SERVER, &flow.server));
    session(refused ? 15 : 14); /* 14: the server has answered meanwhile, the flow is live */
    if (refused)
        assert_int_equal(firewall_refuse(&flow), 0);
    run("nft insert rule inet sekisho forward iifname lan0 meta mark set mark or 0x200 accept");
    close(tcp); /* sends a reset */
    bool arrived = !silent(accepted);
    run("nft -a list chain inet sekisho forward | sed -n 's/.*meta mark set meta mark | .*# handle \\([0-9]*\\)/\\1/p' | "
        "xargs nft delete rule inet sekisho forward handle");
    assert_false(arrived);
    close(web), close(accepted);
}

static void a_reset_from_the_queue_goes_to_the_registry_only(void **state)
{
    (void)state;
    reset_from_the_queue(true);
    reset_from_the_queue(false);
}

/* A connection and a flow of datagrams from the PC to the server, open when the test begins. */
struct open_flows {
    int web, accepted, tcp, udp, pc;
    struct sockaddr_in from; /* of the datagrams, as the server sees it */
};

static struct open_flows open_flows(void)
{
    struct open_flows f = {
        .web = bound(WAN_NS, SOCK_STREAM, SERVER, 80),
        .tcp = bound(PC_NS, SOCK_STREAM, PC, 0),
        .udp = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000),
        .pc = bound(PC_NS, SOCK_DGRAM, PC, 0),
    };
    assert_int_equal(connect_to(f.tcp, SERVER, 80), 0);
    assert_true(readable(f.web));
    f.accepted = accept4(f.web, NULL, NULL, SOCK_NONBLOCK);
    send_to(f.pc, SERVER, 5000);
    assert_true(arrives(f.udp, &f.from));
    return f;
}

static void close_flows(const struct open_flows *f)
{
    close(f->web), close(f->accepted), close(f->tcp), close(f->udp), close(f->pc);
}

static void session_cuts_what_was_open(void **state)
{
    (void)state;
    internet(6);
    struct open_flows f = open_flows();

    session(7);
    /* From the line: nothing arrives. */
    assert_int_equal(write(f.accepted, "z", 1), 1);
    (void)!sendto(f.udp, "y", 1, 0, (struct sockaddr *)&f.from, sizeof f.from);
    assert_true(silent(f.tcp));
    assert_true(silent(f.pc));
    /* From the PC: nothing arrives, and the TCP connection is told. */
    assert_int_equal(write(f.tcp, "z", 1), 1);
    send_to(f.pc, SERVER, 5000);
    assert_true(silent(f.udp));
    assert_true(silent(f.accepted));
    assert_true(readable(f.tcp));
    char c;
    assert_int_equal(read(f.tcp, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    (void)counted("dropped_old_flow", 4);

    /* Back outside with another number: the old flow stays dead, but the same ports may begin anew. */
    internet(8);
    send_to(f.pc, SERVER, 5000);
    assert_true(silent(f.udp));
    assert_int_equal(firewall_forget(6), 0);
    send_to(f.pc, SERVER, 5000);
    assert_true(arrives(f.udp, NULL));
    close_flows(&f);
}

/*
 * A packet that is looked at while the mode changes: the old mode lets it out, and the number that it gets is the new
 * session's already. That must not open the flow for the session. (Here both have the same number from the start.)
 */
static void a_flow_that_begins_as_the_session_does(void **state)
{
    (void)state;
    internet(13);
    struct open_flows f = open_flows();
    assert_int_equal(sendto(f.udp, "y", 1, 0, (struct sockaddr *)&f.from, sizeof f.from), 1);
    assert_true(arrives(f.pc, NULL));

    session(13);
    uint64_t before = counter("dropped_not_listed");
    send_to(f.pc, SERVER, 5000);
    assert_true(silent(f.udp));
    assert_int_equal(write(f.tcp, "z", 1), 1);
    assert_true(silent(f.accepted));
    (void)counted("dropped_not_listed", before + 2);
    (void)!sendto(f.udp, "y", 1, 0, (struct sockaddr *)&f.from, sizeof f.from);
    assert_true(silent(f.pc));
    close_flows(&f);
}

static void session_refuses_at_once(void **state)
{
    (void)state;
    session(9);
    int web = bound(WAN_NS, SOCK_STREAM, SERVER, 443), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    int quic = bound(WAN_NS, SOCK_DGRAM, SERVER, 443);
    assert_int_equal(tcp_from_pc(SERVER, 443), ECONNREFUSED);
    assert_int_equal(connect_to(pc, SERVER, 443), 0);
    assert_int_equal(send(pc, "x", 1, 0), 1);
    assert_true(silent(quic));
    char c;
    assert_true(readable(pc));
    assert_int_equal(recv(pc, &c, 1, 0), -1); /* ICMP: administratively prohibited */
    assert_int_equal(errno, EHOSTUNREACH);
    (void)counted("dropped_not_listed", 2);
    close(web), close(pc), close(quic);
}

/* Everything is in place but IPsec: nothing reaches the registry. */
static void admitted_but_no_ipsec(void **state)
{
    (void)state;
    session(10);
    allow(REGISTRY, IPPROTO_UDP, 5000);
    allow(REGISTRY, IPPROTO_TCP, 443);
    allow(SERVER, IPPROTO_UDP, 5000); /* an element that should never be: not a registry address */
    int registry = bound(WAN_NS, SOCK_DGRAM, REGISTRY, 5000), web = bound(WAN_NS, SOCK_STREAM, REGISTRY, 443);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    uint64_t before = counter("dropped_clear"), listed = counter("dropped_not_listed"), out = counter("dropped_output");
    send_to(pc, REGISTRY, 5000);
    assert_true(silent(registry));
    assert_true(tcp_from_pc_unanswered(REGISTRY, 443));
    (void)counted("dropped_clear", before + 2);
    send_to(pc, SERVER, 5000);
    assert_true(silent(server));
    (void)counted("dropped_not_listed", listed + 1);
    /* The box itself neither. */
    int own = bound(BOX, SOCK_DGRAM, "0.0.0.0", 0);
    send_to(own, REGISTRY, 5000);
    assert_true(silent(registry));
    (void)counted("dropped_output", out + 1);
    close(registry), close(web), close(server), close(pc), close(own);
}

static void one_service_opens_nothing_of_another(void **state)
{
    (void)state;
    session(11);
    /* An element for service 2 opens nothing at an address of service 1. */
    struct firewall_allow a = {.proto = IPPROTO_UDP, .port = 5000, .service = 2, .timeout_s = 60};
    assert_true(conf_parse_addr(REGISTRY, &a.addr));
    assert_int_equal(firewall_allow(&a, 1), 0);
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    uint64_t before = counter("dropped_not_listed");
    send_to(pc, REGISTRY, 5000);
    assert_true(silent(pc));
    assert_int_equal(counted("dropped_not_listed", before + 1), before + 1);
    close(pc);
}

/* ---- from the uplink ---- */

/* The other service's session is on, this one's tunnel is down: a new flow to it is told so at once. */
static void a_service_without_tunnel_is_refused(void **state)
{
    (void)state;
    struct firewall_view v = {.mode = MODE_SESSION, .generation = 12, .tunnel_count = 1};
    v.tunnels[0].service = 2;
    assert_true(conf_parse_addr("10.9.0.7", &v.tunnels[0].vip4));
    assert_int_equal(firewall_apply(&v), 0);
    allow(REGISTRY, IPPROTO_TCP, 443);
    uint64_t before = counter("dropped_no_tunnel"), clear = counter("dropped_clear");
    assert_int_equal(tcp_from_pc(REGISTRY, 443), ECONNREFUSED);
    (void)counted("dropped_no_tunnel", before + 1);
    assert_int_equal(counter("dropped_clear"), clear);
}

static void nothing_comes_in_from_the_line(void **state)
{
    (void)state;
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 6000), box = bound(BOX, SOCK_DGRAM, BOX_WAN, 53);
    int box_tcp = bound(BOX, SOCK_STREAM, BOX_WAN, 80), line = bound(WAN_NS, SOCK_DGRAM, SERVER, 6001);
    for (int mode = 0; mode < 3; mode++) {
        mode == 0 ? closed() : mode == 1 ? internet(20) : session(21);
        send_to(line, PC, 6000);
        send_to(line, BOX_WAN, 53);
        send_to(line, BOX_LAN, 53);
        assert_true(silent(pc));
        assert_true(silent(box));
        int tcp = bound(WAN_NS, SOCK_STREAM, SERVER, 0);
        assert_true(unanswered(tcp, BOX_WAN, 80));
        close(tcp);
    }
    (void)counted("dropped_wan_in", 3);
    (void)counted("dropped_input_wan", 9);
    close(pc), close(box), close(box_tcp), close(line);
}

/* ---- to the box ---- */

static void dns_is_answered_by_the_box_whoever_is_asked(void **state)
{
    (void)state;
    int own = bound(BOX, SOCK_DGRAM, BOX_LAN, 53), diverted = bound(BOX, SOCK_DGRAM, BOX_LAN, 1053);
    int tcp = bound(BOX, SOCK_STREAM, BOX_LAN, 53);
    static const char *const asked[] = {BOX_LAN, "8.8.8.8", SERVER, REGISTRY, BOX_WAN};
    for (int mode = 0; mode < 3; mode++) {
        mode == 0 ? closed() : mode == 1 ? internet(30) : session(31);
        for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
            int pc = bound(PC_NS, SOCK_DGRAM, PC, i % 2 == 0 ? 0 : 53), dns = i == 0 ? own : diverted;
            struct sockaddr_in from;
            assert_int_equal(connect_to(pc, asked[i], 53), 0);
            assert_int_equal(send(pc, "x", 1, 0), 1);
            assert_true(arrives(dns, &from));
            assert_int_equal(sendto(dns, "y", 1, 0, (struct sockaddr *)&from, sizeof from), 1);
            assert_true(arrives(pc, NULL)); /* connected: it came from the address that was asked */
            close(pc);
            assert_int_equal(tcp_from_pc(asked[i], 53), 0);
        }
    }
    close(own), close(diverted), close(tcp);
}

static unsigned tracked(const char *what)
{
    char command[160];
    unsigned count = 0;
    snprintf(command, sizeof command, "conntrack -L -p udp %s 2>/dev/null | wc -l", what);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u", &count), 1);
    pclose(f);
    return count;
}

static void questions_to_the_box_are_not_tracked(void **state)
{
    (void)state;
    internet(32);
    run("conntrack -F 2>/dev/null");
    int own = bound(BOX, SOCK_DGRAM, BOX_LAN, 53), diverted = bound(BOX, SOCK_DGRAM, BOX_LAN, 1053);
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 6100);
    struct sockaddr_in from;
    send_to(pc, BOX_LAN, 53);
    assert_true(arrives(own, &from));
    assert_int_equal(sendto(own, "y", 1, 0, (struct sockaddr *)&from, sizeof from), 1);
    assert_true(arrives(pc, NULL));
    assert_int_equal(tracked("--dport 53"), 0);
    assert_int_equal(tracked("--sport 53"), 0);
    send_to(pc, SERVER, 53);
    assert_true(arrives(diverted, NULL));
    assert_int_equal(tracked("--orig-dst " SERVER " --dport 53"), 1);

    /* The way in for those is open to nothing else, and no other port comes by without being tracked. */
    uint64_t before = counter("dropped_input_lan");
    send_to(pc, BOX_LAN, 1053);
    assert_true(silent(diverted));
    assert_true(tcp_from_pc_unanswered(BOX_LAN, 1053));
    (void)counted("dropped_input_lan", before + 2);

    /* Who does not wait for the answer says so, and that is no refusal. */
    send_to(pc, BOX_LAN, 53);
    assert_true(arrives(own, &from));
    close(pc);
    before = counter("dropped_input_lan");
    assert_int_equal(sendto(own, "y", 1, 0, (struct sockaddr *)&from, sizeof from), 1);
    usleep(SOON_MS * 1000);
    assert_int_equal(counter("dropped_input_lan"), before);
    close(own), close(diverted);
}

static void no_other_port_of_the_box(void **state)
{
    (void)state;
    closed();
    int lan = bound(BOX, SOCK_STREAM, BOX_LAN, 22), wan = bound(BOX, SOCK_STREAM, BOX_WAN, 22);
    int udp = bound(BOX, SOCK_DGRAM, BOX_LAN, 123), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    assert_true(tcp_from_pc_unanswered(BOX_LAN, 22));
    assert_true(tcp_from_pc_unanswered(BOX_WAN, 22));
    send_to(pc, BOX_LAN, 123);
    assert_true(silent(udp));
    (void)counted("dropped_input_lan", 3);
    enter(PC_NS);
    int pong = system("ping -q -c1 -W30 " BOX_LAN " >/dev/null");
    int wan_pong = system("ping -q -c1 -W1 " BOX_WAN " >/dev/null");
    enter(BOX);
    assert_int_equal(pong, 0);
    assert_int_not_equal(wan_pong, 0);
    close(lan), close(wan), close(udp), close(pc);
}

static void false_sources(void **state)
{
    (void)state;
    internet(40);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000);
    enter(PC_NS);
    run("ip addr add 10.20.0.99/32 dev lo; ip addr add 172.16.9.9/32 dev lo");
    enter(BOX);
    int as_registry = bound(PC_NS, SOCK_DGRAM, "10.20.0.99", 0), as_other = bound(PC_NS, SOCK_DGRAM, "172.16.9.9", 0);
    uint64_t clear = counter("dropped_clear"), spoofed = counter("dropped_spoofed");
    int own = bound(BOX, SOCK_DGRAM, BOX_LAN, 53), diverted = bound(BOX, SOCK_DGRAM, BOX_LAN, 1053);
    send_to(as_registry, SERVER, 5000);
    send_to(as_other, SERVER, 5000);
    assert_true(silent(server));
    send_to(as_registry, BOX_LAN, 53);
    send_to(as_other, BOX_LAN, 53);
    assert_true(silent(own));
    send_to(as_registry, SERVER, 53);
    send_to(as_other, SERVER, 53);
    assert_true(silent(diverted));
    assert_int_equal(counted("dropped_clear", clear + 3), clear + 3);
    assert_int_equal(counted("dropped_spoofed", spoofed + 3), spoofed + 3);
    close(server), close(as_registry), close(as_other), close(own), close(diverted);
}

/* No PC has an IPv6 address of ours; one that has another's, and takes the box for its router, is told of in a word. */
static void ipv6_is_refused_by_its_own_reason(void **state)
{
    (void)state;
    internet(41);
    run("sysctl -qw net.ipv6.conf.all.forwarding=1; ip -6 addr add fe80::1/64 dev lan0 nodad; "
        "ip -6 addr add 2001:db8:77::1/64 dev lan0 nodad; ip -6 addr add 2001:db8:1::1/64 dev wan0 nodad");
    enter(WAN_NS);
    run("ip -6 addr add 2001:db8:1::80/64 dev line0 nodad; ip -6 route add default via 2001:db8:1::1");
    int server = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(5000)};
    assert_int_equal(inet_pton(AF_INET6, "2001:db8:1::80", &to.sin6_addr), 1);
    assert_int_equal(bind(server, (struct sockaddr *)&to, sizeof to), 0);
    enter(PC_NS);
    run("ip -6 addr add 2001:db8:77::2/64 dev pc0 nodad; ip -6 route add default via fe80::1 dev pc0");
    int pc = socket(AF_INET6, SOCK_DGRAM, 0);
    enter(BOX);
    uint64_t before = counter("dropped_ip_version");
    assert_int_equal(sendto(pc, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    assert_true(silent(server));
    assert_int_equal(counted("dropped_ip_version", before + 1), before + 1);
    run("sysctl -qw net.ipv6.conf.all.forwarding=0; ip -6 addr flush dev lan0; ip -6 addr flush dev wan0");
    close(server), close(pc);
}

/* A router of the line: your packet (that protocol, these ports) was too large. */
static void too_large(uint8_t proto, uint16_t sport, uint16_t dport)
{
    enter(WAN_NS);
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    enter(BOX);
    assert_true(fd >= 0);
    uint8_t p[36] = {3, 4, [6] = 0x05, [7] = 0x78, [8] = 0x45, [11] = 100, [16] = 64, [17] = proto};
    struct sockaddr_in box = at(BOX_WAN, 0), hub = at("203.0.113.10", 0);
    memcpy(p + 20, &box.sin_addr, 4);
    memcpy(p + 24, &hub.sin_addr, 4);
    p[28] = (uint8_t)(sport >> 8), p[29] = (uint8_t)sport, p[30] = (uint8_t)(dport >> 8), p[31] = (uint8_t)dport;
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof p; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    sum = (sum >> 16) + (sum & 0xffff);
    sum = ~(sum + (sum >> 16));
    p[2] = (uint8_t)(sum >> 8), p[3] = (uint8_t)sum;
    assert_int_equal(sendto(fd, p, sizeof p, 0, (struct sockaddr *)&box, sizeof box), sizeof p);
    close(fd);
}

/* ESP is not tracked, so errors about it are related to no flow; they must get in nevertheless. */
static void path_mtu_of_what_is_wrapped(void **state)
{
    (void)state;
    closed();
    uint64_t before = counter("dropped_input_wan");
    too_large(IPPROTO_ESP, 0x1234, 0x5678);
    too_large(IPPROTO_UDP, 4500, 4500);
    too_large(IPPROTO_UDP, 4500, 4501);
    too_large(IPPROTO_TCP, 4500, 4500);
    (void)counted("dropped_input_wan", before + 2);
    usleep(SOON_MS * 1000);
    assert_int_equal(counter("dropped_input_wan"), before + 2); /* the first two are not among them */
}

/* ---- the box's own packets ---- */

/* As that user: whether one datagram to addr:port arrives at fd; whether a TCP connection comes about. */
static void user(uid_t uid, int type, const char *addr, int port, int arriving, bool may)
{
    pid_t pid = fork();
    if (pid == 0) {
        if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
            _exit(2);
        int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
        if (type == SOCK_STREAM)
            _exit(connect_within(fd, addr, port, may ? SURELY_MS : SOON_MS) != 0);
        send_to(fd, addr, port);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    bool does = type == SOCK_STREAM ? WEXITSTATUS(status) == 0 : may ? arrives(arriving, NULL) : !silent(arriving);
    if (does != may)
        fail_msg("user %u, %s to %s port %d: expected %s", (unsigned)uid, type == SOCK_STREAM ? "TCP" : "UDP", addr,
                 port, may ? "through, seen nothing" : "nothing, seen it pass");
}

static void each_user_only_what_it_needs(void **state)
{
    (void)state;
    closed();
    struct addr resolver;
    assert_true(conf_parse_addr(SERVER, &resolver));
    assert_int_equal(firewall_resolvers(&resolver, 1), 0);
    enter(WAN_NS);
    run("ip addr add 203.0.113.3/24 dev line0");
    enter(BOX);
    int dns = bound(WAN_NS, SOCK_DGRAM, SERVER, 53), other = bound(WAN_NS, SOCK_DGRAM, "203.0.113.3", 53);
    int ntp = bound(WAN_NS, SOCK_DGRAM, SERVER, 123), web = bound(WAN_NS, SOCK_STREAM, SERVER, 443);
    int pc = bound(PC_NS, SOCK_STREAM, PC, 80);
    static const struct {
        uid_t uid;
        bool dns, ntp, tcp;
    } users[] = {{601, false, false, false}, {602, false, false, false}, {604, false, false, false},
                 {605, true, false, true},   {607, false, false, false}, {608, false, false, false},
                 {609, true, true, false},   {611, true, false, false},  {0, false, false, false}};
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        user(users[i].uid, SOCK_DGRAM, SERVER, 53, dns, users[i].dns);
        user(users[i].uid, SOCK_DGRAM, "203.0.113.3", 53, other, false);
        user(users[i].uid, SOCK_DGRAM, SERVER, 123, ntp, users[i].ntp);
        user(users[i].uid, SOCK_STREAM, SERVER, 443, 0, users[i].tcp);
        user(users[i].uid, SOCK_STREAM, REGISTRY, 443, 0, false);
        user(users[i].uid, SOCK_STREAM, PC, 80, 0, false); /* the box begins nothing towards the LAN */
    }
    /* gate's sockets, by which `dns` asks: on the line only while the mode says so, from the same moment on. */
    struct firewall_view view = {.mode = MODE_INTERNET, .generation = 41, .names_outside = true};
    for (int session_on = 0; session_on < 2; session_on++) {
        assert_int_equal(firewall_apply(&view), 0);
        user(601, SOCK_DGRAM, SERVER, 53, dns, true);
        user(601, SOCK_DGRAM, "203.0.113.3", 53, other, false);
        session(42);
        user(601, SOCK_DGRAM, SERVER, 53, dns, false);
        user(601, SOCK_STREAM, SERVER, 443, 0, false);
        user(611, SOCK_DGRAM, SERVER, 53, dns, true);
        view.mode = MODE_SESSION;
    }
    assert_int_equal(firewall_apply(&view), 0);
    assert_int_equal(firewall_resolvers(NULL, 0), 0);
    user(601, SOCK_DGRAM, SERVER, 53, dns, false);
    user(611, SOCK_DGRAM, SERVER, 53, dns, false);
    close(dns), close(other), close(ntp), close(web), close(pc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_lets_nothing_through),
        cmocka_unit_test(internet_lets_out_but_not_to_the_registry),
        cmocka_unit_test(who_waits_is_told_no_in_the_end),
        cmocka_unit_test(a_refused_flow_is_reset_at_both_ends),
        cmocka_unit_test(a_reset_from_the_queue_goes_to_the_registry_only),
        cmocka_unit_test(session_cuts_what_was_open),
        cmocka_unit_test(a_flow_that_begins_as_the_session_does),
        cmocka_unit_test(session_refuses_at_once),
        cmocka_unit_test(admitted_but_no_ipsec),
        cmocka_unit_test(one_service_opens_nothing_of_another),
        cmocka_unit_test(nothing_comes_in_from_the_line),
        cmocka_unit_test(dns_is_answered_by_the_box_whoever_is_asked),
        cmocka_unit_test(questions_to_the_box_are_not_tracked),
        cmocka_unit_test(no_other_port_of_the_box),
        cmocka_unit_test(false_sources),
        cmocka_unit_test(ipv6_is_refused_by_its_own_reason),
        cmocka_unit_test(path_mtu_of_what_is_wrapped),
        cmocka_unit_test(each_user_only_what_it_needs),
        cmocka_unit_test(a_service_without_tunnel_is_refused),
    };
    return cmocka_run_group_tests_name("gate_firewall", tests, build, NULL);
}

/*
 * Names on the line, judged by real packets: open in a session, and before one, for who may, by their name only, and never
 * by a tunnel. (SERVER plays an address that such a name has, REGISTRY what is behind the tunnel.)
 */
#include "gate_tunnel_fixture.h"

#define LINE FIREWALL_MARK_LINE
#define PC_MAC "02:00:5e:10:00:20"

static void open_on_line(const char *addr, uint8_t proto, int port, bool tls, unsigned who)
{
    struct firewall_allow a = {.proto = proto,
                               .port = (uint16_t)port,
                               .service = (uint8_t)(FIREWALL_ON_LINE + who),
                               .timeout_s = 60,
                               .tls = tls};
    assert_true(conf_parse_addr(addr, &a.addr));
    assert_int_equal(firewall_allow(&a, 1), 0);
}

static void before_session(uint32_t generation)
{
    assert_int_equal(firewall_apply(&(struct firewall_view){.mode = MODE_BEFORE, .generation = generation}), 0);
}

static void mark_it(uint32_t value)
{
    char command[128];
    snprintf(command, sizeof command, "conntrack -U -p tcp --orig-dst " SERVER " --mark %u >/dev/null 2>&1", value);
    run(command);
}

/* The handshake of TCP is done, not a word yet. */
static struct flow begin(void)
{
    struct flow f = {bound(WAN_NS, SOCK_STREAM, SERVER, 443), bound(PC_NS, SOCK_STREAM, PC, 0), -1};
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    open_on_line(SERVER, IPPROTO_TCP, 443, true, 0);
    assert_int_equal(connect_to(f.pc, SERVER, 443), 0);
    assert_true(readable(f.listener));
    f.server = accept4(f.listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK);
    assert_true(f.server >= 0);
    /* With the address of the line, as in mode internet. */
    assert_int_equal(from.sin_addr.s_addr, at(BOX_WAN, 0).sin_addr.s_addr);
    return f;
}

static struct flow live_on_line(uint32_t generation)
{
    struct flow f = begin();
    mark_it(generation | LINE);
    delivered(f.pc, f.server, "words", 5);
    delivered(f.server, f.pc, "words", 5);
    return f;
}

static void end_on_line(struct flow *f)
{
    close(f->listener), close(f->pc), close(f->server);
    run("conntrack -D -p tcp --orig-dst " SERVER " >/dev/null 2>&1 || true");
}

/* ---- */

static void in_a_session_by_its_name_only(void **state)
{
    (void)state;
    tunnels(80, true, false);
    assert_int_equal(tcp_from_pc(SERVER, 443), ECONNREFUSED);
    struct flow f = begin();
    uint64_t asked = counter("asked");
    say(f.pc, "words", 5);
    counted("asked", asked + 1);
    no_word_at(f.server);
    uint64_t refused = counter("dropped_hello");
    say(f.server, "words", 5); /* a TLS server does not begin */
    counted("dropped_hello", refused + 1);
    no_word_at(f.pc);
    end_on_line(&f);
    f = live_on_line(80);
    end_on_line(&f);
}

static void its_port_only(void **state)
{
    (void)state;
    tunnels(80, true, false);
    open_on_line(SERVER, IPPROTO_TCP, 443, true, 0);
    open_on_line(SERVER, IPPROTO_TCP, 444, false, 0); /* (gate makes no such element) */
    int other = bound(WAN_NS, SOCK_STREAM, SERVER, 80), free = bound(WAN_NS, SOCK_STREAM, SERVER, 444);
    assert_int_equal(tcp_from_pc(SERVER, 80), ECONNREFUSED);
    assert_int_equal(tcp_from_pc(SERVER, 444), ECONNREFUSED);
    int quic = bound(WAN_NS, SOCK_DGRAM, SERVER, 443), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    refused("dropped_not_listed", send_to(pc, SERVER, 443), quic);
    close(other), close(free), close(quic), close(pc);
}

/* The session's own number, without the bit of the line, lets nothing pass there; with it, nothing in the tunnel. */
static void a_mark_has_one_way(void **state)
{
    (void)state;
    tunnels(81, true, false);
    struct flow f = begin();
    mark_it(81 | FIREWALL_MARK_AGREED);
    uint64_t before = counter("dropped_no_tunnel");
    say(f.pc, "words", 5);
    counted("dropped_no_tunnel", before + 1);
    no_word_at(f.server);
    end_on_line(&f);

    f = begin();
    mark_it(81);
    before = counter("dropped_hello");
    say(f.pc, "words", 5);
    counted("dropped_hello", before + 1);
    no_word_at(f.server);
    end_on_line(&f);

    struct flow tunnel = tls_flow(81);
    mark(81 | LINE);
    before = counter("dropped_clear");
    say(tunnel.pc, "words", 5);
    counted("dropped_clear", before + 1);
    no_word_at(tunnel.server);
    end_flow(&tunnel);
}

static void a_registrys_address_is_not_on_the_line(void **state)
{
    (void)state;
    int server = bound(WAN_NS, SOCK_STREAM, REGISTRY, 443);
    tunnels(82, true, false);
    open_on_line(REGISTRY, IPPROTO_TCP, 443, true, 0);
    assert_int_equal(tcp_from_pc(REGISTRY, 443), ECONNREFUSED);
    before_session(83);
    open_on_line(REGISTRY, IPPROTO_TCP, 443, true, 0);
    assert_true(tcp_from_pc_unanswered(REGISTRY, 443));
    assert_true(silent(server));
    close(server);
}

/* It became one after the answer that opened it: what a tunnel was learned to have, the hub of a PC's, the box's. */
static void whichever_was_there_first(void **state)
{
    (void)state;
    static const char *const sets[] = {"tunnel_v4 { " SERVER " : 1 }", "pc_hubs { " SERVER " : 0x13 }",
                                       "hubs_v4 { " SERVER " }"};
    int server = bound(WAN_NS, SOCK_STREAM, SERVER, 443);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        for (int session = 0; session < 2; session++) {
            char command[160];
            session ? tunnels(96, true, false) : before_session(97);
            open_on_line(SERVER, IPPROTO_TCP, 443, true, 0);
            snprintf(command, sizeof command, "nft add element inet sekisho %s", sets[i]);
            run(command);
            if (session || i > 0)
                assert_int_equal(tcp_from_pc(SERVER, 443), ECONNREFUSED);
            else
                assert_true(tcp_from_pc_unanswered(SERVER, 443)); /* (it waits for a session) */
            snprintf(command, sizeof command, "nft delete element inet sekisho %s", sets[i]);
            run(command);
        }
    }
    assert_true(silent(server));
    close(server);
    struct flow f = begin();
    end_on_line(&f);
}

static void never_by_a_tunnel(void **state)
{
    (void)state;
    tunnels(84, true, false);
    struct flow f = live_on_line(84);
    uint64_t before = counter("dropped_wrong_tunnel");
    by(f.pc, 1);
    say(f.pc, "words", 5);
    before = counted("dropped_wrong_tunnel", before + 1);
    no_word_at(f.server);
    by(f.server, 1);
    say(f.server, "words", 5);
    counted("dropped_wrong_tunnel", before + 1);
    no_word_at(f.pc);
    end_on_line(&f);
}

static void no_flow_outlives_its_mode(void **state)
{
    (void)state;
    for (int next = 0; next < 4; next++) {
        tunnels(85, true, false);
        struct flow f = live_on_line(85);
        next == 0 ? tunnels(86, true, false) : next == 1 ? closed() : next == 2 ? internet(86) : before_session(86);
        if (next == 0 || next == 3)
            open_on_line(SERVER, IPPROTO_TCP, 443, true, 0);
        uint64_t before = counter("dropped_old_flow");
        say(f.server, "words", 5);
        before = counted("dropped_old_flow", before + 1);
        no_word_at(f.pc);
        say(f.pc, "words", 5);
        counted("dropped_old_flow", before + 1);
        no_word_at(f.server);
        end_on_line(&f);
    }
}

static void before_a_session_these_names_alone(void **state)
{
    (void)state;
    int server = bound(WAN_NS, SOCK_STREAM, SERVER, 80), registry = bound(WAN_NS, SOCK_STREAM, REGISTRY, 80);
    before_session(87);
    assert_int_equal(tcp_from_pc(SERVER, 443), ECONNREFUSED);
    struct flow f = live_on_line(87);
    assert_int_equal(tcp_from_pc(SERVER, 80), ECONNREFUSED);
    assert_true(tcp_from_pc_unanswered(REGISTRY, 80)); /* (it waits for a session) */
    assert_true(silent(server) && silent(registry));
    int line = bound(WAN_NS, SOCK_DGRAM, SERVER, 0), pc = bound(PC_NS, SOCK_DGRAM, PC, 6000);
    refused("dropped_wan_in", send_to(line, PC, 6000), pc);
    close(line), close(pc), close(server), close(registry);
    before_session(88); /* what was open is asked for again */
    uint64_t before = counter("dropped_old_flow");
    say(f.pc, "words", 5);
    counted("dropped_old_flow", before + 1);
    assert_int_equal(tcp_from_pc(SERVER, 443), ECONNREFUSED);
    end_on_line(&f);
}

static void datagrams_need_their_element(void **state)
{
    (void)state;
    struct sockaddr_in from;
    tunnels(89, true, false);
    open_on_line(SERVER, IPPROTO_UDP, 3478, false, 0);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 3478), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    for (int i = 0; i < 4; i++) {
        send_to(pc, SERVER, 3478);
        assert_true(arrives(server, &from));
        (void)!sendto(server, "y", 1, 0, (struct sockaddr *)&from, sizeof from);
        assert_true(arrives(pc, NULL));
    }
    tunnels(89, true, false); /* the element is gone, the number the same */
    refused("dropped_not_listed", send_to(pc, SERVER, 3478), server);
    close(server), close(pc);
}

static void without_sni_none_begins(void **state)
{
    (void)state;
    tunnels(90, true, false);
    assert_int_equal(firewall_asking(0), 0);
    int server = bound(WAN_NS, SOCK_STREAM, SERVER, 443);
    open_on_line(SERVER, IPPROTO_TCP, 443, true, 0);
    assert_true(tcp_from_pc_unanswered(SERVER, 443));
    assert_true(silent(server));
    close(server);
}

/* The server's first octets there: as in a tunnel, with the mark of the line. */
static void until_the_server_answers_there(void **state)
{
    (void)state;
    static const uint8_t hello[] = {0x16, 3, 3, 0, 60, 2,  0,  0,  56, 3,  3,  1,  2,  3,  4, 5,
                                    6,    7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    tunnels(93, true, false);
    struct flow f = begin();
    mark_it(93 | LINE | FIREWALL_MARK_AGREED);
    uint64_t asked = counter("asked"), in = counter("session_in");
    say(f.server, "part", 4); /* goes to `sni` */
    counted("asked", asked + 1);
    no_word_at(f.pc);
    end_on_line(&f);
    f = begin();
    mark_it(93 | LINE | FIREWALL_MARK_AGREED);
    delivered(f.server, f.pc, hello, sizeof hello);
    delivered(f.pc, f.server, "words", 5); /* nobody reads the flow any more */
    delivered(f.server, f.pc, "words", 5);
    assert_int_equal(counter("session_in"), in); /* and it keeps no session up */
    end_on_line(&f);
}

/* What comes back from the queue goes on by the mark that its flow has now; here a rule stands in for the queue. */
static void back_from_the_queue_by_its_mark(void **state)
{
    (void)state;
    static const struct {
        uint32_t mark;
        bool good;
    } rows[] = {{94 | LINE | FIREWALL_MARK_ASKING, true},
                {94 | LINE | FIREWALL_MARK_AGREED, true},
                {94 | LINE, true},
                {94, false},
                {95 | LINE, false},
                {FIREWALL_MARK_REFUSED, false}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tunnels(94, true, false);
        struct flow f = begin();
        if (i > 0) /* (that is the mark it has) */
            mark_it(rows[i].mark);
        run("nft insert rule inet sekisho forward iifname lan0 meta mark set 0x220 accept");
        uint64_t before = counter("dropped_old_flow");
        say(f.pc, "hello", 5);
        if (rows[i].good) {
            char buf[MAX_PACKET];
            assert_true(readable(f.server));
            assert_int_equal(read(f.server, buf, sizeof buf), 5);
        } else {
            counted("dropped_old_flow", before + 1);
            no_word_at(f.server);
        }
        run("nft -a list chain inet sekisho forward | sed -n 's/.*meta mark set 0x00000220 accept # handle "
            "\\([0-9]*\\)/\\1/p' | xargs nft delete rule inet sekisho forward handle");
        end_on_line(&f);
    }
}

/* Whose element opens it: 0 of hosts without a line, else of those bound to that service. -1: nobody's. */
static int opens_for(void)
{
    int server = bound(WAN_NS, SOCK_STREAM, SERVER, 443), found = -1;
    for (int who = 0; who < 16; who++) {
        tunnels(91, true, false);
        open_on_line(SERVER, IPPROTO_TCP, 443, true, (unsigned)who);
        if (tcp_from_pc(SERVER, 443) == 0) {
            assert_int_equal(found, -1);
            found = who;
        }
    }
    close(server);
    return found;
}

static void for_hosts_that_may(void **state)
{
    (void)state;
    static struct conf conf = {.service_count = 3};
    conf.services[0] = (struct conf_service){.name = "lab", .number = 1};
    conf.services[1] = (struct conf_service){.name = "two", .number = 2};
    conf.services[2] = (struct conf_service){.name = "own", .number = 3, .by_pc = true};
    conf.site.host_count = 1;
    struct conf_host *h = &conf.site.hosts[0];
    *h = (struct conf_host){.mac = {2, 0, 0x5e, 0x10, 0, 0x20}};
    assert_true(conf_parse_addr(PC, &h->addr));
    snprintf(conf.site.others, sizeof conf.site.others, "all");
    enter(PC_NS);
    run("ip link set pc0 address " PC_MAC);
    enter(BOX);
    run("ip neigh flush dev lan0");

    snprintf(h->service, sizeof h->service, "two");
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_int_equal(opens_for(), 2);
    snprintf(h->service, sizeof h->service, "own"); /* (gate makes no such element: its service has no name there) */
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_int_equal(opens_for(), 3);
    h->service[0] = '\0'; /* bound to none: the mark that it has is nobody's, whatever is open */
    assert_int_equal(firewall_hosts(&conf), 0);
    tunnels(92, true, false);
    for (unsigned who = 0; who < 15; who++)
        open_on_line(SERVER, IPPROTO_TCP, 443, true, who);
    assert_int_equal(tcp_from_pc(SERVER, 443), ECONNREFUSED);
    conf.site.host_count = 0;
    assert_int_equal(firewall_hosts(&conf), 0);
    assert_int_equal(opens_for(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_session_by_its_name_only),
        cmocka_unit_test(its_port_only),
        cmocka_unit_test(a_mark_has_one_way),
        cmocka_unit_test(a_registrys_address_is_not_on_the_line),
        cmocka_unit_test(whichever_was_there_first),
        cmocka_unit_test(never_by_a_tunnel),
        cmocka_unit_test(no_flow_outlives_its_mode),
        cmocka_unit_test(before_a_session_these_names_alone),
        cmocka_unit_test(datagrams_need_their_element),
        cmocka_unit_test(without_sni_none_begins),
        cmocka_unit_test(until_the_server_answers_there),
        cmocka_unit_test(back_from_the_queue_by_its_mark),
        cmocka_unit_test(for_hosts_that_may),
    };
    return cmocka_run_group_tests_name("gate_line", tests, build_two, NULL);
}

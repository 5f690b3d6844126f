/*
 * What a session allows, and through which tunnel, with real packets. (With IPsec itself: the lab.)
 */
#include "gate_tunnel_fixture.h"

static void through_its_own_tunnel_only(void **state)
{
    (void)state;
    tunnels(50, true, false);
    struct talk t = talk();
    refused("dropped_wrong_tunnel", says(&t, 2), t.registry);
    refused("dropped_clear", says(&t, 0), t.registry);
    says(&t, 1);
    assert_true(arrives(t.registry, &t.from));
    assert_int_equal(t.from.sin_addr.s_addr, at(VIP, 0).sin_addr.s_addr);
    /* The flow's first moments, and (three packets of each side) when it is a proper one: everything is as before. */
    for (int round = 0; round < 2; round++) {
        refused("dropped_wrong_tunnel", answers(&t, 2), t.pc);
        refused("dropped_clear", answers(&t, 0), t.pc);
        answers(&t, 1);
        assert_true(arrives(t.pc, NULL));
        refused("dropped_wrong_tunnel", says(&t, 2), t.registry);
        refused("dropped_clear", says(&t, 0), t.registry);
        goes_on_for_a_while(&t);
    }
    end(&t);
}

static void a_hub_speaks_for_its_registry_only(void **state)
{
    (void)state;
    tunnels(51, true, false);
    static const struct {
        const char *from;
        int tunnel;
        const char *ends;
    } cases[] = {
        {REGISTRY, 2, "dropped_wrong_tunnel"},
        {REGISTRY2, 1, "dropped_wrong_tunnel"},
        {SERVER, 1, "dropped_wrong_tunnel"},
        {SERVER, 2, "dropped_wrong_tunnel"},
        /* In its own name, but nobody has asked for it. */
        {REGISTRY, 1, "dropped_wan_in"},
        {REGISTRY2, 2, "dropped_wan_in"},
    };
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 6000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int line = bound(WAN_NS, SOCK_DGRAM, cases[i].from, 0);
        by(line, cases[i].tunnel);
        refused(cases[i].ends, send_to(line, PC, 6000), pc);
        close(line);
    }
    close(pc);
}

/* The tunnel of this service goes, another's stays: the session and its number are the same. */
static void without_its_tunnel_a_live_flow_is_refused(void **state)
{
    (void)state;
    tunnels(52, true, false);
    struct talk t = talk();
    goes_on_for_a_while(&t);
    tunnels(52, false, true);
    refused("dropped_no_tunnel", says(&t, 1), t.registry);
    tunnels(52, true, true);
    goes_on(&t);
    end(&t);
}

static void nothing_of_a_session_survives_it(void **state)
{
    (void)state;
    for (int next = 0; next < 3; next++) {
        tunnels(53, true, false);
        struct talk t = talk();
        goes_on_for_a_while(&t);
        next == 0 ? tunnels(54, true, false) : next == 1 ? closed() : internet(55);
        if (next == 0)
            allow(REGISTRY, IPPROTO_UDP, 5000);
        refused("dropped_old_flow", answers(&t, 1), t.pc);
        refused("dropped_old_flow", says(&t, 1), t.registry);
        end(&t);
    }
}

/* An element opens a datagram, and lets a connection begin, which then needs none. */
static void an_element_opens_a_beginning(void **state)
{
    (void)state;
    tunnels(59, true, false);
    struct talk t = talk();
    says(&t, 1);
    assert_true(arrives(t.registry, &t.from));
    tunnels(59, true, false);
    refused("dropped_not_listed", says(&t, 1), t.registry);
    end(&t);
    allow(REGISTRY, IPPROTO_TCP, 5000);
    struct flow f = {bound(WAN_NS, SOCK_STREAM, REGISTRY, 5000), bound(PC_NS, SOCK_STREAM, PC, 0), -1};
    by(f.listener, 1), by(f.pc, 1);
    assert_int_equal(connect_to(f.pc, REGISTRY, 5000), 0);
    assert_true(readable(f.listener));
    f.server = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK);
    by(f.server, 1);
    tunnels(59, true, false);
    delivered(f.pc, f.server, "words", 5);
    delivered(f.server, f.pc, "words", 5);
    end_flow(&f);
}

/* ---- connections that are live ---- */

static struct flow live_flow(uint32_t generation)
{
    struct flow f = tls_flow(generation);
    mark(generation);
    delivered(f.pc, f.server, "words", 5);
    delivered(f.server, f.pc, "words", 5);
    return f;
}

/* Sent by that tunnel it is counted there; the other end gets it when it is repeated by the right one. */
static void only_by_its_own(int from, int to, int tunnel, const char *by_counter)
{
    char buf[MAX_PACKET];
    uint64_t before = counter(by_counter);
    by(from, tunnel);
    say(from, "words", 5);
    counted(by_counter, before + 1);
    assert_true(silent(to));
    by(from, 1);
    assert_true(readable(to));
    assert_int_equal(read(to, buf, sizeof buf), 5);
}

static void a_connection_keeps_to_its_tunnel(void **state)
{
    (void)state;
    struct flow f = live_flow(71);
    only_by_its_own(f.pc, f.server, 2, "dropped_wrong_tunnel");
    only_by_its_own(f.pc, f.server, 0, "dropped_clear");
    only_by_its_own(f.server, f.pc, 2, "dropped_wrong_tunnel");
    only_by_its_own(f.server, f.pc, 0, "dropped_clear");
    tunnels(71, false, true);
    uint64_t before = counter("dropped_no_tunnel");
    say(f.pc, "words", 5);
    counted("dropped_no_tunnel", before + 1);
    no_word_at(f.server);
    end_flow(&f);
}

static void no_connection_outlives_its_session(void **state)
{
    (void)state;
    for (int next = 0; next < 3; next++) {
        struct flow f = live_flow(72);
        next == 0 ? tunnels(73, true, false) : next == 1 ? closed() : internet(74);
        uint64_t before = counter("dropped_old_flow");
        say(f.server, "words", 5);
        before = counted("dropped_old_flow", before + 1);
        no_word_at(f.pc);
        say(f.pc, "words", 5);
        counted("dropped_old_flow", before + 1);
        no_word_at(f.server);
        end_flow(&f);
    }
}

/* ---- TCP: from its beginning, without options of IP ---- */

static void segment(const char *from, int sport, const char *to, int dport, uint8_t flags, int tunnel)
{
    struct sockaddr_in src = at(from, 0), dst = at(to, 0);
    uint8_t p[20] = {(uint8_t)(sport >> 8),
                     (uint8_t)sport,
                     (uint8_t)(dport >> 8),
                     (uint8_t)dport,
                     1,
                     2,
                     3,
                     4,
                     5,
                     6,
                     7,
                     8,
                     0x50,
                     flags,
                     0x20};
    uint8_t head[12] = {[9] = IPPROTO_TCP, [11] = sizeof p};
    memcpy(head, &src.sin_addr, 4);
    memcpy(head + 4, &dst.sin_addr, 4);
    uint16_t sum = checksum(p, sizeof p, (uint16_t)~checksum(head, sizeof head, 0));
    p[16] = (uint8_t)(sum >> 8), p[17] = (uint8_t)sum;
    raw(PC_NS, from, to, IPPROTO_TCP, p, sizeof p, tunnel);
}

static void a_tcp_flow_begins_with_a_syn(void **state)
{
    (void)state;
    static const uint8_t not_first[] = {TH_ACK, TH_SYN | TH_ACK, TH_FIN | TH_ACK,
                                        TH_RST, TH_RST | TH_ACK, TH_FIN | TH_SYN};
    tunnels(56, true, false);
    allow(REGISTRY, IPPROTO_TCP, 5000);
    for (size_t i = 0; i < sizeof not_first; i++) {
        /* (What connection tracking cannot even place is `invalid`.) */
        const char *by_counter = not_first[i] == TH_ACK ? "dropped_old_flow" : "dropped_invalid";
        uint64_t before = counter(by_counter), out = counter("session_out");
        segment(PC, 7000 + (int)i, REGISTRY, 5000, not_first[i], 1);
        assert_int_equal(counted(by_counter, before + 1), before + 1);
        assert_int_equal(counter("session_out"), out);
    }
    uint64_t out = counter("session_out");
    segment(PC, 7100, REGISTRY, 5000, TH_SYN, 1);
    assert_int_equal(counted("session_out", out + 1), out + 1);
}

static void no_options_of_ip(void **state)
{
    (void)state;
    static const uint8_t nothing[4] = {1, 1, 1, 1};
    internet(57);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    int dns = bound(BOX, SOCK_DGRAM, BOX_LAN, 53);
    send_to(pc, SERVER, 5000); /* whoever is known is asked for it all the same */
    assert_true(arrives(server, NULL));
    assert_int_equal(setsockopt(pc, IPPROTO_IP, IP_OPTIONS, nothing, sizeof nothing), 0);
    refused("dropped_invalid", send_to(pc, SERVER, 5000), server);
    refused("dropped_invalid", send_to(pc, BOX_LAN, 53), dns);
    close(server), close(pc), close(dns);
}

/* An ICMP error about a flow that nobody knows: it would leave untranslated, with octets of the PC's choice. */
static void what_belongs_to_no_flow(void **state)
{
    (void)state;
    uint8_t p[36] = {3, 3, [8] = 0x45, [11] = 28, [16] = 64, [17] = IPPROTO_UDP};
    struct sockaddr_in server = at(SERVER, 0), pc = at(PC, 0);
    memcpy(p + 20, &server.sin_addr, 4);
    memcpy(p + 24, &pc.sin_addr, 4);
    p[28] = 0x12, p[29] = 0x34, p[30] = 0x56, p[31] = 0x78, p[33] = 8;
    uint16_t sum = checksum(p, sizeof p, 0);
    p[2] = (uint8_t)(sum >> 8), p[3] = (uint8_t)sum;
    internet(58);
    uint64_t before = counter("dropped_invalid");
    raw(PC_NS, PC, SERVER, IPPROTO_ICMP, p, sizeof p, 0);
    assert_int_equal(counted("dropped_invalid", before + 1), before + 1);
}

/* ---- TLS ---- */

static void the_first_words_go_to_sni_only(void **state)
{
    (void)state;
    struct flow f = tls_flow(60);
    uint64_t asked = counter("asked");
    say(f.pc, "hello", 5);
    counted("asked", asked + 1);
    no_word_at(f.server);
    end_flow(&f);
}

static void no_word_before_the_name(void **state)
{
    (void)state;
    /* A server that speaks first. */
    struct flow f = tls_flow(61);
    uint64_t before = counter("dropped_hello");
    say(f.server, "220 ", 4);
    counted("dropped_hello", before + 1);
    no_word_at(f.pc);
    end_flow(&f);
    /* Urgent data. */
    f = tls_flow(62);
    before = counter("dropped_hello");
    uint64_t asked = counter("asked");
    assert_int_equal(send(f.pc, "u", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    counted("dropped_hello", before + 1);
    no_word_at(f.server);
    assert_int_equal(counter("asked"), asked);
    end_flow(&f);
    /* Data in the SYN. */
    int pc = bound(PC_NS, SOCK_STREAM, PC, 0), on = 1;
    struct sockaddr_in to = at(REGISTRY, 443);
    by(pc, 1);
    assert_int_equal(setsockopt(pc, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof on), 0);
    before = counter("dropped_hello");
    (void)!sendto(pc, "early", 5, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
    counted("dropped_hello", before + 1);
    close(pc);
}

static void without_sni_no_tls_flow_begins(void **state)
{
    (void)state;
    tunnels(63, true, false);
    allow_tls(REGISTRY, 443);
    assert_int_equal(firewall_asking(0), 0);
    int listener = bound(WAN_NS, SOCK_STREAM, REGISTRY, 443), pc = bound(PC_NS, SOCK_STREAM, PC, 0);
    by(listener, 1), by(pc, 1);
    uint64_t out = counter("session_out");
    assert_true(unanswered(pc, REGISTRY, 443));
    counted("session_out", out + 1);
    assert_true(silent(listener));
    assert_int_equal(firewall_asking(63), 0);
    assert_true(readable(listener)); /* it has tried again by itself */
    close(listener), close(pc);
    run("conntrack -D -p tcp --orig-dst " REGISTRY " >/dev/null 2>&1 || true");
}

/* Not agreed yet, or agreed and not answered: neither outlives the session, nor the tunnel. */
static void a_flow_that_waits_ends_with_the_session(void **state)
{
    (void)state;
    for (int agreed = 0; agreed < 2; agreed++) {
        struct flow f = tls_flow(64);
        if (agreed)
            mark(64 | FIREWALL_MARK_AGREED);
        tunnels(64, false, true);
        uint64_t before = counter("dropped_no_tunnel"), asked = counter("asked");
        say(f.pc, "hello", 5);
        counted("dropped_no_tunnel", before + 1);
        no_word_at(f.server);
        assert_int_equal(counter("asked"), asked);
        end_flow(&f);

        f = tls_flow(65);
        if (agreed)
            mark(65 | FIREWALL_MARK_AGREED);
        tunnels(66, true, false);
        before = counter("dropped_old_flow");
        say(f.server, "\x16\x03\x03", 3);
        before = counted("dropped_old_flow", before + 1);
        no_word_at(f.pc);
        say(f.pc, "hello", 5);
        counted("dropped_old_flow", before + 1);
        no_word_at(f.server);
        assert_int_equal(counter("asked"), asked);
        end_flow(&f);
    }
}

/* After the verdict everything of the PC is still read, until the server has answered with a ServerHello. */
static void agreed_until_the_server_has_answered(void **state)
{
    (void)state;
    static const uint8_t again[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                    0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91};
    uint8_t words[6][64] = {{0x16, 3, 3, 0, 59, 2, 0, 0, 55, 3, 3, 0xaa, 0xbb}}, *server_hello = words[0];
    for (int i = 1; i < 6; i++)
        memcpy(words[i], server_hello, sizeof words[i]);
    memcpy(words[1] + 11, again, sizeof again); /* HelloRetryRequest */
    words[2][5] = 11; /* another message, */
    words[3][10] = 1; /* another version, */
    words[4][0] = 0x15; /* another record */
    struct flow f = tls_flow(67);
    mark(67 | FIREWALL_MARK_AGREED);
    uint64_t before = counter("asked");
    say(f.pc, "words", 5);
    assert_int_equal(counted("asked", 1 + before), 1 + before);
    for (int i = 1; i < 6;
         i++) { /* by other words it has not: `sni` is shown them, as it is each octet of a beginning */
        before = counter("asked");
        say(f.server, words[i], i < 5 ? sizeof words[i] : 1);
        counted("asked", before + 1);
        no_word_at(f.pc); /* (here nobody reads the queue) */
        if (i == 5)
            break;
        end_flow(&f);
        f = tls_flow(670 + (uint32_t)i);
        mark((670 + (uint32_t)i) | FIREWALL_MARK_AGREED);
        say(f.pc, "words", 5);
    }
    no_word_at(f.server);
    end_flow(&f);
    f = tls_flow(675);
    mark(675 | FIREWALL_MARK_AGREED);
    say(f.pc, "words", 5);
    delivered(f.server, f.pc, server_hello, sizeof words[0]);
    assert_true(readable(f.server));
    char buf[MAX_PACKET];
    assert_int_equal(read(f.server, buf, sizeof buf), 5);
    uint64_t asked = counter("asked");
    delivered(f.pc, f.server, "more", 4);
    assert_int_equal(counter("asked"), asked);
    end_flow(&f);
}

static int segment_size(int fd)
{
    int size;
    socklen_t len = sizeof size;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, &len), 0);
    return size;
}

/*
 * The largest packet of ESP in UDP around a full segment of this size, with each cipher that the box can
 * (src/lib/proposal.c): IPv4, UDP, SPI and number, IV, what is enciphered with its two octets at the end, check
 * value.
 */
static int largest_packet(int segment)
{
    static const struct {
        int iv, block, icv;
    } ciphers[] = {{8, 4, 16}, {16, 16, 16}, {16, 16, 24}, {16, 16, 32}}; /* GCM; CBC with SHA-256, SHA-384, SHA-512 */
    const int inner = segment + 12 + 20 + 20; /* time stamps, TCP, IPv4 */
    int largest = 0;
    for (unsigned i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        int block = ciphers[i].block,
            size = 20 + 8 + 8 + ciphers[i].iv + (inner + 2 + block - 1) / block * block + ciphers[i].icv;
        largest = size > largest ? size : largest;
    }
    return largest;
}

/* Outward by what the route says, inward by the smallest usual MTU: Flet's has 1454. */
static void segments_fit_the_tunnel(void **state)
{
    (void)state;
    run("ip link set wan0 mtu 1300");
    struct flow f = tls_flow(68);
    assert_in_range(segment_size(f.server), 1200, 1260);
    assert_in_range(largest_packet(segment_size(f.pc)), 1424, 1454);
    end_flow(&f);
    allow(REGISTRY, IPPROTO_TCP, 444);
    int listener = bound(WAN_NS, SOCK_STREAM, REGISTRY, 444), pc = bound(PC_NS, SOCK_STREAM, PC, 0);
    by(listener, 1), by(pc, 1);
    assert_int_equal(connect_to(pc, REGISTRY, 444), 0);
    assert_in_range(largest_packet(segment_size(pc)), 1424, 1454);
    close(listener), close(pc);
    run("ip link set wan0 mtu 1500");
}

/*
 * Outside a session too: the box sends nothing larger to the uplink, and a PC does not need an ICMP error to learn
 * it.
 */
static void segments_fit_the_line_without_a_tunnel(void **state)
{
    (void)state;
    internet(70);
    run("ip route replace " SERVER " dev wan0 mtu 1454");
    int listener = bound(WAN_NS, SOCK_STREAM, SERVER, 80), pc = bound(PC_NS, SOCK_STREAM, PC, 0);
    assert_int_equal(connect_to(pc, SERVER, 80), 0);
    int server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    /* (less 12 octets where both use timestamps) */
    assert_in_range(segment_size(pc), 1454 - 40 - 12, 1454 - 40);
    assert_in_range(segment_size(server), 1454 - 40 - 12, 1454 - 40);
    close(listener), close(pc), close(server);
    enter(BOX);
    run("ip route del " SERVER " dev wan0 mtu 1454");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(through_its_own_tunnel_only),
        cmocka_unit_test(a_hub_speaks_for_its_registry_only),
        cmocka_unit_test(without_its_tunnel_a_live_flow_is_refused),
        cmocka_unit_test(nothing_of_a_session_survives_it),
        cmocka_unit_test(an_element_opens_a_beginning),
        cmocka_unit_test(a_connection_keeps_to_its_tunnel),
        cmocka_unit_test(no_connection_outlives_its_session),
        cmocka_unit_test(a_tcp_flow_begins_with_a_syn),
        cmocka_unit_test(no_options_of_ip),
        cmocka_unit_test(what_belongs_to_no_flow),
        cmocka_unit_test(the_first_words_go_to_sni_only),
        cmocka_unit_test(no_word_before_the_name),
        cmocka_unit_test(without_sni_no_tls_flow_begins),
        cmocka_unit_test(a_flow_that_waits_ends_with_the_session),
        cmocka_unit_test(agreed_until_the_server_has_answered),
        cmocka_unit_test(segments_fit_the_tunnel),
        cmocka_unit_test(segments_fit_the_line_without_a_tunnel),
    };
    return cmocka_run_group_tests_name("gate_tunnel", tests, build_two, NULL);
}

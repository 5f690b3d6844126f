/*
 * The ruleset's assumptions about tracked flows, and packets that violate them (docs/firewall-premises.md): a second
 * connection on the ports of the first, which connection tracking takes for part of it; datagrams, where the first one
 * proves nothing about the others. The test plays both endpoints, segment by segment; their kernels do not answer.
 */
#include "gate_tunnel_fixture.h"
#include "queue.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#define ACKED (TH_SYN | TH_ACK)
#define PORT 5443
#define PC_ISN 1000u
#define LARGEST 7000
#define SERVER_ISN 500000u

static uint8_t last[20 + LARGEST]; /* segment that was sent, from its TCP header on */
static int heard[3]; /* raw sockets: what arrives in PC_NS and WAN_NS */
static uint16_t port = 20000; /* of the PC, another for each flow */

static int listening(int where)
{
    enter(where);
    int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_TCP);
    int failed = system("nft -f - <<'E'\ntable inet mute { chain out { type filter hook output priority 0;\n"
                        "tcp flags & rst == rst tcp window 0 drop; }; }\nE"); /* (a socket's own has a window) */
    enter(BOX);
    return failed ? -1 : fd;
}

static int build_mute(void **state)
{
    if (build_two(state))
        return -1;
    heard[PC_NS] = listening(PC_NS);
    heard[WAN_NS] = listening(WAN_NS);
    return heard[PC_NS] >= 0 && heard[WAN_NS] >= 0 ? 0 : -1;
}

/* ---- segments ---- */

static void put32(uint8_t *at, uint32_t v)
{
    v = htonl(v);
    memcpy(at, &v, 4);
}

static void segment_with(int where, uint8_t flags, uint32_t seq, uint32_t ack, const uint8_t *options,
                         size_t options_len, const void *data, size_t size)
{
    uint8_t *p = last;
    bool out = where == PC_NS;
    const char *from = out ? PC : REGISTRY, *to = out ? REGISTRY : VIP;
    uint16_t sport = out ? port : PORT, dport = out ? PORT : port;
    struct sockaddr_in src = at(from, 0), dst = at(to, 0);
    size_t begin = 20 + options_len, len = begin + size;
    const uint8_t ports[4] = {(uint8_t)(sport >> 8), (uint8_t)sport, (uint8_t)(dport >> 8), (uint8_t)dport};
    uint8_t head[12] = {[9] = IPPROTO_TCP, [10] = (uint8_t)(len >> 8), (uint8_t)len};
    assert_true(options_len + size <= LARGEST);
    memset(p, 0, 20);
    memcpy(p, ports, 4);
    memcpy(p + 20, options, options_len);
    p[12] = (uint8_t)(begin / 4 << 4), p[13] = flags, p[14] = 0x20;
    memcpy(p + begin, data, size);
    put32(p + 4, seq);
    put32(p + 8, ack);
    memcpy(head, &src.sin_addr, 4);
    memcpy(head + 4, &dst.sin_addr, 4);
    uint16_t sum = checksum(p, len, (uint16_t)~checksum(head, sizeof head, 0));
    p[16] = (uint8_t)(sum >> 8), p[17] = (uint8_t)sum;
    raw(where, from, to, IPPROTO_TCP, p, len, 1);
}

static void segment_of(int where, uint8_t flags, uint32_t seq, uint32_t ack, const void *data, size_t size)
{
    segment_with(where, flags, seq, ack, (const uint8_t *)"", 0, data, size);
}

static void segment(int where, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
    segment_of(where, flags, seq, ack, data, strlen(data));
}

/* Is a segment of the present flow with these flags here (within ms)? Others are read away. */
static bool is_here(int where, uint8_t flags, int ms)
{
    uint8_t p[MAX_PACKET];
    while (polled(heard[where], POLLIN, ms)) {
        ssize_t n = recv(heard[where], p, sizeof p, 0);
        if (n < 40)
            continue;
        uint16_t pcs = (uint16_t)(where == PC_NS ? p[22] << 8 | p[23] : p[20] << 8 | p[21]);
        if (pcs == port && p[33] == flags)
            return true;
    }
    return false;
}

static void passes(int where, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
    segment(where, flags, seq, ack, data);
    if (!is_here(where == PC_NS ? WAN_NS : PC_NS, flags, SURELY_MS))
        fail_msg("from %s, flags %#x, seq %u: expected through", where == PC_NS ? "the PC" : "the server", flags, seq);
}

/* Does not arrive, is counted there, and nobody is told. */
static void dropped(int where, uint8_t flags, uint32_t seq, uint32_t ack, const char *counter_name)
{
    uint64_t before = counter(counter_name);
    segment(where, flags, seq, ack, "");
    counted(counter_name, before + 1);
    assert_false(is_here(where == PC_NS ? WAN_NS : PC_NS, flags, SOON_MS));
    assert_false(is_here(where, TH_RST | TH_ACK, 0));
}

static void go_to_sni(uint32_t seq)
{
    uint64_t asked = counter("asked");
    segment(PC_NS, TH_ACK, seq, SERVER_ISN + 1, "hello");
    counted("asked", asked + 1);
}

/* ---- flows ---- */

static bool mark_is(uint32_t value)
{
    char command[160];
    snprintf(command, sizeof command, "conntrack -L -p tcp --orig-port-src %u 2>/dev/null | grep -q ' mark=%u '", port,
             value);
    return system(command) == 0;
}

static void mark_it(uint32_t value)
{
    char command[160];
    snprintf(command, sizeof command, "conntrack -U -p tcp --orig-port-src %u --mark %u >/dev/null 2>&1 || true", port,
             value); /* (it says no when the mark is the one that it has) */
    run(command);
    assert_true(mark_is(value));
}

static void begins(void)
{
    passes(PC_NS, TH_SYN, PC_ISN, 0, "");
    passes(WAN_NS, ACKED, SERVER_ISN, PC_ISN + 1, "");
}

static void handshake(void)
{
    begins();
    passes(PC_NS, TH_ACK, PC_ISN + 1, SERVER_ISN + 1, "");
}

static void tls(uint32_t generation)
{
    port++;
    tunnels(generation, true, false);
    allow_tls(REGISTRY, PORT);
}

static const uint32_t bits[] = {0, FIREWALL_MARK_ASKING, FIREWALL_MARK_AGREED};

/* ---- TCP ---- */

/* The whole matter: another connection in the very entry, while it stands, in every form of its mark. */
static void no_second_connection_in_an_entry(void **state)
{
    (void)state;
    static const uint8_t syns[] = {TH_SYN, TH_SYN | 0x80 | 0x40, TH_SYN | TH_PUSH, TH_SYN | TH_URG};
    for (unsigned m = 0; m < 3; m++) {
        tls(200 + m);
        handshake();
        mark_it((200 + m) | bits[m]);
        for (unsigned i = 0; i < sizeof syns; i++)
            dropped(PC_NS, syns[i], PC_ISN + 70000, 0, "dropped_ports_in_use");
        /* The server's answer to it, if it had got there. */
        segment(WAN_NS, ACKED, SERVER_ISN + 900000, PC_ISN + 70001, "");
        assert_true(mark_is((200 + m) | bits[m]));
    }
}

/* Ordinary sockets: the server resets, the PC takes the same port again. */
static void the_port_is_free_again_when_the_entry_has_gone(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 3; m++) {
        struct flow f = tls_flow(210 + m);
        struct sockaddr_in own;
        socklen_t len = sizeof own;
        char c;
        assert_int_equal(getsockname(f.pc, (struct sockaddr *)&own, &len), 0);
        if (bits[m] != FIREWALL_MARK_ASKING)
            mark((210 + m) | bits[m]);
        close(f.server); /* is a reset */
        assert_true(readable(f.pc));
        assert_int_equal(read(f.pc, &c, 1), -1);
        close(f.pc);
        enter(PC_NS);
        int again = f.pc = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        enter(BOX);
        assert_int_equal(bind(again, (struct sockaddr *)&own, sizeof own), 0);
        by(again, 1);
        uint64_t before = counter("dropped_ports_in_use"), asked = counter("asked");
        assert_true(unanswered(again, REGISTRY, 443));
        counted("dropped_ports_in_use", before + 1);
        assert_true(silent(f.listener));
        run("conntrack -D -p tcp --orig-dst " REGISTRY " >/dev/null 2>&1 || true");
        assert_true(polled(again, POLLOUT, SURELY_MS)); /* its next attempt */
        assert_true(readable(f.listener));
        f.server = accept4(f.listener, NULL, NULL, SOCK_NONBLOCK);
        say(again, "hello", 5);
        counted("asked", asked + 1);
        no_word_at(f.server);
        end_flow(&f);
    }
}

/* What belongs to a beginning: a SYN that is repeated, also when the answer was lost behind the box. */
static void a_syn_is_repeated_until_it_is_answered(void **state)
{
    (void)state;
    tls(220);
    passes(PC_NS, TH_SYN, PC_ISN, 0, "");
    passes(PC_NS, TH_SYN, PC_ISN, 0, "");
    passes(WAN_NS, ACKED, SERVER_ISN, PC_ISN + 1, "");
    passes(PC_NS, TH_SYN, PC_ISN, 0, "");
    passes(WAN_NS, ACKED, SERVER_ISN, PC_ISN + 1, "");
    passes(PC_NS, TH_ACK, PC_ISN + 1, SERVER_ISN + 1, "");
    assert_true(mark_is(220 | FIREWALL_MARK_ASKING));
    go_to_sni(PC_ISN + 1);
}

/* A flow that ended before connection tracking took it for a proper one: whatever begins in it is a question again. */
static void a_flow_that_was_never_proper_begins_from_nothing(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 3; m++) {
        tls(230 + m);
        begins();
        segment(PC_NS, TH_FIN | TH_ACK, PC_ISN + 1, SERVER_ISN + 1, "");
        mark_it((230 + m) | bits[m]);
        passes(PC_NS, TH_SYN, PC_ISN + 70000, 0, "");
        assert_true(mark_is((230 + m) | FIREWALL_MARK_ASKING));
        passes(WAN_NS, ACKED, SERVER_ISN + 900000, PC_ISN + 70001, "");
        uint64_t asked = counter("asked");
        segment(PC_NS, TH_ACK, PC_ISN + 70001, SERVER_ISN + 900001, "hello");
        counted("asked", asked + 1);
    }
    /* And its element must stand then as for any that begins. */
    tls(233);
    begins();
    mark_it(233);
    run("nft flush set inet sekisho tls_v4");
    uint64_t before = counter("dropped_not_listed");
    segment(PC_NS, TH_SYN, PC_ISN, 0, "");
    counted("dropped_not_listed", before + 1);
    assert_false(is_here(WAN_NS, TH_SYN, SOON_MS));
}

/* A SYN with an option of its segments' size, 1,460, and what that size is on the other side. */
static unsigned size_on_the_other_side(int where, uint8_t flags, uint32_t seq, uint32_t ack)
{
    uint8_t p[MAX_PACKET];
    int to = where == PC_NS ? WAN_NS : PC_NS;
    segment_with(where, flags, seq, ack, (const uint8_t[]){2, 4, 1460 >> 8, 1460 & 0xff}, 4, "", 0);
    while (polled(heard[to], POLLIN, SURELY_MS)) {
        ssize_t n = recv(heard[to], p, sizeof p, 0);
        uint16_t pcs = (uint16_t)(to == PC_NS ? p[22] << 8 | p[23] : p[20] << 8 | p[21]);
        if (n >= 44 && pcs == port && p[33] == flags)
            return (unsigned)p[42] << 8 | p[43];
    }
    fail_msg("flags %#x, seq %u: expected through", flags, seq);
    return 0;
}

/* However often it is repeated, and whatever the entry has come to be: a beginning says how large segments may be. */
static void every_beginning_is_cut_to_size(void **state)
{
    (void)state;
    run("ip link set wan0 mtu 1300");
    for (unsigned m = 0; m < 4; m++) {
        if (m < 3) {
            tls(300 + m);
        } else { /* not TLS: the flow is live at once */
            tls(300 + m);
            allow(REGISTRY, IPPROTO_TCP, PORT);
            run("nft flush set inet sekisho tls_v4");
        }
        assert_in_range(size_on_the_other_side(PC_NS, TH_SYN, PC_ISN, 0), 1, 1260);
        if (m < 3)
            mark_it((300 + m) | bits[m]);
        assert_in_range(size_on_the_other_side(PC_NS, TH_SYN, PC_ISN, 0), 1, 1260);
        assert_in_range(size_on_the_other_side(WAN_NS, ACKED, SERVER_ISN, PC_ISN + 1), 1, 1340);
        if (m < 3)
            mark_it((300 + m) | bits[m]);
        assert_in_range(size_on_the_other_side(PC_NS, TH_SYN, PC_ISN, 0), 1, 1260); /* (SYN_RECV) */
        if (m < 3)
            mark_it((300 + m) | bits[m]);
        assert_in_range(size_on_the_other_side(WAN_NS, ACKED, SERVER_ISN, PC_ISN + 1), 1, 1340);
        passes(PC_NS, TH_ACK, PC_ISN + 1, SERVER_ISN + 1, "");
        /* (What is repeated from here on a PC that has said so much has read before.) */
    }
    run("ip link set wan0 mtu 1500");
}

/* Closed by both: connection tracking itself drops it for a new SYN, which is handled as new. Closed by the server's
 * reset: it does not. */
static void after_its_end(void **state)
{
    (void)state;
    for (int reset = 0; reset < 3; reset++) {
        tls(240 + (uint32_t)reset);
        handshake();
        mark_it(240 + (uint32_t)reset);
        if (reset == 0) {
            passes(PC_NS, TH_FIN | TH_ACK, PC_ISN + 1, SERVER_ISN + 1, "");
            passes(WAN_NS, TH_FIN | TH_ACK, SERVER_ISN + 1, PC_ISN + 2, "");
            passes(PC_NS, TH_ACK, PC_ISN + 2, SERVER_ISN + 2, "");
        } else if (reset == 1) {
            passes(PC_NS, TH_RST, PC_ISN + 1, 0, "");
        } else {
            passes(WAN_NS, TH_RST | TH_ACK, SERVER_ISN + 1, PC_ISN + 1, "");
            dropped(PC_NS, TH_SYN, PC_ISN + 70000, 0, "dropped_ports_in_use");
            continue;
        }
        passes(PC_NS, TH_SYN, PC_ISN + 70000, 0, "");
        assert_true(mark_is((240 + (uint32_t)reset) | FIREWALL_MARK_ASKING));
        assert_false(mark_is(240 + (uint32_t)reset));
    }
}

/* A server does not begin, not even in the middle of a beginning; nor does a PC answer like one. */
static void both_do_not_begin(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 3; m++) {
        tls(250 + m);
        passes(PC_NS, TH_SYN, PC_ISN, 0, "");
        mark_it((250 + m) | bits[m]);
        dropped(WAN_NS, TH_SYN, SERVER_ISN, 0, "dropped_wan_in");
        dropped(PC_NS, ACKED, PC_ISN, SERVER_ISN + 1, "dropped_ports_in_use");
        tls(253 + m);
        handshake();
        mark_it((253 + m) | bits[m]);
        dropped(WAN_NS, TH_SYN, SERVER_ISN + 1, 0, "dropped_invalid");
        dropped(PC_NS, ACKED, PC_ISN + 1, SERVER_ISN + 1, "dropped_invalid");
    }
}

/* ---- datagrams ---- */

/* What opened the first one opens no other: each needs its element, however long it has been answered. */
static void each_datagram_needs_its_element(void **state)
{
    (void)state;
    tunnels(260, true, false);
    struct talk t = talk();
    goes_on_for_a_while(&t);
    usleep(2100000); /* `assured` is a flow of datagrams after two seconds */
    goes_on_for_a_while(&t);
    tunnels(260, true, false);
    refused("dropped_not_listed", says(&t, 1), t.registry);
    /* An answer that was under way may come. */
    answers(&t, 1);
    assert_true(arrives(t.pc, NULL));
    allow(REGISTRY, IPPROTO_UDP, 5000);
    goes_on(&t);
    /* Nobody else's mark: of the session before nothing goes on. */
    tunnels(261, true, false);
    allow(REGISTRY, IPPROTO_UDP, 5000);
    refused("dropped_old_flow", says(&t, 1), t.registry);
    refused("dropped_old_flow", answers(&t, 1), t.pc);
    end(&t);
}

/* An echo request of ICMP that was let out in mode `internet`, answered and repeated, is nothing in a session. */
static void echoes_end_with_their_mode(void **state)
{
    (void)state;
    uint8_t p[8] = {8, 0, [4] = 0x12, 0x34, 0, 1};
    uint16_t sum = checksum(p, sizeof p, 0);
    p[2] = (uint8_t)(sum >> 8), p[3] = (uint8_t)sum;
    internet(270);
    raw(PC_NS, PC, SERVER, IPPROTO_ICMP, p, sizeof p, 0);
    for (unsigned waited = 0; system("conntrack -L -p icmp 2>/dev/null | grep -v UNREPLIED | grep -q mark=270") != 0;
         waited++)
        assert_true(waited < 100);
    tunnels(271, true, false);
    uint64_t before = counter("dropped_old_flow");
    raw(PC_NS, PC, SERVER, IPPROTO_ICMP, p, sizeof p, 0);
    counted("dropped_old_flow", before + 1);
    run("conntrack -D -p icmp >/dev/null 2>&1 || true");
    before = counter("dropped_not_listed");
    raw(PC_NS, PC, SERVER, IPPROTO_ICMP, p, sizeof p, 0);
    counted("dropped_not_listed", before + 1);
}

/* ---- what `sni` is shown ---- */

static void ask_log(int fd, uint8_t command, uint8_t mode)
{
    char buf[256], in[1024];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->res_id = htons(QUEUE_LOG_ANSWER);
    struct nfulnl_msg_config_cmd c = {.command = command};
    struct nfulnl_msg_config_mode m = {.copy_range = htonl(128), .copy_mode = mode};
    if (mode)
        mnl_attr_put(nlh, NFULA_CFG_MODE, sizeof m, &m);
    else
        mnl_attr_put(nlh, NFULA_CFG_CMD, sizeof c, &c);
    assert_int_equal(send(fd, nlh, nlh->nlmsg_len, 0), (ssize_t)nlh->nlmsg_len);
    ssize_t n = recv(fd, in, sizeof in, 0);
    assert_true(n > (ssize_t)sizeof(struct nlmsghdr));
    assert_int_equal(((const struct nlmsgerr *)mnl_nlmsg_get_payload((struct nlmsghdr *)in))->error, 0);
}

/* Each SYN-ACK to a flow that is a question; those to an agreed one with that word, so that none begins it anew. */
static void each_synack_is_shown(void **state)
{
    (void)state;
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    char in[4096];
    enter(BOX);
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
    ask_log(fd, NFULNL_CFG_CMD_BIND, 0);
    ask_log(fd, 0, NFULNL_COPY_PACKET);
    for (unsigned m = 1; m < 3; m++) {
        tls(290 + m);
        begins();
        assert_true(readable(fd));
        ssize_t n = recv(fd, in, sizeof in, 0);
        assert_null(memmem(in, (size_t)n, "agreed", 6));
        mark_it((290 + m) | bits[m]);
        passes(WAN_NS, ACKED, SERVER_ISN, PC_ISN + 1, "");
        assert_true(readable(fd));
        n = recv(fd, in, sizeof in, 0);
        assert_int_equal(memmem(in, (size_t)n, "agreed", 6) != NULL, bits[m] == FIREWALL_MARK_AGREED);
    }
    close(fd);
}

/* ---- the queue of `sni` ---- */

/* A fragmented segment is reassembled before it is checked: a large one does not enter the queue. */
static void no_large_packet_goes_to_sni(void **state)
{
    (void)state;
    static const uint8_t words[LARGEST];
    tls(280);
    handshake();
    uint64_t asked = counter("asked"), crowd = counter("dropped_crowd");
    segment_of(PC_NS, TH_ACK, PC_ISN + 1, SERVER_ISN + 1, words, 4000); /* (a ClientHello merged by GRO) */
    counted("asked", asked + 1);
    segment_of(PC_NS, TH_ACK, PC_ISN + 1, SERVER_ISN + 1, words, LARGEST);
    counted("dropped_crowd", crowd + 1);
    assert_int_equal(counter("asked"), asked + 1);
}

/* Nor has one PC all places. */
static void so_many_a_second_go_to_sni(void **state)
{
    (void)state;
    tls(281);
    handshake();
    uint64_t asked = counter("asked"), crowd = counter("dropped_crowd");
    struct sockaddr_in src = at(PC, 0), dst = at(REGISTRY, 0);
    segment(PC_NS, TH_ACK, PC_ISN + 1, SERVER_ISN + 1, "x");
    enter(PC_NS);
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
    enter(BOX);
    by(fd, 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&src, sizeof src), 0);
    for (unsigned i = 0; i < 5000; i++) /* that very one again and again, as fast as it goes */
        assert_int_equal(sendto(fd, last, 21, 0, (struct sockaddr *)&dst, sizeof dst), 21);
    close(fd);
    counted("dropped_crowd", crowd + 1);
    assert_true(counter("asked") >= asked + 500);
}

/* Nor has one server, of the answers that `sni` is to put together. */
static void so_many_answers_a_second_go_to_sni(void **state)
{
    (void)state;
    tls(282);
    handshake();
    mark_it(282 | FIREWALL_MARK_AGREED);
    uint64_t asked = counter("asked"), crowd = counter("dropped_crowd");
    struct sockaddr_in src = at(REGISTRY, 0), dst = at(VIP, 0);
    segment(WAN_NS, TH_ACK, SERVER_ISN + 1, PC_ISN + 1, "\x16");
    counted("asked", asked + 1);
    enter(WAN_NS);
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
    enter(BOX);
    by(fd, 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&src, sizeof src), 0);
    for (unsigned i = 0; i < 20000 && counter("dropped_crowd") == crowd; i += 4000)
        for (unsigned k = 0; k < 4000; k++)
            assert_int_equal(sendto(fd, last, 21, 0, (struct sockaddr *)&dst, sizeof dst), 21);
    close(fd);
    counted("dropped_crowd", crowd + 1);
    assert_true(counter("asked") >= asked + 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_second_connection_in_an_entry),
        cmocka_unit_test(a_syn_is_repeated_until_it_is_answered),
        cmocka_unit_test(a_flow_that_was_never_proper_begins_from_nothing),
        cmocka_unit_test(every_beginning_is_cut_to_size),
        cmocka_unit_test(after_its_end),
        cmocka_unit_test(both_do_not_begin),
        cmocka_unit_test(each_datagram_needs_its_element),
        cmocka_unit_test(echoes_end_with_their_mode),
        cmocka_unit_test(each_synack_is_shown),
        cmocka_unit_test(no_large_packet_goes_to_sni),
        cmocka_unit_test(so_many_a_second_go_to_sni),
        cmocka_unit_test(so_many_answers_a_second_go_to_sni),
        cmocka_unit_test(the_port_is_free_again_when_the_entry_has_gone),
    };
    return cmocka_run_group_tests_name("gate_reuse", tests, build_mute, NULL);
}

/*
 * Packets that return from sni's queue, and marks that alone must not allow anything. A rule replaces the queue: it
 * gives every packet of the LAN the mark of queued ones.
 */
#include "gate_tunnel_fixture.h"

static void queue_begins(void)
{
    run("nft insert rule inet sekisho forward iifname lan0 meta mark set mark or 0x200 accept");
}

static void queue_ends(void)
{
    run("nft -a list chain inet sekisho forward | sed -n 's/.*meta mark set meta mark | .*# handle \\([0-9]*\\)/\\1/p' | "
        "xargs nft delete rule inet sekisho forward handle");
}

/* The flow has got that mark while one of its packets was in the queue. */
static void passes(uint32_t generation, uint32_t value, bool good)
{
    struct flow f = tls_flow(generation);
    if (value != (generation | FIREWALL_MARK_ASKING)) /* (that is the mark it has) */
        mark(value);
    queue_begins();
    uint64_t before = counter("dropped_old_flow");
    say(f.pc, "hello", 5);
    if (good) {
        char buf[MAX_PACKET];
        assert_true(readable(f.server));
        assert_int_equal(read(f.server, buf, sizeof buf), 5);
        assert_int_equal(counter("dropped_old_flow"), before);
    } else {
        counted("dropped_old_flow", before + 1);
        no_word_at(f.server);
    }
    queue_ends();
    end_flow(&f);
}

static void by_the_mark_that_its_flow_has_now(void **state)
{
    (void)state;
    passes(100, 100, true);
    passes(101, 101 | FIREWALL_MARK_ASKING, true);
    passes(102, 102 | FIREWALL_MARK_AGREED, true);
    passes(103, 1000, false);
    passes(104, 1000 | FIREWALL_MARK_ASKING, false);
    passes(105, FIREWALL_MARK_REFUSED, false);
    passes(106, 0, false);
}

/* The same for packets from the server: they go to the PC as long as the flow is allowed or live. */
static void answers_by_the_mark_that_their_flow_has_now(void **state)
{
    (void)state;
    static const struct {
        uint32_t number, mark;
        bool good;
    } rows[] = {{116, 116, true},   {117, 117 | FIREWALL_MARK_AGREED, true},   {118, 118 | FIREWALL_MARK_ASKING, false},
                {119, 1000, false}, {120, 1000 | FIREWALL_MARK_AGREED, false}, {121, FIREWALL_MARK_REFUSED, false}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct flow f = tls_flow(rows[i].number);
        if (rows[i].mark != (rows[i].number | FIREWALL_MARK_ASKING))
            mark(rows[i].mark);
        run("nft insert rule inet sekisho forward iifname wan0 meta mark set 0xa01 accept");
        uint64_t before = counter("dropped_old_flow");
        if (rows[i].good) {
            delivered(f.server, f.pc, "answer", 6);
            assert_int_equal(counter("dropped_old_flow"), before);
        } else {
            say(f.server, "answer", 6);
            counted("dropped_old_flow", before + 1);
            no_word_at(f.pc);
        }
        run("nft -a list chain inet sekisho forward | sed -n 's/.*meta mark set 0x00000a01 accept # handle "
            "\\([0-9]*\\)/\\1/p' | xargs nft delete rule inet sekisho forward handle");
        end_flow(&f);
    }
}

/* A refused flow: its end is told to the server, nothing else. */
static void of_a_refused_flow_the_reset_only(void **state)
{
    (void)state;
    struct flow f = tls_flow(107);
    char c;
    mark(FIREWALL_MARK_REFUSED);
    queue_begins();
    close(f.pc); /* is a reset (passes() says that a word is none) */
    assert_true(readable(f.server));
    assert_int_equal(read(f.server, &c, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    queue_ends();
    f.pc = dup(f.server);
    end_flow(&f);
}

/* The general rules apply to these packets too. */
static void through_its_own_tunnel_only(void **state)
{
    (void)state;
    static const char *const ends[] = {"dropped_clear", NULL, "dropped_wrong_tunnel"};
    for (int tunnel = 0; tunnel < 3; tunnel += 2) {
        struct flow f = tls_flow(108);
        queue_begins();
        by(f.pc, tunnel);
        uint64_t before = counter(ends[tunnel]);
        say(f.pc, "hello", 5);
        counted(ends[tunnel], before + 1);
        no_word_at(f.server);
        queue_ends();
        end_flow(&f);
    }
    /* Its tunnel has gone meanwhile. */
    struct flow f = tls_flow(109);
    queue_begins();
    tunnels(109, false, true);
    uint64_t before = counter("dropped_old_flow");
    say(f.pc, "hello", 5);
    counted("dropped_old_flow", before + 1);
    no_word_at(f.server);
    queue_ends();
    end_flow(&f);
}

/* ---- a mark alone ---- */

static void mark_udp(uint32_t value)
{
    char command[160];
    snprintf(command, sizeof command, "conntrack -U -p udp --orig-src " PC " --mark %u >/dev/null 2>&1", value);
    run(command);
}

/* A flow to the internet with a mark that only a registry's has: gets no answer. */
static void opens_nothing_from_the_internet(void **state)
{
    (void)state;
    static const uint32_t bits[] = {FIREWALL_MARK_ASKING, FIREWALL_MARK_AGREED};
    for (unsigned i = 0; i < 2; i++) {
        struct sockaddr_in from;
        internet(110);
        run("conntrack -D -p udp >/dev/null 2>&1 || true; nft add element inet sekisho asking '{ 0x8000006e }'; "
            "nft add element inet sekisho agreed '{ 0x4000006e }'");
        int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
        send_to(pc, SERVER, 5000);
        assert_true(arrives(server, &from));
        mark_udp(110 | bits[i]);
        refused("dropped_wan_in", (void)!sendto(server, "y", 1, 0, (struct sockaddr *)&from, sizeof from), pc);
        close(server), close(pc);
    }
}

/* A registry's flow whose number is live, but the mode is not a session: gets no answer either. */
static void opens_no_tunnel_outside_a_session(void **state)
{
    (void)state;
    tunnels(111, true, false);
    struct talk t = talk();
    says(&t, 1);
    assert_true(arrives(t.registry, &t.from));
    internet(111);
    refused("dropped_wan_in", answers(&t, 1), t.pc);
    end(&t);
}

/* A flow to the internet, and the LAN is closed since: gets no answer. */
static void an_answer_to_a_closed_lan(void **state)
{
    (void)state;
    struct sockaddr_in from;
    internet(113);
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    send_to(pc, SERVER, 5000);
    assert_true(arrives(server, &from));
    closed();
    refused("dropped_old_flow", (void)!sendto(server, "y", 1, 0, (struct sockaddr *)&from, sizeof from), pc);
    close(server), close(pc);
}

/* The mode says yes, but there is no number any more that a flow could get. */
static void no_flow_begins_without_a_number(void **state)
{
    (void)state;
    internet(112);
    run("nft flush map inet sekisho generation");
    int server = bound(WAN_NS, SOCK_DGRAM, SERVER, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    refused("dropped_closed", send_to(pc, SERVER, 5000), server);
    close(server), close(pc);
}

/* Only TCP is held silently, as it retransmits: anything else is counted by its reason. */
static void only_tcp_waits(void **state)
{
    (void)state;
    int registry = bound(WAN_NS, SOCK_DGRAM, REGISTRY, 5000), pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    closed();
    refused("dropped_closed", send_to(pc, REGISTRY, 5000), registry);
    internet(113);
    refused("dropped_tunnel_outside", send_to(pc, REGISTRY, 5000), registry);
    close(registry), close(pc);
}

/* Who waited as the session began goes on waiting in it, as long as its address is not open again. */
static void who_waits_goes_on_waiting(void **state)
{
    (void)state;
    internet(114);
    int pc = bound(PC_NS, SOCK_STREAM, PC, 0);
    uint64_t before = counter("dropped_waiting"), refused_before = counter("dropped_not_listed");
    assert_true(unanswered(pc, REGISTRY, 443));
    uint64_t once = counted("dropped_waiting", before + 1);
    tunnels(115, true, false);
    counted("dropped_waiting", once + 1); /* it repeats itself */
    assert_int_equal(counter("dropped_not_listed"), refused_before);
    close(pc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_mark_that_its_flow_has_now),
        cmocka_unit_test(answers_by_the_mark_that_their_flow_has_now),
        cmocka_unit_test(of_a_refused_flow_the_reset_only),
        cmocka_unit_test(through_its_own_tunnel_only),
        cmocka_unit_test(opens_nothing_from_the_internet),
        cmocka_unit_test(opens_no_tunnel_outside_a_session),
        cmocka_unit_test(an_answer_to_a_closed_lan),
        cmocka_unit_test(no_flow_begins_without_a_number),
        cmocka_unit_test(only_tcp_waits),
        cmocka_unit_test(who_waits_goes_on_waiting),
    };
    return cmocka_run_group_tests_name("gate_queue", tests, build_two, NULL);
}

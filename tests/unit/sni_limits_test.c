/* The flow table's limits: time, sessions, ports used again, crowds. */
#include "test.h"

#include "sni_fixture.h"

static struct world w; /* large */
static struct octets o;

static void assert_said(uint32_t id, int what)
{
    if (world_said(&w, id) != what)
        fail_msg("packet %u: gate heard %d, not %d", id, world_said(&w, id), what);
}

static void begin(const char *name)
{
    o.len = 0;
    put_hello(&o, name);
    world_start(&w);
    world_synack(&w);
}

static void test_too_slow(void **state)
{
    (void)state;
    begin(REGISTRY_NAME);
    world_piece(&w, &o, 0, 10);
    for (unsigned i = 0; i < 49; i++) {
        world_wait(&w, 100);
        world_piece(&w, &o, 10 + i, 11 + i);
        assert_int_not_equal(world_last(&w)->what, FLOW_TOO_SLOW);
    }
    world_wait(&w, 100);
    assert_int_equal(world_last(&w)->what, FLOW_TOO_SLOW);
    begin(REGISTRY_NAME); /* nothing left to tell it with: gate hears of it all the same */
    world_piece(&w, &o, 0, 10);
    world_wait(&w, FLOWS_SLOW_MS);
    assert_int_equal(world_last(&w)->what, FLOW_TOO_SLOW);
    assert_int_equal(world_last(&w)->count, 0);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_TOO_SLOW); /* the first packet that it can act on */
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_MORE);
    assert_int_equal(w.f.works_used, 0);
}

/* What is refused goes through the rules again, which reset it, but not for ever. */
static void test_refused_again_and_again(void **state)
{
    (void)state;
    begin("decoy.example.net");
    for (unsigned i = 0; i < 600; i++)
        assert_said(world_piece(&w, &o, 0, o.len), i == 0 ? FLOW_NOT_LISTED : i <= 8 ? FLOW_MORE : FLOW_DROP);
}

static void test_session_changes(void **state)
{
    (void)state;
    begin(REGISTRY_NAME);
    uint32_t held = world_piece(&w, &o, 0, 100);
    world_mode(&w, MODE_SESSION, 7); /* the same */
    assert_said(held, -1);
    world_mode(&w, MODE_SESSION, 8);
    assert_said(held, FLOW_DROP);
    assert_int_equal(w.f.works_used, 0);
    assert_said(world_piece(&w, &o, 100, o.len), FLOW_NO_START);
    world_synack(&w);
    world_mode(&w, MODE_SESSION, 9); /* nor is what was only seen, or refused, remembered */
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NO_START);
    world_synack(&w);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NAME);
    world_mode(&w, MODE_SESSION, 10);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NO_START);
}

/* The same ports again: a new connection, whatever was decided about the old one. */
static void test_ports_again(void **state)
{
    (void)state;
    begin("decoy.example.net");
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NOT_LISTED);
    world_synack(&w); /* repeated: the same connection */
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_MORE);
    world_synack_to(&w, CLIENT, SERVER, 40000, 77, NULL, 0);
    o.len = 0;
    put_hello(&o, REGISTRY_NAME);
    struct segment s = {.seq = 78, .ack = IRS + 1, .data = o.data, .len = 50};
    uint32_t held = world_segment(&w, &s);
    world_synack_to(&w, CLIENT, SERVER, 40000, 177, NULL, 0);
    assert_said(held, FLOW_DROP);
    s.seq = 178;
    s.len = o.len;
    assert_said(world_segment(&w, &s), FLOW_NAME);
}

/* The octets of the allowed ClientHello again, and what belongs after it, with that acknowledgement. */
static int says_again(uint32_t ack, bool more)
{
    static const uint8_t ccs[] = {20, 3, 3, 0, 1, 1};
    struct segment s = {.seq = ISS + 1, .ack = ack, .data = o.data, .len = o.len};
    if (more) {
        s.seq += (uint32_t)o.len;
        s.data = ccs;
        s.len = sizeof ccs;
    }
    return world_said(&w, world_segment(&w, &s));
}

/* It was allowed, and now acknowledges data that this server cannot have sent: another connection. */
static void test_another_server_behind_what_was_agreed_to(void **state)
{
    (void)state;
    static const struct {
        uint32_t ack;
        int what;
    } rows[] = {
        {IRS + 1, FLOW_EARLY},
        {IRS + 1 + FLOWS_ANSWER_MAX, FLOW_EARLY}, /* (a HelloRetryRequest, a first part of its answer) */
        {IRS + 2 + FLOWS_ANSWER_MAX, FLOW_BROKEN},
        {IRS, FLOW_BROKEN},
        {IRS + 0x80000000u, FLOW_BROKEN},
    };
    for (unsigned i = 0; i < COUNT(rows); i++)
        for (int more = 0; more < 2; more++) {
            begin(REGISTRY_NAME);
            assert_said(world_piece(&w, &o, 0, o.len), FLOW_NAME);
            assert_int_equal(says_again(rows[i].ack, more), rows[i].what);
        }
}

/* A SYN-ACK in a flow that the kernel has as allowed: only a retransmission is accepted. */
static void test_another_synack_behind_what_was_agreed_to(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        begin(REGISTRY_NAME);
        assert_said(world_piece(&w, &o, 0, o.len), FLOW_NAME);
        world_synack_from(&w, true, IRS, CLIENT, SERVER, 40000, ISS, NULL, 0);
        assert_int_equal(says_again(IRS + 1, false), FLOW_EARLY);
        if (late) /* its octets are not kept any more */
            world_wait(&w, FLOWS_AGREED_MS + 1);
        world_synack_from(&w, true, IRS + 9000, CLIENT, SERVER, 40000, ISS, NULL, 0);
        assert_int_equal(says_again(IRS + 9001, false), FLOW_SECOND);
        assert_int_equal(says_again(IRS + 9001, false), FLOW_MORE);
        /* The kernel has forgotten it: this one is asked about as any. */
        world_synack_from(&w, false, IRS + 9000, CLIENT, SERVER, 40000, ISS, NULL, 0);
        assert_int_equal(says_again(IRS + 9001, false), FLOW_NAME);
    }
    /* Of what is not known nothing is learnt that way. */
    world_start(&w);
    world_synack_from(&w, true, IRS, CLIENT, SERVER, 40000, ISS, NULL, 0);
    assert_int_equal(says_again(IRS + 1, false), FLOW_NO_START);
}

/* A client that fills the kernel's queue: what it holds there is bounded, in packets and octets; others' goes on. */
static void test_share_of_the_queue(void **state)
{
    (void)state;
    static const struct {
        unsigned flows, pieces, size, step; /* of each flow so many segments of this size, so far from each other */
    } rows[] = {{40, 40, 10, 20}, {1, 60, 1400, 300}, {20, 15, 1400, 1400}};
    for (unsigned r = 0; r < COUNT(rows); r++) {
        unsigned held = 0, octets = 0;
        begin(REGISTRY_NAME);
        memset(o.data, 0x55, sizeof o.data);
        for (unsigned n = 0; n < rows[r].flows; n++) {
            uint16_t port = (uint16_t)(30000 + n);
            unsigned of_flow = 0;
            world_synack_to(&w, CLIENT, SERVER, port, ISS, NULL, 0);
            for (unsigned i = 0; i < rows[r].pieces; i++) {
                /* (behind a gap: nothing of it can be let go) */
                struct segment s = {.port = port, .ack = IRS + 1, .data = o.data, .len = rows[r].size};
                s.seq = ISS + 2 + i * rows[r].step;
                if (world_said(&w, world_segment(&w, &s)) < 0) {
                    held++;
                    of_flow += 40 + rows[r].size;
                }
            }
            assert_true(of_flow <= FLOWS_HELD_FLOW_OCTETS);
            octets += of_flow;
        }
        assert_true(held <= FLOWS_HELD_CLIENT_MAX && octets <= FLOWS_HELD_CLIENT_OCTETS);
        assert_true(held == FLOWS_HELD_CLIENT_MAX || octets + 1440 > FLOWS_HELD_CLIENT_OCTETS || rows[r].flows == 1);
        /* Somebody else. */
        o.len = 0;
        put_hello(&o, REGISTRY_NAME);
        world_synack_to(&w, "192.168.77.101", SERVER, 40000, ISS, NULL, 0);
        struct segment s = {.client = "192.168.77.101", .seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = o.len};
        assert_said(world_segment(&w, &s), FLOW_NAME);
    }
}

/* The same after allowed ClientHellos: data after a gap is held there too. */
static void test_share_of_the_queue_behind_what_was_agreed_to(void **state)
{
    (void)state;
    unsigned held = 0;
    begin(REGISTRY_NAME);
    for (uint16_t port = 30000; port < 30040; port++) {
        world_synack_to(&w, CLIENT, SERVER, port, ISS, NULL, 0);
        struct segment s = {.port = port, .seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = o.len};
        assert_said(world_segment(&w, &s), FLOW_NAME);
    }
    for (unsigned i = 0; i < 1600; i++) {
        struct segment s = {.port = (uint16_t)(30000 + i % 40), .ack = IRS + 1, .data = o.data, .len = 10};
        s.seq = ISS + 2 + (uint32_t)o.len + i / 40 * 20;
        held += world_said(&w, world_segment(&w, &s)) < 0;
    }
    assert_int_equal(held, FLOWS_HELD_CLIENT_MAX);
}

/* A client that opens flows without end: loses its own oldest, and never those of others; nothing grows. */
static void test_crowd(void **state)
{
    (void)state;
    begin(REGISTRY_NAME);
    struct segment s = {.seq = ISS + 1, .ack = IRS + 1, .data = o.data, .len = 50};
    uint32_t other = world_piece(&w, &o, 0, 50), first = 0;
    for (unsigned i = 0; i < FLOWS_WORKS_CLIENT_MAX + 10; i++) {
        s.client = "192.168.77.101";
        s.port = (uint16_t)(1000 + i);
        world_synack_to(&w, s.client, SERVER, s.port, ISS, NULL, 0);
        uint32_t id = world_segment(&w, &s);
        if (i == 0)
            first = id;
        assert_said(id, -1);
        w.now++;
    }
    assert_said(first, FLOW_CROWD);
    assert_said(other, -1);
    assert_int_equal(w.f.works_used, FLOWS_WORKS_CLIENT_MAX + 1);
    /* many clients: the oldest is evicted, allowed ones first */
    char client[32];
    for (unsigned i = 0; i < FLOWS_WORKS_MAX * 3; i++) {
        snprintf(client, sizeof client, "192.168.78.%u", i % 250);
        s.client = client;
        s.port = (uint16_t)(5000 + i);
        world_synack_to(&w, s.client, SERVER, s.port, ISS, NULL, 0);
        s.len = i % 2 ? 50 : o.len;
        assert_said(world_segment(&w, &s), i % 2 ? -1 : FLOW_NAME);
        assert_true(w.f.works_used <= FLOWS_WORKS_MAX);
        w.now++;
    }
    assert_int_equal(w.f.works_used, FLOWS_WORKS_MAX);
    world_wait(&w, FLOWS_AGREED_MS);
    assert_int_equal(w.f.works_used, 0);
    assert_int_equal(w.f.agreed_used, 0);
    for (uint32_t id = 1; id <= w.ids; id++) /* nobody was forgotten */
        assert_int_not_equal(world_said(&w, id), -1);
}

/* From everywhere at once: what is pushed out is refused, not let through. */
static void test_table_full(void **state)
{
    (void)state;
    char client[32];
    begin(REGISTRY_NAME);
    for (unsigned i = 0; i < 3 * FLOWS_SETS * FLOWS_WAYS; i++) {
        w.now++;
        snprintf(client, sizeof client, "192.168.%u.%u", 80 + i / 250, i % 250);
        world_synack_to(&w, client, SERVER, (uint16_t)(1 + i), ISS, NULL, 0);
    }
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NO_START);
    world_synack(&w);
    assert_said(world_piece(&w, &o, 0, o.len), FLOW_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_too_slow),
        cmocka_unit_test(test_refused_again_and_again),
        cmocka_unit_test(test_session_changes),
        cmocka_unit_test(test_ports_again),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_table_full),
        cmocka_unit_test(test_share_of_the_queue),
        cmocka_unit_test(test_share_of_the_queue_behind_what_was_agreed_to),
        cmocka_unit_test(test_another_server_behind_what_was_agreed_to),
        cmocka_unit_test(test_another_synack_behind_what_was_agreed_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

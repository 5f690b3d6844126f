/* Shares of sni's tables: a client with many flows evicts its own, the oldest first, and no other client's. */
#include "test.h"

#include "sni_fixture.h"

#define PLACES (FLOWS_SETS * FLOWS_WAYS)

static struct world w; /* large */
static struct octets o;

static void assert_said(uint32_t id, int what)
{
    if (world_said(&w, id) != what)
        fail_msg("packet %u: gate heard %d, not %d", id, world_said(&w, id), what);
}

static void begin(void)
{
    o.len = 0;
    put_hello(&o, REGISTRY_NAME);
    world_start(&w);
}

/* One of the same family. */
static const char *server_of(const char *client)
{
    return strchr(client, ':') ? "2001:db8:99::5" : SERVER;
}

static void opens(const char *client, uint16_t port)
{
    w.now++;
    world_synack_to(&w, client, server_of(client), port, ISS, NULL, 0);
}

static uint32_t says(const char *client, uint16_t port, size_t from, size_t to)
{
    return world_segment(&w, &(struct segment){.client = client,
                                               .server = server_of(client),
                                               .port = port,
                                               .seq = ISS + 1 + (uint32_t)from,
                                               .ack = IRS + 1,
                                               .data = o.data + from,
                                               .len = to - from});
}

static const char *honest(unsigned i)
{
    static char text[32];
    snprintf(text, sizeof text, "192.168.77.%u", i);
    return text;
}

/* Connections that wait for their first word, as a browser opens them in advance. */
static void test_beginnings(void **state)
{
    (void)state;
    static const char *const others[] = {"192.168.78.101", "192.168.78.102", "192.168.78.103"};
    begin();
    for (unsigned i = 0, n = 1; i < 2 * PLACES; i++) {
        opens(others[0], (uint16_t)(1 + i));
        if (i % 128 == 127 && n <= 60) /* (at different places of their sets) */
            opens(honest(n++), 40000);
    }
    for (unsigned k = 0; k < 6; k++) /* one after the other, and together */
        for (unsigned i = 0; i < 2 * PLACES; i++)
            opens(others[k < 3 ? k : i % 3], (uint16_t)(1 + k + i));
    for (unsigned i = 1; i <= 60; i++)
        assert_said(says(honest(i), 40000, 0, o.len), FLOW_NAME);
}

/* Of its own the oldest goes, and what something is held of last of all. */
static void test_own_oldest_first(void **state)
{
    (void)state;
    uint32_t held[20];
    begin();
    for (unsigned i = 0; i < 20 * 300; i++) {
        w.now -= i % 64 != 0;
        opens(CLIENT, (uint16_t)(20000 + i));
        if (i % 300 == 299) {
            opens(CLIENT, (uint16_t)(50000 + i / 300));
            held[i / 300] = says(CLIENT, (uint16_t)(50000 + i / 300), 0, 50);
        }
    }
    for (unsigned i = 0; i < 3 * PLACES; i++) {
        w.now -= i % 64 != 0; /* (or the held ones were too slow) */
        opens(CLIENT, (uint16_t)(1 + i));
    }
    for (unsigned i = 0; i < 20; i++)
        assert_said(held[i], -1);
    for (unsigned i = 0; i < 20; i++)
        assert_said(says(CLIENT, (uint16_t)(50000 + i), 50, o.len), FLOW_NAME);
    begin();
    for (unsigned i = 0; i < 3 * PLACES; i++)
        opens(CLIENT, (uint16_t)(1 + i));
    for (unsigned i = 3 * PLACES - 300; i < 3 * PLACES; i++)
        assert_said(says(CLIENT, (uint16_t)(1 + i), 0, o.len), FLOW_NAME);
}

/*
 * Any number of allowed flows without an answer: an honest one's octets are still compared, its answer is read.
 * It has its place after `before` others.
 */
static void flood_of_agreed(unsigned before, const char *flooder, const char *client)
{
    static const uint8_t record[] = {22, 3, 3};
    begin();
    for (unsigned i = 0; i < 5 * FLOWS_WORKS_MAX; i++) {
        if (i == before) {
            opens(client, 40000);
            assert_said(says(client, 40000, 0, o.len), FLOW_NAME);
        }
        opens(flooder, (uint16_t)(1000 + i));
        says(flooder, (uint16_t)(1000 + i), 0, i % 3 ? o.len : 50); /* some are not even allowed */
    }
    assert_int_equal(w.f.works_used, FLOWS_WORKS_MAX);
    assert_said(says(client, 40000, 0, o.len), FLOW_EARLY);
    uint32_t id = world_answer_of(&w, &(struct segment){.client = server_of(client),
                                                        .server = client,
                                                        .seq = IRS + 1,
                                                        .ack = ISS + 1 + (uint32_t)o.len,
                                                        .data = record,
                                                        .len = sizeof record});
    assert_said(id, FLOW_EARLY);
    unsigned reading = 0;
    for (unsigned i = 0; i < FLOWS_WORKS_MAX; i++)
        reading += w.f.due[i] != 0 && w.f.works[i].answer.stream.have == sizeof record;
    assert_int_equal(reading, 1);
    /* And another has its room at once. */
    opens("192.168.77.200", 40000);
    uint32_t half = says("192.168.77.200", 40000, 0, 50);
    assert_said(half, -1);
    assert_said(says("192.168.77.200", 40000, 50, o.len), FLOW_NAME);
    assert_said(half, FLOW_NAME);
}

static void test_agreed_flows(void **state)
{
    (void)state;
    for (unsigned before = 0; before < 3 * FLOWS_WORKS_MAX; before += before == 0 ? FLOWS_WORKS_MAX - 1 : 97) {
        flood_of_agreed(before, "192.168.78.101", "192.168.77.11");
        flood_of_agreed(before, "2001:db8::101", "2001:db8::11");
    }
}

/* What is over is not counted among what a client holds. */
static void test_what_is_over_is_not_counted(void **state)
{
    (void)state;
    uint32_t others[50];
    begin();
    for (unsigned i = 0; i < 50; i++) {
        opens(honest(i % 2), (uint16_t)(1000 + i));
        others[i] = says(honest(i % 2), (uint16_t)(1000 + i), 0, 50);
    }
    for (unsigned i = 0; i < FLOWS_WORKS_CLIENT_MAX; i++) {
        opens(CLIENT, (uint16_t)(2000 + i));
        says(CLIENT, (uint16_t)(2000 + i), 0, 50);
    }
    assert_int_equal(w.f.works_used, 50 + FLOWS_WORKS_CLIENT_MAX);
    for (unsigned i = 0; i < FLOWS_WORKS_CLIENT_MAX; i++) /* (a separate limit) */
        o.data[10] ^= 1, says(CLIENT, (uint16_t)(2000 + i), 0, 50), o.data[10] ^= 1;
    assert_int_equal(w.f.works_used, 50);
    opens(CLIENT, 3000);
    uint32_t id = says(CLIENT, 3000, 0, 50);
    assert_said(id, -1);
    assert_said(says(CLIENT, 3000, 50, o.len), FLOW_NAME);
    for (unsigned i = 0; i < 50; i++)
        assert_said(others[i], -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_own_oldest_first),
        cmocka_unit_test(test_agreed_flows),
        cmocka_unit_test(test_what_is_over_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

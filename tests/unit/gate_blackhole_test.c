/*
 * A tunnel that carries nothing while its IKE_SA lives: when it is detected, the reaction, and what must not count as
 * one.
 */
#include "gate_session_fixture.h"
#include "ike_sa.h"
#include "vici.h"

static struct blackhole_counts seen;

/*
 * So many looks, with so many packets sent before each. (The idle clock is another matter: something keeps it going.)
 */
static void looks(unsigned count, unsigned sent)
{
    for (unsigned i = 0; i < count; i++) {
        seen.out += sent;
        fake.activity++;
        later(BLACKHOLE_CHECK_TICKS * SESSION_TICK_MS);
        session_carried(&s, 1, &seen);
    }
}

static void begin(enum conf_outside outside)
{
    setup(outside, CONF_START_DEMAND);
    raise_first();
    seen = (struct blackhole_counts){.child = 3, .in = 40, .out = 30};
    session_carried(&s, 1, &seen);
}

static unsigned told(const char *event)
{
    unsigned count = 0;
    for (const char *at = fake.audit; (at = strstr(at, event)); at++)
        count++;
    return count;
}

static void raised_anew(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_CLOSED);
    looks(BLACKHOLE_PROBE_CHECKS - 1, 4);
    assert_int_equal(fake.probed[1], 0);
    looks(1, 4);
    assert_int_equal(fake.probed[1], 1);
    looks(BLACKHOLE_CHECKS - BLACKHOLE_PROBE_CHECKS - 1, 4);
    assert_int_equal(s.state, SESSION_UP);
    looks(1, 4);
    assert_int_equal(fake.probed[1], 1);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_closed();
    assert_int_equal(fake.terminated[1], 1);
    assert_int_equal(told("session.hollow service=lab sent=20 received=0"), 1);
    /* Re-established as soon as the old one is down, without a query. */
    assert_int_equal(fake.initiated[1], 1);
    taken_down(1);
    assert_int_equal(fake.initiated[1], 2);
    up(1);
    assert_int_equal(s.state, SESSION_UP);
    assert_string_equal(said(&s.fault), "");
    /* It is reported for a while, and then no more. */
    assert_int_not_equal(s.services[1].blackhole_at, 0);
    fake.activity++;
    later(SESSION_BLACKHOLE_SHOWN_MS);
    assert_int_equal(s.services[1].blackhole_at, 0);
}

static void not_twice_a_minute(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_CLOSED);
    looks(BLACKHOLE_CHECKS, 4);
    taken_down(1);
    up(1);
    uint64_t first = fake.now;
    seen = (struct blackhole_counts){.child = 4};
    do
        looks(1, 4);
    while (s.state == SESSION_UP);
    assert_true(fake.now - first >= SESSION_BLACKHOLE_MS);
    assert_true(fake.now - first < SESSION_BLACKHOLE_MS + 2 * BLACKHOLE_CHECK_TICKS * SESSION_TICK_MS);
    assert_int_equal(told("session.hollow"), 2);
}

static void other_tunnel_stays(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_CLOSED);
    session_want(&s, 4, NULL);
    up(4);
    looks(BLACKHOLE_CHECKS, 4);
    assert_int_equal(s.state, SESSION_UP);
    assert_false(s.services[1].up);
    assert_true(s.services[4].up);
    assert_int_equal(fake.terminated[4], 0);
    taken_down(1);
    assert_int_equal(fake.initiated[1], 2);
}

/* Each of these goes on for twice as long as it takes otherwise. */
static void is_none(void **state)
{
    (void)state;
    /* Nobody sends. */
    begin(CONF_OUTSIDE_INTERNET);
    looks(2 * BLACKHOLE_CHECKS, 0);
    assert_int_equal(fake.probed[1], 0);
    /* Hardly anybody. */
    looks(1, BLACKHOLE_SENT_MIN - 1);
    looks(2 * BLACKHOLE_CHECKS, 0);
    assert_int_equal(s.state, SESSION_UP);
    assert_int_equal(fake.probed[1], 1);
    /* What goes one way only, with a resolver that is there. */
    begin(CONF_OUTSIDE_CLOSED);
    for (unsigned i = 0; i < 2 * BLACKHOLE_CHECKS; i++) {
        unsigned probed = fake.probed[1];
        looks(1, 100);
        seen.in += fake.probed[1] - probed;
    }
    assert_int_equal(s.state, SESSION_UP);
    assert_true(fake.probed[1] > 1);
    /* New keys: counted from 0, or on the way; and dead peer detection at work. */
    begin(CONF_OUTSIDE_CLOSED);
    for (unsigned i = 0; i < 2 * BLACKHOLE_CHECKS; i++) {
        seen.child++;
        looks(BLACKHOLE_CHECKS - 1, 4);
    }
    seen.busy = true;
    looks(2 * BLACKHOLE_CHECKS, 4);
    assert_int_equal(s.state, SESSION_UP);
    /* No probe is possible (the service's names are resolved on the uplink). */
    begin(CONF_OUTSIDE_CLOSED);
    fake.no_probe = true;
    looks(2 * BLACKHOLE_CHECKS, 100);
    assert_int_equal(s.state, SESSION_UP);
    assert_null(strstr(fake.audit, "session.hollow"));
    /* It is not up (any more). */
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
    fake.no_probe = false;
    looks(2 * BLACKHOLE_CHECKS, 100);
    assert_null(strstr(fake.audit, "session.hollow"));
}

/* One began and another ended: nothing of what was counted before is true of it, whatever its number. */
static void next_tunnel_begins_anew(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_CLOSED);
    looks(BLACKHOLE_CHECKS - 1, 4);
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
    taken_down(1);
    session_want(&s, 1, NULL);
    up(1);
    looks(BLACKHOLE_CHECKS - 1, 4);
    assert_int_equal(s.state, SESSION_UP);
}

static void counted_by_charon(void **state)
{
    (void)state;
    struct vici_buf b;
    struct ike_sa sa;
    vici_begin(&b);
    vici_section(&b, "lab");
    vici_kvf(&b, "state", "ESTABLISHED");
    vici_section(&b, "child-sas");
    for (unsigned id = 1; id <= 2; id++) {
        vici_section(&b, id == 1 ? "lab-1" : "lab-2");
        vici_kvf(&b, "uniqueid", "%u", id);
        vici_kvf(&b, "state", id == 1 ? "REKEYED" : "INSTALLED");
        vici_kvf(&b, "packets-in", "%u", 100 * id);
        vici_kvf(&b, "packets-out", "%u", id);
        vici_section_end(&b);
    }
    vici_section_end(&b);
    vici_section_end(&b);
    assert_true(ike_sa_read(b.data, b.len, &sa));
    assert_int_equal(sa.in, 300);
    assert_int_equal(sa.out, 3);
    assert_false(sa.busy);
    vici_begin(&b);
    vici_section(&b, "lab");
    vici_list(&b, "tasks-active");
    vici_item(&b, "IKE_DPD", 7);
    vici_list_end(&b);
    vici_section_end(&b);
    assert_true(ike_sa_read(b.data, b.len, &sa));
    assert_true(sa.busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raised_anew), cmocka_unit_test(not_twice_a_minute),      cmocka_unit_test(other_tunnel_stays),
        cmocka_unit_test(is_none),     cmocka_unit_test(next_tunnel_begins_anew), cmocka_unit_test(counted_by_charon),
    };
    return cmocka_run_group_tests_name("gate_blackhole", tests, NULL, NULL);
}

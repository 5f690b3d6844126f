/* Names on the line in the session's state machine: open before a session, and by it; nothing is raised for them. */
#include "gate_session_fixture.h"

static void with_names(enum conf_outside outside, bool before)
{
    setup(outside, CONF_START_DEMAND);
    conf.services[1].rule_count = 2;
    conf.services[1].rules[1] =
        (struct conf_rule){.name = "login.provider.example", .via_line = true, .before = before};
    session_init(&s, &conf, &ops, NULL);
    session_begin(&s);
}

static void closed_until_everything_is_there(void **state)
{
    (void)state;
    with_names(CONF_OUTSIDE_CLOSED, true);
    assert_closed();
    session_wan(&s, true, false);
    assert_closed();
    session_charon(&s, true); /* (a certificate is not needed: there is no tunnel) */
    assert_int_equal(fake.kernel.mode, MODE_BEFORE);
    assert_true(fake.kernel.names_outside && fake.kernel.generation != 0);
    assert_int_equal(fake.kernel.tunnel_count, 0);
    assert_int_equal(fake.initiated[1] + fake.initiated[4], 0);
    session_charon(&s, false);
    assert_closed();
}

static void each_change_cuts(void **state)
{
    (void)state;
    with_names(CONF_OUTSIDE_CLOSED, true);
    ready();
    uint32_t before = fake.kernel.generation;
    unsigned applied = fake.applied;
    session_want(&s, 1, NULL);
    assert_int_equal(s.state, SESSION_RAISING); /* it goes on until the tunnel is there */
    assert_int_equal(fake.kernel.generation, before);
    assert_int_equal(fake.applied, applied);
    up(1);
    assert_int_equal(fake.kernel.mode, MODE_SESSION);
    assert_true(fake.kernel.names_outside);
    assert_int_not_equal(fake.kernel.generation, before);
    assert_int_equal(fake.last_forgotten, before);
    uint32_t session = fake.kernel.generation;
    struct cause answer;
    session_command_end(&s, &answer);
    assert_closed();
    assert_int_equal(fake.last_forgotten, session);
    taken_down(1);
    assert_int_equal(fake.kernel.mode, MODE_BEFORE);
    assert_true(fake.kernel.generation != before && fake.kernel.generation != session);
    assert_false(fake.kernel.keep_allow);
    assert_int_equal(fake.told.generation, fake.kernel.generation);
}

static void in_a_session_only(void **state)
{
    (void)state;
    with_names(CONF_OUTSIDE_CLOSED, false);
    ready();
    assert_closed();
    assert_false(fake.kernel.names_outside);
    session_want(&s, 1, NULL);
    up(1);
    assert_true(fake.kernel.names_outside);
}

/* Where PCs have the internet these names are names like any other. */
static void nothing_new_where_the_internet_is_open(void **state)
{
    (void)state;
    with_names(CONF_OUTSIDE_INTERNET, true);
    ready();
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
    assert_int_equal(fake.told.generation, 0);
}

/* What goes on the line is not counted (configs/firewall/line.nft): only the tunnel's traffic keeps the session up. */
static void the_tunnels_silence_ends_it(void **state)
{
    (void)state;
    with_names(CONF_OUTSIDE_CLOSED, true);
    raise_first();
    later(59000);
    assert_int_equal(s.state, SESSION_UP);
    later(1000);
    assert_int_equal(s.state, SESSION_ENDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_until_everything_is_there),
        cmocka_unit_test(each_change_cuts),
        cmocka_unit_test(in_a_session_only),
        cmocka_unit_test(nothing_new_where_the_internet_is_open),
        cmocka_unit_test(the_tunnels_silence_ends_it),
    };
    return cmocka_run_group_tests_name("gate_before", tests, NULL, NULL);
}

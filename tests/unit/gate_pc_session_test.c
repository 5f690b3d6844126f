/* A service whose tunnel is the PC's own in the session's state machine: up when it is wanted, charon asked for nothing. */
#include "gate_session_fixture.h"

#define LAB 1
#define OWN 4

static void begin(enum conf_outside outside, enum conf_start start)
{
    setup(outside, start);
    conf.services[1].by_pc = true;
    conf.services[1].resolver_wan = true;
    session_init(&s, &conf, &ops, NULL);
    session_begin(&s);
}

static void wanted_is_up(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    session_charon(&s, true);
    session_wan(&s, true, false); /* no certificate: it is not needed */
    struct addr client = {AF_INET, {192, 168, 77, 10}};
    session_want(&s, OWN, &client);
    assert_int_equal(s.state, SESSION_UP);
    assert_int_equal(fake.kernel.mode, MODE_SESSION);
    assert_int_equal(fake.kernel.tunnel_count, 1);
    assert_int_equal(fake.kernel.tunnels[0].service, OWN);
    assert_true(fake.kernel.tunnels[0].by_pc);
    assert_true(fake.kernel.names_outside); /* its hub's name is resolved on the line */
    assert_int_equal(fake.told.services_up, 1 << (OWN - 1));
    assert_int_equal(fake.initiated[OWN], 0);
    assert_int_equal(s.reason.code, CAUSE_PC_TUNNEL_OPEN);
    assert_string_equal(said(&s.reason), "The way is open for the PC's own tunnel to nanbyo.");
    assert_non_null(strstr(fake.audit, "session.start service=nanbyo client=192.168.77.10 generation="));
    assert_non_null(strstr(fake.audit, " tunnel=pc\n"));
}

static void silence_ends_it(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    ready();
    session_want(&s, OWN, NULL);
    fake.activity++;
    later(59000);
    uint32_t generation = fake.kernel.generation;
    later(59999);
    assert_int_equal(s.state, SESSION_UP);
    later(1);
    assert_int_not_equal(s.state, SESSION_UP);
    assert_int_equal(fake.last_forgotten, generation);
    assert_non_null(strstr(fake.audit, "session.end reason=\"session-idle\""));
    later(SESSION_TICK_MS); /* nobody is to be waited for */
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
    assert_int_equal(fake.terminated[OWN], 0);
    session_want(&s, OWN, NULL);
    assert_int_equal(s.state, SESSION_UP);
}

static void people_begin_and_end_it(void **state)
{
    (void)state;
    struct cause answer;
    begin(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    assert_true(session_command_start(&s, OWN, &answer));
    assert_int_equal(answer.code, CAUSE_PC_TUNNEL_OPEN_NOW);
    assert_string_equal(said(&answer),
                        "The way is open for the PC's own tunnel to nanbyo; start the VPN tool on the PC.");
    assert_int_equal(s.state, SESSION_UP);
    assert_true(session_command_start(&s, OWN, &answer));
    assert_true(session_command_end(&s, &answer));
    assert_closed();
    session_want(&s, OWN, NULL); /* while it ends: a moment later */
    later(SESSION_TICK_MS);
    assert_int_equal(s.state, SESSION_UP);
}

static void beside_a_tunnel_of_the_box(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    uint32_t generation = fake.kernel.generation;
    assert_false(fake.kernel.names_outside); /* no name of a session of the box's alone is asked on the line */
    session_want(&s, OWN, NULL);
    assert_true(fake.kernel.names_outside);
    assert_int_equal(fake.kernel.tunnel_count, 2);
    assert_int_equal(fake.kernel.generation, generation); /* the other's flows go on */
    session_tunnel_down(&s, LAB, CAUSE_OF(CAUSE_HUB_CLOSED));
    taken_down(LAB);
    assert_int_equal(s.state, SESSION_UP);
    assert_int_equal(fake.kernel.tunnel_count, 1);
    session_want(&s, LAB, NULL);
    up(LAB);
    assert_int_equal(fake.kernel.tunnel_count, 2);
    later(60000);
    assert_int_equal(s.state, SESSION_ENDING); /* for charon's part */
    taken_down(LAB);
    assert_int_equal(s.state, SESSION_IDLE);
}

static void what_keeps_it_down(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    session_charon(&s, true);
    session_want(&s, OWN, NULL);
    assert_int_equal(s.state, SESSION_IDLE); /* no line */
    assert_int_equal(fake.failed, 1 << (OWN - 1));
    session_wan(&s, true, false);
    session_want(&s, OWN, NULL);
    assert_int_equal(s.state, SESSION_UP);
    session_charon(&s, false); /* gate does not tell kinds of sessions apart there: closed, and begun anew */
    assert_closed();
    session_want(&s, OWN, NULL);
    assert_closed();
    session_charon(&s, true);
    later(SESSION_TICK_MS);
    assert_int_equal(s.state, SESSION_UP);
    fake.kernel_refuses = true;
    session_wan(&s, true, true);
    assert_int_equal(s.state, SESSION_FAULT);
}

/* `session = always` is about tunnels of the box's: nobody's PC is closed in for a tunnel that its tool has not begun. */
static void always(void **state)
{
    (void)state;
    begin(CONF_OUTSIDE_INTERNET, CONF_START_ALWAYS);
    ready();
    later(SESSION_TICK_MS);
    assert_int_equal(fake.initiated[LAB], 1);
    assert_int_equal(fake.told.services_up, 0);
    up(LAB);
    session_want(&s, OWN, NULL);
    later(60000);
    assert_int_equal(s.state, SESSION_UP);
    session_tunnel_down(&s, LAB, CAUSE_OF(CAUSE_HUB_CLOSED)); /* and it does not come up again */
    taken_down(LAB);
    for (unsigned i = 0; i < 4; i++) {
        later(30000);
        session_raise_failed(&s, LAB, CAUSE_OF(CAUSE_HUB_SILENT));
        taken_down(LAB);
    }
    assert_true(!s.services[OWN].up); /* the PC's own has an end */
    conf.service_count = 1; /* and with such a service alone, silence ends it all the same */
    conf.services[0] = conf.services[1];
    session_init(&s, &conf, &ops, NULL);
    session_begin(&s);
    ready();
    session_want(&s, OWN, NULL);
    later(60000);
    later(SESSION_TICK_MS);
    assert_int_equal(s.state, SESSION_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_is_up),
        cmocka_unit_test(silence_ends_it),
        cmocka_unit_test(people_begin_and_end_it),
        cmocka_unit_test(beside_a_tunnel_of_the_box),
        cmocka_unit_test(what_keeps_it_down),
        cmocka_unit_test(always),
    };
    return cmocka_run_group_tests_name("gate_pc_session", tests, NULL, NULL);
}

/* SAs that charon keeps after a tunnel's end: nothing of an IKE_SA survives one attempt. */
#include "gate_session_fixture.h"

/* Whatever goes wrong inside an IKE_SA, it does not outlast the attempt: all that stands is taken down. */
static void no_ike_sa_without_its_child(void **state)
{
    (void)state;
    struct cause answer;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    session_want(&s, 1, NULL);
    session_raise_failed(&s, 1, CAUSE_OF(CAUSE_HUB_REFUSES_IKE));
    assert_int_equal(fake.terminated[1], 1);
    /* One that asks while it is on its way waits, and is neither refused nor led into the old IKE_SA. */
    fake.now += SESSION_BACKOFF_MIN_MS;
    fake.failed = 0;
    session_want(&s, 1, NULL);
    assert_int_equal(fake.initiated[1], 1);
    assert_int_equal(fake.failed, 0);
    taken_down(1);
    assert_int_equal(fake.initiated[1], 2);
    up(1);
    /* The hub closes the CHILD_SA alone. */
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
    assert_int_equal(s.state, SESSION_IDLE);
    assert_closed();
    assert_int_equal(fake.terminated[1], 2);
    assert_true(session_command_start(&s, 1, &answer));
    assert_int_equal(fake.initiated[1], 2);
    taken_down(1);
    assert_int_equal(fake.initiated[1], 3);
    /* It says that it is done, but there is nothing. */
    session_left_over(&s, 1);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.terminated[1], 3);
    assert_int_equal(s.fault.code, CAUSE_TUNNEL_FAILED);
    assert_true(raised[CAUSE_HUB_CLOSED_AT_ONCE]);
    session_left_over(&s, 1); /* known already */
    assert_int_equal(fake.terminated[1], 3);
    taken_down(1);
    session_left_over(&s, 1); /* of its own accord */
    assert_int_equal(fake.terminated[1], 4);
    taken_down(1);
    assert_true(session_command_end(&s, &answer));
    assert_int_equal(answer.code, CAUSE_NO_SESSION);
    fake.has_ike_sa[4] = true;
    assert_true(session_command_end(&s, &answer));
    assert_int_equal(answer.code, CAUSE_NO_SESSION_LEFT_OVER);
    assert_int_equal(fake.terminated[4], 1);
    /* charon does not report completion: a query does not wait for it for ever. */
    session_want(&s, 4, NULL);
    assert_int_equal(fake.initiated[4], 0);
    fake.going[4] = false;
    later(SESSION_ENDING_MS);
    assert_int_equal(fake.initiated[4], 1);
}

static void new_keys(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    session_new_keys(&s, 1, true);
    assert_null(strstr(fake.audit, "session.keys"));
    session_new_keys(&s, 1, false);
    session_new_keys(&s, 1, false);
    assert_true(s.services[1].keys_refused);
    const char *told = strstr(fake.audit, "session.keys service=lab pfs=no");
    assert_non_null(told);
    assert_null(strstr(told + 1, "session.keys"));
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED)); /* a property of the hub, not of the session */
    assert_true(s.services[1].keys_refused);
    session_new_keys(&s, 1, true);
    assert_false(s.services[1].keys_refused);
}

/* What charon does not take of a connection is said with its key, not as a certificate that is still to come. */
static void refused_connection(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    session_charon(&s, true);
    session_wan(&s, true, false);
    fake.now += SESSION_GRACE_MS;
    session_refused(&s, 4, "esp-proposal", "invalid value for: esp_proposals, config discarded");
    session_refused(&s, 4, "esp-proposal", "invalid value for: esp_proposals, config discarded");
    assert_non_null(strstr(said(&s.fault), "`esp-proposal` in the service file of nanbyo"));
    const char *told = strstr(fake.audit, "fault service-refused key=esp-proposal service=nanbyo");
    assert_non_null(told);
    assert_null(strstr(told + 1, "fault service-refused"));
    session_want(&s, 4, NULL);
    assert_int_equal(fake.initiated[4], 0);
    assert_non_null(strstr(said(&s.fault), "`esp-proposal`"));
    session_credentials(&s, true);
    assert_string_equal(said(&s.fault), "");
    session_want(&s, 4, NULL);
    assert_int_equal(fake.initiated[4], 1);
}

/* After a re-authentication the hub may lend another address: flows from the old one are cut, not left hanging. */
static void another_address(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    uint32_t generation = fake.kernel.generation;
    unsigned forgotten = fake.forgotten;
    up(1); /* the same address */
    assert_int_equal(fake.kernel.generation, generation);
    assert_true(fake.kernel.keep_allow);
    struct firewall_tunnel t = {1, {AF_INET, {10, 9, 0, 77}}, {0}, {AF_INET, {192, 0, 2, 1}}, false};
    session_tunnel_up(&s, &t);
    assert_int_equal(s.state, SESSION_UP);
    assert_int_not_equal(fake.kernel.generation, generation);
    assert_false(fake.kernel.keep_allow);
    assert_int_equal(fake.kernel.tunnels[0].vip4.bytes[3], 77);
    assert_int_equal(fake.forgotten, forgotten + 1);
    assert_int_equal(fake.last_forgotten, generation);
    assert_non_null(strstr(fake.audit, "session.moved tunnel-moved service=lab"));
    generation = fake.kernel.generation;
    session_tunnel_up(&s, &t);
    assert_int_equal(fake.kernel.generation, generation);
}

/* The answers to commands. */
static void answers(void **state)
{
    struct cause answer;
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    assert_false(session_command_start(&s, 7, &answer));
    assert_int_equal(answer.code, CAUSE_NO_SUCH_SERVICE);
    assert_false(session_command_start(&s, 1, &answer));
    assert_int_equal(answer.code, CAUSE_VPN_NOT_YET);
    assert_true(session_command_end(&s, &answer));
    assert_string_equal(said(&answer), "There is no session.");
    ready();
    assert_true(session_command_start(&s, 1, &answer));
    assert_string_equal(said(&answer), "The tunnel for lab is being raised.");
    assert_int_equal(s.reason.code, CAUSE_SESSION_BY_COMMAND);
    up(1);
    assert_true(session_command_start(&s, 1, &answer));
    assert_int_equal(answer.code, CAUSE_TUNNEL_UP_ALREADY);
    assert_true(session_command_end(&s, &answer));
    assert_int_equal(answer.code, CAUSE_SESSION_HAS_ENDED);
    assert_false(session_command_start(&s, 4, &answer));
    assert_int_equal(answer.code, CAUSE_SESSION_ENDING);
    taken_down(1);
    assert_int_equal(s.reason.code, CAUSE_SESSION_OVER);
    session_wan(&s, false, false);
    assert_false(session_command_start(&s, 1, &answer));
    assert_int_equal(answer.code, CAUSE_LINE_DOWN);
    setup(CONF_OUTSIDE_CLOSED, CONF_START_ALWAYS);
    ready();
    later(1);
    up(1);
    assert_true(session_command_end(&s, &answer));
    assert_int_equal(answer.code, CAUSE_SESSION_WILL_RESTART);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_ike_sa_without_its_child),
        cmocka_unit_test(new_keys),
        cmocka_unit_test(refused_connection),
        cmocka_unit_test(another_address),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests_name("gate_leftover", tests, NULL, NULL);
}

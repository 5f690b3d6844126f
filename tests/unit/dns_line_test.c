/* Names on the line: whom `dns` asks about them, in which modes, and what it says when they are not open. */
#include "dns_cases.h"

enum { LOGIN = OTHER + 1, APPLY };
#define LOGIN_NAME "login.provider.example"
#define APPLY_NAME "apply.provider.example" /* before a session too */

static int setup_line(void **state)
{
    setup(state);
    struct msg_name login = {.id = LOGIN, .service = 1, .via_line = 1}, apply = login;
    snprintf(login.name, sizeof login.name, LOGIN_NAME);
    snprintf(apply.name, sizeof apply.name, APPLY_NAME);
    apply.id = APPLY;
    apply.before = 1;
    w.q.listed.complete = false;
    MUST(frontend_name(&w.q, &login) && frontend_name(&w.q, &apply));
    w.q.listed.complete = true;
    return 0;
}

static void assert_no_session(unsigned asked_before)
{
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_BLOCKED);
    assert_int_equal(w.asked, asked_before);
    assert_int_equal(told(&w, MSG_WANT), 0);
}

/* By the line's servers (those of service 0), and opened as any listed name is. */
static void test_in_a_session(void **state)
{
    (void)state;
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    assert_int_equal(ask(&w, LOGIN_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 1);
    assert_int_equal(w.ask[0].service, 0);
    deliver_addr(&w, LOGIN_NAME, 2, "198.51.100.7");
    int i = told_last(&w, MSG_ADMIT);
    assert_int_equal(w.gate[i].u.admit.id, LOGIN);
    assert_int_equal(w.gate[i].u.admit.generation, 7);
    assert_int_equal(w.replied, 0);
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "198.51.100.7");
    /* A name behind the tunnel is asked for there, as before. */
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.ask[1].service, 1);
}

static void test_without_a_session(void **state)
{
    (void)state;
    static const enum msg_mode_kind modes[] = {MODE_CLOSED, MODE_BEFORE};
    for (unsigned i = 0; i < 2; i++) {
        world_mode(&w, modes[i], 0, 0, modes[i] == MODE_BEFORE ? 8 : 0);
        assert_int_equal(ask(&w, LOGIN_NAME, DNS_A), 1);
        assert_no_session(0);
        assert_refused(WHY_NO_SESSION, LOGIN_NAME, NULL);
        assert_int_equal(w.gate[told_last(&w, MSG_REFUSED)].u.refused.way, WAY_LINE);
        assert_int_equal(ask(&w, LOGIN_NAME, DNS_HTTPS), 1);
        assert_no_session(0);
    }
    /* In another service's session it is not open either. */
    world_mode(&w, MODE_SESSION, 2, 0, 9);
    assert_int_equal(ask(&w, LOGIN_NAME, DNS_A), 1);
    assert_no_session(0);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 1);
    assert_no_session(0);
}

static void test_before_a_session(void **state)
{
    (void)state;
    world_mode(&w, MODE_CLOSED, 0, 0, 0);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 1);
    assert_refused(WHY_CLOSED, APPLY_NAME, NULL); /* (no session would help) */
    assert_int_equal(w.asked + told(&w, MSG_WANT), 0);
    world_mode(&w, MODE_BEFORE, 0, 0, 8);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 0);
    assert_int_equal(w.ask[0].service, 0);
    deliver_addr(&w, APPLY_NAME, 60, "198.51.100.7");
    assert_int_equal(w.gate[told_last(&w, MSG_ADMIT)].u.admit.generation, 8);
    admit(&w, ADMIT_OK);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 1); /* from the cache */
    assert_int_equal(told(&w, MSG_WANT), 0);
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_error(&s, DNS_REFUSED, DNS_EDE_BLOCKED);
    /* The next mode finds it out anew. */
    world_mode(&w, MODE_SESSION, 1, 0, 9);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 2);
}

/* The mode changes while a question is under way. */
static void test_a_question_ends_with_its_mode(void **state)
{
    (void)state;
    world_mode(&w, MODE_BEFORE, 0, 0, 8);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 0);
    world_mode(&w, MODE_CLOSED, 0, 0, 0);
    assert_int_equal(w.replied, 1);
    assert_refused(WHY_CLOSED, APPLY_NAME, NULL);
    assert_int_equal(w.asked, 1);
    world_mode(&w, MODE_BEFORE, 0, 0, 9);
    assert_int_equal(ask(&w, APPLY_NAME, DNS_A), 0);
    world_mode(&w, MODE_SESSION, 1, 0, 10); /* open in the next too: asked again */
    assert_int_equal(w.asked, 3);
    deliver_addr(&w, APPLY_NAME, 60, "198.51.100.7");
    assert_int_equal(w.gate[told_last(&w, MSG_ADMIT)].u.admit.generation, 10);
    admit(&w, ADMIT_STALE);
    assert_no_session(3);
}

static void test_an_address_behind_the_tunnel(void **state)
{
    (void)state;
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    assert_int_equal(ask(&w, LOGIN_NAME, DNS_A), 0);
    deliver_addr(&w, LOGIN_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_REGISTRY);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_BLOCKED);
    assert_refused(WHY_REGISTRY, LOGIN_NAME, "10.99.0.5");
}

/* Where PCs have the internet it is a name like any other. */
static void test_where_the_internet_is_open(void **state)
{
    (void)state;
    world_mode(&w, MODE_INTERNET, 0, 0, 0);
    assert_int_equal(ask(&w, LOGIN_NAME, DNS_A), 0);
    assert_int_equal(w.ask[0].service, 0);
    deliver_addr(&w, LOGIN_NAME, 60, "198.51.100.7");
    assert_int_equal(w.replied, 1);
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    assert_int_equal(ask(&w, LOGIN_NAME, DNS_A), 0);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_SERVFAIL); /* to be asked again: it is listed */
    assert_int_equal(told(&w, MSG_REFUSED), 0);
}

/* What was open in the session before is looked up as the next begins, before anybody is told that it has. */
static void test_looked_up_as_a_session_begins(void **state)
{
    (void)state;
    struct msg_resolve m = {.id = LOGIN, .name = LOGIN_NAME};
    world_mode(&w, MODE_BEFORE, 0, 0, 8);
    frontend_resolve(&w.q, w.now, &m);
    assert_int_equal(w.asked, 0);
    world_mode(&w, MODE_SESSION, 1, 0, 9);
    assert_int_equal(w.asked, 1);
    deliver_addr(&w, LOGIN_NAME, 2, "198.51.100.7");
    assert_int_equal(told(&w, MSG_ADMIT), 1);
    assert_int_equal(told(&w, MSG_WANT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_a_session, setup_line),
        cmocka_unit_test_setup(test_without_a_session, setup_line),
        cmocka_unit_test_setup(test_before_a_session, setup_line),
        cmocka_unit_test_setup(test_a_question_ends_with_its_mode, setup_line),
        cmocka_unit_test_setup(test_an_address_behind_the_tunnel, setup_line),
        cmocka_unit_test_setup(test_where_the_internet_is_open, setup_line),
        cmocka_unit_test_setup(test_looked_up_as_a_session_begins, setup_line),
    };
    return cmocka_run_group_tests_name("dns_line", tests, NULL, NULL);
}

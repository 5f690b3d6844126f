/* The enrolment agent: when it starts exchanges, how it handles the results, and what it refuses. */
#include "enroll_agent_fixture.h"

#include <sys/stat.h>

#include "schedule.h"

static void test_first_enrolment(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->agent.phase, PHASE_WAITING);
    assert_true(asks(f));
    assert_int_equal(f->agent.phase, PHASE_ENROLLING);
    assert_false(f->start.renew);
    assert_false(f->start.ca_known);
    assert_int_equal(f->chain_count, 0);
    issue(f, NULL, TODAY - DAY, TODAY + 89 * DAY);
    assert_int_equal(f->agent.phase, PHASE_VALID);
    assert_int_equal(f->agent.store.current, 1);
    assert_string_equal(f->agent.facts.subject, "CN=box-1");
    assert_int_equal(f->agent.fault.code, CAUSE_NONE);
    assert_true(f->agent.renew_at >= TODAY - DAY + 60 * DAY && f->agent.renew_at < TODAY - DAY + 86 * DAY);
    assert_int_equal(asks_within(f, 3600), -1);
}

static void test_back_off(void **state)
{
    struct fixture *f = *state;
    int64_t expected = SCHEDULE_FIRST_S;
    assert_true(asks(f));
    for (int i = 0; i < 14; i++) {
        fails(f);
        assert_int_equal(f->agent.phase, PHASE_WAITING);
        assert_int_equal(f->agent.fault.code, CAUSE_EST_NOT_HTTP);
        int64_t waited = asks_within(f, 2000);
        assert_true(waited >= expected - expected / 4 && waited <= expected + expected / 4 + 1);
        expected = expected * 2 > SCHEDULE_LAST_S ? SCHEDULE_LAST_S : expected * 2;
    }
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + DAY);
    assert_int_equal(f->agent.failures, 0);
}

static void test_retry_after(void **state)
{
    struct fixture *f = *state;
    assert_true(asks(f));
    uint8_t first[sizeof f->csr];
    size_t first_len = f->csr_len;
    memcpy(first, f->csr, first_len);
    assert_true(give_end(f, CAUSE_EST_PENDING, 3600));
    int64_t waited = asks_within(f, 5000);
    assert_true(waited >= 3600 && waited <= 3600 + 3600 / 8 + 1);
    /* the same request again, so that a server that has approved it knows it */
    assert_int_equal(f->csr_len, first_len);
    assert_memory_equal(f->csr, first, first_len);
}

static void test_request_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    uint8_t first[sizeof f->csr];
    assert_true(asks(f));
    memcpy(first, f->csr, f->csr_len);
    stop_agent(f);
    start_agent(f);
    assert_true(asks(f));
    assert_memory_equal(f->csr, first, f->csr_len);
    stop_agent(f);
    strcpy(f->site.device, "box-2"); /* another name in the site file: another request */
    start_agent(f);
    assert_true(asks(f));
    assert_memory_not_equal(f->csr, first, f->csr_len);
}

static void test_daily_limit(void **state)
{
    struct fixture *f = *state;
    struct msg_reply reply;
    for (int i = 0; i < SCHEDULE_PER_DAY; i++) {
        agent_renew(&f->agent, &f->now, &reply);
        assert_true(reply.ok);
        assert_int_equal(reply.cause.code, CAUSE_ASKING_NOW);
        assert_true(asks(f));
        if (i == 0) {
            agent_renew(&f->agent, &f->now, &reply);
            assert_int_equal(reply.cause.code, CAUSE_ASKING_ALREADY);
        }
        fails(f);
        pass(f, 1);
    }
    agent_renew(&f->agent, &f->now, &reply);
    assert_false(reply.ok);
    assert_int_equal(reply.cause.code, CAUSE_DAY_USED_UP);
    f->now.unix_s += 400L * DAY; /* no jump of the clock gives more */
    int64_t waited = asks_within(f, 2 * DAY);
    assert_int_equal(waited, DAY - SCHEDULE_PER_DAY);
    assert_int_equal(f->agent.day.used, 1);
}

static void test_what_needs_a_person_is_an_alarm(void **state)
{
    struct fixture *f = *state;
    assert_true(asks(f));
    assert_true(give_end(f, CAUSE_EST_REFUSES_PASSWORD, 0));
    assert_int_equal(f->agent.phase, PHASE_ALARM);
    assert_int_equal(f->agent.fault.code, CAUSE_EST_REFUSES_PASSWORD);
    assert_true(asks_within(f, 10) >= 0); /* it goes on, and the alarm stays meanwhile */
    assert_int_equal(f->agent.phase, PHASE_ALARM);
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.phase, PHASE_VALID);
}

static void test_untrusted_clock_is_no_alarm(void **state)
{
    struct fixture *f = *state;
    f->now.trusted = false;
    f->now.unix_s = 0;
    assert_true(asks(f)); /* a first certificate is asked for all the same */
    assert_true(give_end(f, CAUSE_EST_TLS_NAME, 0));
    assert_int_equal(f->agent.phase, PHASE_WAITING);
    assert_int_equal(agent_next_try(&f->agent, &f->now), 0);
}

static void test_untrusted_clock_renews_seldom(void **state)
{
    struct fixture *f = *state;
    enrol(f);
    stop_agent(f);
    start_agent(f);
    f->now.trusted = false;
    f->now.unix_s += 4000L * DAY; /* everything has expired, if it were true */
    int64_t waited = asks_within(f, 2000);
    assert_int_equal(waited, 600);
    assert_true(f->start.renew);
    fails(f);
    assert_int_equal(f->agent.phase, PHASE_VALID);
    assert_int_equal(asks_within(f, DAY - 1), -1);
    assert_int_equal(f->agent.phase, PHASE_VALID);
    assert_true(asks_within(f, 10) >= 0);
    fails(f);
    f->now.unix_s = TODAY + 2 * DAY; /* the true time is nowhere near the renewal */
    f->now.trusted = true;
    assert_int_equal(asks_within(f, 3600), -1);
}

static void test_trusted_clock_or_link_tries_at_once(void **state)
{
    struct fixture *f = *state;
    f->now.trusted = false;
    for (int i = 0; i < 9; i++) {
        assert_true(asks_within(f, 2000) >= 0);
        fails(f);
    }
    assert_int_equal(asks_within(f, 60), -1);
    f->now.trusted = true;
    assert_true(asks_within(f, 3) >= 0);
    for (int i = 0; i < 9; i++) {
        fails(f);
        assert_true(asks_within(f, 2000) >= 0);
    }
    fails(f);
    f->now.link = false;
    assert_int_equal(asks_within(f, 3600), -1);
    f->now.link = true;
    assert_true(asks_within(f, 3) >= 0);
}

static void test_no_cable(void **state)
{
    struct fixture *f = *state;
    f->now.link = false;
    assert_int_equal(asks_within(f, 14), -1);
    assert_int_equal(f->agent.fault.code, CAUSE_NONE); /* the port may still be coming up */
    assert_int_equal(asks_within(f, 14), -1);
    assert_int_equal(f->agent.fault.code, CAUSE_NO_LINE_YET);
    f->now.link = true;
    assert_true(asks(f));
    assert_int_equal(f->agent.fault.code, CAUSE_NONE);
}

static void test_renewal(void **state)
{
    struct fixture *f = *state;
    enrol(f);
    int64_t left = f->agent.renew_at - f->now.unix_s;
    pass(f, left - 10);
    assert_int_equal(asks_within(f, 9), -1);
    assert_true(asks_within(f, 2) >= 0);
    assert_int_equal(f->agent.phase, PHASE_RENEWING);
    assert_true(f->start.renew && f->start.ca_known);
    assert_int_equal(f->chain_count, 2); /* the certificate in use and the CA */
    struct msg m = {.head = {.type = MSG_SIGN}};
    m.u.sign = (struct msg_sign){.seq = 1, .len = 32};
    assert_true(agent_message(&f->agent, &m, &f->now));
    int fd;
    assert_int_equal(ipc_recv(f->net, ROLE_ENROLL_NET, &m, &fd), IPC_OK);
    assert_int_equal(m.head.type, MSG_SIGNATURE);
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.phase, PHASE_VALID);
    assert_int_equal(f->agent.store.current, 2);
}

static void test_late_and_expired(void **state)
{
    struct fixture *f = *state;
    enrol(f);
    pass(f, f->agent.renew_at - f->now.unix_s);
    assert_true(asks(f));
    fails(f);
    assert_int_equal(f->agent.phase, PHASE_VALID); /* there is time */
    pass(f, f->agent.facts.not_after - f->now.unix_s - DAY);
    assert_true(asks(f));
    fails(f);
    assert_int_equal(f->agent.phase, PHASE_ALARM); /* there is none */
    f->agent.phase = PHASE_VALID; /* as after a restart */
    f->agent.next = f->now.mono + 3 * DAY;
    pass(f, 2 * DAY);
    assert_false(asks(f));
    assert_int_equal(f->agent.fault.code, CAUSE_CERT_EXPIRED);
    assert_int_equal(f->agent.phase, PHASE_ALARM);
    f->agent.next = f->now.mono;
    assert_true(asks(f));
    assert_false(f->start.renew); /* nobody would believe the old one: with the password again */
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.phase, PHASE_VALID);
}

static void test_wrong_certificates_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct msg_reply reply;
    EVP_PKEY *other = EVP_EC_gen("P-256");
    enrol(f);
    int64_t renew_at = f->agent.renew_at;
    for (int wrong = 0; wrong < 4; wrong++) {
        agent_renew(&f->agent, &f->now, &reply);
        assert_true(reply.ok && asks(f));
        switch (wrong) {
        case 0: issue(f, other, TODAY - DAY, TODAY + DAY); break;       /* not signed by the CA */
        case 1: issue(f, NULL, TODAY - 2 * DAY, TODAY - DAY); break;    /* over */
        case 2: issue(f, NULL, TODAY + DAY, TODAY + 2 * DAY); break;    /* not begun */
        default: assert_true(give_end(f, CAUSE_NONE, 0)); break;   /* nothing came */
        }
        assert_int_equal(f->agent.phase, PHASE_ALARM);
        assert_int_equal(f->agent.store.current, 1);
        assert_int_equal(f->agent.renew_at, renew_at);
        assert_int_equal(f->agent.fault.code, CAUSE_CERT_REFUSED);
    }
    agent_renew(&f->agent, &f->now, &reply);
    assert_true(asks(f));
    X509 *cert = sign_cert(other, "box-1", f->ca_key, f->ca, TODAY - DAY, TODAY + DAY);
    assert_true(give_cert(f, cert, 0) && give_cert(f, f->ca, 1) && give_end(f, CAUSE_NONE, 0));
    assert_string_equal(f->agent.fault.args, "new-cert-other-key");
    assert_int_equal(f->agent.store.current, 1);
    X509_free(cert);
    EVP_PKEY_free(other);
}

static void test_network_part_that_breaks_the_rules(void **state)
{
    struct fixture *f = *state;
    struct msg m = {.head = {.type = MSG_SIGN}};
    struct msg_reply reply;
    m.u.sign = (struct msg_sign){.len = 32};
    assert_false(give_end(f, CAUSE_NONE, 0)); /* nothing was asked */
    assert_true(asks(f));
    assert_false(agent_message(&f->agent, &m, &f->now)); /* a first enrolment needs no signature */
    issue(f, NULL, TODAY - DAY, TODAY + 89 * DAY);
    assert_false(agent_message(&f->agent, &m, &f->now)); /* no exchange any more */
    agent_renew(&f->agent, &f->now, &reply);
    assert_true(asks(f));
    m.u.sign.len = 20;
    assert_false(agent_message(&f->agent, &m, &f->now)); /* SHA-1 is for no TLS of ours */
    m.u.sign.len = 32;
    unsigned given = 0;
    while (given < 100 && agent_message(&f->agent, &m, &f->now))
        given++;
    assert_true(given >= 2 && given <= 4);
    assert_true(give_cert(f, f->ca, 1));
    assert_false(give_cert(f, f->ca, 1)); /* twice */
    assert_false(give_cert(f, f->ca, 3)); /* no such kind */
    m.head.type = MSG_EST_START;
    assert_false(agent_message(&f->agent, &m, &f->now));
}

static void test_damaged_generation_falls_back(void **state)
{
    struct fixture *f = *state;
    struct msg_reply reply;
    enrol(f);
    agent_renew(&f->agent, &f->now, &reply);
    enrol(f);
    assert_int_equal(f->agent.store.current, 2);
    stop_agent(f);
    int fd = openat(f->keys, "gen-2/cert.pem", O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    start_agent(f);
    assert_int_equal(f->agent.store.current, 1);
    assert_int_equal(f->agent.phase, PHASE_VALID);
}

/* A folder that is gone: nothing can be made, read or renamed in it, as on a storage that has failed. */
static int gone_folder(void)
{
    char name[] = "/tmp/agent-gone-XXXXXX";
    assert_non_null(mkdtemp(name));
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(rmdir(name), 0);
    return fd;
}

/* Each failure of the storage has its cause, and enrolling works again as soon as the storage does. */
static void test_storage_that_fails(void **state)
{
    struct fixture *f = *state;
    int good = f->keys, gone = gone_folder();
    f->keys = gone;
    assert_false(asks(f));
    assert_int_equal(f->agent.fault.code, CAUSE_KEY_NOT_STORED);
    f->keys = good;
    assert_true(asks_within(f, DAY) >= 0);
    f->keys = gone;
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.fault.code, CAUSE_KEY_NOT_READ);
    f->keys = good;
    assert_true(asks_within(f, DAY) >= 0);
    assert_int_equal(mkdirat(good, "pending/cert.pem", 0700), 0); /* cannot be written, and cannot be removed */
    assert_int_equal(mkdirat(good, "pending/cert.pem/x", 0700), 0);
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.fault.code, CAUSE_CERT_NOT_STORED);
    assert_int_equal(f->agent.store.current, 0);
    assert_int_equal(unlinkat(good, "pending/cert.pem/x", AT_REMOVEDIR), 0);
    assert_true(asks_within(f, DAY) >= 0);
    issue(f, NULL, f->now.unix_s - DAY, f->now.unix_s + 89 * DAY);
    assert_int_equal(f->agent.phase, PHASE_VALID);
    assert_int_equal(f->agent.fault.code, CAUSE_NONE);
    close(gone);
}

static void test_without_a_site_file(void **state)
{
    struct fixture *f = *state;
    struct msg_reply reply;
    stop_agent(f);
    agent_init(&f->agent, NULL, CAUSE_OF(CAUSE_NEW_CERT_NONE), -1, &f->keys, "/tmp/there-is-no-charon");
    assert_int_equal(f->agent.phase, PHASE_NONE);
    assert_false(asks(f));
    assert_int_equal(f->agent.fault.code, CAUSE_NEW_CERT_NONE);
    agent_renew(&f->agent, &f->now, &reply);
    assert_false(reply.ok);
    assert_int_equal(reply.cause.code, CAUSE_NOBODY_TO_ASK);
}

static void test_renewals_are_spread_over_the_last_third(void **state)
{
    const int64_t from = TODAY, to = TODAY + 90 * DAY;
    unsigned tenths[10] = {0};
    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        int64_t at = schedule_renew_at(from, to, i * 429496u);
        int64_t first = from + 60 * DAY, last = to - 90 * DAY / 20;
        assert_true(at >= first && at < last);
        tenths[(at - first) * 10 / (last - first)]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(tenths[i], 900, 1100);
    assert_int_equal(schedule_renew_at(to, from, 5), to); /* dates that are no lifetime */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_enrolment, begin, end),
        cmocka_unit_test_setup_teardown(test_back_off, begin, end),
        cmocka_unit_test_setup_teardown(test_retry_after, begin, end),
        cmocka_unit_test_setup_teardown(test_request_survives_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(test_daily_limit, begin, end),
        cmocka_unit_test_setup_teardown(test_what_needs_a_person_is_an_alarm, begin, end),
        cmocka_unit_test_setup_teardown(test_untrusted_clock_is_no_alarm, begin, end),
        cmocka_unit_test_setup_teardown(test_untrusted_clock_renews_seldom, begin, end),
        cmocka_unit_test_setup_teardown(test_trusted_clock_or_link_tries_at_once, begin, end),
        cmocka_unit_test_setup_teardown(test_no_cable, begin, end),
        cmocka_unit_test_setup_teardown(test_renewal, begin, end),
        cmocka_unit_test_setup_teardown(test_late_and_expired, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong_certificates_change_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_network_part_that_breaks_the_rules, begin, end),
        cmocka_unit_test_setup_teardown(test_damaged_generation_falls_back, begin, end),
        cmocka_unit_test_setup_teardown(test_storage_that_fails, begin, end),
        cmocka_unit_test_setup_teardown(test_without_a_site_file, begin, end),
        cmocka_unit_test(test_renewals_are_spread_over_the_last_third),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

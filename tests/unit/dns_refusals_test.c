/* Refusals: forged answers, answers outside the tunnel, unlisted names and types, mode internet. */
#include "dns_cases.h"

/* ---- forged, wrong and missing answers ---- */

static void test_forged_answers_change_nothing(void **state)
{
    (void)state;
    struct wire good, m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &good, 0x8180);
    wire_addr(&good, REGISTRY_NAME, 60, "10.99.0.66");
    m = good;
    m.data[1] ^= 1;
    deliver(&w, 0, &m); /* another id */
    m = good;
    m.data[DNS_HEADER_LEN + 1] = 'x';
    deliver(&w, 0, &m); /* another question */
    m = good;
    m.data[2] &= 0x7f;
    deliver(&w, 0, &m); /* no response */
    frontend_upstream(&w.q, w.now, 1, w.ask[0].sock + 1, good.data, good.len); /* another socket */
    frontend_upstream(&w.q, w.now, 2, w.ask[0].sock, good.data, good.len); /* another service */
    frontend_upstream(&w.q, w.now, 1, w.ask[0].sock, good.data, 11); /* too short */
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    deliver(&w, 0, &good); /* too late */
    assert_int_equal(told(&w, MSG_ADMIT), 1);
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
}

static void test_loopback_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "127.0.0.1");
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_BLOCKED);
    assert_refused(WHY_FORBIDDEN, REGISTRY_NAME, "127.0.0.1");
}

static void test_foreign_record_refuses_all(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8180);
    wire_addr(&m, REGISTRY_NAME, 60, "10.99.0.5");
    wire_addr(&m, "elsewhere.example", 60, "10.99.0.6");
    deliver(&w, 0, &m);
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_BLOCKED);
    assert_refused(WHY_CHAIN, REGISTRY_NAME, NULL);
}

static void refused_by_gate(enum msg_verdict verdict, unsigned why)
{
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "192.168.77.5");
    admit(&w, verdict);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_BLOCKED);
    assert_refused(why, REGISTRY_NAME, "192.168.77.5");
    assert_int_equal(w.q.stats.refused, 1);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0); /* a refused answer is not kept */
}

static void test_gate_refuses_outside(void **state)
{
    (void)state;
    refused_by_gate(ADMIT_OUTSIDE, WHY_OUTSIDE);
}

static void test_gate_refuses_lan(void **state)
{
    (void)state;
    refused_by_gate(ADMIT_FORBIDDEN, WHY_FORBIDDEN);
}

static void test_kernel_refuses(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_KERNEL);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_OTHER);
}

static void aaaa_refused_by_gate(enum msg_verdict verdict, unsigned why)
{
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_AAAA), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "2001:db8::5");
    admit(&w, verdict);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_NOERROR);
    assert_int_equal(s.count, 0);
    assert_true(s.soa);
    assert_refused(why, REGISTRY_NAME, "2001:db8::5");
    assert_int_equal(w.q.stats.refused, 1);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_AAAA), 1); /* kept as "none" */
}

static void test_aaaa_outside_is_no_data(void **state)
{
    (void)state;
    aaaa_refused_by_gate(ADMIT_OUTSIDE, WHY_OUTSIDE);
}

static void test_aaaa_forbidden_is_no_data(void **state)
{
    (void)state;
    aaaa_refused_by_gate(ADMIT_FORBIDDEN, WHY_FORBIDDEN);
}

static void test_stale_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_STALE);
    assert_int_equal(w.replied, 0);
    world_mode(&w, MODE_SESSION, 1, 0, 8);
    assert_int_equal(w.asked, 2);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    assert_int_equal(w.gate[told_last(&w, MSG_ADMIT)].u.admit.generation, 8);
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 1);
}

static void test_silent_gate(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    world_wait(&w, FRONTEND_ADMIT_MS);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_OTHER);
    admit(&w, ADMIT_OK); /* too late */
    assert_int_equal(w.replied, 1);
}

static void test_silent_resolver(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, FRONTEND_TRY_MS * FRONTEND_TRIES - 1);
    assert_int_equal(w.asked, FRONTEND_TRIES);
    assert_int_equal(w.replied, 0);
    assert_memory_not_equal(w.ask[0].data, w.ask[1].data, 2); /* a new id for each try */
    world_wait(&w, 1);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_NO_AUTHORITY);
    assert_refused(WHY_UPSTREAM, REGISTRY_NAME, NULL);
}

/* ---- resolvers that know no EDNS (RFC 6891 section 7) ---- */

static bool asked_with_edns(void)
{
    return w.ask[(w.asked - 1) % WORLD_LOG].data[11] == 1;
}

/* The next question, some seconds later, is asked without at once. */
static void plain_works_and_is_remembered(void)
{
    assert_false(asked_with_edns());
    deliver_addr(&w, REGISTRY_NAME, 5, "10.99.0.5");
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
    world_wait(&w, 6000);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_false(asked_with_edns());
    deliver_addr(&w, REGISTRY_NAME, 5, "10.99.0.5");
    admit(&w, ADMIT_OK);
    world_wait(&w, FRONTEND_PLAIN_MS);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_true(asked_with_edns()); /* it may have been replaced meanwhile */
}

static void answered_with(unsigned rcode, bool bare)
{
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_true(asked_with_edns());
    answer_begin(&w, 0, &m, 0x8180 | rcode);
    if (bare) {
        m.len = DNS_HEADER_LEN;
        m.data[5] = 0;
    }
    deliver(&w, 0, &m);
    assert_int_equal(w.replied, 0);
    assert_int_equal(w.asked, 2);
    plain_works_and_is_remembered();
}

static void test_formerr_to_edns(void **state)
{
    (void)state;
    answered_with(DNS_FORMERR, false);
}

static void test_notimp_to_edns(void **state)
{
    (void)state;
    answered_with(DNS_NOTIMP, false);
}

static void test_bare_header_to_edns(void **state)
{
    (void)state;
    answered_with(DNS_FORMERR, true);
}

static void test_silence_to_edns(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, FRONTEND_EDNS_TRIES * FRONTEND_TRY_MS);
    plain_works_and_is_remembered();
}

static void test_resolver_that_never_understands(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    for (unsigned i = 0; i < 2; i++) {
        answer_begin(&w, 0, &m, 0x8181);
        deliver(&w, 0, &m);
    }
    assert_int_equal(w.asked, 2); /* once without, no more */
    assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_true(asked_with_edns()); /* and nothing is remembered */
}

/* Guessing a query's id only causes one retry with a new id and case. */
static void test_forged_bare_header(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8181);
    m.len = DNS_HEADER_LEN;
    m.data[5] = 0;
    m.data[1] ^= 1;
    deliver(&w, 0, &m);
    assert_int_equal(w.asked, 1);
    m.data[1] ^= 1;
    frontend_upstream(&w.q, w.now, 1, w.ask[0].sock + 1, m.data, m.len); /* another port */
    assert_int_equal(w.asked, 1);
    deliver(&w, 0, &m);
    assert_int_equal(w.asked, 2);
    assert_memory_not_equal(w.ask[0].data, w.ask[1].data, 2);
    assert_memory_not_equal(w.ask[0].data + DNS_HEADER_LEN, w.ask[1].data + DNS_HEADER_LEN, 20);
    deliver(&w, 0, &m);
    assert_int_equal(w.asked, 2);
    assert_int_equal(w.replied, 0);
    assert_true(w.q.plain_until[1] == 0);
}

static void test_negative_answers_are_kept_with_soa(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8183);
    wire_soa(&m, "lab.example", 900, 30);
    deliver(&w, 0, &m);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_NXDOMAIN);
    assert_true(s.soa);
    assert_int_equal(s.ttl, 30);
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    world_wait(&w, 10000);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1);
    s = last(&w);
    assert_int_equal(s.rcode, DNS_NXDOMAIN);
    assert_int_equal(s.ttl, 20);
}

/* The resolver says of this type of the registry's name that there is no such name. */
static unsigned no_such_name(uint16_t type)
{
    struct wire m;
    if (ask(&w, REGISTRY_NAME, type) == 0) {
        answer_begin(&w, 0, &m, 0x8183);
        wire_soa(&m, "lab.example", 900, 30);
        deliver(&w, 0, &m);
    }
    struct seen s = last(&w);
    assert_int_equal(s.count, 0);
    assert_true(s.soa);
    return s.rcode;
}

/* A resolver in front would deny the address too. */
static void test_no_such_name_of_another_type_is_no_data(void **state)
{
    (void)state;
    assert_int_equal(no_such_name(DNS_HTTPS), DNS_NOERROR);
    assert_int_equal(no_such_name(DNS_AAAA), DNS_NOERROR);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
    world_wait(&w, 31000); /* what was kept is over, the address is not */
    assert_int_equal(no_such_name(DNS_HTTPS), DNS_NOERROR);
}

static void test_no_such_name_of_any_type(void **state)
{
    (void)state;
    assert_int_equal(no_such_name(DNS_A), DNS_NXDOMAIN);
    assert_int_equal(no_such_name(DNS_HTTPS), DNS_NXDOMAIN);
    assert_int_equal(no_such_name(DNS_AAAA), DNS_NXDOMAIN);
}

static void test_no_such_name_of_a_name_with_ipv6_only(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_AAAA), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "fd00:99::5");
    admit(&w, ADMIT_OK);
    assert_int_equal(no_such_name(DNS_A), DNS_NOERROR);
}

/* ---- names and types that are never queried ---- */

static void test_unlisted_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_error(&s, DNS_REFUSED, DNS_EDE_BLOCKED);
    assert_string_equal(s.text, "sekisho: this name is not on this box's list");
    assert_refused(WHY_NOT_LISTED, UNLISTED_NAME, NULL);
    assert_int_equal(w.asked, 0);
    assert_int_equal(w.q.stats.refused, 1);
}

static void test_names_near_a_listed_one_are_refused(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, "x." REGISTRY_NAME, DNS_A), 1);
    assert_int_equal(ask(&w, "lab.example", DNS_A), 1);
    assert_int_equal(ask(&w, REGISTRY_NAME ".evil.example", DNS_A), 1);
    assert_int_equal(told(&w, MSG_REFUSED), 3);
    assert_int_equal(w.asked, 0);
}

/* Asked first or alone, it neither waits nor brings up a tunnel; the name's IPv4 address is as good as ever. */
static void test_a_lan_without_ipv6_gets_no_ipv6_addresses(void **state)
{
    (void)state;
    w.q.ipv4_only = true;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_AAAA), 1);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_NOERROR);
    assert_int_equal(s.count, 0);
    assert_true(s.soa);
    assert_int_equal(w.asked, 0);
    assert_int_equal(told(&w, MSG_WANT), 0);
    assert_int_equal(told(&w, MSG_REFUSED), 0);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 1);
}

static void test_other_types(void **state)
{
    (void)state;
    static const uint16_t none[] = {DNS_SVCB, DNS_CNAME, DNS_SOA, 12, 15, 16, 33, 257, 65400};
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(ask(&w, REGISTRY_NAME, none[i]), 1);
        struct seen s = last(&w);
        assert_int_equal(s.rcode, DNS_NOERROR);
        assert_int_equal(s.count, 0);
        assert_true(s.soa);
    }
    assert_int_equal(told(&w, MSG_REFUSED), 0);
    static const uint16_t meta[] = {DNS_OPT, 250, 252, 255};
    for (unsigned i = 0; i < sizeof(meta) / sizeof(meta[0]); i++) {
        assert_int_equal(ask(&w, REGISTRY_NAME, meta[i]), 1);
        struct seen s = last(&w);
        assert_error(&s, DNS_REFUSED, DNS_EDE_BLOCKED);
        assert_refused(WHY_TYPE, REGISTRY_NAME, NULL);
    }
    assert_int_equal(w.asked, 0);
}

static void test_without_edns_no_ede(void **state)
{
    (void)state;
    struct wire m;
    struct client pc = client_of("192.168.77.100", 40000);
    wire_begin(&m, 9, 0x0100, UNLISTED_NAME, DNS_A);
    assert_int_equal(ask_raw(&w, &pc, m.data, m.len), 1);
    struct seen s = last(&w);
    assert_int_equal(s.id, 9);
    assert_int_equal(s.rcode, DNS_REFUSED);
    assert_false(s.edns);
}

static void test_malformed_is_counted(void **state)
{
    (void)state;
    struct wire m;
    struct client pc = client_of("192.168.77.100", 40000);
    wire_begin(&m, 9, 0x0100, UNLISTED_NAME, DNS_A);
    assert_int_equal(ask_raw(&w, &pc, m.data, m.len - 1), 1);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_FORMERR);
    assert_refused(WHY_MALFORMED, "", NULL);
    assert_int_equal(w.q.stats.refused, 1);
    m.data[2] |= 0x80;
    assert_int_equal(ask_raw(&w, &pc, m.data, m.len), 0); /* a response: silence */
    assert_int_equal(w.q.stats.refused, 2);
}

/* ---- mode internet ---- */

static void test_internet_passes_on(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, "DeCoy.example.net", DNS_A), 0);
    assert_int_equal(w.ask[0].service, 0);
    deliver_addr(&w, UNLISTED_NAME, 60, "203.0.113.7");
    struct seen s = last(&w);
    assert_addr(&s, "203.0.113.7");
    assert_int_equal(s.id, 100);
    assert_string_equal(s.name, "DeCoy.example.net");
    assert_int_equal(told(&w, MSG_ADMIT), 0);
}

static void passed_on(const char *name, const char *addr)
{
    assert_int_equal(ask(&w, name, DNS_A), 0);
    deliver_addr(&w, name, 60, addr);
}

static void test_internet_refuses_private(void **state)
{
    (void)state;
    static const struct {
        const char *addr;
        enum msg_why why;
    } bad[] = {{"192.168.77.1", WHY_PRIVATE},
               {"10.0.0.1", WHY_PRIVATE},
               {"127.0.0.1", WHY_FORBIDDEN},
               {"169.254.1.1", WHY_FORBIDDEN},
               {"100.64.0.1", WHY_PRIVATE}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        passed_on(UNLISTED_NAME, bad[i].addr);
        struct seen s = last(&w);
        assert_error(&s, DNS_SERVFAIL, DNS_EDE_BLOCKED);
        assert_refused(bad[i].why, UNLISTED_NAME, bad[i].addr);
    }
}

/* The site file names its own domain; the LAN, the registry's networks and the box are never in it. */
static void test_internet_private_answers(void **state)
{
    (void)state;
    struct msg_private domain = {.domain = "hospital.example"};
    struct msg_never lan = {.net = {addr_of("192.168.77.1"), 24}}, registry = {.net = {addr_of("10.99.0.0"), 16}},
                     line = {.net = {addr_of("172.16.1.2"), 32}, .line = 1};
    assert_true(private_domain(&w.q.private_answers, &domain));
    assert_true(private_never(&w.q.private_answers, &lan) && private_never(&w.q.private_answers, &registry));
    assert_true(frontend_never(&w.q, &line));
    static const char *const good[] = {"intranet.hospital.example", "hospital.example", "a.b.hospital.example"};
    for (unsigned i = 0; i < 3; i++) {
        passed_on(good[i], "10.30.1.10");
        struct seen s = last(&w);
        assert_addr(&s, "10.30.1.10");
    }
    static const char *const never[] = {"192.168.77.20", "10.99.0.5", "172.16.1.2", "127.0.0.1", "169.254.1.1"};
    for (unsigned i = 0; i < 5; i++) {
        passed_on(good[0], never[i]);
        assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
        assert_refused(WHY_FORBIDDEN, good[0], never[i]);
    }
    static const char *const others[] = {"xhospital.example", "hospital.example.net", "example.net"};
    for (unsigned i = 0; i < 3; i++) {
        passed_on(others[i], "10.30.1.10");
        assert_refused(WHY_PRIVATE, others[i], "10.30.1.10");
    }
    line.net.addr.family = 0; /* the uplink is down */
    assert_true(frontend_never(&w.q, &line));
    passed_on(good[0], "172.16.1.2");
    assert_int_equal(last(&w).rcode, DNS_NOERROR);
    private_clear(&w.q.private_answers);
    passed_on(good[0], "10.30.1.10");
    assert_refused(WHY_PRIVATE, good[0], "10.30.1.10");
}

static void test_internet_cuts_for_small_clients(void **state)
{
    (void)state;
    struct wire q, m;
    struct client pc = client_of("192.168.77.100", 40000);
    wire_begin(&q, 5, 0x0100, UNLISTED_NAME, DNS_A);
    assert_int_equal(ask_raw(&w, &pc, q.data, q.len), 0);
    answer_begin(&w, 0, &m, 0x8180);
    for (unsigned i = 0; i < 20; i++)
        wire_addr(&m, UNLISTED_NAME, 60, "198.51.100.7");
    assert_true(m.len > DNS_PLAIN_MAX);
    deliver(&w, 0, &m);
    struct seen s = last(&w);
    assert_true(s.tc);
    assert_int_equal(s.count, 0);
    assert_int_equal(s.id, 5);
}

static void test_internet_ends_with_session(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 0);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    struct seen s = last(&w);
    assert_error(&s, DNS_REFUSED, DNS_EDE_BLOCKED);
    deliver_addr(&w, UNLISTED_NAME, 60, "203.0.113.7"); /* too late */
    assert_int_equal(w.replied, 1);
}

static void test_internet_listed_name_is_held(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 0); /* never to the uplink's resolver */
    assert_int_equal(told(&w, MSG_WANT), 1);
}

#define IN(kind, test) cmocka_unit_test_setup(test, kind)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN(setup_session, test_forged_answers_change_nothing),
        IN(setup_session, test_loopback_is_refused),
        IN(setup_session, test_foreign_record_refuses_all),
        IN(setup_session, test_gate_refuses_outside),
        IN(setup_session, test_gate_refuses_lan),
        IN(setup_session, test_kernel_refuses),
        IN(setup_session, test_aaaa_outside_is_no_data),
        IN(setup_session, test_aaaa_forbidden_is_no_data),
        IN(setup_session, test_stale_is_asked_again),
        IN(setup_session, test_silent_gate),
        IN(setup_session, test_silent_resolver),
        IN(setup_session, test_formerr_to_edns),
        IN(setup_session, test_notimp_to_edns),
        IN(setup_session, test_bare_header_to_edns),
        IN(setup_session, test_silence_to_edns),
        IN(setup_session, test_resolver_that_never_understands),
        IN(setup_session, test_forged_bare_header),
        IN(setup_session, test_negative_answers_are_kept_with_soa),
        IN(setup_session, test_no_such_name_of_another_type_is_no_data),
        IN(setup_session, test_no_such_name_of_any_type),
        IN(setup_session, test_no_such_name_of_a_name_with_ipv6_only),
        IN(setup_session, test_unlisted_is_refused),
        IN(setup_session, test_names_near_a_listed_one_are_refused),
        IN(setup_session, test_a_lan_without_ipv6_gets_no_ipv6_addresses),
        IN(setup_session, test_other_types),
        IN(setup, test_without_edns_no_ede),
        IN(setup, test_malformed_is_counted),
        IN(setup_internet, test_internet_passes_on),
        IN(setup_internet, test_internet_refuses_private),
        IN(setup_internet, test_internet_private_answers),
        IN(setup_internet, test_internet_cuts_for_small_clients),
        IN(setup_internet, test_internet_ends_with_session),
        IN(setup_internet, test_internet_listed_name_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

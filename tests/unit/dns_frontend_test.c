/* The life of a query: what is held, sent, admitted, cached, and when. */
#include "dns_cases.h"

/* From question to cached answer. */
static void fill(const char *name, const char *addr, uint32_t ttl)
{
    assert_int_equal(ask(&w, name, addr_of(addr).family == AF_INET ? DNS_A : DNS_AAAA), 0);
    deliver_addr(&w, name, ttl, addr);
    admit(&w, ADMIT_OK);
}

/* ---- the main way ---- */

static void test_answer_only_after_confirmation(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 1);
    assert_int_equal(w.ask[0].service, 1);
    deliver_addr(&w, REGISTRY_NAME, 120, "10.99.0.5");
    assert_int_equal(w.replied, 0); /* gate has not confirmed yet */
    int i = told_last(&w, MSG_ADMIT);
    assert_true(i >= 0);
    assert_int_equal(w.gate[i].u.admit.id, REGISTRY);
    assert_int_equal(w.gate[i].u.admit.generation, 7);
    assert_int_equal(w.gate[i].u.admit.count, 1);
    assert_int_equal(w.gate[i].u.admit.timeout_s, 120 + TTL_GRACE_S + TTL_SLACK_S);
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 1);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
    assert_int_equal(s.ttl, 120);
    assert_int_equal(w.q.stats.answered, 1);
}

static void test_cached_ttl_counts_down(void **state)
{
    (void)state;
    fill(REGISTRY_NAME, "10.99.0.5", 120);
    world_wait(&w, 100000);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
    assert_int_equal(s.ttl, 20);
    assert_int_equal(told(&w, MSG_ADMIT), 1); /* the first element covers every later hit */
    assert_int_equal(w.q.stats.cached, 1);
    world_wait(&w, 20000);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0); /* over: found out anew */
    assert_int_equal(w.asked, 2);
}

static void test_not_covered_is_admitted_again(void **state)
{
    (void)state;
    fill(REGISTRY_NAME, "10.99.0.5", 120);
    w.q.cache.entries[0][REGISTRY].clock.element_until = w.now + 1000;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 1); /* no resolver is needed for it */
    assert_int_equal(told(&w, MSG_ADMIT), 2);
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
}

static void test_cache_ends_with_generation(void **state)
{
    (void)state;
    fill(REGISTRY_NAME, "10.99.0.5", 120);
    world_mode(&w, MODE_SESSION, 1, 0, 8);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 2);
    deliver_addr(&w, REGISTRY_NAME, 120, "10.99.0.6");
    world_mode(&w, MODE_CLOSED, 0, 0, 0);
    admit(&w, ADMIT_OK); /* a confirmation of the previous session allows nothing */
    assert_int_equal(w.replied, 1);
}

static void test_new_session_asks_again(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8180);
    wire_addr(&m, REGISTRY_NAME, 60, "10.99.0.5");
    world_mode(&w, MODE_SESSION, 1, 0, 8);
    assert_int_equal(w.asked, 2);
    deliver(&w, 1, &m); /* the resolver's answer from the previous session */
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    assert_int_equal(w.gate[told_last(&w, MSG_ADMIT)].u.admit.generation, 8);
    world_mode(&w, MODE_SESSION, 1, 0, 9);
    assert_int_equal(w.asked, 3);
    admit(&w, ADMIT_OK); /* gate's confirmation from the previous session allows nothing now */
    assert_int_equal(w.replied, 0);
}

static void test_tunnel_down_forgets_its_names(void **state)
{
    (void)state;
    world_mode(&w, MODE_SESSION, 3, 0, 7);
    fill(REGISTRY_NAME, "10.99.0.5", 120);
    fill(OTHER_NAME, "10.98.0.5", 120);
    world_mode(&w, MODE_SESSION, 2, 0, 7);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(ask(&w, OTHER_NAME, DNS_A), 1);
    world_mode(&w, MODE_SESSION, 1, 0, 7); /* the other goes, and comes back */
    world_mode(&w, MODE_SESSION, 3, 0, 7);
    assert_int_equal(ask(&w, OTHER_NAME, DNS_A), 0); /* found out anew, not answered from before */
}

static void test_several_clients_one_lookup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct client c = client_of("192.168.77.50", (uint16_t)(1000 + i));
        assert_int_equal(ask_from(&w, &c, REGISTRY_NAME, DNS_A), 0);
    }
    assert_int_equal(w.asked, 1);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 5);
    assert_int_equal(w.reply[4].to.port, 1004);
}

static void test_case_is_given_back(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, "ReGiStRy.LAB.eXaMpLe", DNS_A), 0);
    struct dns_question q;
    enum dns_rcode rcode;
    assert_int_equal(dns_question_parse(w.ask[0].data, w.ask[0].len, &q, &rcode), DNS_CHECK_OK);
    uint8_t asked[] = "\010ReGiStRy\003LAB\007eXaMpLe";
    assert_memory_not_equal(q.name, asked, q.name_len); /* one client's case is not sent to the resolver */
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_string_equal(s.name, "ReGiStRy.LAB.eXaMpLe");
    assert_int_equal(ask(&w, "REGISTRY.lab.example", DNS_A), 1);
    s = last(&w);
    assert_string_equal(s.name, "REGISTRY.lab.example");
}

static void test_chain_is_flattened(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8180);
    wire_cname(&m, REGISTRY_NAME, 300, "edge.cdn.example");
    wire_addr(&m, "edge.cdn.example", 30, "10.99.0.7");
    deliver(&w, 0, &m);
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.7");
    assert_int_equal(s.ttl, 30);
    assert_int_equal(w.reply[0].data[7], 1); /* one record: no CNAME */
}

/* ---- held for the tunnel ---- */

static void test_hold_and_release(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    int i = told_last(&w, MSG_WANT);
    assert_true(i >= 0);
    assert_int_equal(w.gate[i].u.want.id, REGISTRY);
    struct addr pc = addr_of("192.168.77.100");
    assert_true(addr_equal(&w.gate[i].u.want.client, &pc));
    assert_int_equal(w.asked, 0);
    world_wait(&w, 3000);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    assert_int_equal(w.asked, 1);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
}

static void test_other_tunnel_does_not_release(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_mode(&w, MODE_SESSION, 2, 0, 7);
    assert_int_equal(w.asked, 0);
    assert_int_equal(w.replied, 0);
}

static void test_hold_times_out(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, FRONTEND_HOLD_MS - 1);
    assert_int_equal(w.replied, 0);
    world_wait(&w, 1);
    assert_int_equal(w.replied, 1);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_NETWORK);
    assert_refused(WHY_CLOSED, REGISTRY_NAME, NULL);
}

static void test_failed_tunnel(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(ask(&w, OTHER_NAME, DNS_A), 0);
    world_mode(&w, MODE_CLOSED, 0, 1, 0);
    assert_int_equal(w.replied, 1); /* only those who wait for this tunnel */
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_NETWORK);
    assert_string_equal(s.text, "sekisho: the tunnel to this service could not be raised");
    assert_refused(WHY_CLOSED, REGISTRY_NAME, NULL);
    assert_int_equal(w.q.stats.failed, 1);
    assert_int_equal(w.q.stats.refused, 1);
}

static void test_want_again_right_after_failure(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(told(&w, MSG_WANT), 1);
    world_mode(&w, MODE_CLOSED, 0, 1, 0);
    assert_int_equal(w.replied, 1);
    world_wait(&w, 100);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, FRONTEND_WANT_MS - 200);
    assert_int_equal(told(&w, MSG_WANT), 1); /* too soon */
    world_wait(&w, 200);
    assert_int_equal(told(&w, MSG_WANT), 2); /* but not forgotten: gate must get it, or the tunnel is not brought up */
}

static void test_want_is_sent_later_when_gate_is_full(void **state)
{
    (void)state;
    w.gate_full = true;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, 200);
    assert_int_equal(told(&w, MSG_WANT), 0);
    w.gate_full = false;
    world_wait(&w, 100);
    assert_int_equal(told(&w, MSG_WANT), 1);
}

static void test_admit_is_sent_later_when_gate_is_full(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    w.gate_full = true;
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    world_wait(&w, 200);
    w.gate_full = false;
    world_wait(&w, 100);
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_addr(&s, "10.99.0.5");
}

static void test_question_is_sent_when_a_socket_comes(void **state)
{
    (void)state;
    w.no_socket = true;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(w.asked, 0);
    w.no_socket = false;
    frontend_upstream_ready(&w.q, w.now, 2);
    assert_int_equal(w.asked, 0);
    frontend_upstream_ready(&w.q, w.now, 1);
    assert_int_equal(w.asked, 1);
}

/* ---- bounds ---- */

static void test_waiting_bound_of_a_client(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FRONTEND_WAITERS_CLIENT_MAX; i++)
        assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_error(&s, DNS_SERVFAIL, DNS_EDE_OTHER);
    struct client other = client_of("192.168.77.101", 40000);
    assert_int_equal(ask_from(&w, &other, REGISTRY_NAME, DNS_A), 0);
}

static void test_waiting_bound_of_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FRONTEND_WAITERS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof(text), "192.168.77.%u", 2 + i / 32);
        struct client c = client_of(text, 40000);
        assert_int_equal(ask_from(&w, &c, REGISTRY_NAME, DNS_A), 0);
    }
    struct client one_more = client_of("192.168.77.200", 40000);
    assert_int_equal(ask_from(&w, &one_more, REGISTRY_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_SERVFAIL);
    struct client first = client_of("192.168.77.2", 40000);
    assert_true(addr_equal(&w.reply[0].to.addr, &first.addr)); /* one of the client with most entries is evicted */
    assert_refused(WHY_LIMIT, REGISTRY_NAME, NULL);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 1 + FRONTEND_WAITERS_MAX);
}

static void test_repeated_question_waits_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        w.id = 100;
        assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    }
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 1);
}

static void test_flood_is_met_with_silence(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RATELIMIT_ANY_BURST; i++)
        assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 1);
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 0);
    w.now += 1000; /* the report has its own limit, used up by the refusals before */
    for (unsigned i = 0; i < RATELIMIT_ANY_RATE; i++)
        assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 1);
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 0);
    assert_int_equal(w.q.stats.refused, RATELIMIT_ANY_BURST + RATELIMIT_ANY_RATE + 2);
    assert_true(told(&w, MSG_REFUSED) <= 2 * FRONTEND_REPORTS_RATE + 1);
    struct client other = client_of("192.168.77.101", 40000);
    assert_int_equal(ask_from(&w, &other, UNLISTED_NAME, DNS_A), 1); /* nobody else suffers */
}

/* gate's queue is full in the moment in which a flood begins: it is told a moment later, not in ten seconds. */
static void test_flood_is_told_when_gate_has_room(void **state)
{
    (void)state;
    w.gate_full = true;
    for (unsigned i = 0; i <= RATELIMIT_ANY_BURST; i++)
        ask(&w, UNLISTED_NAME, DNS_A);
    w.gate_full = false;
    w.now += 60;
    for (unsigned i = 0; i <= RATELIMIT_ANY_BURST; i++)
        ask(&w, UNLISTED_NAME, DNS_A);
    unsigned floods = 0;
    for (unsigned i = 0; i < w.told && i < WORLD_LOG; i++)
        floods += w.gate[i].type == MSG_REFUSED && w.gate[i].u.refused.why == WHY_FLOOD;
    assert_int_equal(floods, 1);
}

static void test_gone_tcp_client_gets_nothing(void **state)
{
    (void)state;
    struct client c = client_of("192.168.77.100", 40000);
    c.tcp = true;
    c.slot = 3;
    c.serial = 9;
    assert_int_equal(ask_from(&w, &c, REGISTRY_NAME, DNS_A), 0);
    frontend_client_gone(&w.q, 3, 9);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 0);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1); /* but the answer was kept */
}

static void test_new_list_forgets_all(void **state)
{
    (void)state;
    fill(REGISTRY_NAME, "10.99.0.5", 120);
    world_name(&w, 0, 1, OTHER_NAME);
    w.q.listed.complete = true;
    assert_int_equal(ask(&w, OTHER_NAME, DNS_A), 0); /* id 0 is another name now */
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_REFUSED);
}

/* gate says that PCs may still know this name: it is looked up as soon as the tunnel is up, and nobody is answered. */
static void test_a_name_is_found_out_again(void **state)
{
    (void)state;
    struct msg_resolve m = {.id = 0, .name = REGISTRY_NAME};
    frontend_resolve(&w.q, w.now, &m);
    assert_int_equal(w.asked, 0);
    assert_int_equal(told(&w, MSG_WANT), 0); /* it is no wish */
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    assert_int_equal(w.asked, 1);
    frontend_resolve(&w.q, w.now, &m); /* once is enough */
    assert_int_equal(w.asked, 1);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    assert_string_equal(w.gate[told_last(&w, MSG_ADMIT)].u.admit.name, REGISTRY_NAME);
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 0);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 1); /* and it is in the cache */
    assert_int_equal(w.asked, 1);
}

static void test_only_listed_names_are_found_out_again(void **state)
{
    (void)state;
    struct msg_resolve unlisted = {.id = 0, .name = "decoy.example.net"}, wrong = {.id = 1, .name = REGISTRY_NAME};
    frontend_resolve(&w.q, w.now, &unlisted);
    frontend_resolve(&w.q, w.now, &wrong);
    assert_int_equal(w.asked, 0);
    assert_int_equal(w.q.live, 0);
}

#define IN(kind, test) cmocka_unit_test_setup(test, kind)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN(setup_session, test_answer_only_after_confirmation),
        IN(setup_session, test_cached_ttl_counts_down),
        IN(setup_session, test_not_covered_is_admitted_again),
        IN(setup_session, test_cache_ends_with_generation),
        IN(setup_session, test_new_session_asks_again),
        IN(setup_session, test_tunnel_down_forgets_its_names),
        IN(setup_session, test_several_clients_one_lookup),
        IN(setup_session, test_case_is_given_back),
        IN(setup_session, test_chain_is_flattened),
        IN(setup, test_hold_and_release),
        IN(setup, test_other_tunnel_does_not_release),
        IN(setup, test_hold_times_out),
        IN(setup, test_failed_tunnel),
        IN(setup, test_want_again_right_after_failure),
        IN(setup, test_want_is_sent_later_when_gate_is_full),
        IN(setup_session, test_admit_is_sent_later_when_gate_is_full),
        IN(setup_session, test_question_is_sent_when_a_socket_comes),
        IN(setup_session, test_waiting_bound_of_a_client),
        IN(setup_session, test_waiting_bound_of_all),
        IN(setup_session, test_repeated_question_waits_once),
        IN(setup_session, test_flood_is_met_with_silence),
        IN(setup_session, test_flood_is_told_when_gate_has_room),
        IN(setup_session, test_gone_tcp_client_gets_nothing),
        IN(setup_session, test_new_list_forgets_all),
        IN(setup, test_a_name_is_found_out_again),
        IN(setup_session, test_only_listed_names_are_found_out_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Beyond a single plain answer: wildcards, bound hosts, many addresses, TCP, HTTPS records, fairness. */
#include "dns_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WILD 3
#define BELOW "a.wild.example"

static struct world w;

/* In session 7 with the tunnels of services 1 and 2 up; `*.wild.example` is the fourth name. */
static int setup(void **state)
{
    (void)state;
    world_start(&w);
    w.q.listed.complete = false;
    world_name(&w, WILD, 1, "*.wild.example");
    w.q.listed.complete = true;
    world_mode(&w, MODE_SESSION, 3, 0, 7);
    return 0;
}

static int setup_internet(void **state)
{
    setup(state);
    world_mode(&w, MODE_INTERNET, 0, 0, 0);
    return 0;
}

static void assert_refused(unsigned why, const char *name)
{
    int i = told_last(&w, MSG_REFUSED);
    assert_true(i >= 0);
    assert_int_equal(w.gate[i].u.refused.why, why);
    assert_string_equal(w.gate[i].u.refused.name, name);
}

/* ---- wildcards ---- */

static void test_below_a_wildcard(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, BELOW, DNS_A), 0);
    assert_int_equal(ask(&w, "b.wild.example", DNS_A), 0);
    assert_int_equal(w.asked, 2); /* each name is a lookup of its own */
    struct wire m;
    answer_begin(&w, 1, &m, 0x8180);
    wire_addr(&m, BELOW, 60, "10.99.0.5");
    deliver(&w, 1, &m);
    int i = told_last(&w, MSG_ADMIT);
    assert_int_equal(w.gate[i].u.admit.id, WILD);
    assert_string_equal(w.gate[i].u.admit.name, BELOW); /* gate hears the name that was asked for */
    admit(&w, ADMIT_OK);
    deliver_addr(&w, "b.wild.example", 60, "10.99.0.6");
    i = told_last(&w, MSG_ADMIT);
    assert_string_equal(w.gate[i].u.admit.name, "b.wild.example");
    admit(&w, ADMIT_OK);
    assert_int_equal(ask(&w, BELOW, DNS_A), 1);
    assert_int_equal(last(&w).addrs[0].bytes[3], 5);
    assert_int_equal(ask(&w, "B.wild.example", DNS_A), 1);
    assert_int_equal(last(&w).addrs[0].bytes[3], 6);
    assert_int_equal(ask(&w, "wild.example", DNS_A), 1);
    assert_int_equal(last(&w).rcode, DNS_REFUSED);
}

static void test_wildcard_forgets_with_its_tunnel(void **state)
{
    (void)state;
    ask(&w, BELOW, DNS_A);
    deliver_addr(&w, BELOW, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    world_mode(&w, MODE_SESSION, 2, 0, 7);
    assert_int_equal(ask(&w, BELOW, DNS_A), 0);
    assert_int_equal(w.gate[told_last(&w, MSG_WANT)].u.want.id, WILD);
}

static void test_many_below_a_wildcard_are_bounded_and_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CACHE_SETS * CACHE_WAYS + 100; i++) {
        char name[64], pc[32];
        snprintf(name, sizeof(name), "n%u.wild.example", i);
        snprintf(pc, sizeof(pc), "192.168.77.%u", 2 + i % 200);
        struct client c = client_of(pc, 40000);
        assert_int_equal(ask_from(&w, &c, name, DNS_A), 0);
        deliver_addr(&w, name, 60, "10.99.0.5");
        admit(&w, ADMIT_OK);
        assert_int_equal(last(&w).count, 1);
    }
    assert_true(told(&w, MSG_REFUSED) >= 1);
    assert_int_equal(w.gate[told_last(&w, MSG_REFUSED)].u.refused.why, WHY_LIMIT);
}

static unsigned told_why(enum msg_why why)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w.told && i < WORLD_LOG; i++)
        n += w.gate[i].type == MSG_REFUSED && w.gate[i].u.refused.why == why;
    return n;
}

/* A page's names are not reported; hundreds of new ones below a wildcard may be leaked data, so they are. */
static void test_a_tunnel_below_a_wildcard_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RATELIMIT_BELOW_BURST + 50; i++) {
        char name[64];
        snprintf(name, sizeof(name), "w%u.wild.example", i);
        assert_int_equal(ask(&w, name, DNS_A), 0);
        deliver_addr(&w, name, 60, "10.99.0.5");
        admit(&w, ADMIT_OK);
        assert_int_equal(last(&w).count, 1); /* it is answered all the same */
        assert_int_equal(told_why(WHY_MANY), i >= RATELIMIT_BELOW_BURST);
    }
    assert_string_equal(w.gate[told_last(&w, MSG_REFUSED)].u.refused.name, "w200.wild.example");
    ask(&w, "w249.wild.example", DNS_A); /* from the cache */
    w.now += 11000;
    ask(&w, "w248.wild.example", DNS_A);
    assert_int_equal(told_why(WHY_MANY), 1);
}

/* ---- hosts that are bound to a service ---- */

static void test_bound_host(void **state)
{
    (void)state;
    struct client bound = client_of("192.168.77.20", 40000), free = client_of("192.168.77.22", 40000);
    struct msg_host m = {.addr = bound.addr, .services = 2};
    assert_true(hosts_add(&w.q.hosts, &m));
    m = (struct msg_host){.services = 1};
    assert_true(hosts_add(&w.q.hosts, &m));
    world_mode(&w, MODE_CLOSED, 0, 0, 0);
    assert_int_equal(ask_from(&w, &bound, REGISTRY_NAME, DNS_A), 1);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_REFUSED);
    assert_int_equal(s.ede, DNS_EDE_BLOCKED);
    assert_non_null(strstr(s.text, "sekisho"));
    assert_refused(WHY_HOST, REGISTRY_NAME);
    assert_int_equal(told(&w, MSG_WANT), 0); /* and it brings up no tunnel */
    assert_int_equal(ask_from(&w, &free, OTHER_NAME, DNS_A), 1);
    assert_refused(WHY_HOST, OTHER_NAME);
    world_mode(&w, MODE_SESSION, 3, 0, 7);
    assert_int_equal(ask_from(&w, &bound, OTHER_NAME, DNS_A), 0);
    assert_int_equal(ask_from(&w, &free, REGISTRY_NAME, DNS_A), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    assert_int_equal(ask_from(&w, &bound, REGISTRY_NAME, DNS_A), 1); /* not out of the cache either */
    assert_int_equal(last(&w).rcode, DNS_REFUSED);
}

static void test_new_hosts_begin_a_new_list(void **state)
{
    (void)state;
    struct client pc = client_of("192.168.77.20", 40000);
    struct msg_host m = {.addr = pc.addr, .services = 0};
    assert_true(frontend_host(&w.q, &m));
    world_name(&w, 0, 1, REGISTRY_NAME);
    w.q.listed.complete = true;
    assert_int_equal(ask_from(&w, &pc, REGISTRY_NAME, DNS_A), 1);
    assert_refused(WHY_HOST, REGISTRY_NAME);
    assert_true(frontend_host(&w.q, &(struct msg_host){.services = 0xff})); /* and again: he is free now */
    world_name(&w, 0, 1, REGISTRY_NAME);
    w.q.listed.complete = true;
    assert_int_equal(ask_from(&w, &pc, REGISTRY_NAME, DNS_A), 0);
}

/* ---- many addresses ---- */

/* gate answers its MSG_ADMIT number n of all. */
static void admit_number(unsigned n, enum msg_verdict verdict)
{
    struct msg_admitted m = {.seq = w.gate[n].u.admit.seq, .verdict = (uint8_t)verdict};
    frontend_admitted(&w.q, w.now, &m);
}

static void deliver_many(unsigned count)
{
    struct wire m;
    answer_begin(&w, 0, &m, 0x8180);
    for (unsigned i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof(text), "10.99.1.%u", i);
        wire_addr(&m, REGISTRY_NAME, 60, text);
    }
    deliver(&w, 0, &m);
}

static void test_64_addresses(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_many(50);
    assert_int_equal(told(&w, MSG_ADMIT), 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(w.gate[i].u.admit.count, i < 3 ? 16 : 2);
        assert_int_equal(w.gate[i].u.admit.addrs[0].bytes[3], 16 * i);
        assert_string_equal(w.gate[i].u.admit.name, REGISTRY_NAME);
    }
    admit_number(2, ADMIT_OK);
    admit_number(0, ADMIT_OK);
    admit_number(0, ADMIT_OK);
    admit_number(3, ADMIT_OK);
    assert_int_equal(w.replied, 0); /* all or none */
    admit_number(1, ADMIT_OK);
    assert_int_equal(w.replied, 1);
    struct seen s = last(&w);
    assert_int_equal(s.count, 50);
}

static void test_one_bad_part_spoils_all(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_many(40);
    admit_number(0, ADMIT_OK);
    admit_number(2, ADMIT_OUTSIDE);
    assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
    admit_number(1, ADMIT_OK);
    assert_int_equal(w.replied, 1);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
}

static void test_parts_wait_for_gate(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    w.gate_full = true;
    deliver_many(40);
    world_wait(&w, 100);
    w.gate_full = false;
    world_wait(&w, FRONTEND_AGAIN_MS);
    assert_int_equal(told(&w, MSG_ADMIT), 3);
    for (unsigned i = 0; i < 3; i++)
        admit_number(i, ADMIT_OK);
    assert_int_equal(last(&w).count, 40);
}

static void test_more_than_64_addresses_are_told(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_many(70);
    assert_int_equal(told(&w, MSG_ADMIT), 4);
    assert_refused(WHY_LIMIT, REGISTRY_NAME);
}

static void test_changing_addresses(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 64; round++) { /* a TTL of one second, another address each time */
        char text[32];
        snprintf(text, sizeof(text), "10.99.2.%u", round);
        assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
        deliver_addr(&w, REGISTRY_NAME, 1, text);
        admit(&w, ADMIT_OK);
        struct seen s = last(&w);
        assert_int_equal(s.addrs[0].bytes[3], round);
        assert_int_equal(s.ttl, TTL_MIN_S);
        assert_true(w.gate[told_last(&w, MSG_ADMIT)].u.admit.timeout_s >= s.ttl + TTL_GRACE_S);
        world_wait(&w, TTL_MIN_S * 1000);
    }
}

/* ---- over TCP ---- */

static void test_cut_answer_is_asked_for_over_tcp(void **state)
{
    (void)state;
    struct wire m;
    uint8_t out[DNS_MSG_MAX];
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8380);
    wire_addr(&m, REGISTRY_NAME, 60, "10.99.0.66");
    deliver(&w, 0, &m);
    assert_int_equal(told(&w, MSG_ADMIT), 0); /* what is there is not used */
    assert_int_equal(w.done, 1);
    int i = told_last(&w, MSG_UPSTREAM_TCP);
    assert_true(i >= 0);
    assert_int_equal(w.gate[i].u.service.service, 1);
    assert_int_equal(frontend_stream(&w.q, 2, 77, out), 0); /* nobody waits for one of this service */
    size_t len = frontend_stream(&w.q, 1, 78, out);
    assert_true(len > DNS_HEADER_LEN);
    assert_int_equal(frontend_stream(&w.q, 1, 79, out), 0);
    struct dns_question q;
    enum dns_rcode rcode;
    assert_int_equal(dns_question_parse(out, len, &q, &rcode), DNS_CHECK_OK);
    wire_begin(&m, q.id, 0x8180, REGISTRY_NAME, DNS_A);
    memcpy(m.data + DNS_HEADER_LEN, q.name, q.name_len);
    for (unsigned n = 0; n < 60; n++)
        wire_addr(&m, REGISTRY_NAME, 60, "10.99.0.5");
    assert_true(m.len > DNS_MSG_MAX);
    frontend_upstream(&w.q, w.now, 1, 79, m.data, m.len); /* not its connection */
    assert_int_equal(told(&w, MSG_ADMIT), 0);
    frontend_upstream(&w.q, w.now, 1, 78, m.data, m.len);
    assert_int_equal(told(&w, MSG_ADMIT), 4);
    assert_int_equal(w.done, 2);
}

static void test_tcp_that_does_not_come(void **state)
{
    (void)state;
    struct wire m;
    w.gate_full = false;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8380);
    w.gate_full = true;
    deliver(&w, 0, &m);
    assert_int_equal(told_last(&w, MSG_UPSTREAM_TCP), -1);
    w.gate_full = false;
    world_wait(&w, FRONTEND_AGAIN_MS);
    assert_true(told_last(&w, MSG_UPSTREAM_TCP) >= 0); /* later, when gate has room */
    world_wait(&w, FRONTEND_TCP_MS);
    assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
    assert_int_equal(w.q.live, 0);
}

static void test_unlisted_over_tcp(void **state)
{
    (void)state;
    struct wire m;
    uint8_t out[DNS_MSG_MAX];
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8380);
    deliver(&w, 0, &m);
    assert_true(last(&w).tc); /* over UDP the client gets TC */
    struct client c = client_of("192.168.77.100", 40001);
    c.tcp = true;
    assert_int_equal(ask_from(&w, &c, UNLISTED_NAME, DNS_A), 0);
    answer_begin(&w, 0, &m, 0x8380);
    deliver(&w, 0, &m);
    size_t len = frontend_stream(&w.q, 0, 9, out);
    assert_true(len != 0);
    wire_begin(&m, (uint16_t)(out[0] << 8 | out[1]), 0x8180, UNLISTED_NAME, DNS_A);
    memcpy(m.data + DNS_HEADER_LEN, out + DNS_HEADER_LEN, sizeof(UNLISTED_NAME) + 1);
    for (unsigned n = 0; n < 80; n++)
        wire_addr(&m, UNLISTED_NAME, 60, "203.0.113.5");
    frontend_upstream(&w.q, w.now, 0, 9, m.data, m.len);
    struct seen s = last(&w);
    assert_int_equal(s.count, 80);
    assert_false(s.tc);
}

static void test_long_answer_to_clients(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    deliver_many(64);
    for (unsigned i = 0; i < 4; i++)
        admit_number(i, ADMIT_OK);
    struct wire plain;
    struct client c = client_of("192.168.77.100", 40001);
    wire_begin(&plain, 3, 0x0100, REGISTRY_NAME, DNS_A);
    assert_int_equal(ask_raw(&w, &c, plain.data, plain.len), 1);
    assert_true(last(&w).tc); /* 512 octets are too few */
    c.tcp = true;
    assert_int_equal(ask_raw(&w, &c, plain.data, plain.len), 1);
    assert_int_equal(last(&w).count, 64);
}

/* ---- what a spoofer has to guess ---- */

static void test_each_try_is_another_question(void **state)
{
    (void)state;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
    world_wait(&w, (FRONTEND_TRIES - 1) * FRONTEND_TRY_MS);
    assert_int_equal(w.asked, FRONTEND_TRIES);
    assert_int_equal(w.done, FRONTEND_TRIES - 1);
    assert_memory_not_equal(w.ask[0].data, w.ask[1].data, 2);
    assert_memory_not_equal(w.ask[0].data + DNS_HEADER_LEN, w.ask[1].data + DNS_HEADER_LEN, 20);
    assert_memory_equal(w.ask[FRONTEND_TRIES - 1].data + DNS_HEADER_LEN, "\010registry\003lab",
                        13); /* the last in plain letters */
    struct wire m;
    wire_begin(&m, (uint16_t)(w.ask[FRONTEND_TRIES - 1].data[0] << 8 | w.ask[FRONTEND_TRIES - 1].data[1]), 0x8180,
               "REGISTRY.lab.example", DNS_A);
    wire_addr(&m, REGISTRY_NAME, 60, "10.99.0.66");
    deliver(&w, 0, &m); /* a spoofer who does not know the case */
    assert_int_equal(told(&w, MSG_ADMIT), 0);
}

/* ---- HTTPS records ---- */

static void https(struct wire *m, const char *owner, const void *data, size_t len)
{
    wire_record(m, 6, owner, DNS_HTTPS, 60, data, len);
}

#define ALPN_H2_H3 "\0\1\0\6\2h2\2h3"
#define HINT "\0\4\0\4\12\143\0\5" /* 10.99.0.5 */
#define HINT6 "\0\6\0\20\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define ECH "\0\5\0\4ABCD"
#define BYTES(text) text, sizeof(text) - 1

static void test_https_without_ech(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_HTTPS), 0);
    answer_begin(&w, 0, &m, 0x8180);
    https(&m, REGISTRY_NAME, BYTES("\0\1\0" ALPN_H2_H3 HINT ECH HINT6));
    deliver(&w, 0, &m);
    assert_int_equal(w.replied, 0); /* the hint is an address: gate first */
    int i = told_last(&w, MSG_ADMIT);
    assert_int_equal(w.gate[i].u.admit.count, 1);
    assert_int_equal(w.gate[i].u.admit.addrs[0].bytes[3], 5);
    admit(&w, ADMIT_OK);
    assert_int_equal(w.replied, 1);
    static const uint8_t record[] = "\300\14\0\101\0\1\0\0\0\74\0\22\0\1\0\0\1\0\3\2h2\0\4\0\4\12\143\0\5";
    const uint8_t *data = w.reply[0].data;
    assert_int_equal(data[7], 1);
    assert_memory_equal(data + DNS_HEADER_LEN + 22 + 4, record, sizeof(record) - 1);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_HTTPS), 1); /* kept, apart from A */
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_A), 0);
}

static unsigned https_count(const void *data, size_t len)
{
    struct wire m;
    setup(NULL);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_HTTPS), 0);
    answer_begin(&w, 0, &m, 0x8180);
    https(&m, REGISTRY_NAME, data, len);
    deliver(&w, 0, &m);
    assert_int_equal(w.replied, 1);
    assert_int_equal(last(&w).rcode, DNS_NOERROR);
    return w.reply[0].data[7];
}

static void test_https_that_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(https_count(BYTES("\0\1\0\0\1\0\3\2h2")), 1); /* no address in it: at once */
    assert_int_equal(https_count(BYTES("\0\0\0")), 0); /* an alias */
    assert_int_equal(https_count(BYTES("\0\1\3cdn\7example\0")), 0); /* another name */
    assert_int_equal(https_count(BYTES("\0\1\10registry\3lab\7example\0")), 1);
    assert_int_equal(https_count(BYTES("\0\1\0\0\3\0\2\40\373")), 0); /* port 8443 */
    assert_int_equal(https_count(BYTES("\0\1\0\0\3\0\2\1\273")), 1); /* 443 */
    assert_int_equal(https_count(BYTES("\0\1\0\0\0\0\2\0\5" ECH)), 0); /* ECH or nothing */
    assert_int_equal(https_count(BYTES("\0\1\0\0\1\0\3\2h3\0\2\0\0")), 0); /* HTTP/3 or nothing */
}

static void test_https_hints_are_judged(void **state)
{
    (void)state;
    struct wire m;
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_HTTPS), 0);
    answer_begin(&w, 0, &m, 0x8180);
    https(&m, REGISTRY_NAME, BYTES("\0\1\0\0\4\0\4\177\0\0\1"));
    deliver(&w, 0, &m);
    assert_int_equal(last(&w).rcode, DNS_SERVFAIL);
    assert_refused(WHY_FORBIDDEN, REGISTRY_NAME);
    assert_int_equal(ask(&w, REGISTRY_NAME, DNS_HTTPS), 0);
    answer_begin(&w, 0, &m, 0x8180);
    https(&m, REGISTRY_NAME, BYTES("\0\1\0" HINT));
    deliver(&w, 0, &m);
    admit(&w, ADMIT_OUTSIDE);
    struct seen s = last(&w);
    assert_int_equal(s.rcode, DNS_NOERROR); /* none, so that the PC goes on with A */
    assert_true(s.soa);
    assert_refused(WHY_OUTSIDE, REGISTRY_NAME);
}

/* ---- one client's flood ---- */

static void test_flood_cannot_take_all_lookups(void **state)
{
    (void)state;
    struct client bad = client_of("192.168.77.66", 40000), good = client_of("192.168.77.100", 40000);
    char name[64];
    for (unsigned i = 0; i < 2 * FRONTEND_PENDING_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.wild.example", i);
        ask_from(&w, &bad, name, DNS_A);
    }
    assert_int_equal(w.q.live, FRONTEND_PENDING_MAX);
    assert_int_equal(told_why(WHY_LIMIT), 1); /* told, but the report is no second flood */
    assert_int_equal(told(&w, MSG_REFUSED), 1 + told_why(WHY_MANY));
    for (unsigned i = 0; i < 20; i++) {
        unsigned before = w.replied;
        snprintf(name, sizeof(name), "good%u.wild.example", i);
        ask_from(&w, &good, name, DNS_A);
        assert_int_equal(w.replied, before + 1); /* one of the flood's makes room */
        assert_true(addr_equal(&w.reply[before % WORLD_LOG].to.addr, &bad.addr));
        struct wire m;
        answer_begin(&w, 0, &m, 0x8180);
        wire_addr(&m, name, 60, "10.99.0.5");
        deliver(&w, 0, &m);
        admit(&w, ADMIT_OK);
        assert_int_equal(last(&w).count, 1);
        snprintf(name, sizeof(name), "again%u.wild.example", i);
        ask_from(&w, &bad, name, DNS_A); /* the flood takes the free place at once */
    }
}

static void test_flood_of_unlisted_names(void **state)
{
    (void)state;
    struct client bad = client_of("192.168.77.66", 40000);
    char name[64];
    for (unsigned i = 0; i < FRONTEND_FORWARDS_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.flood.example", i);
        assert_int_equal(ask_from(&w, &bad, name, DNS_A), 0);
    }
    assert_int_equal(ask_from(&w, &bad, "more.flood.example", DNS_A), 1); /* his own share is used up */
    assert_int_equal(ask(&w, UNLISTED_NAME, DNS_A), 1); /* the answer is the flood's: come again */
    deliver_addr(&w, UNLISTED_NAME, 60, "203.0.113.5");
    assert_int_equal(last(&w).count, 1);
}

/* ---- an internal DNS server ---- */

static void test_forwarding_server(void **state)
{
    (void)state;
    /* A thousand questions of a hospital's DNS server in one second, most of them refused: all answered. */
    struct client dns = client_of("192.168.77.5", 53);
    unsigned answered = 0;
    for (unsigned i = 0; i < 4000; i++, w.now += i % 4 == 0) {
        char name[64];
        snprintf(name, sizeof(name), "n%u.telemetry.example", i);
        answered += ask_from(&w, &dns, name, DNS_A);
    }
    assert_int_equal(answered, 4000);
    struct wire m;
    wire_begin(&m, 5, 0x0030, REGISTRY_NAME, DNS_A); /* no RD; AD and CD */
    wire_edns(&m, 4096);
    m.data[m.len - 4] = 0x80; /* DO */
    assert_int_equal(ask_raw(&w, &dns, m.data, m.len), 0);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    struct seen s = last(&w);
    assert_int_equal(s.count, 1);
    const uint8_t *out = w.reply[(w.replied - 1) % WORLD_LOG].data;
    size_t len = w.reply[(w.replied - 1) % WORLD_LOG].len;
    assert_int_equal(out[2] & 0x01, 0);
    assert_int_equal(out[3] & 0xb0, 0x90); /* RA, no AD: nothing was validated; CD as it came */
    assert_int_equal(out[len - 4], 0x80); /* DO as it came */
}

#define T(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_below_a_wildcard),
        T(test_wildcard_forgets_with_its_tunnel),
        T(test_many_below_a_wildcard_are_bounded_and_told),
        T(test_a_tunnel_below_a_wildcard_is_told),
        T(test_bound_host),
        T(test_new_hosts_begin_a_new_list),
        T(test_64_addresses),
        T(test_one_bad_part_spoils_all),
        T(test_parts_wait_for_gate),
        T(test_more_than_64_addresses_are_told),
        T(test_changing_addresses),
        T(test_cut_answer_is_asked_for_over_tcp),
        T(test_tcp_that_does_not_come),
        cmocka_unit_test_setup(test_unlisted_over_tcp, setup_internet),
        T(test_long_answer_to_clients),
        T(test_each_try_is_another_question),
        T(test_https_without_ech),
        T(test_https_that_is_left_out),
        T(test_https_hints_are_judged),
        T(test_flood_cannot_take_all_lookups),
        cmocka_unit_test_setup(test_flood_of_unlisted_names, setup_internet),
        T(test_forwarding_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

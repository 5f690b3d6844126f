/*
 * PCs that still know an address from the previous session: which of them start a session, and what is looked up
 * again.
 */
#include "sni_verdicts.h"
#include "clock.h"
#include "ipc.h"
#include "test.h"

#include <netinet/in.h>
#include <unistd.h>

#include "addr.h"
#include "gate_no_effects.h"

static struct {
    struct conf conf;
    struct session session;
    struct charon charon;
    struct admit admit;
    struct refusals refusals;
    struct dns_link dns;
    struct sni_link sni;
    bool changed;
} gate;
static struct stale_dns stale_dns;
static struct sni_verdicts verdicts;
static int names; /* the peer's socket of the connection to dns */
static unsigned raised; /* the last service requested from charon */

/* ---- a session that can begin, and does nothing ---- */

static int initiate(void *user, uint8_t service)
{
    (void)user;
    raised = service;
    return 0;
}

static struct session_ops ops;

/* ---- addresses allowed in the previous session ---- */

static unsigned remote(void *user, uint8_t service, const struct prefix **out)
{
    (void)user;
    *out = gate.conf.services[service - 1].remote;
    return 1;
}

static int allow(const struct firewall_allow *list, unsigned count)
{
    (void)list;
    (void)count;
    return 0;
}

static void opened(unsigned id, const char *name, const char *addr, uint32_t timeout_s, uint64_t ago_ms)
{
    struct admit_now then = {.generation = 77,
                             .services_up = 3,
                             .now_ms = clock_monotonic_ms() - ago_ms,
                             .remote = remote};
    struct msg_admit m = {
        .id = (uint16_t)id, .generation = 77, .timeout_s = timeout_s, .count = 1, .addrs = {address(addr)}};
    snprintf(m.name, sizeof m.name, "%s", name);
    assert_int_equal(admit_open(&gate.admit, &then, &m, allow), ADMIT_OK);
}

static void add_service(unsigned i, const char *name, const char *net)
{
    struct conf_service *s = &gate.conf.services[i];
    *s = (struct conf_service){.number = (uint8_t)(i + 1), .remote_count = 1};
    snprintf(s->name, sizeof s->name, "%s", name);
    assert_true(conf_parse_prefix(net, &s->remote[0]));
}

static int setup(void **state)
{
    int pair[2];
    (void)state;
    memset(&gate.conf, 0, sizeof gate.conf);
    gate.conf.service_count = 2;
    add_service(0, "one", "10.20.0.0/16");
    add_service(1, "two", "10.30.0.0/16");
    struct conf_service *s = gate.conf.services;
    s[0].rule_count = 3;
    s[0].rules[0] = (struct conf_rule){"a.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 1, false, false};
    s[0].rules[1] =
        (struct conf_rule){"b.example.jp", false, 2, {{IPPROTO_TCP, 8443, true}, {IPPROTO_UDP, 123, false}}, 2,
                           false,          false};
    s[0].rules[2] = (struct conf_rule){"*.wild.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 3, false, false};
    s[1].rule_count = 1;
    s[1].rules[0] = (struct conf_rule){"c.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 1, false, false};
    snprintf(gate.conf.site.others, sizeof gate.conf.site.others, "all");
    gate.conf.site.host_count = 1;
    gate.conf.site.hosts[0] = (struct conf_host){.addr = address("192.168.77.20"), .service = "two"};
    admit_init(&gate.admit, &gate.conf);
    ops = no_effects;
    ops.initiate = initiate;
    session_init(&gate.session, &gate.conf, &ops, &gate);
    gate.session.state = SESSION_IDLE;
    gate.session.charon = gate.session.credentials = gate.session.wan = true;
    raised = 0;
    memset(&gate.refusals, 0, sizeof gate.refusals);
    stale_dns = (struct stale_dns){.admit = &gate.admit, .session = &gate.session, .dns = &gate.dns};
    verdicts = (struct sni_verdicts){.session = &gate.session,
                                     .charon = &gate.charon,
                                     .admit = &gate.admit,
                                     .refusals = &gate.refusals,
                                     .sni = &gate.sni,
                                     .stale_dns = &stale_dns,
                                     .changed = &gate.changed};
    if (ipc_pair(pair) < 0)
        return -1;
    gate.dns.sock = pair[0];
    names = pair[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(names);
    return close(gate.dns.sock);
}

/* ---- a PC waits ---- */

/* Which service is raised for it; 0: none. */
static unsigned wish(const char *client, const char *server, uint8_t proto, uint16_t port)
{
    struct msg m = {.head = {.type = MSG_BLOCKED},
                    .u.blocked = {.reason = "waiting", .proto = proto, .port = port, .count = 1}};
    m.u.blocked.client = address(client);
    m.u.blocked.server = address(server);
    sni_verdicts_ops.message(&verdicts, &m);
    return raised;
}

#define PC "192.168.77.50"

static void an_address_of_before_begins_a_session(void **state)
{
    (void)state;
    opened(0, "a.example.jp", "10.20.0.80", 61, 30000);
    opened(3, "c.example.jp", "10.30.0.80", 61, 30000);
    assert_int_equal(wish(PC, "10.30.0.80", IPPROTO_TCP, 443), 2);
    assert_int_equal(gate.session.state, SESSION_RAISING);
    assert_string_equal(gate.session.services[2].client, PC);
    assert_int_equal(wish(PC, "10.20.0.80", IPPROTO_TCP, 443), 1);
}

/* A line in a hosts file: the PC asks no DNS, and the log says why nothing begins. */
static void an_address_that_nobody_asked_for(void **state)
{
    (void)state;
    assert_int_equal(wish(PC, "10.20.0.80", IPPROTO_TCP, 443), 0);
    assert_string_equal(gate.refusals.reasons[0].reason->word, "unasked");
    assert_string_equal(verdicts.unasked, PC); /* for the status */
    verdicts.unasked[0] = 0;
    opened(0, "a.example.jp", "10.20.0.80", 61, 30000);
    assert_int_equal(wish(PC, "10.20.0.80", IPPROTO_TCP, 443), 1);
    assert_string_equal(gate.refusals.reasons[1].reason->word, "waiting");
    assert_string_equal(verdicts.unasked, "");
}

static void nothing_else_does(void **state)
{
    (void)state;
    opened(0, "a.example.jp", "10.20.0.80", 61, 30000);
    opened(1, "b.example.jp", "10.20.0.81", 61, 30000);
    opened(0, "a.example.jp", "10.20.0.82", 61, 62000);
    assert_int_equal(wish(PC, "10.20.0.99", IPPROTO_TCP, 443), 0); /* nobody's */
    assert_int_equal(wish(PC, "10.20.0.80", IPPROTO_TCP, 8443), 0); /* another name's port */
    assert_int_equal(wish(PC, "10.20.0.81", IPPROTO_UDP, 123), 0); /* what says so of itself: not TCP */
    assert_int_equal(wish(PC, "10.20.0.82", IPPROTO_TCP, 443), 0); /* its time is over */
    assert_int_equal(wish("192.168.77.20", "10.20.0.80", IPPROTO_TCP, 443), 0); /* bound to another service */
    snprintf(gate.conf.site.others, sizeof gate.conf.site.others, "two");
    assert_int_equal(wish(PC, "10.20.0.80", IPPROTO_TCP, 443), 0); /* so are all others now */
    assert_int_equal(gate.session.state, SESSION_IDLE);
}

static void other_reasons_are_no_wish(void **state)
{
    (void)state;
    opened(0, "a.example.jp", "10.20.0.80", 61, 0);
    struct msg m = {.head = {.type = MSG_BLOCKED},
                    .u.blocked = {.reason = "tunnel-outside", .proto = IPPROTO_TCP, .port = 443, .count = 1}};
    m.u.blocked.client = address(PC);
    m.u.blocked.server = address("10.20.0.80");
    sni_verdicts_ops.message(&verdicts, &m);
    assert_int_equal(raised, 0);
}

/* ---- a tunnel comes up ---- */

/* The names that `dns` is told to look up, in any order, as one text. */
static const char *told(char *out, size_t size)
{
    static struct msg m;
    int fd;
    out[0] = 0;
    while (ipc_recv(names, ROLE_DNS, &m, &fd) == IPC_OK) {
        assert_int_equal(m.head.type, MSG_RESOLVE);
        size_t len = strlen(out);
        snprintf(out + len, size - len, "%u:%s ", m.u.resolve.id, m.u.resolve.name);
    }
    return out;
}

static void names_of_before_are_looked_up_once_each(void **state)
{
    (void)state;
    char text[2048];
    opened(0, "a.example.jp", "10.20.0.80", 61, 10000);
    opened(0, "a.example.jp", "10.20.0.81", 61, 10000);
    opened(1, "b.example.jp", "10.20.0.80", 61, 62000); /* over */
    opened(2, "x.wild.example.jp", "10.20.0.83", 61, 10000);
    opened(3, "c.example.jp", "10.30.0.80", 61, 10000); /* another service's */
    stale_dns_resolve(&stale_dns, 1);
    told(text, sizeof text);
    assert_non_null(strstr(text, "0:a.example.jp "));
    assert_non_null(strstr(text, "2:x.wild.example.jp "));
    assert_int_equal(strlen(text), strlen("0:a.example.jp 2:x.wild.example.jp "));
    stale_dns_resolve(&stale_dns, 2);
    assert_string_equal(told(text, sizeof text), "3:c.example.jp ");
}

static void names_that_a_pc_invents_are_bounded(void **state)
{
    (void)state;
    char name[64], text[8192];
    unsigned count = 0;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%u.wild.example.jp", i);
        opened(2, name, "10.20.0.80", 61, 0);
    }
    stale_dns_resolve(&stale_dns, 1);
    for (const char *c = told(text, sizeof text); (c = strchr(c, ' ')) != NULL; c++)
        count++;
    assert_in_range(count, 1, 64);
}

/* ---- a session lives ---- */

/* In session 77 with these tunnels up. */
static void in_session(unsigned services)
{
    gate.session.state = SESSION_UP;
    gate.session.view = (struct firewall_view){.mode = MODE_SESSION, .generation = 77};
    for (unsigned n = 1; n <= 2; n++)
        gate.session.services[n].up = services >> (n - 1) & 1;
    stale_dns.kept_at = 0;
}

static void a_name_is_looked_up_before_its_time_is_over(void **state)
{
    (void)state;
    char text[2048];
    opened(0, "a.example.jp", "10.20.0.80", 61, 35000);
    opened(1, "b.example.jp", "10.20.0.81", 61, 10000); /* not yet */
    in_session(1);
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    assert_string_equal(told(text, sizeof text), "0:a.example.jp ");
    stale_dns_keep(&stale_dns, clock_monotonic_ms()); /* not in every tick */
    assert_string_equal(told(text, sizeof text), "");
    opened(0, "a.example.jp", "10.20.0.80", 61, 0); /* the answer */
    stale_dns.kept_at = 0;
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    assert_string_equal(told(text, sizeof text), "");
}

/* It ends by itself; the name's other address is open, and that is what it is looked up for. */
static void an_address_that_is_no_longer_answered_is_not_kept(void **state)
{
    (void)state;
    char text[2048];
    opened(0, "a.example.jp", "10.20.0.80", 61, 50000);
    opened(0, "a.example.jp", "10.20.0.82", 61, 5000);
    in_session(1);
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    assert_string_equal(told(text, sizeof text), "");
}

static void what_is_not_kept(void **state)
{
    (void)state;
    char text[2048];
    opened(0, "a.example.jp", "10.20.0.80", 61, 62000); /* over */
    opened(2, "x.wild.example.jp", "10.20.0.83", 61, 35000); /* a PC's own invention */
    opened(3, "c.example.jp", "10.30.0.80", 61, 35000); /* its tunnel is down */
    in_session(1);
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    assert_string_equal(told(text, sizeof text), "");
    opened(0, "a.example.jp", "10.20.0.80", 61, 35000);
    in_session(1);
    gate.session.view.generation = 78; /* of the session before */
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    assert_string_equal(told(text, sizeof text), "");
    gate.session.view = (struct firewall_view){.mode = MODE_CLOSED}; /* there is none */
    gate.session.state = SESSION_IDLE;
    stale_dns.kept_at = 0;
    stale_dns_keep(&stale_dns, clock_monotonic_ms());
    assert_string_equal(told(text, sizeof text), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_address_of_before_begins_a_session),
        TEST(an_address_that_nobody_asked_for),
        TEST(nothing_else_does),
        TEST(other_reasons_are_no_wish),
        TEST(names_of_before_are_looked_up_once_each),
        TEST(names_that_a_pc_invents_are_bounded),
        TEST(a_name_is_looked_up_before_its_time_is_over),
        TEST(an_address_that_is_no_longer_answered_is_not_kept),
        TEST(what_is_not_kept),
    };
    return cmocka_run_group_tests_name("gate_stale_dns", tests, NULL, NULL);
}

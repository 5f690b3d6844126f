/* Names on the line: which addresses may be opened for them, for whom, and which ClientHellos are agreed to. */
#include "admit.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"

enum { REGISTRY, LOGIN, APPLY, WILD, OWN, OTHER };

static struct conf conf;
static struct admit admit;
static struct firewall_allow opened[FIREWALL_ALLOW_MAX];
static unsigned opened_count;
static struct admit_now now;

static unsigned remote(void *user, uint8_t service, const struct prefix **out)
{
    (void)user;
    *out = conf.services[0].remote;
    return service == 1 ? 1 : 0;
}

static int fake_allow(const struct firewall_allow *list, unsigned count)
{
    memcpy(opened, list, count * sizeof *list);
    opened_count = count;
    return 0;
}

static struct conf_rule line(const char *name, bool before)
{
    struct conf_rule r = {.port_count = 1, .ports = {{IPPROTO_TCP, 443, true}}, .via_line = true, .before = before};
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    return r;
}

static int setup(void **state)
{
    (void)state;
    memset(&conf, 0, sizeof conf);
    conf.site.lan_address = (struct prefix){address("192.168.77.1"), 24};
    (void)snprintf(conf.site.others, sizeof conf.site.others, "one");
    conf.site.host_count = 2;
    conf.site.hosts[0] = (struct conf_host){.addr = address("192.168.77.20"), .service = "one"};
    conf.site.hosts[1] = (struct conf_host){.addr = address("192.168.77.21"), .service = "two"};
    conf.service_count = 2;
    struct conf_service *one = &conf.services[0], *two = &conf.services[1];
    *one = (struct conf_service){.name = "one", .number = 1, .remote_count = 1, .rule_count = 5};
    one->remote[0] = prefix("10.20.0.0/16");
    one->rules[REGISTRY] = line("registry.example.jp", false);
    one->rules[REGISTRY].via_line = false;
    one->rules[LOGIN] = line("login.example.com", false);
    one->rules[LOGIN].ports[one->rules[LOGIN].port_count++] = (struct conf_port){IPPROTO_UDP, 3478, false};
    one->rules[APPLY] = line("apply.example.com", true);
    one->rules[WILD] = line("*.files.example.com", false);
    one->rules[OWN] = line("own.files.example.com", false);
    one->rules[OWN].via_line = false; /* of the registry's, though below a wildcard of the line */
    *two = (struct conf_service){.name = "two", .number = 2, .remote_count = 1, .rule_count = 1};
    two->remote[0] = prefix("8.8.0.0/16");
    two->rules[0] = line("other.example.com", false);
    memset(&admit, 0, sizeof admit);
    admit_init(&admit, &conf);
    now = (struct admit_now){.generation = 77,
                             .services_up = 3,
                             .now_ms = 1000000,
                             .remote = remote,
                             .mode = MODE_SESSION,
                             .own = {address("203.0.113.10")},
                             .own_count = 1};
    return 0;
}

static enum msg_verdict open_for(unsigned id, const char *name, const char *addr)
{
    struct msg_admit m = {
        .id = (uint16_t)id, .generation = now.generation, .timeout_s = 62, .count = 1, .addrs = {address(addr)}};
    (void)snprintf(m.name, sizeof m.name, "%s", name);
    opened_count = 0;
    return admit_open(&admit, &now, &m, fake_allow);
}

static bool agrees(const char *client, const char *addr, const char *name)
{
    struct addr c = address(client), a = address(addr);
    return admit_agrees_on_line(&admit, &now, &c, &a, 443, name);
}

/* The box on the line, the hub of a PC's own tunnel. */
static bool taken(void *user, uint8_t service, const struct addr *addr)
{
    (void)user;
    struct addr box = address("203.0.113.2"), hub = address("203.0.113.30");
    return service == 1 && (addr_equal(&box, addr) || addr_equal(&hub, addr));
}

static void count_v6(void *user, const struct admit_pair *pair, const char *name)
{
    (void)name;
    *(unsigned *)user += pair->addr.family == AF_INET6;
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *addr;
        enum msg_verdict verdict;
    } cases[] = {
        {"198.51.100.7", ADMIT_OK},        {"9.9.9.9", ADMIT_OK},
        {"10.20.1.1", ADMIT_REGISTRY},     {"8.8.8.8", ADMIT_REGISTRY}, /* the other service's */
        {"10.99.0.1", ADMIT_FORBIDDEN},    {"192.168.1.1", ADMIT_FORBIDDEN},
        {"172.16.0.1", ADMIT_FORBIDDEN},   {"100.64.0.1", ADMIT_FORBIDDEN},
        {"192.168.77.9", ADMIT_FORBIDDEN}, {"127.0.0.1", ADMIT_FORBIDDEN},
        {"169.254.1.1", ADMIT_FORBIDDEN},  {"224.0.0.1", ADMIT_FORBIDDEN},
        {"203.0.113.2", ADMIT_FORBIDDEN},  {"203.0.113.10", ADMIT_FORBIDDEN}, /* the box, the hub */
        {"203.0.113.30", ADMIT_FORBIDDEN}, {"203.0.113.31", ADMIT_OK},
    };
    admit.taken = taken;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum msg_verdict got = open_for(LOGIN, "login.example.com", cases[i].addr);
        if (got != cases[i].verdict)
            fail_msg("%s: %d instead of %d", cases[i].addr, got, cases[i].verdict);
    }
    /* A hint of IPv6 in an HTTPS record opens nothing, and spoils nothing. */
    assert_int_equal(open_for(LOGIN, "login.example.com", "2600::1"), ADMIT_OK);
    assert_int_equal(opened_count, 0);
    unsigned pairs = 0;
    admit_each(&admit, now.now_ms, count_v6, &pairs);
    assert_int_equal(pairs, 0); /* so `rules` does not say that it is open */
}

static unsigned learned;

static bool may(void *registry, const struct addr *addr)
{
    (void)registry, (void)addr;
    return true;
}

static int learn(void *registry, const struct addr *addr)
{
    (void)registry, (void)addr;
    learned++;
    return 0;
}

static bool known(void *registry, const struct addr *addr)
{
    (void)registry;
    struct addr inner = address("9.9.9.10");
    return addr_equal(&inner, addr);
}

/* Its hub carries everything: the registry's is what was learned, and a name on the line teaches nothing. */
static void beside_a_hub_that_carries_everything(void **state)
{
    (void)state;
    conf.services[0].remote[0] = prefix("0.0.0.0/0");
    conf.services[1].remote_count = 0;
    learned = 0;
    now.may = may;
    now.learn = learn;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_REGISTRY); /* nobody to ask */
    now.known = known;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_OK);
    assert_int_equal(opened[0].service, FIREWALL_ON_LINE + 1);
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.10"), ADMIT_REGISTRY);
    assert_int_equal(open_for(LOGIN, "login.example.com", "192.168.1.1"), ADMIT_FORBIDDEN);
    assert_int_equal(learned, 0);
    assert_int_equal(open_for(REGISTRY, "registry.example.jp", "9.9.9.11"), ADMIT_OK);
    assert_int_equal(opened[0].service, 1);
    assert_int_equal(learned, 1);
}

/* Every port, for the hosts that are bound to the service and for those that nobody is bound to, as far as they may. */
static void for_whom(void **state)
{
    (void)state;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_OK);
    assert_int_equal(opened_count, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(opened[i].service, i < 2 ? FIREWALL_ON_LINE + 1 : FIREWALL_ON_LINE);
        assert_int_equal(opened[i].tls, i % 2 == 0);
        assert_int_equal(opened[i].timeout_s, 62);
    }
    assert_int_equal(open_for(OTHER, "other.example.com", "9.9.9.9"), ADMIT_OK);
    assert_int_equal(opened_count, 1);
    assert_int_equal(opened[0].service, FIREWALL_ON_LINE + 2);
    assert_true(agrees("192.168.77.20", "9.9.9.9", "login.example.com"));
    assert_true(agrees("192.168.77.99", "9.9.9.9", "login.example.com"));
    assert_false(agrees("192.168.77.21", "9.9.9.9", "login.example.com"));
    assert_true(agrees("192.168.77.21", "9.9.9.9", "other.example.com"));
    assert_false(agrees("192.168.77.99", "9.9.9.9", "other.example.com"));
}

/* A name goes one way: what was admitted on the line is no answer in the tunnel, and the other way round. */
static void one_way(void **state)
{
    (void)state;
    struct addr line_addr = address("9.9.9.9"), inner = address("10.20.1.1");
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_OK);
    assert_int_equal(open_for(REGISTRY, "registry.example.jp", "10.20.1.1"), ADMIT_OK);
    assert_int_equal(opened[0].service, 1);
    assert_true(agrees("192.168.77.20", "9.9.9.9", "login.example.com"));
    assert_false(admit_agrees(&admit, &now, 1, &line_addr, 443, "login.example.com"));
    assert_true(admit_agrees(&admit, &now, 1, &inner, 443, "registry.example.jp"));
    assert_false(agrees("192.168.77.20", "10.20.1.1", "registry.example.jp"));
    /* The exact line decides, not the wildcard that covers it too. */
    assert_int_equal(open_for(WILD, "a.files.example.com", "9.9.9.9"), ADMIT_OK);
    assert_int_equal(open_for(WILD, "own.files.example.com", "9.9.9.9"), ADMIT_FORBIDDEN);
    assert_true(agrees("192.168.77.20", "9.9.9.9", "a.files.example.com"));
    assert_false(agrees("192.168.77.20", "9.9.9.9", "own.files.example.com"));
}

static void until_its_time_ends(void **state)
{
    (void)state;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_OK);
    assert_false(agrees("192.168.77.20", "9.9.9.8", "login.example.com"));
    assert_false(agrees("192.168.77.20", "9.9.9.9", "apply.example.com"));
    now.now_ms += 62000 + ADMIT_HELLO_MS - 1;
    assert_true(agrees("192.168.77.20", "9.9.9.9", "login.example.com"));
    now.now_ms += 1;
    assert_false(agrees("192.168.77.20", "9.9.9.9", "login.example.com"));
}

/* In a session with its tunnel; without one only those that are marked. */
static void before_a_session(void **state)
{
    (void)state;
    now.services_up = 2;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_STALE);
    assert_int_equal(open_for(APPLY, "apply.example.com", "9.9.9.9"), ADMIT_STALE); /* another service's session */
    now.mode = MODE_BEFORE;
    now.services_up = 0;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_STALE);
    assert_int_equal(open_for(REGISTRY, "registry.example.jp", "10.20.1.1"), ADMIT_STALE);
    assert_int_equal(open_for(APPLY, "apply.example.com", "9.9.9.9"), ADMIT_OK);
    assert_true(agrees("192.168.77.20", "9.9.9.9", "apply.example.com"));
    now.generation = 78; /* (whatever the next mode is) */
    assert_false(agrees("192.168.77.20", "9.9.9.9", "apply.example.com"));
}

static void count_pair(void *user, const struct admit_pair *pair, const char *name)
{
    (void)name;
    ((unsigned *)user)[pair->rule]++;
}

/* A PC that waits for a registry's address of the session before begins the next, whatever was open in between. */
static void what_was_behind_the_tunnel_is_remembered(void **state)
{
    (void)state;
    unsigned pairs[8] = {0};
    assert_int_equal(open_for(REGISTRY, "registry.example.jp", "10.20.1.1"), ADMIT_OK);
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_OK);
    now.mode = MODE_BEFORE, now.services_up = 0, now.generation = 78;
    assert_int_equal(open_for(APPLY, "apply.example.com", "9.9.9.9"), ADMIT_OK);
    admit_each(&admit, now.now_ms, count_pair, pairs);
    assert_int_equal(pairs[REGISTRY], 1);
    assert_int_equal(pairs[LOGIN], 0);
    assert_int_equal(pairs[APPLY], 1);
    now.mode = MODE_SESSION, now.services_up = 1, now.generation = 79;
    assert_int_equal(open_for(LOGIN, "login.example.com", "9.9.9.9"), ADMIT_OK);
    memset(pairs, 0, sizeof pairs);
    admit_each(&admit, now.now_ms, count_pair, pairs);
    assert_int_equal(pairs[REGISTRY] + pairs[APPLY], 0);
    assert_int_equal(pairs[LOGIN], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses, setup),
        cmocka_unit_test_setup(beside_a_hub_that_carries_everything, setup),
        cmocka_unit_test_setup(for_whom, setup),
        cmocka_unit_test_setup(one_way, setup),
        cmocka_unit_test_setup(until_its_time_ends, setup),
        cmocka_unit_test_setup(before_a_session, setup),
        cmocka_unit_test_setup(what_was_behind_the_tunnel_is_remembered, setup),
    };
    return cmocka_run_group_tests_name("gate_admit_line", tests, NULL, NULL);
}

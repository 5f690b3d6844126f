/* Which addresses may be allowed, and for how long. */
#include "admit.h"
#include "audit.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"

static struct conf conf;
static struct admit admit;
static struct prefix negotiated[2];
static unsigned negotiated_count;
static struct firewall_allow opened[FIREWALL_ALLOW_MAX];
static unsigned opened_count;
static bool kernel_fails;

static unsigned remote(void *user, uint8_t service, const struct prefix **out)
{
    (void)user;
    *out = negotiated;
    static struct prefix five;
    if (service == 5) {
        five = prefix("10.30.0.0/16");
        *out = &five;
        return 1;
    }
    return service == 3 ? negotiated_count : 0;
}

static int fake_allow(const struct firewall_allow *list, unsigned count)
{
    if (kernel_fails) {
        errno = ENOBUFS;
        return -1;
    }
    memcpy(opened, list, count * sizeof *list);
    opened_count = count;
    return 0;
}

static struct admit_now now = {.generation = 77, .services_up = 1 << 2, .now_ms = 1000000, .remote = remote};

static struct addr refused_addr; /* what the box needs itself */
static unsigned learned;
static bool learning_fails;

static int setup(void **state)
{
    (void)state;
    memset(&conf, 0, sizeof conf);
    conf.site.lan_address = (struct prefix){address("192.168.77.1"), 24};
    conf.service_count = 2;
    conf.services[0] = (struct conf_service){.number = 3, .remote_count = 3, .rule_count = 2};
    conf.services[0].remote[0] = prefix("10.20.0.0/16");
    conf.services[0].remote[1] = prefix("198.51.100.0/24");
    conf.services[0].remote[2] = prefix("fd00:20::/32");
    conf.services[0].rules[0] = (struct conf_rule){
        "one.example.jp", false, 2, {{IPPROTO_TCP, 443, true}, {IPPROTO_UDP, 123, false}}, 1, false, false};
    conf.services[0].rules[1] =
        (struct conf_rule){"two.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 2, false, false};
    conf.services[1] = (struct conf_service){.number = 5, .remote_count = 1, .rule_count = 3};
    conf.services[1].remote[0] = prefix("10.30.0.0/16");
    conf.services[1].rules[0] =
        (struct conf_rule){"three.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 1, false, false};
    conf.services[1].rules[1] =
        (struct conf_rule){"*.wild.example.jp", false, 1, {{IPPROTO_TCP, 443, true}}, 2, false, false};
    conf.services[1].rules[2] =
        (struct conf_rule){"own.wild.example.jp", false, 1, {{IPPROTO_TCP, 8443, true}}, 3, false, false};
    negotiated[0] = prefix("10.20.0.0/17");
    negotiated[1] = prefix("fd00:20::/32");
    negotiated_count = 2;
    kernel_fails = learning_fails = false;
    learned = 0;
    refused_addr = (struct addr){0};
    opened_count = 0;
    admit_init(&admit, &conf);
    now.now_ms = 1000000;
    return 0;
}

/* What `dns` sends for a listed name; a wildcard's name is asked for with another first label. */
static struct msg_admit ask(uint16_t id, const char *addr, uint32_t timeout_s)
{
    struct msg_admit m = {
        .seq = 1, .id = id, .generation = 77, .timeout_s = timeout_s, .count = 1, .addrs = {address(addr)}};
    uint8_t service;
    const char *name = admit_name(&admit, id, &service);
    if (name)
        (void)snprintf(m.name, sizeof m.name, "%s%s", name[0] == '*' ? "a" : "", name + (name[0] == '*'));
    return m;
}

static bool agrees(uint8_t service, const char *addr, uint16_t port, const char *name)
{
    struct addr a = address(addr);
    return admit_agrees(&admit, &now, service, &a, port, name);
}

static void ids_count_over_all_services(void **state)
{
    (void)state;
    uint8_t service;
    assert_string_equal(admit_name(&admit, 1, &service), "two.example.jp");
    assert_int_equal(service, 3);
    assert_string_equal(admit_name(&admit, 2, &service), "three.example.jp");
    assert_int_equal(service, 5);
    assert_string_equal(admit_name(&admit, 3, &service), "*.wild.example.jp");
    assert_null(admit_name(&admit, 5, &service));
}

static void every_port_of_every_address(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "10.20.1.1", 90);
    m.count = 2;
    m.addrs[1] = address("fd00:20::1");
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened_count, 4);
    assert_int_equal(opened[1].proto, IPPROTO_UDP);
    assert_int_equal(opened[1].port, 123);
    assert_int_equal(opened[3].addr.family, AF_INET6);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(opened[i].service, 3);
        assert_int_equal(opened[i].timeout_s, 90);
    }
    assert_int_equal(admit.admitted, 1);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *addr;
        enum msg_verdict verdict;
    } cases[] = {
        {"10.20.1.1", ADMIT_OK},
        {"10.20.200.1", ADMIT_OUTSIDE}, /* in the file, not negotiated */
        {"198.51.100.1", ADMIT_OUTSIDE},
        {"8.8.8.8", ADMIT_OUTSIDE},
        {"192.168.77.9", ADMIT_FORBIDDEN},
        {"192.168.1.1", ADMIT_FORBIDDEN},
        {"127.0.0.1", ADMIT_FORBIDDEN},
        {"0.0.0.0", ADMIT_FORBIDDEN},
        {"224.0.0.1", ADMIT_FORBIDDEN},
        {"255.255.255.255", ADMIT_FORBIDDEN},
        {"169.254.1.1", ADMIT_FORBIDDEN},
        {"::1", ADMIT_FORBIDDEN},
        {"fe80::1", ADMIT_FORBIDDEN},
        {"ff02::1", ADMIT_FORBIDDEN},
        {"::ffff:10.20.1.1", ADMIT_FORBIDDEN},
        {"2600::1", ADMIT_OUTSIDE},
        {"10.30.1.1", ADMIT_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg_admit m = ask(0, cases[i].addr, 60);
        enum msg_verdict got = admit_open(&admit, &now, &m, fake_allow);
        if (got != cases[i].verdict)
            fail_msg("%s: %d instead of %d", cases[i].addr, got, cases[i].verdict);
    }
}

static bool may(void *user, const struct addr *a)
{
    (void)user;
    return !addr_equal(a, &refused_addr);
}

static int learn(void *user, const struct addr *a)
{
    (void)user;
    (void)a;
    if (learning_fails) {
        errno = ENOSPC;
        return -1;
    }
    learned++;
    assert_int_equal(opened_count, 0); /* it is the registry's before anything opens */
    return 0;
}

/* Of a hub that carries everything each address is learned first; nothing opens that cannot be, or may not. */
static void a_hub_that_carries_everything(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "8.8.8.8", 60);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OUTSIDE);
    conf.services[0].remote[0] = negotiated[0] = prefix("0.0.0.0/0");
    conf.services[0].remote_count = negotiated_count = 1;
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN); /* nobody to ask */
    struct admit_now wide = now;
    wide.may = may;
    wide.learn = learn;
    refused_addr = address("203.0.113.10");
    m.count = 2;
    m.addrs[1] = refused_addr;
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_FORBIDDEN);
    /* One bad address spoils all; but the good one is what a listed name had. */
    assert_int_equal(opened_count, 0);
    assert_int_equal(learned, 1);
    m.addrs[1] = address("8.8.4.4");
    learning_fails = true;
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_KERNEL);
    assert_int_equal(opened_count, 0);
    learning_fails = false;
    learned = 0;
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_OK);
    assert_int_equal(learned, 2);
}

/* What is not opened is never in clear all the same: a listed name had it. */
static void what_is_refused_is_the_registrys_too(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "8.8.8.8", 60);
    struct admit_now wide = now;
    wide.may = may;
    wide.learn = learn;
    conf.services[0].remote[0] = prefix("0.0.0.0/0");
    conf.services[0].remote_count = negotiated_count = 1;
    negotiated[0] = prefix("10.20.0.0/16"); /* the hub has narrowed it */
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_OUTSIDE);
    assert_int_equal(learned, 1);
    m.generation = 76;
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_STALE);
    assert_int_equal(learned, 2);
    /* Not what is no host's, nor what the box does not pass, nor of a name that is not the one of the list. */
    static const char *const never[] = {"127.0.0.1", "224.0.0.1", "fd00:20::5"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        m = ask(0, never[i], 60);
        assert_int_not_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_OK);
    }
    m = ask(0, "8.8.8.8", 60);
    m.name[0] = 'x';
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_FORBIDDEN);
    m = ask(5, "8.8.8.8", 60);
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_FORBIDDEN);
    m = ask(0, "8.8.8.8", 60);
    m.count = MSG_ADMIT_ADDRS + 1;
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_FORBIDDEN);
    assert_int_equal(learned, 2);
}

static void special_ranges_even_if_the_file_lists_all(void **state)
{
    (void)state;
    conf.services[0].remote[0] = prefix("0.0.0.0/0");
    negotiated[0] = prefix("0.0.0.0/0");
    struct admit_now wide = now;
    wide.may = may;
    wide.learn = learn;
    struct msg_admit m = ask(0, "8.8.8.8", 60);
    assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_OK);
    static const char *const never[] = {"127.0.0.1", "224.0.0.1", "192.168.77.9", "255.255.255.255", "169.254.0.1"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        m = ask(0, never[i], 60);
        assert_int_equal(admit_open(&admit, &wide, &m, fake_allow), ADMIT_FORBIDDEN);
    }
}

static void one_bad_address_spoils_all(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "10.20.1.1", 60);
    m.count = 2;
    m.addrs[1] = address("127.0.0.1");
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
    assert_int_equal(opened_count, 0);
}

static void stale_and_unknown(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "10.20.1.1", 60);
    m.generation = 76;
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_STALE);
    struct admit_now none = now;
    none.generation = 0;
    m.generation = 0;
    assert_int_equal(admit_open(&admit, &none, &m, fake_allow), ADMIT_STALE);
    m = ask(2, "10.30.1.1", 60); /* its tunnel is not up */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_STALE);
    m = ask(5, "10.20.1.1", 60); /* no such name */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
    m = ask(0, "10.20.1.1", 60);
    m.count = MSG_ADMIT_ADDRS + 1;
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
}

static void kernel_says_no(void **state)
{
    (void)state;
    kernel_fails = true;
    struct msg_admit m = ask(0, "10.20.1.1", 600);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_KERNEL);
    kernel_fails = false;
    m.timeout_s = 5; /* the failed attempt left no memory of ten minutes */
    now.now_ms += 10;
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened[0].timeout_s, 5);
}

/* Two names at one address: neither shortens the other's time. */
static void shared_address_keeps_the_longer_time(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "10.20.1.1", 100);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    now.now_ms += 40000;
    m = ask(1, "10.20.1.1", 10);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened_count, 1);
    assert_int_equal(opened[0].timeout_s, 60);
    now.now_ms += 60000; /* now both are over */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened[0].timeout_s, 10);
    /* A new session starts with empty sets: earlier admissions do not count. */
    m = ask(0, "10.20.1.1", 1000);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    struct admit_now later = now;
    later.generation = 78;
    m = ask(0, "10.20.1.1", 7);
    m.generation = 78;
    assert_int_equal(admit_open(&admit, &later, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened[0].timeout_s, 7);
}

/* Several answers of one transaction: a later one does not shorten what an earlier one has asked for. */
static void one_transaction_for_several(void **state)
{
    (void)state;
    struct firewall_allow list[FIREWALL_ALLOW_MAX];
    unsigned count;
    struct msg_admit long_one = ask(0, "10.20.1.1", 100), short_one = ask(1, "10.20.1.1", 10);
    assert_int_equal(admit_prepare(&admit, &now, &long_one, list, &count), ADMIT_OK);
    assert_int_equal(admit_prepare(&admit, &now, &short_one, list, &count), ADMIT_OK);
    assert_int_equal(list[0].timeout_s, 100);
    /* The kernel says no: nothing of it lasts. */
    now.now_ms += 1;
    assert_false(agrees(3, "10.20.1.1", 443, "one.example.jp"));
    assert_int_equal(admit_prepare(&admit, &now, &short_one, list, &count), ADMIT_OK);
    assert_int_equal(list[0].timeout_s, 10);
    admit_done(&admit, &now, &short_one, list, count);
    assert_true(agrees(3, "10.20.1.1", 443, "two.example.jp"));
}

static void only_the_name_that_was_asked_for(void **state)
{
    (void)state;
    struct msg_admit m = ask(0, "10.20.1.1", 60);
    (void)snprintf(m.name, sizeof m.name, "two.example.jp");
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
    now.services_up |= 1 << 4;
    m = ask(3, "10.30.1.1", 60);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    (void)snprintf(m.name, sizeof m.name, "wild.example.jp"); /* not below itself */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
    (void)snprintf(m.name, sizeof m.name, "b.awild.example.jp"); /* not on a label's border */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
    (void)snprintf(m.name, sizeof m.name, "own.wild.example.jp"); /* has a line of its own */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_FORBIDDEN);
    now.services_up = 1 << 2;
}

/* For sni: name, address, port and service must all belong to one live admission. */
static void agrees_to_pairs_only(void **state)
{
    (void)state;
    now.services_up |= 1 << 4;
    struct msg_admit one = ask(0, "10.20.1.1", 60), two = ask(1, "10.20.1.2", 60), wild = ask(3, "10.30.1.1", 60),
                     own = ask(4, "10.30.1.1", 60);
    assert_int_equal(admit_open(&admit, &now, &one, fake_allow), ADMIT_OK);
    assert_int_equal(admit_open(&admit, &now, &two, fake_allow), ADMIT_OK);
    assert_int_equal(admit_open(&admit, &now, &wild, fake_allow), ADMIT_OK);
    assert_true(agrees(3, "10.20.1.1", 443, "one.example.jp"));
    assert_false(agrees(3, "10.20.1.2", 443, "one.example.jp")); /* a listed name at another listed name's address */
    assert_false(agrees(3, "10.20.1.1", 443, "two.example.jp"));
    assert_true(agrees(3, "10.20.1.2", 443, "two.example.jp"));
    assert_false(agrees(3, "10.20.1.1", 123, "one.example.jp")); /* a port of the name, but not a TLS port */
    assert_false(agrees(3, "10.20.1.1", 8443, "one.example.jp"));
    assert_false(agrees(5, "10.20.1.1", 443, "one.example.jp"));
    assert_false(agrees(0, "10.20.1.1", 443, "one.example.jp"));
    assert_false(agrees(9, "10.20.1.1", 443, "one.example.jp"));
    assert_false(agrees(3, "10.20.1.1", 443, "other.example.jp"));
    assert_false(agrees(3, "10.20.1.1", 443, ""));
    assert_true(agrees(5, "10.30.1.1", 443, "a.wild.example.jp"));
    assert_false(agrees(5, "10.30.1.1", 443, "b.wild.example.jp")); /* listed, but nobody has asked for it */
    assert_false(agrees(5, "10.30.1.1", 443, "*.wild.example.jp"));
    assert_false(agrees(5, "10.30.1.1", 8443, "own.wild.example.jp"));
    assert_int_equal(admit_open(&admit, &now, &own, fake_allow), ADMIT_OK);
    assert_true(agrees(5, "10.30.1.1", 8443, "own.wild.example.jp"));
    assert_false(agrees(5, "10.30.1.1", 443, "own.wild.example.jp")); /* its own line wins over the wildcard */
    /* The tunnel of one service goes down: its names close, the other's do not. */
    now.services_up = 1 << 2;
    assert_false(agrees(5, "10.30.1.1", 443, "a.wild.example.jp"));
    assert_true(agrees(3, "10.20.1.1", 443, "one.example.jp"));
    now.generation = 78;
    assert_false(agrees(3, "10.20.1.1", 443, "one.example.jp"));
    now.generation = 0;
    assert_false(agrees(3, "10.20.1.1", 443, "one.example.jp"));
    now.generation = 77;
}

/* Two names at one address: each ends by its own time, whatever the element does. */
static void names_at_one_address_die_apart(void **state)
{
    (void)state;
    struct msg_admit one = ask(0, "10.20.1.1", 100), two = ask(1, "10.20.1.1", 10);
    assert_int_equal(admit_open(&admit, &now, &one, fake_allow), ADMIT_OK);
    assert_int_equal(admit_open(&admit, &now, &two, fake_allow), ADMIT_OK);
    now.now_ms += 9999 + ADMIT_HELLO_MS;
    assert_true(agrees(3, "10.20.1.1", 443, "two.example.jp"));
    now.now_ms += 2;
    assert_false(agrees(3, "10.20.1.1", 443, "two.example.jp"));
    assert_true(agrees(3, "10.20.1.1", 443, "one.example.jp"));
    assert_int_equal(admit_open(&admit, &now, &two, fake_allow), ADMIT_OK); /* and lives again */
    assert_true(agrees(3, "10.20.1.1", 443, "two.example.jp"));
    now.now_ms += 100000;
    assert_false(agrees(3, "10.20.1.1", 443, "one.example.jp"));
}

/* 64 addresses that change with every answer, and a TTL of a second: for an hour. */
static void a_name_that_changes_all_the_time(void **state)
{
    (void)state;
    for (unsigned second = 0; second < 3600; second++, now.now_ms += 1000)
        for (unsigned part = 0; part < 4; part++) {
            struct msg_admit m = ask(0, "10.20.0.0", 61);
            m.count = MSG_ADMIT_ADDRS;
            for (unsigned i = 0; i < m.count; i++) {
                m.addrs[i] = m.addrs[0];
                m.addrs[i].bytes[2] = (uint8_t)(second & 0x7f);
                m.addrs[i].bytes[3] = (uint8_t)(part * MSG_ADMIT_ADDRS + i);
            }
            assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
            assert_true(admit_agrees(&admit, &now, 3, &m.addrs[second % 16], 443, "one.example.jp"));
        }
    assert_int_equal(admit.limited, 0);
}

/* What the audit log is told. */
static char last[256];

void audit_event(const char *event, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(last, sizeof last, "%s ", event);
    va_start(args, fmt);
    (void)vsnprintf(last + n, sizeof last - (size_t)n, fmt, args);
    va_end(args);
}

static unsigned listed_pairs, listed_texts;

static void count_pair(void *user, const struct admit_pair *pair, const char *name)
{
    (void)user;
    assert_int_equal(pair->addr.family, AF_INET);
    listed_pairs++;
    listed_texts += name[0] != '*';
}

/* A PC invents names below a wildcard: the table fills, new ones are refused, and a listed name still gets an entry. */
static void names_without_end(void **state)
{
    (void)state;
    unsigned refused = 0;
    now.services_up |= 1 << 4;
    struct msg_admit m = ask(3, "10.30.0.1", 300);
    for (unsigned i = 0; i < 2 * ADMIT_PAIRS; i++) {
        (void)snprintf(m.name, sizeof m.name, "n%u.wild.example.jp", i);
        enum msg_verdict verdict = admit_open(&admit, &now, &m, fake_allow);
        assert_true(verdict == ADMIT_OK || verdict == ADMIT_KERNEL);
        refused += verdict == ADMIT_KERNEL;
        assert_int_equal(agrees(5, "10.30.0.1", 443, m.name), verdict == ADMIT_OK);
    }
    assert_in_range(refused, ADMIT_PAIRS, ADMIT_PAIRS + ADMIT_PAIRS / 4);
    assert_int_equal(admit.limited, refused);
    assert_non_null(strstr(last, "limit table=\"open addresses\" times="));
    assert_non_null(strstr(last, " cause=\"wildcard-name-unanswered\""));
    now.now_ms += ADMIT_LIMIT_LOG_MS + 1;
    listed_pairs = listed_texts = 0;
    admit_each(&admit, now.now_ms, count_pair, NULL);
    assert_int_equal(listed_pairs, 2 * ADMIT_PAIRS - refused);
    assert_in_range(listed_texts, ADMIT_TEXTS / 2, ADMIT_TEXTS);
    for (unsigned i = 0; i < 2000; i++) {
        struct msg_admit listed = ask(0, "10.20.0.0", 300);
        listed.addrs[0].bytes[2] = (uint8_t)(i >> 8);
        listed.addrs[0].bytes[3] = (uint8_t)i;
        assert_int_equal(admit_open(&admit, &now, &listed, fake_allow), ADMIT_OK);
        assert_true(admit_agrees(&admit, &now, 3, &listed.addrs[0], 443, "one.example.jp"));
    }
    assert_non_null(strstr(last, " cause=\"wildcard-name-gives-way\""));
    now.now_ms += 301000; /* and it all passes */
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    now.services_up = 1 << 2;
}

/* More open addresses than the table has places for: it is said, and every answer is opened all the same. */
static void addresses_without_end(void **state)
{
    (void)state;
    last[0] = '\0';
    now.now_ms += ADMIT_LIMIT_LOG_MS + 1;
    for (unsigned i = 0; !strstr(last, " cause=\"shared-address-may-close\""); i++) {
        struct msg_admit m = ask(0, "fd00:20::", 300);
        m.addrs[0].bytes[13] = (uint8_t)(i >> 16);
        m.addrs[0].bytes[14] = (uint8_t)(i >> 8);
        m.addrs[0].bytes[15] = (uint8_t)i;
        assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
        assert_in_range(i, 0, ADMIT_ELEMENTS); /* two ports each */
    }
}

static void times_are_bounded(void **state)
{
    (void)state;
    struct msg_admit m = ask(1, "10.20.1.1", 0);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened[0].timeout_s, 1);
    m = ask(1, "10.20.1.2", UINT32_MAX);
    assert_int_equal(admit_open(&admit, &now, &m, fake_allow), ADMIT_OK);
    assert_int_equal(opened[0].timeout_s, ADMIT_TIMEOUT_MAX_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ids_count_over_all_services, setup),
        cmocka_unit_test_setup(every_port_of_every_address, setup),
        cmocka_unit_test_setup(refusals, setup),
        cmocka_unit_test_setup(a_hub_that_carries_everything, setup),
        cmocka_unit_test_setup(what_is_refused_is_the_registrys_too, setup),
        cmocka_unit_test_setup(special_ranges_even_if_the_file_lists_all, setup),
        cmocka_unit_test_setup(one_bad_address_spoils_all, setup),
        cmocka_unit_test_setup(stale_and_unknown, setup),
        cmocka_unit_test_setup(kernel_says_no, setup),
        cmocka_unit_test_setup(shared_address_keeps_the_longer_time, setup),
        cmocka_unit_test_setup(one_transaction_for_several, setup),
        cmocka_unit_test_setup(only_the_name_that_was_asked_for, setup),
        cmocka_unit_test_setup(agrees_to_pairs_only, setup),
        cmocka_unit_test_setup(names_at_one_address_die_apart, setup),
        cmocka_unit_test_setup(a_name_that_changes_all_the_time, setup),
        cmocka_unit_test_setup(names_without_end, setup),
        cmocka_unit_test_setup(addresses_without_end, setup),
        cmocka_unit_test_setup(times_are_bounded, setup),
    };
    return cmocka_run_group_tests_name("gate_admit", tests, NULL, NULL);
}

/* The tables of fixed size: listed names, cached answers, token buckets. */
#include "names_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW UINT64_C(1000000)

static struct listed listed;
static struct cache cache;
static struct limit limit;

static int setup(void **state)
{
    (void)state;
    memset(&listed, 0, sizeof(listed));
    memset(&cache, 0, sizeof(cache));
    limit_init(&limit, 4711);
    return 0;
}

/* ---- listed ---- */

static bool add(unsigned id, unsigned service, const char *name)
{
    struct msg_name n = {.id = (uint16_t)id, .service = (uint8_t)service};
    snprintf(n.name, sizeof(n.name), "%s", name);
    return listed_add(&listed, &n);
}

static int find(const char *name)
{
    uint8_t wire[DNS_WIRE_NAME_MAX];
    return listed_find(&listed, wire, dns_name_to_wire(name, wire));
}

static void test_listed_finds_exactly(void **state)
{
    (void)state;
    assert_int_equal(find(REGISTRY_NAME), -1);
    assert_true(add(0, 1, REGISTRY_NAME));
    assert_true(add(1, 2, OTHER_NAME));
    assert_int_equal(find(REGISTRY_NAME), 0);
    assert_int_equal(find(OTHER_NAME), 1);
    assert_int_equal(find("lab.example"), -1);
    assert_int_equal(find("x." REGISTRY_NAME), -1);
    assert_int_equal(find("registry.lab.exampl"), -1);
    assert_int_equal(listed.names[1].service, 2);
}

static void test_listed_refuses(void **state)
{
    (void)state;
    struct msg_name endless = {.id = 1, .service = 1};
    memset(endless.name, 'a', sizeof(endless.name));
    assert_false(add(1, 1, REGISTRY_NAME)); /* a gap */
    assert_true(add(0, 1, REGISTRY_NAME));
    assert_false(add(0, 1, OTHER_NAME));    /* an id twice */
    assert_false(add(1, 1, REGISTRY_NAME)); /* a name twice */
    assert_false(add(1, 0, OTHER_NAME));
    assert_false(add(1, CONF_SERVICES_MAX + 1, OTHER_NAME));
    assert_false(add(1, 1, "Other.example.org"));
    assert_false(add(1, 1, "single"));
    assert_false(add(1, 1, "other.example.org."));
    assert_false(add(1, 1, ""));
    assert_false(listed_add(&listed, &endless));
    assert_int_equal(listed.count, 1);
}

static void test_listed_full(void **state)
{
    (void)state;
    char name[64];
    for (unsigned i = 0; i < LISTED_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.lab.example", i);
        assert_true(add(i, 1 + i % CONF_SERVICES_MAX, name));
    }
    assert_false(add(LISTED_MAX, 1, "more.lab.example"));
    for (unsigned i = 0; i < LISTED_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.lab.example", i);
        assert_int_equal(find(name), i);
    }
    assert_int_equal(find("more.lab.example"), -1);
}

static void test_listed_begins_anew(void **state)
{
    (void)state;
    assert_true(add(0, 1, REGISTRY_NAME));
    listed.complete = true;
    assert_false(add(1, 1, OTHER_NAME)); /* the list was complete */
    assert_true(add(0, 1, OTHER_NAME));
    assert_false(listed.complete);
    assert_int_equal(find(REGISTRY_NAME), -1);
    assert_int_equal(find(OTHER_NAME), 0);
}

/* ---- cache ---- */

static struct ttl_clock confirmed(uint32_t served)
{
    struct ttl_clock c;
    ttl_start(&c, NOW, served);
    ttl_confirm(&c, NOW, ttl_element(&c, NOW));
    return c;
}

static void test_cache_keeps_types_apart(void **state)
{
    (void)state;
    struct ttl_clock c = confirmed(60);
    struct addr a = addr_of("10.99.0.5"), back;
    struct dns_answer answer;
    cache_put(&cache, 5, DNS_A, 7, &c, &a, 1);
    assert_null(cache_get(&cache, 5, DNS_AAAA, 7, NOW));
    assert_null(cache_get(&cache, 4, DNS_A, 7, NOW));
    struct cache_entry *e = cache_get(&cache, 5, DNS_A, 7, NOW + 10000);
    assert_non_null(e);
    assert_true(cache_ready(e, NOW + 10000));
    cache_answer(e, NOW + 10000, &answer);
    assert_int_equal(answer.ttl, 50);
    assert_int_equal(answer.count, 1);
    dns_render_addr(DNS_A, answer.records, &back);
    assert_true(addr_equal(&a, &back));
}

static void test_cache_of_another_session(void **state)
{
    (void)state;
    struct ttl_clock c = confirmed(60);
    struct addr a = addr_of("10.99.0.5");
    cache_put(&cache, 5, DNS_A, 7, &c, &a, 1);
    assert_null(cache_get(&cache, 5, DNS_A, 8, NOW));
    assert_null(cache_get(&cache, 5, DNS_A, 0, NOW));
    assert_null(cache_get(&cache, 6, DNS_A, 0, NOW)); /* an empty place is of no session */
    assert_non_null(cache_get(&cache, 5, DNS_A, 7, NOW + 59999));
    assert_null(cache_get(&cache, 5, DNS_A, 7, NOW + 60000));
}

static void test_cache_unconfirmed_is_not_ready(void **state)
{
    (void)state;
    struct ttl_clock c;
    struct addr a = addr_of("10.99.0.5");
    ttl_start(&c, NOW, 60);
    assert_false(cache_ready(cache_put(&cache, 5, DNS_A, 7, &c, &a, 1), NOW));
    struct cache_entry *none = cache_put_negative(&cache, 5, DNS_AAAA, 7, &c, DNS_NXDOMAIN);
    assert_true(cache_ready(none, NOW)); /* "none" opens nothing */
    struct dns_answer answer;
    cache_answer(none, NOW, &answer);
    assert_int_equal(answer.rcode, DNS_NXDOMAIN);
    assert_true(answer.soa);
}

static void test_cache_drop(void **state)
{
    (void)state;
    struct ttl_clock c = confirmed(60);
    struct addr a = addr_of("10.99.0.5");
    cache_put(&cache, 5, DNS_A, 7, &c, &a, 1);
    cache_put(&cache, 6, DNS_A, 7, &c, &a, 1);
    cache_drop(&cache, 5);
    assert_null(cache_get(&cache, 5, DNS_A, 7, NOW));
    assert_non_null(cache_get(&cache, 6, DNS_A, 7, NOW));
    cache_drop_all(&cache);
    assert_null(cache_get(&cache, 6, DNS_A, 7, NOW));
}

/* ---- limit ---- */

static unsigned take_all(const struct addr *who, uint64_t now, enum limit_kind kind)
{
    unsigned n = 0;
    while (n < 100000 && limit_take(&limit, now, who, kind))
        n++;
    return n;
}

static void test_limit_burst_and_rate(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.10");
    assert_int_equal(take_all(&a, NOW, LIMIT_WORK), LIMIT_WORK_BURST);
    assert_int_equal(take_all(&a, NOW + 1000, LIMIT_WORK), LIMIT_WORK_RATE);
    assert_int_equal(take_all(&a, NOW + 1005, LIMIT_WORK), LIMIT_WORK_RATE * 5 / 1000);
    assert_int_equal(take_all(&a, NOW + 86400000, LIMIT_WORK), LIMIT_WORK_BURST);
    assert_int_equal(take_all(&a, NOW + 86400000, LIMIT_ANY), LIMIT_ANY_BURST);
    assert_int_equal(take_all(&a, NOW + 5, LIMIT_ANY), 0); /* a clock that goes back gives nothing */
}

static void test_limit_is_of_one_client(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.10"), b = addr_of("192.168.77.11"), c = addr_of("fd00::10");
    take_all(&a, NOW, LIMIT_WORK);
    assert_int_equal(take_all(&b, NOW, LIMIT_WORK), LIMIT_WORK_BURST);
    assert_int_equal(take_all(&c, NOW, LIMIT_WORK), LIMIT_WORK_BURST);
}

static void test_limit_many_clients(void **state)
{
    (void)state;
    /* More clients than the table holds: the newest is never refused for the others' sake. */
    for (unsigned i = 0; i < 5000; i++) {
        struct addr a = {.family = AF_INET, .bytes = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        assert_true(limit_take(&limit, NOW + i, &a, LIMIT_WORK));
    }
}

static void test_limit_tells_rarely(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.10"), b = addr_of("192.168.77.11");
    assert_true(limit_tell(&limit, NOW, &a));
    assert_false(limit_tell(&limit, NOW + 9999, &a));
    assert_true(limit_tell(&limit, NOW + 9999, &b));
    assert_true(limit_tell(&limit, NOW + 10000, &a));
}

#define T(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_listed_finds_exactly),
        T(test_listed_refuses),
        T(test_listed_full),
        T(test_listed_begins_anew),
        T(test_cache_keeps_types_apart),
        T(test_cache_of_another_session),
        T(test_cache_unconfirmed_is_not_ready),
        T(test_cache_drop),
        T(test_limit_burst_and_rate),
        T(test_limit_is_of_one_client),
        T(test_limit_many_clients),
        T(test_limit_tells_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

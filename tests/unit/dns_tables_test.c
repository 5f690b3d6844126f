/* The tables of fixed size: listed names, cached answers, token buckets. */
#include "evict.h"
#include "dns_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW UINT64_C(1000000)

static struct cache cache;
static struct ratelimit limit;

static int setup(void **state)
{
    (void)state;
    memset(&cache, 0, sizeof(cache));
    ratelimit_init(&limit, 4711);
    return 0;
}

static void test_hosts(void **state)
{
    (void)state;
    static struct hosts h;
    struct addr pc = addr_of("192.168.77.20"), none = addr_of("192.168.77.21"), other = addr_of("192.168.77.22");
    hosts_clear(&h);
    assert_true(hosts_may(&h, &pc, 1)); /* gate has said nothing about hosts */
    struct msg_host m = {.addr = pc, .services = 2};
    assert_true(hosts_add(&h, &m));
    assert_false(hosts_add(&h, &m)); /* twice */
    m = (struct msg_host){.addr = none, .services = 0};
    assert_true(hosts_add(&h, &m));
    m = (struct msg_host){.services = 1};
    assert_true(hosts_add(&h, &m));
    assert_false(hosts_add(&h, &m));
    assert_false(hosts_may(&h, &pc, 1));
    assert_true(hosts_may(&h, &pc, 2));
    assert_false(hosts_may(&h, &none, 1));
    assert_false(hosts_may(&h, &none, 8));
    assert_true(hosts_may(&h, &other, 1));
    assert_false(hosts_may(&h, &other, 2));
    for (unsigned i = 2; i < CONF_HOSTS_MAX; i++) {
        m = (struct msg_host){.addr = {.family = AF_INET, .bytes = {10, 0, 0, (uint8_t)i}}, .services = 128};
        assert_true(hosts_add(&h, &m));
    }
    m.addr.bytes[3] = 200;
    assert_false(hosts_add(&h, &m)); /* full */
    assert_true(hosts_may(&h, &(struct addr){.family = AF_INET, .bytes = {10, 0, 0, 63}}, 8));
}

/* ---- eviction ---- */

static void test_fair(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.1"), b = addr_of("192.168.77.2"), c = addr_of("fd00::3");
    const struct addr *owners[] = {&a, NULL, &b, &a, &a, &b};
    const struct addr *v = evict_victim(owners, 6, &c);
    assert_non_null(v);
    assert_true(addr_equal(v, &a));
    assert_null(evict_victim(owners, 6, &a)); /* not for itself */
    assert_null(evict_victim(owners, 6, &b)); /* two against three: it would then have most */
    owners[1] = &a;
    assert_true(addr_equal(evict_victim(owners, 6, &b), &a));
    owners[0] = owners[1] = owners[3] = NULL;
    owners[5] = NULL;
    assert_null(evict_victim(owners, 6, &c)); /* one each */
}

/* ---- cache ---- */

static struct cache_key key_of(unsigned id, uint16_t type)
{
    return (struct cache_key){.id = (uint16_t)id, .type = type};
}

static struct cache_entry *get(unsigned id, uint16_t type, uint32_t generation, uint64_t now)
{
    struct cache_key key = key_of(id, type);
    return cache_get(&cache, &key, generation, now);
}

static struct cache_entry *put(unsigned id, uint32_t generation, const struct ttl_clock *c, const struct addr *a)
{
    struct cache_key key = key_of(id, DNS_A);
    uint8_t records[DNS_RECORDS_MAX];
    unsigned len = dns_render(DNS_A, a, 1, records);
    return cache_put(&cache, &key, generation, c, NOW, records, len, 1, true);
}

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
    put(5, 7, &c, &a);
    assert_null(get(5, DNS_AAAA, 7, NOW));
    assert_null(get(4, DNS_A, 7, NOW));
    struct cache_entry *e = get(5, DNS_A, 7, NOW + 10000);
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
    put(5, 7, &c, &a);
    assert_null(get(5, DNS_A, 8, NOW));
    assert_null(get(5, DNS_A, 0, NOW));
    assert_null(get(6, DNS_A, 0, NOW)); /* an empty place is of no session */
    assert_non_null(get(5, DNS_A, 7, NOW + 59999));
    assert_null(get(5, DNS_A, 7, NOW + 60000));
}

static void test_cache_unconfirmed_is_not_ready(void **state)
{
    (void)state;
    struct ttl_clock c;
    struct addr a = addr_of("10.99.0.5");
    ttl_start(&c, NOW, 60);
    assert_false(cache_ready(put(5, 7, &c, &a), NOW));
    struct cache_key aaaa = key_of(5, DNS_AAAA);
    struct cache_entry *none = cache_put_negative(&cache, &aaaa, 7, &c, NOW, DNS_NXDOMAIN);
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
    put(5, 7, &c, &a);
    put(6, 7, &c, &a);
    cache_drop(&cache, 5, false);
    assert_null(get(5, DNS_A, 7, NOW));
    assert_non_null(get(6, DNS_A, 7, NOW));
    cache_drop_all(&cache);
    assert_null(get(6, DNS_A, 7, NOW));
}

static void test_cache_below_wildcards(void **state)
{
    (void)state;
    struct ttl_clock c = confirmed(60);
    struct addr a = addr_of("10.99.0.5");
    uint8_t records[DNS_RECORDS_MAX], wire[DNS_WIRE_NAME_MAX], other[DNS_WIRE_NAME_MAX];
    unsigned len = dns_render(DNS_A, &a, 1, records);
    struct cache_key key = {.id = 3, .type = DNS_A, .wild = true, .name = wire};
    struct cache_key also = {.id = 3, .type = DNS_A, .wild = true, .name = other};
    key.name_len = dns_name_to_wire("a.lab.example", wire);
    also.name_len = dns_name_to_wire("b.lab.example", other);
    assert_null(cache_get(&cache, &key, 7, NOW));
    cache_put(&cache, &key, 7, &c, NOW, records, len, 1, true);
    assert_non_null(cache_get(&cache, &key, 7, NOW));
    assert_null(cache_get(&cache, &also, 7, NOW)); /* each name for itself */
    assert_null(cache_get(&cache, &key, 8, NOW));
    key.type = DNS_AAAA;
    assert_null(cache_get(&cache, &key, 7, NOW));
    key.type = DNS_A;
    cache_drop(&cache, 3, true);
    assert_null(cache_get(&cache, &key, 7, NOW));

    char name[64];
    for (unsigned i = 0; i < 4 * CACHE_SETS * CACHE_WAYS; i++) { /* bounded: the longest unused makes room */
        snprintf(name, sizeof(name), "n%u.lab.example", i);
        key.name_len = dns_name_to_wire(name, wire);
        cache_put(&cache, &key, 7, &c, NOW + i, records, len, 1, true);
        assert_non_null(cache_get(&cache, &key, 7, NOW + i));
    }
    assert_true(cache.evicted > 0);
    unsigned left = 0;
    for (unsigned i = 0; i < 4 * CACHE_SETS * CACHE_WAYS; i++) {
        snprintf(name, sizeof(name), "n%u.lab.example", i);
        key.name_len = dns_name_to_wire(name, wire);
        left += cache_get(&cache, &key, 7, NOW + 10000) != NULL;
    }
    assert_int_equal(left, CACHE_SETS * CACHE_WAYS);
}

/* ---- limit ---- */

static unsigned take_all(const struct addr *who, uint64_t now, enum ratelimit_kind kind)
{
    unsigned n = 0;
    while (n < 100000 && ratelimit_take(&limit, now, who, kind))
        n++;
    return n;
}

static void test_limit_burst_and_rate(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.10");
    assert_int_equal(take_all(&a, NOW, RATELIMIT_WORK), RATELIMIT_WORK_BURST);
    assert_int_equal(take_all(&a, NOW + 1000, RATELIMIT_WORK), RATELIMIT_WORK_RATE);
    assert_int_equal(take_all(&a, NOW + 1005, RATELIMIT_WORK), RATELIMIT_WORK_RATE * 5 / 1000);
    assert_int_equal(take_all(&a, NOW + 86400000, RATELIMIT_WORK), RATELIMIT_WORK_BURST);
    assert_int_equal(take_all(&a, NOW + 86400000, RATELIMIT_ANY), RATELIMIT_ANY_BURST);
    assert_int_equal(take_all(&a, NOW + 5, RATELIMIT_ANY), 0); /* a clock that goes back gives nothing */
}

static void test_limit_is_of_one_client(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.10"), b = addr_of("192.168.77.11"), c = addr_of("fd00::10");
    take_all(&a, NOW, RATELIMIT_WORK);
    assert_int_equal(take_all(&b, NOW, RATELIMIT_WORK), RATELIMIT_WORK_BURST);
    assert_int_equal(take_all(&c, NOW, RATELIMIT_WORK), RATELIMIT_WORK_BURST);
}

static void test_limit_many_clients(void **state)
{
    (void)state;
    /* More clients than the table holds: the newest is never refused for the others' sake. */
    for (unsigned i = 0; i < 5000; i++) {
        struct addr a = {.family = AF_INET, .bytes = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        assert_true(ratelimit_take(&limit, NOW + i, &a, RATELIMIT_WORK));
    }
}

static void test_limit_tells_rarely(void **state)
{
    (void)state;
    struct addr a = addr_of("192.168.77.10"), b = addr_of("192.168.77.11");
    assert_true(ratelimit_tell(&limit, NOW, &a, RATELIMIT_ANY));
    assert_false(ratelimit_tell(&limit, NOW + 9999, &a, RATELIMIT_ANY));
    assert_true(ratelimit_tell(&limit, NOW + 9999, &b, RATELIMIT_ANY));
    assert_true(ratelimit_tell(&limit, NOW + 9999, &a, RATELIMIT_BELOW)); /* one report hides no other */
    assert_true(ratelimit_tell(&limit, NOW + 10000, &a, RATELIMIT_ANY));
}

#define T(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_hosts),
        T(test_fair),
        T(test_cache_keeps_types_apart),
        T(test_cache_of_another_session),
        T(test_cache_unconfirmed_is_not_ready),
        T(test_cache_drop),
        T(test_cache_below_wildcards),
        T(test_limit_burst_and_rate),
        T(test_limit_is_of_one_client),
        T(test_limit_many_clients),
        T(test_limit_tells_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

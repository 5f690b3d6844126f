/* Reading a resolver's answer: chains, foreign records, forbidden addresses, TTLs, octets that are no message. */
#include "dns_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NAME REGISTRY_NAME

static struct wire m;
static struct cname c;

static void begin(uint16_t type, unsigned flags)
{
    wire_begin(&m, 1, flags, NAME, type);
}

static enum cname_result read_as(uint16_t type)
{
    cname_read(m.data, m.len, NAME, type, &c);
    return c.result;
}

static void assert_addr(unsigned i, const char *text)
{
    struct addr a = addr_of(text);
    assert_true(addr_equal(&c.addrs[i], &a));
}

static void test_direct(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 300, "10.99.0.5");
    wire_addr(&m, "Registry.LAB.example", 200, "10.99.0.6");
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS);
    assert_int_equal(c.count, 2);
    assert_int_equal(c.ttl, 200);
    assert_addr(0, "10.99.0.5");
    assert_addr(1, "10.99.0.6");
    begin(DNS_AAAA, 0x8180);
    wire_addr(&m, NAME, 300, "fd00:99::5");
    assert_int_equal(read_as(DNS_AAAA), CNAME_ADDRS);
    assert_addr(0, "fd00:99::5");
}

static void test_links_in_any_order(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_addr(&m, "c.example", 300, "10.99.0.5");
    wire_cname(&m, "b.example", 40, "c.example");
    wire_cname(&m, NAME, 100, "B.example");
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS);
    assert_int_equal(c.count, 1);
    assert_int_equal(c.ttl, 40); /* the smallest of the chain */
}

/* NAME -> l1.example -> … with `links` CNAME records, and an address at the end. */
static void long_chain(unsigned links)
{
    char from[64] = NAME, to[64];
    begin(DNS_A, 0x8180);
    for (unsigned i = 1; i <= links; i++) {
        snprintf(to, sizeof(to), "l%u.example", i);
        wire_cname(&m, from, 60, to);
        memcpy(from, to, sizeof(from));
    }
    wire_addr(&m, from, 60, "10.99.0.5");
}

static void test_length_of_chain(void **state)
{
    (void)state;
    long_chain(CNAME_LINKS_MAX);
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS);
    long_chain(CNAME_LINKS_MAX + 1);
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
}

static void test_loops(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_cname(&m, NAME, 60, NAME);
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
    begin(DNS_A, 0x8180);
    wire_cname(&m, NAME, 60, "b.example");
    wire_cname(&m, "b.example", 60, "c.example");
    wire_cname(&m, "c.example", 60, "b.example");
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
}

static void test_two_ways_on(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_cname(&m, NAME, 60, "b.example");
    wire_cname(&m, NAME, 60, "c.example");
    wire_addr(&m, "b.example", 60, "10.99.0.5");
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
    begin(DNS_A, 0x8180);
    wire_cname(&m, NAME, 60, "b.example");
    wire_cname(&m, NAME, 60, "B.EXAMPLE"); /* the same record twice does no harm */
    wire_addr(&m, "b.example", 60, "10.99.0.5");
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS);
}

static void test_address_beside_alias(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_cname(&m, NAME, 60, "b.example");
    wire_addr(&m, NAME, 60, "10.99.0.6");
    wire_addr(&m, "b.example", 60, "10.99.0.5");
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
}

static void test_foreign_records(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "10.99.0.5");
    wire_addr(&m, "elsewhere.example", 60, "10.99.0.6");
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "10.99.0.5");
    wire_cname(&m, "elsewhere.example", 60, NAME);
    assert_int_equal(read_as(DNS_A), CNAME_BROKEN);
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "10.99.0.5");
    wire_record(&m, 10, "elsewhere.example", DNS_A, 60, "\012\143\0\6", 4);
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS); /* additional records are never looked at */
    assert_int_equal(c.count, 1);
}

static void test_wrong_family_is_not_used(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "fd00:99::5");
    assert_int_equal(read_as(DNS_A), CNAME_NO_DATA);
}

static void test_forbidden(void **state)
{
    (void)state;
    static const char *const bad[] = {"127.0.0.1",   "127.255.0.9", "0.0.0.0",        "169.254.0.1",
                                      "224.0.0.251", "240.0.0.1",   "255.255.255.255"};
    static const char *const bad6[] = {"::",      "::1",     "::ffff:10.99.0.5", "64:ff9b::a63:5",
                                       "fe80::1", "fec0::1", "ff02::1"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin(DNS_A, 0x8180);
        wire_addr(&m, NAME, 60, "10.99.0.5");
        wire_addr(&m, NAME, 60, bad[i]);
        assert_int_equal(read_as(DNS_A), CNAME_FORBIDDEN); /* one bad address refuses all */
        assert_addr(0, bad[i]);
    }
    for (unsigned i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++) {
        begin(DNS_AAAA, 0x8180);
        wire_addr(&m, NAME, 60, bad6[i]);
        assert_int_equal(read_as(DNS_AAAA), CNAME_FORBIDDEN);
    }
}

static void test_more_addresses_than_room(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    for (unsigned i = 0; i < DNS_ADDRS_MAX + 4; i++)
        wire_addr(&m, NAME, 60, "10.99.0.5");
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS);
    assert_int_equal(c.count, DNS_ADDRS_MAX);
    wire_addr(&m, NAME, 60, "127.0.0.1"); /* also those that are not used are checked */
    assert_int_equal(read_as(DNS_A), CNAME_FORBIDDEN);
}

static void test_negative(void **state)
{
    (void)state;
    begin(DNS_A, 0x8183);
    wire_soa(&m, "lab.example", 900, 30);
    assert_int_equal(read_as(DNS_A), CNAME_NO_NAME);
    assert_int_equal(c.ttl, 30);
    begin(DNS_A, 0x8180);
    wire_soa(&m, "lab.example", 20, 300);
    assert_int_equal(read_as(DNS_A), CNAME_NO_DATA);
    assert_int_equal(c.ttl, 20);
    begin(DNS_A, 0x8180);
    assert_int_equal(read_as(DNS_A), CNAME_NO_DATA);
    assert_int_equal(c.ttl, 0);
}

static void test_errors_and_cut_answers(void **state)
{
    (void)state;
    begin(DNS_A, 0x8182);
    assert_int_equal(read_as(DNS_A), CNAME_FAILED);
    begin(DNS_A, 0x8185);
    assert_int_equal(read_as(DNS_A), CNAME_FAILED);
    begin(DNS_A, 0x8380);
    assert_int_equal(read_as(DNS_A), CNAME_FAILED); /* cut before any address */
    wire_addr(&m, NAME, 60, "10.99.0.5");
    assert_int_equal(read_as(DNS_A), CNAME_ADDRS); /* what is there can be used */
}

static void test_malformed(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "10.99.0.5");
    size_t whole = m.len;
    for (size_t len = 0; len < whole; len++) {
        cname_read(m.data, len, NAME, DNS_A, &c);
        assert_int_equal(c.result, CNAME_MALFORMED);
        assert_int_equal(c.count, 0);
    }
    begin(DNS_A, 0x8180);
    wire_record(&m, 6, NAME, DNS_A, 60, "\012\143\0", 3); /* an address of three octets */
    assert_int_not_equal(read_as(DNS_A), CNAME_ADDRS);
    begin(DNS_A, 0x8180);
    m.data[7] = 1;
    wire_bytes(&m, "\300\062\0\1\0\1\0\0\0\74\0\4\012\143\0\5", 16); /* an owner that points forward, to itself */
    assert_int_equal(read_as(DNS_A), CNAME_MALFORMED);
}

/* ---- answers that are passed on ---- */

static bool harmless(const char *bad)
{
    struct addr seen;
    bool ok = cname_harmless(m.data, m.len, NULL, &seen);
    if (bad != NULL) {
        struct addr a = addr_of(bad);
        assert_false(ok);
        assert_true(addr_equal(&seen, &a));
    }
    return ok;
}

static void test_harmless_sections(void **state)
{
    (void)state;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "203.0.113.5");
    wire_addr(&m, "elsewhere.example", 60, "198.51.100.5");
    assert_true(harmless(NULL));
    wire_addr(&m, NAME, 60, "192.168.77.1");
    harmless("192.168.77.1");
    begin(DNS_A, 0x8180);
    wire_record(&m, 8, "ns.example", DNS_A, 60, "\177\0\0\1", 4);
    harmless("127.0.0.1");
    begin(DNS_A, 0x8180);
    wire_record(&m, 10, "ns.example", DNS_A, 60, "\254\020\0\1", 4);
    harmless("172.16.0.1");
}

static void test_harmless_hints(void **state)
{
    (void)state;
    /* priority 1, target ".", ipv4hint with two addresses, the second one private */
    static const char hint4[] = "\0\1\0\0\4\0\10\313\0\161\5\300\250\115\1";
    static const char hint6[] = "\0\1\0\0\6\0\20\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
    begin(DNS_HTTPS, 0x8180);
    wire_record(&m, 6, NAME, DNS_HTTPS, 60, hint4, sizeof(hint4) - 1);
    harmless("192.168.77.1");
    begin(DNS_SVCB, 0x8180);
    wire_record(&m, 6, NAME, DNS_SVCB, 60, hint6, sizeof(hint6) - 1);
    harmless("fd00::1");
}

static void test_harmless_other_class(void **state)
{
    (void)state;
    struct addr bad;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "203.0.113.5");
    m.data[m.len - 11] = 3; /* CHAOS; an address there would be another thing, but not to a careless client */
    assert_false(cname_harmless(m.data, m.len, NULL, &bad));
    assert_int_equal(bad.family, 0);
}

static void test_harmless_malformed(void **state)
{
    (void)state;
    struct addr bad;
    begin(DNS_A, 0x8180);
    wire_addr(&m, NAME, 60, "203.0.113.5");
    assert_false(cname_harmless(m.data, m.len - 1, NULL, &bad));
    assert_int_equal(bad.family, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_links_in_any_order),
        cmocka_unit_test(test_length_of_chain),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_two_ways_on),
        cmocka_unit_test(test_address_beside_alias),
        cmocka_unit_test(test_foreign_records),
        cmocka_unit_test(test_wrong_family_is_not_used),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_more_addresses_than_room),
        cmocka_unit_test(test_negative),
        cmocka_unit_test(test_errors_and_cut_answers),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_harmless_sections),
        cmocka_unit_test(test_harmless_hints),
        cmocka_unit_test(test_harmless_other_class),
        cmocka_unit_test(test_harmless_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

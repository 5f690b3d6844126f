/* DNS messages: the strict parser for queries, our answers, the check of a resolver's response. */
#include "dns_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct wire m;
static struct dns_question q;
static enum dns_rcode rcode;
static uint8_t out[DNS_MSG_MAX];

static enum dns_check parse(void)
{
    rcode = DNS_NOERROR;
    return dns_question_parse(m.data, m.len, &q, &rcode);
}

static void good(void)
{
    wire_begin(&m, 0x1234, 0x0100, "Registry.Lab.Example", DNS_A);
}

static void assert_rejected(enum dns_rcode expected)
{
    assert_int_equal(parse(), DNS_CHECK_REJECT);
    assert_int_equal(rcode, expected);
}

/* ---- questions ---- */

static void test_plain_question(void **state)
{
    (void)state;
    good();
    assert_int_equal(parse(), DNS_CHECK_OK);
    assert_int_equal(q.id, 0x1234);
    assert_int_equal(q.type, DNS_A);
    assert_int_equal(q.room, DNS_PLAIN_MAX);
    assert_true(q.rd);
    assert_false(q.edns || q.cd || q.dnssec_ok);
    assert_int_equal(q.name_len, 22);
    assert_memory_equal(q.name, "\10Registry\3Lab\7Example", 22);
    assert_memory_equal(q.lower, "\10registry\3lab\7example", 22);
}

static void test_edns(void **state)
{
    (void)state;
    static const struct {
        unsigned asked, given;
    } rooms[] = {{0, 512}, {511, 512}, {512, 512}, {1000, 1000}, {1232, 1232}, {4096, 1232}, {65535, 1232}};
    for (unsigned i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        good();
        wire_edns(&m, rooms[i].asked);
        assert_int_equal(parse(), DNS_CHECK_OK);
        assert_true(q.edns);
        assert_int_equal(q.room, rooms[i].given);
    }
    m.data[m.len - 4] = 0x80;
    assert_int_equal(parse(), DNS_CHECK_OK);
    assert_true(q.dnssec_ok);
}

static void test_edns_options(void **state)
{
    (void)state;
    good();
    wire_edns(&m, 1232);
    m.data[m.len - 1] = 12;
    wire_bytes(&m, "\0\12\0\10cookies!", 12); /* an option that we do not know is passed over */
    assert_int_equal(parse(), DNS_CHECK_OK);
    m.data[m.len - 9] = 9;
    assert_rejected(DNS_FORMERR); /* it runs over the end */
    m.data[m.len - 9] = 7;
    assert_rejected(DNS_FORMERR); /* and this leaves an octet over */
}

static void test_edns_version(void **state)
{
    (void)state;
    good();
    wire_edns(&m, 1232);
    m.data[m.len - 5] = 1;
    assert_rejected(DNS_BADVERS);
    struct seen s;
    assert_true(see(out, dns_build_error(m.data, rcode, out), &s));
    assert_int_equal(s.rcode, DNS_BADVERS);
    assert_int_equal(s.id, 0x1234);
}

static void test_dropped(void **state)
{
    (void)state;
    good();
    m.data[2] |= 0x80;
    assert_int_equal(parse(), DNS_CHECK_DROP);
    good();
    for (m.len = 0; m.len < DNS_HEADER_LEN; m.len++)
        assert_int_equal(parse(), DNS_CHECK_DROP);
}

static void test_every_cut_is_rejected(void **state)
{
    (void)state;
    good();
    wire_edns(&m, 1232);
    size_t whole = m.len;
    for (m.len = DNS_HEADER_LEN; m.len < whole; m.len++)
        assert_rejected(DNS_FORMERR);
}

static void test_rejected(void **state)
{
    (void)state;
    good();
    m.data[2] |= 0x28; /* UPDATE */
    assert_rejected(DNS_NOTIMP);
    static const unsigned counts[] = {4, 5, 7, 9, 11};
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        good();
        m.data[counts[i]] += 2;
        assert_rejected(DNS_FORMERR);
    }
    good();
    m.data[5] = 0;
    assert_rejected(DNS_FORMERR);
    good();
    m.data[m.len - 1] = 3; /* CHAOS */
    assert_rejected(DNS_REFUSED);
    good();
    wire_bytes(&m, "", 1); /* an octet left over */
    assert_rejected(DNS_FORMERR);
    good();
    m.data[11] = 1;
    wire_bytes(&m, "\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4", 15); /* an A record where only OPT may be */
    assert_rejected(DNS_FORMERR);
}

static void test_names_that_cannot_be(void **state)
{
    (void)state;
    good();
    m.data[DNS_HEADER_LEN] = 0xc0; /* compression in a question */
    assert_rejected(DNS_FORMERR);
    good();
    m.data[DNS_HEADER_LEN] = 64;
    assert_rejected(DNS_FORMERR);
    /* 255 octets are a name, 256 are none */
    for (unsigned longest = 61; longest <= 62; longest++) {
        good();
        m.len = DNS_HEADER_LEN;
        for (unsigned i = 0; i < 4; i++) {
            unsigned len = i < 3 ? 63 : longest;
            uint8_t label[64] = {(uint8_t)len};
            memset(label + 1, 'a', len);
            wire_bytes(&m, label, len + 1);
        }
        wire_bytes(&m, "\0\0\1\0\1", 5);
        assert_int_equal(parse(), longest == 61 ? DNS_CHECK_OK : DNS_CHECK_REJECT);
    }
}

static void test_root_and_odd_octets(void **state)
{
    (void)state;
    char text[CONF_FQDN_MAX];
    good();
    m.len = DNS_HEADER_LEN;
    wire_bytes(&m, "\0\0\2\0\1", 5);
    assert_int_equal(parse(), DNS_CHECK_OK);
    dns_name_to_text(q.name, q.name_len, text);
    assert_string_equal(text, ".");
    good();
    memcpy(m.data + DNS_HEADER_LEN + 1, "a\n\33[31m\0", 8);
    assert_int_equal(parse(), DNS_CHECK_OK);
    dns_name_to_text(q.name, q.name_len, text);
    assert_string_equal(text, "a??[31m?.Lab.Example"); /* no terminal sequences */
}

/* ---- answers ---- */

static struct seen built(const struct dns_answer *a, size_t *len)
{
    struct seen s;
    *len = dns_build(&q, a, out);
    assert_true(*len <= q.room);
    assert_true(see(out, *len, &s));
    assert_int_equal(s.id, 0x1234);
    assert_string_equal(s.name, "Registry.Lab.Example");
    return s;
}

static struct dns_answer addresses(unsigned count, uint8_t *records)
{
    struct addr addrs[DNS_ADDRS_MAX];
    for (unsigned i = 0; i < count; i++)
        addrs[i] = addr_of("10.99.0.5");
    struct dns_answer a = {.ttl = 77, .count = count, .records = records, .ede = DNS_EDE_NONE};
    a.len = dns_render(DNS_A, addrs, count, records);
    return a;
}

static void test_answer_with_addresses(void **state)
{
    (void)state;
    uint8_t records[DNS_RECORDS_MAX];
    size_t len;
    good();
    assert_int_equal(parse(), DNS_CHECK_OK);
    struct dns_answer a = addresses(3, records);
    struct seen s = built(&a, &len);
    assert_int_equal(s.count, 3);
    assert_int_equal(s.ttl, 77);
    assert_false(s.tc || s.edns || s.soa);
    struct addr back, first = addr_of("10.99.0.5");
    dns_render_addr(DNS_A, records, &back);
    assert_true(addr_equal(&back, &first));
}

static void test_too_much_becomes_tc(void **state)
{
    (void)state;
    uint8_t records[DNS_RECORDS_MAX];
    struct addr addrs[DNS_ADDRS_MAX];
    size_t len;
    good();
    assert_int_equal(parse(), DNS_CHECK_OK);
    for (unsigned i = 0; i < DNS_ADDRS_MAX; i++)
        addrs[i] = addr_of("2001:db8::5");
    struct dns_answer a = {.ttl = 77, .count = 16, .records = records, .ede = DNS_EDE_NONE};
    a.len = dns_render(DNS_AAAA, addrs, 16, records);
    q.type = DNS_AAAA;
    q.room = 486; /* header, question and sixteen records: exactly */
    assert_int_equal(DNS_HEADER_LEN + q.name_len + 4 + a.len, 486);
    assert_int_equal(built(&a, &len).count, 16);
    q.room = 485;
    struct seen s = built(&a, &len);
    assert_true(s.tc);
    assert_int_equal(s.count, 0);
}

static void test_error_text_gives_way(void **state)
{
    (void)state;
    size_t len;
    struct dns_answer a = {.rcode = DNS_SERVFAIL, .ede = DNS_EDE_NETWORK, .text = "no tunnel"};
    good();
    wire_edns(&m, 1232);
    assert_int_equal(parse(), DNS_CHECK_OK);
    struct seen s = built(&a, &len);
    assert_int_equal(s.rcode, DNS_SERVFAIL);
    assert_int_equal(s.ede, DNS_EDE_NETWORK);
    assert_string_equal(s.text, "no tunnel");
    q.room = (uint16_t)(len - 1);
    s = built(&a, &len);
    assert_int_equal(s.ede, DNS_EDE_NETWORK);
    assert_string_equal(s.text, "");
    q.room = (uint16_t)(len - 1);
    s = built(&a, &len);
    assert_int_equal(s.ede, -1);
    assert_true(s.edns);
}

static void test_negative_answer_has_soa(void **state)
{
    (void)state;
    size_t len;
    struct dns_answer a = {.rcode = DNS_NXDOMAIN, .ttl = 30, .soa = true, .ede = DNS_EDE_NONE};
    good();
    assert_int_equal(parse(), DNS_CHECK_OK);
    struct seen s = built(&a, &len);
    assert_int_equal(s.rcode, DNS_NXDOMAIN);
    assert_true(s.soa);
    assert_int_equal(s.ttl, 30);
}

/* ---- to the resolver, and its echo ---- */

static void test_own_question_is_well_formed(void **state)
{
    (void)state;
    struct dns_question back;
    good();
    wire_edns(&m, 4096);
    assert_int_equal(parse(), DNS_CHECK_OK);
    size_t len = dns_build_question(&q, 0xbeef, out);
    assert_int_equal(dns_question_parse(out, len, &back, &rcode), DNS_CHECK_OK);
    assert_int_equal(back.id, 0xbeef);
    assert_true(back.rd && back.edns);
    assert_memory_equal(back.name, q.name, q.name_len);
}

static void test_echo(void **state)
{
    (void)state;
    good();
    assert_int_equal(parse(), DNS_CHECK_OK);
    wire_begin(&m, 7, 0x8180, "rEGISTRY.lab.example", DNS_A);
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), 0); /* the letters' case is part of the question */
    wire_begin(&m, 7, 0x8180, "Registry.Lab.Example", DNS_A);
    size_t end = m.len;
    wire_addr(&m, REGISTRY_NAME, 60, "10.99.0.5");
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), end);
    assert_int_equal(dns_echo_matches(m.data, m.len, 8, &q), 0);
    for (size_t len = 0; len < end; len++)
        assert_int_equal(dns_echo_matches(m.data, len, 7, &q), 0);
    wire_begin(&m, 7, 0x0180, "Registry.Lab.Example", DNS_A);
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), 0); /* a question */
    wire_begin(&m, 7, 0xa980, "Registry.Lab.Example", DNS_A);
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), 0); /* another opcode */
    wire_begin(&m, 7, 0x8180, "Registry.Lab.Example", DNS_AAAA);
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), 0);
    wire_begin(&m, 7, 0x8180, "Registry.Labs.Example", DNS_A);
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), 0);
    wire_begin(&m, 7, 0x8180, "Registry.Lab.Example", DNS_A);
    m.data[5] = 2;
    assert_int_equal(dns_echo_matches(m.data, m.len, 7, &q), 0); /* two questions */
}

static void test_mixed_case(void **state)
{
    (void)state;
    uint8_t bits[DNS_WIRE_NAME_MAX / 8 + 1] = {0};
    good();
    assert_int_equal(parse(), DNS_CHECK_OK);
    dns_mix_case(&q, bits);
    assert_memory_equal(q.name, q.lower, q.name_len);
    memset(bits, 0xff, sizeof(bits));
    dns_mix_case(&q, bits);
    assert_memory_equal(q.name, "\010REGISTRY\003LAB\007EXAMPLE", 22); /* letters, and nothing but letters */
    bits[0] = 0xfd;
    dns_mix_case(&q, bits);
    assert_int_equal(q.name[1], 'r');
    size_t len = dns_build_question(&q, 9, out);
    assert_memory_equal(out + DNS_HEADER_LEN, q.name, q.name_len);
    out[2] |= 0x80;
    assert_int_not_equal(dns_echo_matches(out, len, 9, &q), 0);
    out[DNS_HEADER_LEN + 1] ^= 0x20;
    assert_int_equal(dns_echo_matches(out, len, 9, &q), 0);
}

static void test_names_to_wire(void **state)
{
    (void)state;
    uint8_t wire[DNS_WIRE_NAME_MAX];
    char text[CONF_FQDN_MAX], label[80];
    assert_int_equal(dns_name_to_wire("a.bc", wire), 6);
    assert_memory_equal(wire, "\1a\2bc", 6);
    dns_name_to_text(wire, 6, text);
    assert_string_equal(text, "a.bc");
    assert_int_equal(dns_name_to_wire("", wire), 0);
    assert_int_equal(dns_name_to_wire("a..b", wire), 0);
    assert_int_equal(dns_name_to_wire(".a", wire), 0);
    assert_int_equal(dns_name_to_wire("a.", wire), 0);
    memset(label, 'x', 64);
    label[64] = '\0';
    assert_int_equal(dns_name_to_wire(label, wire), 0);
    label[63] = '\0';
    assert_int_equal(dns_name_to_wire(label, wire), 65);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_question),
        cmocka_unit_test(test_edns),
        cmocka_unit_test(test_edns_options),
        cmocka_unit_test(test_edns_version),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_every_cut_is_rejected),
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_names_that_cannot_be),
        cmocka_unit_test(test_root_and_odd_octets),
        cmocka_unit_test(test_answer_with_addresses),
        cmocka_unit_test(test_too_much_becomes_tc),
        cmocka_unit_test(test_error_text_gives_way),
        cmocka_unit_test(test_negative_answer_has_soa),
        cmocka_unit_test(test_own_question_is_well_formed),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_mixed_case),
        cmocka_unit_test(test_names_to_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

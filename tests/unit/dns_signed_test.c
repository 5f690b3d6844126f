/* Copies of signed answers: what they may contain; each guard with the octets that it exists for. */
#include "dns_fixture.h"
#include "signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NAME "a.example"
#define QUESTION_END (DNS_HEADER_LEN + sizeof NAME + 1 + 4)
#define ANSWER 6
#define AUTHORITY 8
#define NONE UINT32_MAX

enum { TYPE_DNAME = 39, TYPE_RRSIG = 46, TYPE_NSEC = 47, TYPE_NSEC3 = 50, TYPE_TXT = 16 };

static uint8_t out[DNS_TCP_MAX];
static bool is_signed;

static void begin(struct wire *m, uint16_t type)
{
    wire_begin(m, 7, 0x8180, NAME, type);
    assert_int_equal(m->len, QUESTION_END);
}

/* From octets of exactly this size, for ASan. */
static size_t copy_of(const uint8_t *data, size_t len, uint16_t type, const char *open, uint32_t ttl_max, size_t room)
{
    struct addr addrs[1];
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, data, len);
    if (open)
        addrs[0] = addr_of(open);
    size_t n = signed_copy(exact, len, QUESTION_END, type, addrs, open ? 1 : 0, ttl_max, out, room, &is_signed);
    free(exact);
    return n;
}

static size_t copied(const struct wire *m, uint16_t type, const char *open)
{
    return copy_of(m->data, m->len, type, open, NONE, sizeof out);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *answer, *open; /* open: what gate has opened */
        bool good;
    } rows[] = {
        {DNS_A, "10.99.0.5", "10.99.0.5", true},   {DNS_A, "10.99.0.5", "10.99.0.6", false},
        {DNS_A, "10.99.0.5", NULL, false},         {DNS_AAAA, "10.99.0.5", "10.99.0.5", false},
        {DNS_NS, "10.99.0.5", "10.99.0.5", false}, {DNS_AAAA, "fd00::5", "fd00::5", true},
        {DNS_AAAA, "fd00::5", "fd00::6", false},   {DNS_A, "fd00::5", "fd00::5", false},
        {DNS_AAAA, "fd00::5", "253.0.0.0", false}, {DNS_A, "253.0.0.0", "fd00::5", false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire m;
        begin(&m, rows[i].type);
        wire_addr(&m, NAME, 60, rows[i].answer);
        assert_int_equal(copied(&m, rows[i].type, rows[i].open), rows[i].good ? m.len : 0);
        assert_false(is_signed);
    }
    struct wire m; /* of two, both must be open */
    begin(&m, DNS_A);
    wire_addr(&m, NAME, 60, "10.99.0.5");
    wire_addr(&m, NAME, 60, "10.99.0.6");
    assert_int_equal(copied(&m, DNS_A, "10.99.0.5"), 0);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        uint16_t asked, kind;
        bool answer, authority; /* may it stand there? */
    } rows[] = {
        {DNS_A, TYPE_RRSIG, true, true},       {DNS_A, TYPE_NSEC, true, true},
        {DNS_A, TYPE_NSEC3, true, true},       {DNS_A, DNS_SOA, true, true},
        {DNS_A, DNS_CNAME, true, false},       {DNS_A, TYPE_DNAME, true, false},
        {DNS_A, DNS_NS, false, true},          {DNS_A, DNS_DS, false, true},
        {DNS_A, DNS_DNSKEY, false, false},     {DNS_NS, DNS_NS, true, true},
        {DNS_NS, DNS_DS, false, true},         {DNS_DS, DNS_DS, true, true},
        {DNS_DS, DNS_NS, false, true},         {DNS_DNSKEY, DNS_DNSKEY, true, false},
        {DNS_DS, DNS_DNSKEY, false, false},    {DNS_A, TYPE_TXT, false, false},
        {DNS_A, DNS_HTTPS, false, false},      {DNS_A, TYPE_NSEC + 1, false, false},
        {DNS_A, TYPE_DNAME - 1, false, false}, {DNS_A, TYPE_NSEC3 + 1, false, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned n = 0; n < 2; n++) {
            struct wire m;
            begin(&m, rows[i].asked);
            wire_record(&m, n == 0 ? ANSWER : AUTHORITY, NAME, rows[i].kind, 60, "\0", 1);
            bool good = n == 0 ? rows[i].answer : rows[i].authority;
            assert_int_equal(copied(&m, rows[i].asked, NULL), good ? m.len : 0);
            assert_int_equal(is_signed, good && rows[i].kind == TYPE_RRSIG);
        }
}

/* Addresses are allowed in the answer section only. */
static void test_address_in_the_authority(void **state)
{
    (void)state;
    struct wire m;
    begin(&m, DNS_A);
    wire_record(&m, AUTHORITY, NAME, DNS_A, 60, "\12\143\0\5", 4);
    assert_int_equal(copied(&m, DNS_A, "10.99.0.5"), 0);
}

static void test_another_class(void **state)
{
    (void)state;
    for (unsigned class = 0; class < 600; class ++) {
        struct wire m;
        begin(&m, DNS_A);
        wire_addr(&m, NAME, 60, "10.99.0.5");
        uint8_t *at = m.data + m.len - 4 - 10 + 2;
        at[0] = (uint8_t)(class >> 8), at[1] = (uint8_t)class;
        assert_int_equal(copied(&m, DNS_A, "10.99.0.5"), class == 1 ? m.len : 0);
    }
}

/* Cut anywhere: nothing is read past the end, and only a whole message is copied. */
static void test_cut(void **state)
{
    (void)state;
    struct wire m;
    begin(&m, DNS_A);
    wire_addr(&m, NAME, 60, "10.99.0.5");
    wire_record(&m, ANSWER, NAME, TYPE_RRSIG, 60, "signature", 9);
    for (size_t len = 0; len < m.len; len++)
        assert_int_equal(copy_of(m.data, len, DNS_A, "10.99.0.5", NONE, sizeof out), 0);
    assert_int_equal(copied(&m, DNS_A, "10.99.0.5"), m.len);
    assert_true(is_signed);
    assert_memory_equal(out, m.data, m.len);
    /* What stands behind the records that are counted is not copied. */
    wire_edns(&m, 1232);
    assert_int_equal(copied(&m, DNS_A, "10.99.0.5"), m.len - 11);
    assert_int_equal(out[10] << 8 | out[11], 0);
    m.data[10] = 1;
    assert_int_equal(copied(&m, DNS_A, "10.99.0.5"), m.len - 11);
    assert_int_equal(out[10] << 8 | out[11], 0);
}

static void test_room(void **state)
{
    (void)state;
    struct wire m;
    begin(&m, DNS_A);
    assert_int_equal(copy_of(m.data, m.len, DNS_A, NULL, NONE, m.len), m.len);
    assert_int_equal(copy_of(m.data, m.len, DNS_A, NULL, NONE, m.len - 1), 0);
    wire_record(&m, AUTHORITY, NAME, TYPE_NSEC, 60, "x", 1);
    memset(out, 0x55, sizeof out);
    assert_int_equal(copy_of(m.data, m.len, DNS_A, NULL, NONE, m.len - 1), 0);
    assert_int_equal(out[m.len - 1], 0x55);
    assert_int_equal(copy_of(m.data, m.len, DNS_A, NULL, NONE, m.len), m.len);
}

static void test_names_of_records(void **state)
{
    (void)state;
    static const struct {
        const char *owner;
        size_t len;
        bool good;
    } rows[] = {{"\300\14", 2, true},  {"\1x\300\14", 4, true}, {"\0", 1, true},     {"\1x\0", 3, true},
                {"\100x\0", 3, false}, {"\200x\0", 3, false},   {"\77x\0", 3, false}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire m;
        begin(&m, DNS_A);
        m.data[9] = 1;
        wire_bytes(&m, rows[i].owner, rows[i].len);
        wire_bytes(&m, "\0\57\0\1\0\0\0\74\0\1y", 11);
        assert_int_equal(copied(&m, DNS_A, NULL), rows[i].good ? m.len : 0);
    }
    /* That end in the middle of one. */
    struct wire m;
    begin(&m, DNS_A);
    m.data[9] = 1;
    wire_bytes(&m, "\300", 1);
    assert_int_equal(copied(&m, DNS_A, NULL), 0);
    m.data[m.len - 1] = 1;
    assert_int_equal(copied(&m, DNS_A, NULL), 0);
}

/* Counts of more than 255 are what both octets say. */
static void test_counts(void **state)
{
    (void)state;
    struct wire m;
    begin(&m, DNS_A);
    for (unsigned i = 0; i < 257; i++) {
        wire_bytes(&m, "\0\0\57\0\1\0\0\0\74\0\0", 11);
    }
    for (unsigned part = ANSWER; part <= AUTHORITY; part += 2) {
        memset(m.data + ANSWER, 0, 4);
        m.data[part] = 1, m.data[part + 1] = 1;
        assert_int_equal(copied(&m, DNS_A, NULL), m.len);
        m.data[part + 1] = 2;
        assert_int_equal(copied(&m, DNS_A, NULL), 0);
    }
}

static void test_ttl(void **state)
{
    (void)state;
    static const struct {
        uint32_t ttl, most, seen;
    } rows[] = {{60, 300, 60},
                {300, 300, 300},
                {301, 300, 300},
                {86400, 300, 300},
                {0x01020304, 300, 300},
                {0x01020304, NONE, 0x01020304},
                {NONE, 0x01020304, 0x01020304},
                {0x00010000, 300, 300},
                {0x00020001, 0x00020000, 0x00020000}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire m;
        begin(&m, DNS_A);
        wire_record(&m, AUTHORITY, NAME, TYPE_NSEC, rows[i].ttl, "x", 1);
        assert_int_equal(copy_of(m.data, m.len, DNS_A, NULL, rows[i].most, sizeof out), m.len);
        const uint8_t *at = out + m.len - 1 - 6;
        assert_int_equal((uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3], rows[i].seen);
        assert_int_equal(at[4] << 8 | at[5], 1); /* and nothing beside it has changed */
        assert_int_equal(at[-1], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_cut),       cmocka_unit_test(test_address_in_the_authority),
        cmocka_unit_test(test_room),      cmocka_unit_test(test_another_class),
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_names_of_records),
        cmocka_unit_test(test_ttl),
    };
    return cmocka_run_group_tests_name("dns_signed", tests, NULL, NULL);
}

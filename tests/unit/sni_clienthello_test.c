/* The ClientHello parser: what OpenSSL sends, what is made by hand, cut off at every octet and into every kind of record. */
#include "test.h"

#include "sni_openssl.h"

static struct octets o; /* large */
static struct clienthello h;

static enum clienthello_read read_all(void)
{
    return clienthello_read(o.data, o.len, &h);
}

/* Whole as it is; and a part of one, with a beginning of its name, wherever it is cut off. */
static void assert_whole(const char *name)
{
    size_t next;
    assert_int_equal(read_all(), CLIENTHELLO_WHOLE);
    assert_string_equal(h.name, name);
    assert_int_equal(h.end, o.len);
    assert_null(clienthello_rest(o.data + h.end, o.len - h.end, false, &next));
    for (size_t len = 0; len < o.len; len++) {
        assert_int_equal(clienthello_read(o.data, len, &h), CLIENTHELLO_PART);
        assert_memory_equal(h.name, name, strlen(h.name));
        if (h.has_name == CLIENTHELLO_NAME_WHOLE)
            assert_string_equal(h.name, name);
    }
}

/* Wrong, and never whole before it is wrong. */
static void assert_wrong(enum msg_flow_what what)
{
    assert_int_equal(read_all(), CLIENTHELLO_WRONG);
    assert_int_equal(h.what, what);
    assert_non_null(h.why);
    for (size_t len = 0; len < o.len; len++)
        assert_int_not_equal(clienthello_read(o.data, len, &h), CLIENTHELLO_WHOLE);
}

static void shaped(struct shape s)
{
    o.len = 0;
    put_hello_in(&o, &s, 0);
}

static void real(struct real r)
{
    o.len = 0;
    put_real_hello(&o, &r);
}

/* ---- what is good ---- */

static void test_openssl_default(void **state)
{
    (void)state;
    real((struct real){.max = TLS1_3_VERSION, .min = TLS1_2_VERSION});
    assert_true(o.len > 1460); /* X25519MLKEM768: more than one segment */
    assert_whole(REGISTRY_NAME);
    assert_false(h.ech);
}

static void test_openssl_versions_and_groups(void **state)
{
    (void)state;
    static const char *const groups[] = {"X25519",
                                         "P-256",
                                         "P-384",
                                         "P-521",
                                         "X448",
                                         "ffdhe2048",
                                         "ffdhe8192",
                                         "X25519MLKEM768",
                                         "MLKEM1024",
                                         "SecP256r1MLKEM768",
                                         "SecP384r1MLKEM1024"};
    for (unsigned i = 0; i < COUNT(groups); i++) {
        real((struct real){.groups = groups[i], .min = TLS1_2_VERSION, .max = TLS1_3_VERSION});
        assert_whole(REGISTRY_NAME);
    }
    real((struct real){.min = TLS1_2_VERSION, .max = TLS1_2_VERSION});
    assert_whole(REGISTRY_NAME);
    real((struct real){.min = TLS1_3_VERSION, .max = TLS1_3_VERSION, .name = "a.b.c.wild.example"});
    assert_whole("a.b.c.wild.example");
}

static void test_by_hand(void **state)
{
    (void)state;
    shaped((struct shape){.name = REGISTRY_NAME, TLS13});
    assert_whole(REGISTRY_NAME);
    shaped((struct shape){.name = REGISTRY_NAME}); /* TLS 1.2 says so by its legacy version alone */
    assert_whole(REGISTRY_NAME);
    shaped((struct shape){.name = REGISTRY_NAME, .legacy_version = 0x0301, TLS13});
    assert_whole(REGISTRY_NAME);
    shaped((struct shape){.name = "REGISTRY.Lab.Example", TLS13}); /* names have no case (RFC 6066 section 3) */
    assert_whole(REGISTRY_NAME);
    shaped((struct shape){.name = "10.99.0.5", TLS13}); /* a name like any other, on no list */
    assert_whole("10.99.0.5");
    shaped((struct shape){.name = REGISTRY_NAME, TLS13, .pad = 16000});
    assert_whole(REGISTRY_NAME);
}

static void test_flags(void **state)
{
    (void)state;
    shaped((struct shape){.name = REGISTRY_NAME, TLS13, .ech = true});
    assert_int_equal(read_all(), CLIENTHELLO_WHOLE);
    assert_true(h.ech && !h.early_data);
    shaped((struct shape){.name = REGISTRY_NAME, TLS13, .early_data = true});
    assert_int_equal(read_all(), CLIENTHELLO_WHOLE);
    assert_true(!h.ech && h.early_data);
}

/* RFC 8446 section 5.1: a handshake message may be cut into records anywhere. */
static void test_records(void **state)
{
    (void)state;
    struct shape s = {.name = REGISTRY_NAME, TLS13};
    for (size_t piece = 4; piece < 200; piece++) {
        o.len = 0;
        put_hello_in(&o, &s, piece);
        assert_whole(REGISTRY_NAME);
    }
    o.len = 0;
    put_hello_in(&o, &s, 1);
    assert_wrong(FLOW_BROKEN); /* a record for each octet */
    o.len = 0;
    put_hello_in(&o, &(struct shape){.name = REGISTRY_NAME, TLS13, .pad = 16000}, 256);
    assert_whole(REGISTRY_NAME);
}

/* ---- what is not ---- */

static void test_not_tls(void **state)
{
    (void)state;
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: registry.lab.example\r\n\r\n",
                                        "SSH-2.0-OpenSSH_10.0\r\n",
                                        "\x16",
                                        "\x16\x04\x01",
                                        "\0\0\0\0",
                                        "\x17\x03\x03\0\1x"};
    for (unsigned i = 0; i < COUNT(texts); i++) {
        o.len = 0;
        put(&o, texts[i], i < 2 ? strlen(texts[i]) : i == 2 ? 1 : i == 3 ? 3 : i == 4 ? 4 : 6);
        if (i == 2)
            assert_int_equal(read_all(), CLIENTHELLO_PART);
        else
            assert_wrong(FLOW_NOT_TLS);
    }
}

static void test_old(void **state)
{
    (void)state;
    real((struct real){.min = TLS1_VERSION, .max = TLS1_VERSION});
    assert_wrong(FLOW_OLD_TLS);
    real((struct real){.min = TLS1_1_VERSION, .max = TLS1_1_VERSION});
    assert_wrong(FLOW_OLD_TLS);
    shaped((struct shape){.name = REGISTRY_NAME, .versions = {0x0302, 0x0301}});
    assert_wrong(FLOW_OLD_TLS);
    shaped((struct shape){.name = REGISTRY_NAME, .legacy_version = 0x0300});
    assert_wrong(FLOW_OLD_TLS);
    static const uint8_t ssl2[] = {0x80, 0x2e, 1, 3, 1, 0, 21, 0, 0, 0, 16, 0, 0, 4};
    o.len = 0;
    put(&o, ssl2, sizeof ssl2);
    assert_int_equal(read_all(), CLIENTHELLO_WRONG);
    assert_int_equal(h.what, FLOW_OLD_TLS);
    shaped((struct shape){.name = REGISTRY_NAME});
    o.data[2] = 0; /* a record of SSL 3.0 */
    assert_wrong(FLOW_OLD_TLS);
}

static void test_names(void **state)
{
    (void)state;
    static const struct shape broken[] = {
        {.name = "registry.lab.example.", TLS13},
        {.name = "registry\0.lab.example", .name_len = 21, TLS13},
        {.name = "registry.lab.example\0", .name_len = 21, TLS13},
        {.name = "registry..example", TLS13},
        {.name = ".lab.example", TLS13},
        {.name = "registry lab.example", TLS13},
        {.name = "[2001:db8::5]", TLS13},
        {.name = "r\xc3\xa9gistry.example", TLS13},
        {.name = "registry_lab.example", TLS13},
        {.name = "", TLS13},
        {.name = REGISTRY_NAME, .second_name = "decoy.example.net", TLS13},
        {.name = REGISTRY_NAME, .name_type = 1, TLS13},
        {.name = REGISTRY_NAME, .twice = true, TLS13},
        {.name = "a123456789a123456789a123456789a123456789a123456789a123456789abcd.example", TLS13},
    };
    for (unsigned i = 0; i < COUNT(broken); i++) {
        shaped(broken[i]);
        assert_wrong(FLOW_BROKEN);
    }
    char longest[256];
    memset(longest, 'a', sizeof longest);
    for (unsigned i = 50; i < 253; i += 50)
        longest[i] = '.';
    longest[253] = '\0';
    shaped((struct shape){.name = longest, TLS13});
    assert_whole(longest);
    shaped((struct shape){.name = longest, .name_len = 254, TLS13});
    assert_wrong(FLOW_BROKEN);
}

static void test_no_name(void **state)
{
    (void)state;
    real((struct real){.min = TLS1_2_VERSION, .max = TLS1_3_VERSION, .no_name = true});
    assert_wrong(FLOW_NO_NAME);
    shaped((struct shape){.no_extensions = true});
    assert_wrong(FLOW_NO_NAME);
    shaped((struct shape){.ech = true, TLS13});
    assert_wrong(FLOW_ECH);
}

/* Every length in it, changed: never whole with another meaning than before, and never read beyond the end. */
static void test_every_octet_changed(void **state)
{
    (void)state;
    shaped((struct shape){.name = REGISTRY_NAME, TLS13, .early_data = true});
    for (size_t i = 0; i < o.len; i++)
        for (unsigned v = 1; v < 256; v++) {
            uint8_t before = o.data[i];
            o.data[i] = (uint8_t)(before ^ v);
            uint8_t *copy = malloc(o.len); /* of exactly that size, for the address sanitizer */
            assert_non_null(copy);
            memcpy(copy, o.data, o.len);
            if (clienthello_read(copy, o.len, &h) == CLIENTHELLO_WHOLE)
                assert_true(h.end <= o.len && h.has_name == CLIENTHELLO_NAME_WHOLE);
            free(copy);
            o.data[i] = before;
        }
}

static void test_records_broken(void **state)
{
    (void)state;
    static const uint8_t empty[] = {22, 3, 1, 0, 0}, warning[] = {21, 3, 1, 0, 2, 1, 0}, ccs[] = {20, 3, 1, 0, 1, 1};
    const struct {
        const uint8_t *data;
        size_t len;
    } between[] = {{empty, sizeof empty}, {warning, sizeof warning}, {ccs, sizeof ccs}};
    struct octets *whole = calloc(1, sizeof *whole);
    assert_non_null(whole);
    put_message(whole, &(struct shape){.name = REGISTRY_NAME, TLS13});
    for (unsigned i = 0; i < COUNT(between); i++) {
        o.len = 0;
        put_record(&o, 22, whole->data, 60);
        put(&o, between[i].data, between[i].len);
        put_record(&o, 22, whole->data + 60, whole->len - 60);
        assert_wrong(FLOW_BROKEN);
    }
    o.len = 0; /* longer than a record may be */
    put_number(&o, 5, 0x1603014001);
    assert_wrong(FLOW_BROKEN);
    o.len = 0; /* another handshake message first: ServerHello */
    put_number(&o, 6, 0x160301000402);
    assert_wrong(FLOW_BROKEN);
    o.len = 0; /* the message says that it is longer than it may be */
    put_number(&o, 5, 0x1603010200);
    put_number(&o, 4, 0x01004001);
    assert_wrong(FLOW_TOO_LONG);
    o.len = 0; /* two messages in one record */
    put(whole, whole->data, 20);
    put_record(&o, 22, whole->data, whole->len);
    assert_wrong(FLOW_SECOND);
    free(whole);
}

/* What a HelloRetryRequest gives back must not look like a ServerHello to the rule set. */
static void test_session_id(void **state)
{
    (void)state;
    static const char *const like[] = {
        "\x16\3\3\0\x60\2\0\0\x5c\3\3aaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbb\x16\3\3\0\x60\2\0\0\x5c\3\3aaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbb\x16\3\3\0\x60\2\0",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb\x16\3\3",
    };
    static const char *const other[] = {
        "\x16\3\3\0\x60\1\0\0\x5c\3\3aaaaaaaaaaaaaaaaaaaaa",
        "\x16\3\3\0\x60\2\0\0\x5c\3\1aaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\x16\3",
    };
    for (unsigned i = 0; i < COUNT(like); i++) {
        shaped((struct shape){.name = REGISTRY_NAME, TLS13, .session_id = like[i]});
        assert_wrong(FLOW_BROKEN);
    }
    for (unsigned i = 0; i < COUNT(other); i++) {
        shaped((struct shape){.name = REGISTRY_NAME, TLS13, .session_id = other[i]});
        assert_whole(REGISTRY_NAME);
    }
}

/* ---- behind it ---- */

static const char *rest(const char *text, size_t len, bool early_data, size_t *next)
{
    return clienthello_rest((const uint8_t *)text, len, early_data, next);
}

static void test_rest(void **state)
{
    (void)state;
    static const char ccs[] = "\x14\3\3\0\1\1", alert[] = "\x15\3\3\0\2\1\0", data[] = "\x17\3\3\0\3abc";
    size_t next;
    assert_null(rest(ccs, 6, false, &next));
    assert_null(rest(alert, 7, false, &next));
    assert_null(rest(data, 8, true, &next));
    assert_non_null(rest(data, 8, false, &next));
    assert_non_null(rest("\x14\3\3\0\2\1\1", 7, false, &next)); /* a ChangeCipherSpec has one octet … */
    assert_non_null(rest("\x14\3\3\0\1\2", 6, false, &next)); /* … and it is 1 */
    assert_non_null(rest("\x18\3\3\0\1\1", 6, false, &next));
    assert_non_null(rest("\x17\3\3\xff\xff", 5, true, &next));
    for (size_t len = 0; len < 8; len++)
        assert_null(rest(data, len, true, &next));
    assert_int_equal(next, SIZE_MAX);
    assert_null(rest("\x14\3\3\0\1\1\x16", 7, false, &next));
    assert_int_equal(next, 6);
    assert_null(rest("", 0, false, &next));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl_default),
        cmocka_unit_test(test_openssl_versions_and_groups),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_old),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_name),
        cmocka_unit_test(test_every_octet_changed),
        cmocka_unit_test(test_records_broken),
        cmocka_unit_test(test_session_id),
        cmocka_unit_test(test_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Addresses, prefixes, names, times: the helpers that other programs use, too. */
#include "test.h"

#include "addr.h"
#include "conf_parse.h"
#include "text.h"

static void addresses(void **state)
{
    static const char *const bad[] = {"",         "1.2.3", "1.2.3.4.5", "256.1.1.1",
                                      "1.2.3.4 ", "::g",   "1.2.3.4/8", "01.2.3.4"};
    char text[64];
    struct addr a;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(conf_parse_addr(bad[i], &a));
    a = address("2001:DB8::1");
    assert_string_equal(addr_text(&a, text, sizeof text), "2001:db8::1");
    struct addr b = address("1.2.3.4"), c = address("1.2.3.4");
    assert_true(addr_equal(&b, &c));
    assert_false(addr_equal(&a, &b));
    assert_string_equal(addr_text(&(struct addr){0}, text, sizeof text), "");
}

static void prefixes(void **state)
{
    static const char *const bad[] = {"10.0.0.0",    "10.0.0.1/8",     "10.0.0.0/33", "10.0.0.0/-1",
                                      "10.0.0.0/08", "2001:db8::1/64", "/8",          "10.0.0.0/"};
    struct prefix p;
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(conf_parse_prefix(bad[i], &p));
    /* 10.20.0.0/15 covers 10.20 and 10.21 */
    p = prefix("10.20.0.0/15");
    struct addr in = address("10.21.255.255"), out = address("10.22.0.0"), other = address("::a14:0");
    assert_true(prefix_contains(&p, &in));
    assert_false(prefix_contains(&p, &out));
    assert_false(prefix_contains(&p, &other));
    struct prefix all = prefix("0.0.0.0/0"), one = prefix("1.2.3.4/32"), near = prefix("10.21.3.0/24");
    assert_true(prefix_contains(&all, &in));
    assert_true(prefix_overlaps(&p, &near) && prefix_overlaps(&near, &p));
    assert_false(prefix_overlaps(&p, &one));
    assert_false(prefix_contains(&(struct prefix){0}, &in));
}

/* What an address is, at the edges of each range: one table says so to every program. */
static void kinds_of_addresses(void **state)
{
    static const struct {
        enum addr_kind kind;
        const char *addr[20];
    } of[] = {
        {ADDR_PUBLIC,
         {"8.8.8.8", "133.1.2.3", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.169.0.1",
          "100.63.255.255", "100.128.0.1", "169.253.255.255", "169.255.0.0", "223.255.255.255", "2400:8500::1",
          "2001:4860::1", "100:0:0:1::", "fe00::1"}},
        {ADDR_PRIVATE,
         {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "100.64.0.1",
          "100.127.255.255", "fc00::1", "fdff::1"}},
        {ADDR_OTHER,
         {"192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.5", "203.0.113.9",
          "100::1", "2001::1", "2001:db8::1", "2002:a01:203::1", "3fff::1", "5f00::1"}},
        {ADDR_NO_HOST, {"0.0.0.0",   "0.255.255.255",   "127.0.0.1",  "127.255.255.255", "169.254.1.1",
                        "224.0.0.1", "239.255.255.255", "240.0.0.1",  "255.255.255.255", "::",
                        "::1",       "::ffff:8.8.8.8",  "::10.1.2.3", "64:ff9b::1",      "64:ff9b:1::1",
                        "fe80::1",   "febf::1",         "fec0::1",    "feff::1",         "ff02::1"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(of); i++)
        for (size_t j = 0; j < COUNT(of[i].addr) && of[i].addr[j]; j++) {
            struct addr a = address(of[i].addr[j]);
            if (addr_kind(&a) != of[i].kind)
                fail_msg("%s is of kind %d, not %d", of[i].addr[j], (int)addr_kind(&a), (int)of[i].kind);
        }
    assert_int_equal(addr_kind(&(struct addr){0}), ADDR_NO_HOST);
    assert_int_equal(addr_kind(&(struct addr){.family = 99, .bytes = {8, 8, 8, 8}}), ADDR_NO_HOST);
}

static void names(void **state)
{
    char label[80], name[600] = "";
    (void)state;
    assert_true(conf_is_fqdn("entry.gtol.ncc.go.jp"));
    assert_true(conf_is_fqdn("a.b"));
    assert_true(conf_is_fqdn("3com.example"));
    assert_true(conf_is_fqdn("xn--fiqs8s.example"));
    static const char *const bad[] = {"",      "a",    ".a.b", "a..b",    "a.b.", "a_b.c",
                                      "a b.c", "-a.b", "a-.b", "1.2.3.4", "a.1"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(conf_is_fqdn(bad[i]));
    memset(label, 'a', sizeof label);
    label[63] = '\0';
    (void)snprintf(name, sizeof name, "%s.example", label);
    assert_true(conf_is_fqdn(name));
    label[63] = 'a';
    label[64] = '\0';
    (void)snprintf(name, sizeof name, "%s.example", label);
    assert_false(conf_is_fqdn(name));
    /* 253 octets are the longest name, 254 are too many */
    label[63] = '\0';
    (void)snprintf(name, sizeof name, "%s.%s.%s.%.61s", label, label, label, label);
    assert_int_equal(strlen(name), 253);
    assert_true(conf_is_fqdn(name));
    (void)snprintf(name, sizeof name, "%s.%s.%s.%.62s", label, label, label, label);
    assert_false(conf_is_fqdn(name));
}

static void times_and_numbers(void **state)
{
    uint32_t n;
    (void)state;
    assert_true(conf_parse_duration("90 s", &n) && n == 90);
    assert_true(conf_parse_duration("10min", &n) && n == 600);
    assert_true(conf_parse_duration("24 h", &n) && n == 86400);
    assert_false(conf_parse_duration("10", &n));
    assert_false(conf_parse_duration("s", &n));
    assert_false(conf_parse_duration("10 m", &n));
    assert_false(conf_parse_duration("99999999999 h", &n));
    assert_false(conf_parse_duration("1.5 h", &n));
    assert_true(conf_parse_number("0", 0, 9, &n) && n == 0);
    assert_false(conf_parse_number("4294967297", 0, UINT32_MAX, &n));
    assert_false(conf_parse_number("+1", 0, 9, &n));
}

static void fingerprints(void **state)
{
    uint8_t out[32];
    char text[130];
    (void)state;
    memset(text, 'a', 64);
    text[64] = '\0';
    assert_true(conf_parse_sha256(text, out) && out[31] == 0xaa);
    text[63] = '\0';
    assert_false(conf_parse_sha256(text, out));
    memset(text, 'a', 65);
    text[65] = '\0';
    assert_false(conf_parse_sha256(text, out));
    text[64] = '\0';
    text[10] = 'g';
    assert_false(conf_parse_sha256(text, out));
    assert_false(conf_parse_sha256("aa::bb", out));
}

static void texts(void **state)
{
    char out[32];
    (void)state;
    assert_int_equal(text_utf8("\xe6\x97\xa5", 3), 3);
    assert_int_equal(text_utf8("\xe6\x97", 2), 0);         /* cut */
    assert_int_equal(text_utf8("\xc0\xaf", 2), 0);         /* overlong */
    assert_int_equal(text_utf8("\xed\xa0\x80", 3), 0);     /* surrogate */
    assert_int_equal(text_utf8("\xf4\x90\x80\x80", 4), 0); /* beyond U+10FFFF */
    assert_int_equal(text_printable("\x1b", 1), 0);
    assert_int_equal(text_printable("\xc2\x9b", 2), 0); /* C1 CSI */
    assert_int_equal(text_escape(out, sizeof out, "a\n\\\xff日", 7), 4 * 3 + 1 + 3);
    assert_string_equal(out, "a\\x0a\\x5c\\xff日");
    /* cut at a whole character */
    assert_int_equal(text_escape(out, 6, "abc日本", 9), 3);
    assert_string_equal(out, "abc");
}

/* Bit N-1 of service N: what packet filter, dns and the command line all go by. */
static void which_host_may_use_what(void **state)
{
    static struct conf conf = {.service_count = 3,
                               .services = {{.name = "lab", .number = 2}, {.name = "two", .number = 5}, {.number = 8}},
                               .site = {.host_count = 2, .others = "all"}};
    (void)state;
    strcpy(conf.services[2].name, "la"); /* not the beginning of a name */
    conf.site.hosts[0] = (struct conf_host){.addr = address("192.168.77.20"), .service = "lab"};
    conf.site.hosts[1] = (struct conf_host){.addr = address("192.168.77.30")}; /* none */
    struct addr bound = address("192.168.77.20"), none = address("192.168.77.30"), other = address("192.168.77.99");
    assert_int_equal(conf_host_may(&conf, conf_host_at(&conf.site, &bound)), 2);
    assert_int_equal(conf_host_may(&conf, conf_host_at(&conf.site, &none)), 0);
    assert_null(conf_host_at(&conf.site, &other));
    assert_int_equal(conf_host_may(&conf, NULL), 2 | 16 | 128);
    strcpy(conf.site.others, "none");
    assert_int_equal(conf_host_may(&conf, NULL), 0);
    strcpy(conf.site.others, "two");
    assert_int_equal(conf_host_may(&conf, NULL), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),          cmocka_unit_test(prefixes), cmocka_unit_test(which_host_may_use_what),
        cmocka_unit_test(kinds_of_addresses), cmocka_unit_test(names),    cmocka_unit_test(times_and_numbers),
        cmocka_unit_test(fingerprints),       cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

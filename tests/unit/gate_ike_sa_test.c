/* Parsing charon's `list-sa`. The first message is from charon 6.0.1, shortened. */
#include "charon.h"
#include "ike_sa.h"
#include "vici.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct vici_buf b;

static void list(const char *name, const char *item)
{
    vici_list(&b, name);
    vici_item(&b, item, strlen(item));
    vici_list_end(&b);
}

static void child(const char *section, const char *id, const char *state, const char *ts)
{
    vici_section(&b, section);
    vici_kvf(&b, "name", "lab");
    vici_kvf(&b, "uniqueid", "%s", id);
    vici_kvf(&b, "state", "%s", state);
    list("local-ts", "10.9.0.1/32");
    list("remote-ts", ts);
    vici_section_end(&b);
}

static void ike(const char *name, const char *state)
{
    vici_section(&b, name);
    vici_kvf(&b, "uniqueid", "1");
    vici_kvf(&b, "state", "%s", state);
    vici_kvf(&b, "local-host", "192.0.2.9");
    vici_kvf(&b, "remote-host", "192.0.2.1");
    list("local-vips", "10.9.0.1");
    vici_section(&b, "child-sas");
}

static void ike_end(void)
{
    vici_section_end(&b);
    vici_section_end(&b);
}

static void newest_installed_child_counts(void **state)
{
    (void)state;
    struct ike_sa sa;
    vici_begin(&b);
    ike("lab", "ESTABLISHED");
    child("lab-4", "4", "REKEYED", "10.1.0.0/16");
    child("lab-7", "7", "INSTALLED", "10.20.0.0/16");
    child("lab-6", "6", "INSTALLED", "10.2.0.0/16");
    child("lab-9", "9", "DELETING", "10.3.0.0/16");
    ike_end();
    assert_true(ike_sa_read(b.data, b.len, &sa));
    assert_string_equal(sa.name, "lab");
    assert_true(sa.established);
    assert_int_equal(sa.child, 7);
    assert_int_equal(sa.remote_count, 1);
    assert_int_equal(sa.remote[0].len, 16);
    assert_memory_equal(sa.remote[0].addr.bytes, "\x0a\x14\0\0", 4);
    assert_memory_equal(sa.hub.bytes, "\xc0\0\x02\x01", 4);
    assert_memory_equal(sa.vip4.bytes, "\x0a\x09\0\x01", 4);
    assert_int_equal(sa.vip6.family, 0);
}

static void dying_sa_is_not_established(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        bool up;
    } states[] = {{"CONNECTING", false}, {"ESTABLISHED", true}, {"REKEYING", true},
                  {"REKEYED", false},    {"DELETING", false},   {"DESTROYING", false}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct ike_sa sa;
        vici_begin(&b);
        ike("lab", states[i].state);
        child("lab-1", "1", "INSTALLED", "10.20.0.0/16");
        ike_end();
        assert_true(ike_sa_read(b.data, b.len, &sa));
        assert_int_equal(sa.established, states[i].up);
    }
}

static void selectors(void **state)
{
    (void)state;
    struct prefix p;
    assert_true(ike_sa_parse_ts("10.20.0.0/16", &p));
    assert_true(ike_sa_parse_ts("10.20.0.53/32[udp/53]", &p));
    assert_int_equal(p.len, 32);
    assert_true(ike_sa_parse_ts("fd00:20::/32", &p));
    assert_false(ike_sa_parse_ts("10.20.0.1..10.20.0.9", &p));
    assert_false(ike_sa_parse_ts("dynamic", &p));
    assert_false(ike_sa_parse_ts("", &p));
}

static void malformed_is_refused(void **state)
{
    (void)state;
    struct ike_sa sa;
    vici_begin(&b);
    ike("lab", "ESTABLISHED");
    child("lab-1", "1", "INSTALLED", "10.20.0.0/16");
    ike_end();
    for (size_t len = 0; len < b.len; len++)
        assert_false(ike_sa_read(b.data, len, &sa));
    vici_begin(&b);
    ike("lab", "ESTABLISHED");
    ike_end();
    ike("other", "ESTABLISHED");
    ike_end();
    assert_false(ike_sa_read(b.data, b.len, &sa));
    vici_begin(&b);
    ike("a-name-that-is-longer-than-any-service-may-have", "ESTABLISHED");
    ike_end();
    assert_false(ike_sa_read(b.data, b.len, &sa));
}

static void what_the_hub_may_lend(void **state)
{
    (void)state;
    static const struct {
        const char *vip;
        bool fits;
    } rows[] = {{"10.9.0.1", true},     {"192.168.78.1", true}, {"192.168.77.1", false}, {"192.168.77.200", false},
                {"127.0.0.1", false},   {"0.0.0.0", false},     {"224.0.0.1", false},    {"255.255.255.255", false},
                {"169.254.1.1", false}, {"192.0.2.1", false},   {"fd00:9::1", true},     {"::1", false},
                {"fe80::1", false},     {"ff02::1", false}};
    struct prefix lan;
    assert_true(conf_parse_prefix("192.168.77.0/24", &lan));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ike_sa sa = {0};
        struct addr vip;
        assert_true(conf_parse_addr("192.0.2.1", &sa.hub) && conf_parse_addr(rows[i].vip, &vip));
        *(vip.family == AF_INET6 ? &sa.vip6 : &sa.vip4) = vip;
        if (ike_sa_vip_fits(&sa, &lan) != rows[i].fits)
            fail_msg("%s: not so", rows[i].vip);
    }
}

/* Lines of charon's log, as strongSwan 6.0.1 writes them. */
static void what_the_log_means(void **state)
{
    static const struct {
        const char *line;
        enum cause_code meaning;
    } lines[] = {
        {"received AUTHENTICATION_FAILED notify error", CAUSE_HUB_REFUSES_CERT},
        {"received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built", CAUSE_HUB_REFUSES_ESP},
        {"received NO_PROPOSAL_CHOSEN notify error", CAUSE_HUB_REFUSES_IKE},
        {"received TEMPORARY_FAILURE notify, will retry later", CAUSE_HUB_BUSY},
        {"received invalid traffic selectors, no CHILD_SA built", CAUSE_HUB_OTHER_NETWORKS},
        {"signature validation failed, looking for another key", CAUSE_HUB_BAD_SIGNATURE},
        {"received TS_UNACCEPTABLE notify, no CHILD_SA built", CAUSE_HUB_REFUSES_NETWORKS},
        {"received INTERNAL_ADDRESS_FAILURE notify, no CHILD_SA built", CAUSE_HUB_NO_ADDRESS},
        {"subject certificate invalid (valid from Nov 21 to Nov 22)", CAUSE_CERT_NOT_NOW},
        {"certificate was revoked on Nov 21 2026, reason: key compromise", CAUSE_HUB_CERT_REVOKED},
        {"  self-signed root certificate is not trusted", CAUSE_HUB_CERT_STRANGE},
        {"no issuer certificate found for \"CN=hub\"", CAUSE_HUB_CERT_STRANGE},
        {"no trusted ECDSA public key found for 'hub.lab.example'", CAUSE_HUB_CERT_UNTRUSTED},
        {"constraint check failed: identity 'hub.lab.example' required", CAUSE_HUB_OTHER_NAME},
        {"no private key found for 'CN=box'", CAUSE_KEY_NOT_LOADED},
        {"unable to resolve hub.lab.example, initiate aborted", CAUSE_HUB_UNRESOLVED},
        {"giving up after 5 retransmits", CAUSE_HUB_SILENT},
        {"error writing to socket: Network is unreachable", CAUSE_HUB_NO_ROUTE},
        {"sending packet: from 192.0.2.9[500] to 192.0.2.1[500] (240 bytes)", CAUSE_NONE},
        {"", CAUSE_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (charon_meaning(lines[i].line) != lines[i].meaning)
            fail_msg("%s", lines[i].line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_log_means),          cmocka_unit_test(newest_installed_child_counts),
        cmocka_unit_test(dying_sa_is_not_established), cmocka_unit_test(selectors),
        cmocka_unit_test(malformed_is_refused),        cmocka_unit_test(what_the_hub_may_lend),
    };
    return cmocka_run_group_tests_name("gate_ike_sa", tests, NULL, NULL);
}

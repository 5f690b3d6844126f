/* Reports of refusals: words, allowances, folding. Audit events are captured here. */
#include "refusals.h"
#include "audit.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "addr.h"

static char last[AUDIT_LINE_MAX];
static unsigned lines;

void audit_event(const char *event, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(last, sizeof last, "%s ", event);
    va_start(args, fmt);
    vsnprintf(last + n, sizeof last - (size_t)n, fmt, args);
    va_end(args);
    lines++;
}

static struct refusals r;
static const struct conf_rule ssh = {.port_count = 1, .ports = {{IPPROTO_TCP, 22, false}}};

static int fresh(void **state)
{
    (void)state;
    memset(&r, 0, sizeof r);
    lines = 0;
    last[0] = 0;
    return 0;
}

static uint64_t count_of(enum reason_kind kind, const char *word)
{
    for (unsigned i = 0; i < REFUSALS_REASONS && r.reasons[i].reason; i++)
        if (r.reasons[i].reason == reason_find(kind, word))
            return r.reasons[i].count;
    return 0;
}

static void flow(enum msg_flow_what what, const char *name, uint64_t now)
{
    struct msg_flow m = {.what = (uint8_t)what,
                         .client = address("192.168.77.10"),
                         .server = address("10.20.0.80"),
                         .server_port = 443};
    snprintf(m.name, sizeof m.name, "%s", name);
    refusals_tls(&r, &m, now);
}

static void question(const char *name, enum msg_why why, uint64_t now)
{
    struct msg_refused m = {.why = (uint8_t)why, .qtype = 1, .client = address("192.168.77.10")};
    snprintf(m.name, sizeof m.name, "%s", name);
    refusals_dns(&r, &m, now);
}

static void packet(const char *reason, const char *server, uint64_t now)
{
    struct msg_blocked m = {
        .proto = 6, .client = address("192.168.77.10"), .server = address(server), .port = 22, .count = 3};
    snprintf(m.reason, sizeof m.reason, "%s", reason);
    refusals_packet(&r, &m, now);
}

static void every_reason_has_its_word(void **state)
{
    (void)state;
    for (unsigned why = 0; why < WHY_COUNT; why++)
        if (why != WHY_MANY)
            question("x.example", (enum msg_why)why, 1);
    for (unsigned what = FLOW_NOT_TLS; what < FLOW_WHAT_COUNT; what++)
        flow((enum msg_flow_what)what, "", 1);
    flow(FLOW_NAME, "x.example", 1);
    assert_int_equal(r.dns, WHY_COUNT - 1);
    assert_int_equal(r.tls, FLOW_WHAT_COUNT - FLOW_NOT_TLS + 1);
    /* Each under a word of its own: none is missing in the tables, none shares another's. */
    unsigned kinds = 0;
    for (unsigned i = 0; i < REFUSALS_REASONS && r.reasons[i].reason; i++) {
        assert_int_equal(r.reasons[i].count, 1);
        kinds++;
    }
    assert_int_equal(kinds, r.dns + r.tls);
}

static void names_instead_of_addresses(void **state)
{
    (void)state;
    struct addr server = address("10.20.0.80");
    packet("not-listed", "10.20.0.80", 1);
    assert_string_equal(last,
                        "blocked reason=not-listed client=192.168.77.10 server=10.20.0.80 name=- proto=tcp port=22 "
                        "count=3 not-logged=0");
    refusals_learn(&r, &server, "www.registry.example", &ssh, UINT64_MAX);
    packet("wrong-host", "10.20.0.80", 2);
    assert_non_null(strstr(last, "server=10.20.0.80 name=www.registry.example proto=tcp"));
    flow(FLOW_NOT_LISTED, "decoy.example", 3);
    assert_string_equal(last, "tls.refused name=decoy.example at=www.registry.example client=192.168.77.10 "
                              "server=10.20.0.80 port=443 why=not-listed via=tunnel count=1 not-logged=0");
    packet("not-listed", "10.20.0.81", 4);
    assert_non_null(strstr(last, "server=10.20.0.81 name=- "));
}

/* A program that keeps an address longer than the DNS gives it: the log says so. */
static void an_address_of_before(void **state)
{
    (void)state;
    struct addr server = address("10.20.0.80");
    refusals_learn(&r, &server, "www.registry.example", &ssh, 5000);
    packet("not-listed", "10.20.0.80", 4999); /* open, so it is the port */
    assert_non_null(strstr(last, "reason=not-listed "));
    packet("not-listed", "10.20.0.80", 5000);
    assert_non_null(strstr(last, "reason=old-address "));
    assert_non_null(strstr(last, "name=www.registry.example "));
    packet("closed", "10.20.0.80", 5001);
    assert_non_null(strstr(last, "reason=closed "));
    refusals_learn(&r, &server, "www.registry.example", &ssh, 9000);
    refusals_learn(&r, &server, "forms.registry.example", &ssh, 7000); /* it ends with the last of its names */
    packet("not-listed", "10.20.0.80", 8000);
    assert_non_null(strstr(last, "reason=not-listed "));
    /* What is over was never open for another port. */
    static const struct conf_rule other = {.port_count = 2,
                                           .ports = {{IPPROTO_UDP, 22, false}, {IPPROTO_TCP, 443, true}}};
    refusals_learn(&r, &server, "www.registry.example", &other, 9500);
    packet("not-listed", "10.20.0.80", 9501);
    assert_non_null(strstr(last, "reason=not-listed "));
}

/* What is answered is no refusal, but an auditor wants to know. */
static void many_names_are_told(void **state)
{
    (void)state;
    question("aGVsbG8.wild.example", WHY_MANY, 1);
    assert_non_null(
        strstr(last, "dns.many client=192.168.77.10 name=aGVsbG8.wild.example cause=\"wildcard-names-many\""));
    assert_int_equal(r.dns, 0);
}

static void the_same_again_is_one_line(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        question("x.example", WHY_NOT_LISTED, 1000 + i);
    assert_int_equal(lines, 1);
    assert_int_equal(r.dns, 5);
    question("y.example", WHY_NOT_LISTED, 1100); /* another name is another line */
    assert_int_equal(lines, 2);
    question("x.example", WHY_NOT_LISTED, 1000 + REFUSALS_SAME_MS);
    assert_int_equal(lines, 3);
    assert_non_null(strstr(last, " count=5 not-logged=0"));
}

static void a_noisy_reason_hides_no_other(void **state)
{
    (void)state;
    char name[32];
    for (unsigned i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        question(name, WHY_NOT_LISTED, 1);
    }
    assert_int_equal(lines, REFUSALS_BURST);
    assert_int_equal(count_of(REASON_DNS, "not-listed"), 500);
    question("www.registry.example", WHY_OUTSIDE, 2);
    assert_int_equal(lines, REFUSALS_BURST + 1);
    flow(FLOW_ECH, "www.registry.example", 2);
    assert_int_equal(lines, REFUSALS_BURST + 2);
    /* Later there is room for one more, and it says how many are missing. */
    question("late.example", WHY_NOT_LISTED, 1 + REFUSALS_EVERY_MS);
    assert_int_equal(lines, REFUSALS_BURST + 3);
    assert_non_null(strstr(last, "not-logged=488"));
    question("later.example", WHY_NOT_LISTED, 2 + REFUSALS_EVERY_MS);
    assert_int_equal(lines, REFUSALS_BURST + 3);
}

/* Untrusted text becomes one word of plain letters; an unknown reason is not logged at all. */
static void nothing_strange_in_the_log(void **state)
{
    (void)state;
    question("a b\"\n\x1b[2J=\xff", WHY_MALFORMED, 1);
    assert_non_null(strstr(last, "dns.refused name=a?b???[2J=? client="));
    lines = 0;
    packet("rm -rf", "10.20.0.80", 1);
    assert_int_equal(lines, 0);
    char word[8];
    assert_string_equal(refusals_word("", word, sizeof word), "-");
    assert_string_equal(refusals_word("longer than it", word, sizeof word), "longer?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_reason_has_its_word, fresh),
        cmocka_unit_test_setup(names_instead_of_addresses, fresh),
        cmocka_unit_test_setup(an_address_of_before, fresh),
        cmocka_unit_test_setup(many_names_are_told, fresh),
        cmocka_unit_test_setup(the_same_again_is_one_line, fresh),
        cmocka_unit_test_setup(a_noisy_reason_hides_no_other, fresh),
        cmocka_unit_test_setup(nothing_strange_in_the_log, fresh),
    };
    return cmocka_run_group_tests_name("gate_refusals", tests, NULL, NULL);
}

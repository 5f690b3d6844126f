/* Which time clock trusts: NTP packets, and the verdict over several servers. */
#include "test.h"

#include "judge.h"
#include "ntp.h"
#include "say.h"

#define S CLOCK_SECOND_NS
#define BUILT INT64_C(1790000000)
#define END (BUILT + 90 * 86400)
#define MONO (100 * S)

static void put(uint8_t *at, uint64_t value, int octets)
{
    for (int i = 0; i < octets; i++)
        at[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

/* An answer with the time `when` from a server that took 2 ms. */
static void answer(uint8_t p[NTP_PACKET], int64_t when)
{
    memset(p, 0, NTP_PACKET);
    p[0] = 0x24;
    p[1] = 2;
    put(p + 24, 77, 8);
    put(p + 32, (uint64_t)(when + INT64_C(2208988800)) & 0xffffffff, 4);
    memcpy(p + 40, p + 32, 4);
    put(p + 44, 8589934, 4);
}

static void packets(void **state)
{
    uint8_t p[NTP_PACKET], q[NTP_PACKET];
    int64_t base;
    uint32_t delay;
    (void)state;
    ntp_question(q, 0x0102030405060708);
    assert_int_equal(q[0], 0x23);
    assert_int_equal(q[40], 1);
    assert_int_equal(q[47], 8);

    static const int64_t times[] = {1000000000, BUILT, INT64_C(4070908800), INT64_C(2085978500)};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) { /* also beyond 2036, when the count begins anew */
        answer(p, times[i]);
        assert_true(ntp_answer(p, sizeof p, 77, MONO, MONO + S / 10, &base, &delay));
        assert_in_range(delay, 97900, 98100);
        int64_t now = base + MONO + S / 10; /* as of its arrival: half of the way back is over */
        assert_in_range(now - times[i] * S, 50900000, 51100000);
    }
    static const struct {
        unsigned at;
        uint8_t value;
    } wrong[] = {{0, 0xe4}, {0, 0x23}, {0, 0x25}, {0, 0x14}, {1, 0}, {1, 16}, {4, 1}, {9, 40}, {31, 76}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        answer(p, BUILT);
        p[wrong[i].at] = wrong[i].value;
        assert_false(ntp_answer(p, sizeof p, 77, MONO, MONO + S, &base, &delay));
    }
    answer(p, BUILT);
    assert_false(ntp_answer(p, NTP_PACKET - 1, 77, MONO, MONO + S, &base, &delay));
    assert_false(ntp_answer(p, sizeof p, 77, MONO, MONO - 1, &base, &delay));
    memset(p + 40, 0, 8);
    assert_false(ntp_answer(p, sizeof p, 77, MONO, MONO + S, &base, &delay));
}

static struct judge_facts facts(void)
{
    return (struct judge_facts){.mono_ns = MONO, .floor_s = BUILT, .reference_s = BUILT + 100, .end_s = END};
}

/* A server whose time is so many seconds after the image's build. */
static struct judge_answer says(int64_t after)
{
    return (struct judge_answer){true, 1000, (BUILT + after) * S - MONO};
}

static enum judge_verdict verdict(const struct judge_facts *f, unsigned n, const int64_t *after, unsigned *who)
{
    struct judge_answer answers[CONF_ADDRS_MAX] = {{0}};
    for (unsigned i = 0; i < n; i++)
        if (after[i] != INT64_MIN)
            answers[i] = says(after[i]);
    struct judge_result r = judge(answers, f);
    if (who)
        *who = r.who;
    return r.verdict;
}

#define VERDICT(f, who, ...)                                                                                           \
    verdict(f, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__}, who)

static void one_server(void **state)
{
    struct judge_facts f = facts();
    (void)state;
    assert_int_equal(VERDICT(&f, NULL, INT64_MIN), JUDGE_NONE);
    assert_int_equal(VERDICT(&f, NULL, 1000), JUDGE_GOOD);
    assert_int_equal(VERDICT(&f, NULL, 89 * 86400), JUDGE_GOOD); /* a box that was off for long */
    assert_int_equal(VERDICT(&f, NULL, -9), JUDGE_GOOD);
    assert_int_equal(VERDICT(&f, NULL, -20), JUDGE_BEFORE);
    assert_int_equal(VERDICT(&f, NULL, 1000000000 - BUILT), JUDGE_BEFORE);
    assert_int_equal(VERDICT(&f, NULL, 91 * 86400), JUDGE_LEAP);
    assert_int_equal(VERDICT(&f, NULL, INT64_C(4070908800) - BUILT), JUDGE_LEAP);
    f.reference_s = END - 60; /* a certificate that ends while the box runs is no leap */
    assert_int_equal(VERDICT(&f, NULL, 91 * 86400), JUDGE_GOOD);
    assert_false(judge_believes(JUDGE_BEFORE) || judge_believes(JUDGE_LEAP) || judge_believes(JUDGE_NONE) ||
                 judge_believes(JUDGE_CONTRADICT) || judge_believes(JUDGE_DENIED));
}

static void several_servers(void **state)
{
    struct judge_facts f = facts();
    unsigned who;
    (void)state;
    assert_int_equal(VERDICT(&f, &who, 1000, 1001), JUDGE_GOOD);
    assert_int_equal(VERDICT(&f, NULL, 1000, 5000), JUDGE_CONTRADICT);
    assert_int_equal(VERDICT(&f, &who, 5000, 1000, 1001), JUDGE_GOOD);
    assert_in_range(who, 1, 2);
    assert_int_equal(VERDICT(&f, NULL, 5000, 5000, 1000, 1001), JUDGE_CONTRADICT);
    assert_int_equal(VERDICT(&f, &who, 1000000000 - BUILT, 1000), JUDGE_GOOD); /* one before the floor is ignored */
    assert_int_equal(who, 1);
    assert_int_equal(VERDICT(&f, NULL, 91 * 86400, 91 * 86400), JUDGE_AGREED);
    assert_int_equal(VERDICT(&f, NULL, 91 * 86400, 1000), JUDGE_CONTRADICT);
}

static void second_opinion(void **state)
{
    struct judge_facts f = facts();
    unsigned who;
    (void)state;
    f.opinion = true;
    f.opinion_base_ns = (BUILT + 91 * 86400 + 60) * S - MONO;
    assert_int_equal(VERDICT(&f, NULL, 91 * 86400), JUDGE_CONFIRMED);
    assert_int_equal(VERDICT(&f, &who, 1000, 91 * 86400), JUDGE_CONFIRMED);
    assert_int_equal(who, 1);
    assert_int_equal(VERDICT(&f, NULL, 1000), JUDGE_DENIED);
    assert_int_equal(VERDICT(&f, NULL, 90 * 86400 + 43200),
                     JUDGE_LEAP); /* half a day off: neither confirmed nor denied */
    assert_int_equal(VERDICT(&f, NULL, -1000), JUDGE_BEFORE); /* below the floor no time is trusted */
}

/* The causes for a time that is not trusted. */
static void told(void **state)
{
    static const struct {
        enum judge_verdict verdict;
        bool certificate;
        const char *line;
    } cases[] = {
        {JUDGE_BEFORE, true, "time-before server=a.example says=1790000010 floor=1790000000"},
        {JUDGE_LEAP, true, "time-after-cert server=a.example says=1790000010 end=1797776000"},
        {JUDGE_LEAP, false, "time-years-ahead server=a.example says=1790000010"},
        {JUDGE_CONTRADICT, true,
         "time-contradiction server=a.example says=1790000010 other=192.0.2.5 other-says=1790000500"},
        {JUDGE_DENIED, true, "time-denied server=a.example says=1790000010 enrolment=1790000700"},
        {JUDGE_GOOD, true, ""},
    };
    const struct judge_facts f = {.mono_ns = MONO,
                                  .floor_s = BUILT,
                                  .end_s = END,
                                  .opinion_base_ns = (BUILT + 700) * S - MONO};
    const struct judge_answer answers[CONF_ADDRS_MAX] = {{true, 0, (BUILT + 10) * S - MONO},
                                                         {true, 0, (BUILT + 500) * S - MONO}};
    const struct msg_time_ask asked = {.server_count = 2, .servers = {"a.example", "192.0.2.5"}};
    char line[CAUSE_LINE_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct judge_result result = {.verdict = cases[i].verdict, .who = 0, .other = 1};
        struct cause c;
        say_fault(&c, &result, &f, answers, &asked, cases[i].certificate);
        assert_string_equal(cause_line(&c, line), cases[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets),        cmocka_unit_test(one_server), cmocka_unit_test(several_servers),
        cmocka_unit_test(second_opinion), cmocka_unit_test(told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

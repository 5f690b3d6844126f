/* The lifetime of an answer: the invariants of ttlclock.h at every step of an answer's life. */
#include "ttlclock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START UINT64_C(5000123)

static void test_served_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(ttl_served(0), TTL_MIN_S);
    assert_int_equal(ttl_served(TTL_MIN_S - 1), TTL_MIN_S);
    assert_int_equal(ttl_served(60), 60);
    assert_int_equal(ttl_served(TTL_MAX_S), TTL_MAX_S);
    assert_int_equal(ttl_served(86400), TTL_MAX_S);
    assert_int_equal(ttl_served(INT32_MAX), TTL_MAX_S);
    assert_int_equal(ttl_served(0x80000000u), TTL_MIN_S); /* RFC 2181 section 8 */
    assert_int_equal(ttl_served(UINT32_MAX), TTL_MIN_S);
    assert_int_equal(ttl_served_negative(0), TTL_MIN_S);
    assert_int_equal(ttl_served_negative(30), 30);
    assert_int_equal(ttl_served_negative(3600), TTL_NEGATIVE_S);
}

static void test_counts_down(void **state)
{
    (void)state;
    struct ttl_clock c;
    ttl_start(&c, START, 10);
    assert_int_equal(ttl_left(&c, START), 10);
    assert_int_equal(ttl_left(&c, START + 1), 10); /* rounded up: never a TTL of 0 */
    assert_int_equal(ttl_left(&c, START + 1000), 9);
    assert_int_equal(ttl_left(&c, START + 9999), 1);
    assert_int_equal(ttl_left(&c, START + 10000), 0);
    assert_int_equal(ttl_left(&c, START + 99999), 0);
}

static void test_not_covered_until_confirmed(void **state)
{
    (void)state;
    struct ttl_clock c;
    ttl_start(&c, START, 10);
    assert_false(ttl_covered(&c, START));
    ttl_confirm(&c, START, 10 + TTL_GRACE_S - 1);
    assert_false(ttl_covered(&c, START)); /* without the whole grace */
    ttl_confirm(&c, START, 10 + TTL_GRACE_S);
    assert_true(ttl_covered(&c, START));
}

/* Invariants 1 and 2 with the first element alone, at every millisecond, whatever gate's delay was. */
static void test_first_element_covers_every_hit(void **state)
{
    (void)state;
    static const uint32_t delays[] = {0, 1, 7, 999, 1000, 1999};
    for (unsigned d = 0; d < sizeof(delays) / sizeof(delays[0]); d++) {
        struct ttl_clock c;
        ttl_start(&c, START, TTL_MIN_S);
        uint64_t sent = START + 3; /* the message waited a little */
        uint32_t timeout = ttl_element(&c, sent);
        ttl_confirm(&c, sent, timeout);
        uint64_t element_ends = sent + timeout * UINT64_C(1000); /* at the earliest: gate adds it after it was sent */
        for (uint64_t t = sent + delays[d]; t < START + TTL_MIN_S * UINT64_C(1000); t++) {
            uint32_t left = ttl_left(&c, t);
            assert_true(left > 0);
            assert_true(ttl_covered(&c, t));
            assert_true(element_ends >= t + (left + TTL_GRACE_S) * UINT64_C(1000));
        }
        assert_false(ttl_covered(&c, START + TTL_MIN_S * UINT64_C(1000)));
    }
}

static void test_element_of_a_late_request(void **state)
{
    (void)state;
    struct ttl_clock c;
    ttl_start(&c, START, 100);
    assert_int_equal(ttl_element(&c, START), 100 + TTL_GRACE_S + TTL_SLACK_S);
    assert_int_equal(ttl_element(&c, START + 60000), 40 + TTL_GRACE_S + TTL_SLACK_S);
    ttl_confirm(&c, START + 60000, ttl_element(&c, START + 60000));
    assert_true(ttl_covered(&c, START + 60000));
}

static void test_confirm_never_shortens(void **state)
{
    (void)state;
    struct ttl_clock c;
    ttl_start(&c, START, 100);
    ttl_confirm(&c, START, 200);
    uint64_t until = c.element_until;
    ttl_confirm(&c, START + 10, 50);
    assert_true(c.element_until == until);
    ttl_confirm(&c, START + 10, 300);
    assert_true(c.element_until == START + 10 + 300000);
}

static void test_start_forgets_confirmation(void **state)
{
    (void)state;
    struct ttl_clock c;
    ttl_start(&c, START, 100);
    ttl_confirm(&c, START, 500);
    ttl_start(&c, START, 100); /* a new answer: its addresses may be others */
    assert_false(ttl_covered(&c, START));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_served_is_bounded),           cmocka_unit_test(test_counts_down),
        cmocka_unit_test(test_not_covered_until_confirmed), cmocka_unit_test(test_first_element_covers_every_hit),
        cmocka_unit_test(test_element_of_a_late_request),   cmocka_unit_test(test_confirm_never_shortens),
        cmocka_unit_test(test_start_forgets_confirmation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

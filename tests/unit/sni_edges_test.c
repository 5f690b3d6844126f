/* The limits of the stream that sni keeps for each flow. */
#include "sni_fixture.h"
#include "test.h"

#include "stream.h"

static uint64_t map[STREAM_MAP(STREAM_MAX)];
static uint8_t room[STREAM_MAX];
static struct stream s = {.max = STREAM_MAX, .map = map, .data = room};

/* ---- a stream ---- */

static void test_stream_out_of_order_to_its_end(void **state)
{
    (void)state;
    static uint8_t all[STREAM_MAX];
    memset(all, 0xff, sizeof all);
    for (unsigned round = 0; round < 2; round++) { /* the second time in memory that the first has left */
        stream_begin(&s, 7);
        assert_int_equal(stream_put(&s, 8, all, STREAM_MAX - 1), STREAM_NEW);
        assert_int_equal(s.have, 0);
        assert_int_equal(s.top, STREAM_MAX);
        assert_int_equal(stream_put(&s, 7, all, 1), STREAM_NEW);
        assert_int_equal(s.have, STREAM_MAX);
        assert_int_equal(stream_put(&s, 7, all, STREAM_MAX), STREAM_OLD);
    }
    /* What was there before is not there now: neither the last octet nor the first of the last 64. */
    for (unsigned back = 1; back <= 130; back++) {
        stream_begin(&s, 7);
        assert_int_equal(stream_put(&s, 7 + STREAM_MAX - back, all, 1), STREAM_NEW);
        assert_int_equal(stream_put(&s, 7 + STREAM_MAX - back, all, 1), STREAM_OLD);
        stream_begin(&s, 7);
        assert_int_equal(stream_put(&s, 7 + STREAM_MAX - back, all, 1), STREAM_NEW);
    }
}

static void test_stream_around(void **state)
{
    (void)state;
    static const uint8_t large[STREAM_MAX + 64];
    stream_begin(&s, 7);
    assert_int_equal(stream_put(&s, 5, large, 2), STREAM_BEFORE); /* it ends where the stream begins */
    assert_int_equal(stream_put(&s, 5, large, 3), STREAM_ACROSS);
    assert_int_equal(stream_put(&s, 6, large, STREAM_MAX + 1), STREAM_BEYOND); /* … and goes past its end */
    assert_int_equal(stream_put(&s, 7 + STREAM_MAX, large, 0), STREAM_OLD);
    assert_int_equal(stream_put(&s, 8 + STREAM_MAX, large, 0), STREAM_BEYOND);
    assert_int_equal(stream_put(&s, 7 + 0x80000000u, large, 1), STREAM_BEFORE); /* the farthest back */
    assert_int_equal(s.have, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_out_of_order_to_its_end),
        cmocka_unit_test(test_stream_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

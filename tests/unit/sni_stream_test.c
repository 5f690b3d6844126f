/* Putting a TCP stream together: any order, overlaps, repetitions, wrap-around, limits; against a slow, plain model. */
#include "test.h"

#include "stream.h"

static uint64_t map[STREAM_MAP(STREAM_MAX)];
static uint8_t room[STREAM_MAX];
static struct stream s = {.max = STREAM_MAX, .map = map, .data = room};

static void begin(uint32_t base)
{
    stream_begin(&s, base);
}

static enum stream_put put(uint32_t from, const char *text)
{
    return stream_put(&s, s.base + from, (const uint8_t *)text, strlen(text));
}

static void assert_have(const char *text)
{
    assert_int_equal(s.have, strlen(text));
    assert_memory_equal(s.data, text, s.have);
}

static void test_orders(void **state)
{
    (void)state;
    begin(7);
    assert_int_equal(put(0, "abc"), STREAM_NEW);
    assert_int_equal(put(3, "def"), STREAM_NEW);
    assert_have("abcdef");
    begin(7);
    assert_int_equal(put(3, "def"), STREAM_NEW);
    assert_have("");
    assert_int_equal(put(0, "abc"), STREAM_NEW);
    assert_have("abcdef");
    begin(7);
    assert_int_equal(put(4, "ef"), STREAM_NEW);
    assert_int_equal(put(0, "ab"), STREAM_NEW);
    assert_have("ab");
    assert_int_equal(put(2, "cd"), STREAM_NEW);
    assert_have("abcdef");
}

static void test_overlaps(void **state)
{
    (void)state;
    begin(7);
    put(0, "abcdef");
    assert_int_equal(put(0, "abc"), STREAM_OLD);
    assert_int_equal(put(2, "cdef"), STREAM_OLD);
    assert_int_equal(put(4, "efgh"), STREAM_NEW);
    assert_have("abcdefgh");
    assert_int_equal(put(4, "eXgh"), STREAM_CONFLICT);
    begin(7);
    put(4, "ef");
    assert_int_equal(put(2, "cdEf"), STREAM_CONFLICT);
    begin(7);
    put(4, "ef");
    assert_int_equal(put(2, "cdefg"), STREAM_NEW);
    assert_int_equal(put(0, "abc"), STREAM_NEW);
    assert_have("abcdefg");
}

static void test_edges(void **state)
{
    (void)state;
    static uint8_t large[STREAM_MAX + 1];
    begin(7);
    assert_int_equal(stream_put(&s, 6, large, 1), STREAM_BEFORE); /* what a keep-alive sends */
    assert_int_equal(stream_put(&s, 6, large, 2), STREAM_ACROSS);
    assert_int_equal(stream_put(&s, 7, large, 0), STREAM_OLD);
    assert_int_equal(stream_put(&s, 7 + STREAM_MAX, large, 1), STREAM_BEYOND);
    assert_int_equal(stream_put(&s, 8, large, STREAM_MAX), STREAM_BEYOND);
    assert_int_equal(stream_put(&s, 7, large, STREAM_MAX + 1), STREAM_BEYOND);
    assert_int_equal(stream_put(&s, 7 + 0x7fffffffu, large, 1), STREAM_BEYOND);
    assert_int_equal(s.have, 0);
    assert_int_equal(s.top, 0);
    assert_int_equal(stream_put(&s, 7, large, STREAM_MAX), STREAM_NEW);
    assert_int_equal(s.have, STREAM_MAX);
    assert_int_equal(stream_put(&s, 7 + STREAM_MAX, large, 0), STREAM_OLD);
}

/* Random pieces of a known stream at a base that wraps around, often dirty memory from before. */
static void test_random(void **state)
{
    (void)state;
    static uint8_t truth[STREAM_MAX], there[STREAM_MAX];
    srand(1);
    for (unsigned round = 0; round < 2000; round++) {
        unsigned size = 1 + (unsigned)rand() % (round % 100 == 0 ? STREAM_MAX : 300), have = 0;
        begin((uint32_t)-(rand() % 200));
        memset(there, 0, sizeof there);
        for (unsigned i = 0; i < size; i++)
            truth[i] = (uint8_t)rand();
        for (unsigned n = 0; have < size && n < 100000; n++) {
            unsigned from = (unsigned)rand() % size, len = 1 + (unsigned)rand() % (size / 4 + 1);
            if (n > 200) /* fill what is left */
                from = have;
            if (from + len > size)
                len = size - from;
            bool fresh = memchr(there + from, 0, len) != NULL;
            assert_int_equal(stream_put(&s, s.base + from, truth + from, len), fresh ? STREAM_NEW : STREAM_OLD);
            assert_int_equal(stream_end(&s, s.base + from, len), from + len);
            memset(there + from, 1, len);
            while (have < size && there[have])
                have++;
            assert_int_equal(s.have, have);
            assert_memory_equal(s.data, truth, have);
            if (n % 7 == 3) { /* a lie about something that is known */
                unsigned at = (unsigned)rand() % size;
                uint8_t lie = (uint8_t)(truth[at] ^ 1);
                if (there[at])
                    assert_int_equal(stream_put(&s, s.base + at, &lie, 1), STREAM_CONFLICT);
            }
        }
        assert_int_equal(s.have, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A reset must be accepted by the peer's TCP: every octet counts. */
#include "reset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "addr.h"

/* RFC 1071 another way than in reset.c: over octets, with end-around carry at each step. Right if the sum is 0xffff. */
static unsigned ones_sum(const uint8_t *data, size_t len, unsigned start)
{
    unsigned s = start;
    for (size_t i = 0; i < len; i++) {
        s += i % 2 ? data[i] : (unsigned)data[i] << 8;
        if (s > 0xffff)
            s -= 0xffff;
    }
    return s;
}

static void v4(void **state)
{
    (void)state;
    uint8_t p[RESET_MAX];
    struct reset r = {address("192.168.77.10"), address("10.20.0.80"), 50000, 443, 0xfedcba98, 0x01020304};
    assert_int_equal(reset_build(p, &r), 40);
    static const uint8_t head[] = {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6};
    assert_memory_equal(p, head, sizeof head);
    assert_memory_equal(p + 12, r.from.bytes, 4);
    assert_memory_equal(p + 16, r.to.bytes, 4);
    static const uint8_t tcp[] = {0xc3, 0x50, 0x01, 0xbb, 0xfe, 0xdc, 0xba, 0x98, 1, 2, 3, 4, 0x50, 0x14, 0, 0};
    assert_memory_equal(p + 20, tcp, sizeof tcp);
    assert_int_equal(ones_sum(p, 20, 0), 0xffff);
    assert_int_equal(ones_sum(p + 20, 20, ones_sum(p + 12, 8, 6 + 20)), 0xffff);
}

static void v6(void **state)
{
    (void)state;
    uint8_t p[RESET_MAX];
    struct reset r = {address("fd00:77::10"), address("2001:db8:20::80"), 1, 65535, 1, 0};
    assert_int_equal(reset_build(p, &r), 60);
    static const uint8_t head[] = {0x60, 0, 0, 0, 0, 20, 6, 64};
    assert_memory_equal(p, head, sizeof head);
    assert_memory_equal(p + 8, r.from.bytes, 16);
    assert_memory_equal(p + 24, r.to.bytes, 16);
    assert_int_equal(p[40 + 13], 0x14);
    assert_int_equal(ones_sum(p + 40, 20, ones_sum(p + 8, 32, 6 + 20)), 0xffff);
}

/* Values at which a carry is easily forgotten. */
static void checksums_hold_everywhere(void **state)
{
    (void)state;
    static const uint32_t values[] = {0, 1, 0xffff, 0x10000, 0x7fffffff, 0xffff0000, 0xffffffff};
    for (unsigned i = 0; i < 7; i++)
        for (unsigned j = 0; j < 7; j++) {
            uint8_t p[RESET_MAX];
            struct reset r = {
                address("255.255.255.255"), address("0.0.0.0"), (uint16_t)values[j], 0xffff, values[i], values[j]};
            assert_int_equal(reset_build(p, &r), 40);
            assert_int_equal(ones_sum(p, 20, 0), 0xffff);
            assert_int_equal(ones_sum(p + 20, 20, ones_sum(p + 12, 8, 6 + 20)), 0xffff);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v4),
        cmocka_unit_test(v6),
        cmocka_unit_test(checksums_hold_everywhere),
    };
    return cmocka_run_group_tests_name("gate_reset", tests, NULL, NULL);
}

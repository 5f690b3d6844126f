/* SipHash against the reference implementation's own vectors (key 00..0f, message 00, 01, 02 ...). */
#include "test.h"

#include "siphash.h"

static void reference_vectors(void **state)
{
    /* vectors_sip64 of github.com/veorq/SipHash, as numbers: lengths 0 to 3, 7, 8, 15. */
    static const struct {
        size_t len;
        uint64_t hash;
    } cases[] = {{0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {2, 0x0d6c8009d9a94f5a}, {3, 0x85676696d7fb7e2d},
                 {7, 0xab0200f58b01d137}, {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}};
    uint8_t key[16], message[16];
    (void)state;
    for (uint8_t i = 0; i < 16; i++)
        key[i] = message[i] = i;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(siphash(key, message, cases[i].len), cases[i].hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reference_vectors)};
    return cmocka_run_group_tests_name("lib_siphash", tests, NULL, NULL);
}

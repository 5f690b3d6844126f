/* Every type of message has its example in tests/fuzz/ipc_seed.h, a good one: else its checks are never fuzzed. */
#include "test.h"

#include "fuzz/ipc_seed.h"

static void every_type_has_a_good_example(void **state)
{
    static uint8_t input[sizeof(struct msg) + 2];
    unsigned types = 0;
    (void)state;
    for (unsigned t = 0; t < IPC_SEED_TYPES; t++) {
        if (ipc_size(t) < 0)
            continue;
        types++;
        if (ipc_seed_input(t, input, sizeof input) == 0)
            fail_msg("message type %u has no example in tests/fuzz/ipc_seed.h that ipc_valid accepts", t);
    }
    assert_true(types > 20);
    assert_int_equal(ipc_size(IPC_SEED_TYPES), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_type_has_a_good_example)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* When people are told of the packet filter's counters: once for each new reading, and not more often than it is read. */
#include "firewall_stats.h"

#include "gate_firewall_fixture.h"

static struct prefix lan;
static bool changed;

static bool tells(struct firewall_stats *f, uint64_t now_ms)
{
    changed = false;
    firewall_stats_tick(f, now_ms);
    return changed;
}

static void what_is_new_is_told_once(void **state)
{
    struct firewall_stats f = {.lan = &lan, .changed = &changed};
    (void)state;
    closed();
    (void)tells(&f, 5000);
    assert_false(tells(&f, 10000));
    uint64_t before = counter("dropped_input_lan");
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    send_to(pc, BOX_LAN, 9999);
    (void)counted("dropped_input_lan", before + 1);
    assert_false(tells(&f, 14999)); /* not read yet */
    assert_true(tells(&f, 15000));
    assert_int_equal(f.counters.blocked, f.told);
    assert_false(tells(&f, 20000));
    /* Somebody else reads them in between, for the idle clock: what is new is told all the same. */
    send_to(pc, BOX_LAN, 9999);
    (void)counted("dropped_input_lan", before + 2);
    (void)firewall_stats_activity(&f);
    assert_true(tells(&f, 25000));
    assert_false(tells(&f, 30000));
    close(pc);
}

/* Without the rule set there is nothing to read, and nothing that was read is lost. Last, for it unloads. */
static void what_cannot_be_read_is_not_told(void **state)
{
    struct firewall_stats f = {.lan = &lan, .changed = &changed};
    (void)state;
    closed();
    uint64_t before = counter("dropped_input_lan");
    int pc = bound(PC_NS, SOCK_DGRAM, PC, 0);
    send_to(pc, BOX_LAN, 9999);
    (void)counted("dropped_input_lan", before + 1);
    close(pc);
    (void)tells(&f, 5000);
    uint64_t told = f.told;
    assert_true(told > 0);
    assert_int_equal(system("nft delete table inet sekisho"), 0);
    assert_false(tells(&f, 10000));
    assert_int_equal(f.told, told);
    assert_int_equal(f.counters.blocked + f.counters.asked, told);
}

static int prepare(void **state)
{
    return conf_parse_prefix("192.168.77.0/24", &lan) ? build(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_is_told_once),
        cmocka_unit_test(what_cannot_be_read_is_not_told),
    };
    return cmocka_run_group_tests_name("gate_firewall_stats", tests, prepare, NULL);
}

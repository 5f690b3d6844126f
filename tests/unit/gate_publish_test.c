/* When gate's state file is written: at once when the session changes, but not faster than anybody reads. */
#include "publish.h"
#include "clock.h"
#include "test.h"

#include <sys/stat.h>
#include <unistd.h>

static char run[] = "/tmp/gate_publish.XXXXXX", state_path[64], rules_path[64];
static struct cause fault;
static struct admit admit;
static struct refusals refusals;
static struct firewall_stats stats;
static struct sni_verdicts verdicts;
static struct dns_requests requests;
static struct sni_link sni;

/* Since it was asked last. */
static bool written(void)
{
    return unlink(state_path) == 0;
}

static struct publish with_fault(void)
{
    cause_set(&fault, CAUSE_NAMES_GONE, NULL);
    struct view view = {.run = run, .fault = &fault, .admit = &admit, .refusals = &refusals, .stats = &stats};
    view.verdicts = &verdicts;
    view.requests = &requests;
    view.sni = &sni;
    return (struct publish){.view = view};
}

static void a_mark_is_written_with_the_next_tick(void **state)
{
    struct publish p = with_fault();
    (void)state;
    publish_state(&p);
    p.rules_at = 1;
    assert_true(written());
    publish_tick(&p, p.published_at + 1000);
    assert_false(written()); /* nothing has changed */
    p.changed = true;
    publish_tick(&p, p.published_at + 199);
    assert_false(written()); /* too soon */
    publish_tick(&p, p.published_at + 200);
    assert_true(written());
    assert_false(p.changed);
}

static void the_session_is_written_at_once_but_not_too_often(void **state)
{
    struct publish p = with_fault();
    uint64_t now;
    (void)state;
    publish_session_changed(&p); /* nothing was written for long */
    assert_true(written());
    assert_false(p.changed);
    do { /* until the machine is quick enough to show it */
        now = p.published_at = clock_monotonic_ms();
        p.changed = false;
        p.rules_at = 1;
        (void)written();
        publish_session_changed(&p);
    } while (clock_monotonic_ms() - now >= 200);
    assert_false(written());
    assert_true(p.changed); /* so the next tick writes it */
    assert_int_equal(p.rules_at, 0); /* and the page of rules */
}

/* The page of rules changes with every answer. */
static void new_names_have_a_slower_clock(void **state)
{
    struct publish p = with_fault();
    (void)state;
    publish_all(&p);
    assert_int_equal(unlink(rules_path), 0);
    admit.admitted++;
    publish_tick(&p, p.rules_at + 1999);
    assert_int_equal(unlink(rules_path), -1);
    publish_tick(&p, p.rules_at + 2000);
    assert_int_equal(unlink(rules_path), 0);
    publish_tick(&p, p.rules_at + 10000);
    assert_int_equal(unlink(rules_path), -1); /* there are no newer ones */
}

static int setup(void **state)
{
    char folder[64];
    (void)state;
    if (!mkdtemp(run))
        return -1;
    snprintf(folder, sizeof folder, "%s/gate", run);
    snprintf(state_path, sizeof state_path, "%s/gate/state", run);
    snprintf(rules_path, sizeof rules_path, "%s/gate/rules", run);
    return mkdir(folder, 0755);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_written_with_the_next_tick),
        cmocka_unit_test(the_session_is_written_at_once_but_not_too_often),
        cmocka_unit_test(new_names_have_a_slower_clock),
    };
    return cmocka_run_group_tests_name("gate_publish", tests, setup, NULL);
}

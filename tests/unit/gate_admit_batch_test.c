/*
 * Answers that wait to be opened together, with the kernel's own set: here it has room for four addresses, so that an answer
 * can be refused by the kernel.
 */
#define FIREWALL_WITHOUT "/set allow_v4 /s/size 65536/size 4/;"
#include "gate_firewall_fixture.h"
#include "admit_batch.h"
#include "test.h"

static struct conf conf;
static struct session s;
static struct charon charon;
static struct admit admit;
static struct admit_batch batch;

static unsigned done_count, done_with[8]; /* by seq of the answers: verdict + 1 */

static void done(void *user, const struct msg_admit *m, enum msg_verdict verdict)
{
    assert_ptr_equal(user, &batch);
    done_count++;
    if (m->seq < COUNT(done_with))
        done_with[m->seq] = verdict + 1;
}

/* An answer: www.registry.example has these addresses. */
static void answer(uint32_t seq, const char *first, const char *second)
{
    struct msg_admit m = {.seq = seq, .id = 0, .generation = 77, .timeout_s = 60, .count = second ? 2 : 1};
    snprintf(m.name, sizeof m.name, "www.registry.example");
    assert_true(conf_parse_addr(first, &m.addrs[0]));
    assert_true(!second || conf_parse_addr(second, &m.addrs[1]));
    admit_batch_add(&batch, &m);
}

static unsigned open_in_kernel(void)
{
    unsigned n = 0;
    char line[4096];
    FILE *f = popen("nft list set inet sekisho allow_v4", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        for (const char *at = line; (at = strstr(at, "10.20.")) != NULL; at++)
            n++;
    pclose(f);
    return n;
}

static int setup(void **state)
{
    (void)state;
    conf = (struct conf){.service_count = 1};
    conf.services[0] = (struct conf_service){.number = 1, .rule_count = 1, .remote_count = 1};
    conf.services[0].rules[0] = (struct conf_rule){.name = "www.registry.example", .port_count = 1};
    conf.services[0].rules[0].ports[0] = (struct conf_port){IPPROTO_TCP, 80, false};
    if (!conf_parse_prefix("10.20.0.0/16", &conf.services[0].remote[0]))
        return -1;
    charon.services[1] = (struct charon_service){.conf = &conf.services[0], .sa = {.child = 1, .remote_count = 1}};
    charon.services[1].sa.remote[0] = conf.services[0].remote[0];
    s = (struct session){.state = SESSION_UP, .view = {.mode = MODE_SESSION, .generation = 77}};
    s.services[1].up = true;
    admit_init(&admit, &conf);
    batch = (struct admit_batch){.admit = &admit, .session = &s, .charon = &charon, .done = done, .user = &batch};
    done_count = 0;
    memset(done_with, 0, sizeof done_with);
    session(77); /* nothing is open */
    return 0;
}

static void nothing_is_open_before_it_is_said(void **state)
{
    (void)state;
    answer(1, "10.20.0.1", NULL);
    answer(2, "10.30.0.1", NULL); /* not behind the tunnel */
    answer(3, "10.20.0.2", "10.20.0.3");
    assert_int_equal(done_count, 0);
    assert_int_equal(open_in_kernel(), 0);
    admit_batch_open(&batch);
    assert_int_equal(done_count, 3);
    assert_int_equal(done_with[1], ADMIT_OK + 1);
    assert_int_equal(done_with[2], ADMIT_FORBIDDEN + 1);
    assert_int_equal(done_with[3], ADMIT_OK + 1);
    assert_int_equal(open_in_kernel(), 3);
    admit_batch_open(&batch); /* nothing waits any more */
    assert_int_equal(done_count, 3);
}

/* The kernel takes all of a transaction or nothing: then each answer is tried alone. */
static void one_that_finds_no_room_spoils_no_other(void **state)
{
    (void)state;
    answer(1, "10.20.0.1", "10.20.0.2");
    answer(2, "10.20.0.3", "10.20.0.4");
    answer(3, "10.20.0.5", "10.20.0.6");
    answer(4, "10.20.0.1", NULL); /* is open already */
    admit_batch_open(&batch);
    assert_int_equal(done_with[1], ADMIT_OK + 1);
    assert_int_equal(done_with[2], ADMIT_OK + 1);
    assert_int_equal(done_with[3], ADMIT_KERNEL + 1);
    assert_int_equal(done_with[4], ADMIT_OK + 1);
    assert_int_equal(open_in_kernel(), 4);
}

static void a_full_batch_is_opened_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ADMIT_BATCH_MAX - 1; i++)
        answer(100, "10.20.0.1", NULL);
    assert_int_equal(done_count, 0);
    answer(1, "10.20.0.1", NULL);
    assert_int_equal(done_count, ADMIT_BATCH_MAX);
    assert_int_equal(open_in_kernel(), 1);
}

/* The session has ended while they waited. */
static void they_are_judged_by_the_moment_of_opening(void **state)
{
    (void)state;
    answer(1, "10.20.0.1", NULL);
    s.view = (struct firewall_view){.mode = MODE_SESSION, .generation = 78};
    admit_batch_open(&batch);
    assert_int_equal(done_with[1], ADMIT_STALE + 1);
    assert_int_equal(open_in_kernel(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_open_before_it_is_said, setup),
        cmocka_unit_test_setup(one_that_finds_no_room_spoils_no_other, setup),
        cmocka_unit_test_setup(a_full_batch_is_opened_at_once, setup),
        cmocka_unit_test_setup(they_are_judged_by_the_moment_of_opening, setup),
    };
    return cmocka_run_group_tests_name("gate_admit_batch", tests, build, NULL);
}

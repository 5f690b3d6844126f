/* Programs that hang: when `dns` and `sni` are pinged, and when they are given up; the pipe to the hang guard. */
#include "test.h"

#include "dns_link.h"
#include "sni_link.h"
#include "liveness.h"
#include "hang_guard.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

static uev_ctx_t loop;
static int other; /* the peer's socket */
static enum cause_code why;
static bool hangs;
static jmp_buf ended;

/* ---- the count ---- */

static void counts_silence(void **state)
{
    struct liveness p = {0};
    (void)state;
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_FINE);
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_ASK);
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_FINE); /* once for each silence */
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_HANGS);
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_HANGS);
    liveness_heard(&p);
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_FINE);
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_ASK);
    liveness_heard(&p);
    assert_int_equal(liveness_tick(&p, 2, 4), LIVENESS_FINE);
}

/* ---- asking ---- */

/* How many questions have come to the far end; it answers them or not. */
static unsigned questions(enum msg_role role, bool answers)
{
    struct msg m;
    int fd = -1;
    unsigned n = 0;
    while (ipc_recv(other, role, &m, &fd) == IPC_OK) {
        assert_int_equal(m.head.type, MSG_PING);
        n++;
        if (answers)
            assert_int_equal(ipc_send(other, MSG_PONG, NULL, -1), IPC_OK);
    }
    return n;
}

static void on_message(void *user, const struct msg *m)
{
    (void)user;
    fail_msg("message %u", m->head.type);
}

static void on_idle(void *user)
{
    (void)user;
}

static void on_dead(void *user, enum cause_code cause)
{
    (void)user;
    why = cause;
    longjmp(ended, 1);
}

static void names_is_asked_and_given_up(void **state)
{
    static const struct dns_link_ops ops = {on_message, on_dead, on_idle};
    static struct dns_link c;
    int pair[2];
    volatile unsigned ticks = 0, asked = 0;
    (void)state;
    assert_int_equal(uev_init(&loop), 0);
    assert_int_equal(ipc_pair(pair), 0);
    c.sock = pair[0];
    other = pair[1];
    assert_int_equal(dns_link_watch(&c, &loop, &ops, NULL), 0);
    why = CAUSE_NONE;
    if (setjmp(ended) == 0) {
        for (ticks = 0; ticks < 100; ticks++) {
            dns_link_tick(&c);
            asked += questions(ROLE_DNS, true);
            uev_run(&loop, UEV_ONCE | UEV_NONBLOCK);
        }
        assert_in_range(asked, 20, 50);
        asked = 0;
        for (ticks = 0; ticks < 100; ticks++) {
            dns_link_tick(&c);
            asked += questions(ROLE_DNS, false);
            uev_run(&loop, UEV_ONCE | UEV_NONBLOCK);
        }
    }
    assert_int_equal(why, CAUSE_PEER_SILENT);
    assert_in_range(ticks, 4, 10); /* of half a second */
    assert_int_equal(asked, 1);
    close(pair[0]);
    close(pair[1]);
}

static void on_gone(void *user, enum cause_code cause, bool there)
{
    (void)user;
    why = cause;
    hangs = there;
}

static void sni_is_asked_and_given_up(void **state)
{
    static const struct sni_link_ops ops = {.message = on_message, .gone = on_gone};
    struct sni_link h = {.listen_fd = -1, .packets = -1, .blocked = -1, .ops = &ops};
    unsigned ticks = 0, asked = 0;
    int pair[2];
    (void)state;
    assert_int_equal(ipc_pair(pair), 0);
    h.fd = pair[0];
    other = pair[1];
    why = CAUSE_NONE;
    while (sni_link_is_there(&h) && ticks < 100) {
        sni_link_tick(&h);
        asked += questions(ROLE_SNI, false);
        ticks++;
    }
    assert_int_equal(why, CAUSE_PEER_SILENT);
    assert_true(hangs);
    assert_in_range(ticks, 4, 10);
    assert_int_equal(asked, 1);
    sni_link_tick(&h); /* nobody there: nothing to ask */
    close(pair[1]);
}

static void sni_that_does_not_read_is_given_up(void **state)
{
    static const struct sni_link_ops ops = {.message = on_message, .gone = on_gone};
    struct sni_link h = {.listen_fd = -1, .packets = -1, .blocked = -1, .ops = &ops};
    const struct msg_mode mode = {.mode = MODE_CLOSED};
    int pair[2];
    (void)state;
    assert_int_equal(ipc_pair(pair), 0);
    h.fd = pair[0];
    hangs = false;
    for (unsigned i = 0; i < 100000 && sni_link_is_there(&h); i++)
        sni_link_send(&h, MSG_MODE, &mode, -1);
    assert_false(sni_link_is_there(&h));
    assert_true(hangs);
    close(pair[1]);
}

/* ---- the hang guard's pipe ---- */

static void tells_the_hang_guard(void **state)
{
    char run[] = "/tmp/hang-guard.XXXXXX", folder[64], path[64], got[64] = "";
    (void)state;
    assert_non_null(mkdtemp(run));
    assert_false(hang_guard_tell(run, "end sni")); /* no such pipe */
    snprintf(folder, sizeof folder, "%s/hang-guard", run);
    snprintf(path, sizeof path, "%s/hang-guard/words", run);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(hang_guard_tell(run, "end sni")); /* nobody reads: at once, no waiting */
    int pipe = open(path, O_RDWR | O_NONBLOCK);
    assert_true(pipe >= 0);
    assert_true(hang_guard_tell(run, "end sni"));
    hang_guard_alive(run, "gate");
    hang_guard_alive(run, "gate"); /* too soon to say it again */
    assert_int_equal(read(pipe, got, sizeof got - 1), 13);
    assert_string_equal(got, "end sni\ngate\n");
    unsigned n = 0;
    while (hang_guard_tell(run, "end sni") && n < 100000)
        n++;
    assert_in_range(n, 1, 99999); /* a full pipe: refused, no waiting */
    close(pipe);
    unlink(path);
    rmdir(folder);
    rmdir(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_silence),
        cmocka_unit_test(names_is_asked_and_given_up),
        cmocka_unit_test(sni_is_asked_and_given_up),
        cmocka_unit_test(sni_that_does_not_read_is_given_up),
        cmocka_unit_test(tells_the_hang_guard),
    };
    return cmocka_run_group_tests_name("gate_hangs", tests, NULL, NULL);
}

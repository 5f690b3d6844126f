/* The control socket: which clients are answered, wait, or are disconnected. */
#include "ctl_server.h"
#include "clock.h"
#include "test.h"

#include "said.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ctl_server server;
static char folder[] = "/tmp/lib_ctl_server.XXXXXX", path[64];
static unsigned asked;

static bool command(void *user, const struct msg *m, struct msg_reply *reply)
{
    assert_ptr_equal(user, &asked);
    if (m->head.type != MSG_CTL_SESSION_START)
        return false;
    asked++;
    reply->ok = m->u.service.service == 3;
    cause_set(&reply->cause, CAUSE_SESSION_BY_COMMAND, NULL);
    return true;
}

static bool ready(void)
{
    struct pollfd p = {server.fd, POLLIN, 0};
    return poll(&p, 1, 0) == 1;
}

/* As an event loop does, until nothing is left to do: that this ends is part of each test. */
static void process(void)
{
    for (unsigned i = 0; ready(); i++) {
        assert_true(i < 100);
        ctl_server_process(&server, command, &asked);
    }
}

static int caller(void)
{
    int fd = ipc_connect(path);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void ask(int fd, uint8_t service)
{
    struct msg_service body = {service};
    assert_int_equal(ipc_send(fd, MSG_CTL_SESSION_START, &body, -1), IPC_OK);
    process();
}

static enum ipc_result answer(int fd, struct msg *m)
{
    int passed;
    return ipc_recv(fd, ROLE_CTL_CLIENT, m, &passed);
}

static void assert_answered(int fd, bool ok)
{
    struct msg m;
    assert_int_equal(answer(fd, &m), IPC_OK);
    assert_int_equal(m.head.type, MSG_CTL_REPLY);
    assert_int_equal(m.u.reply.ok, ok);
}

static int setup(void **state)
{
    (void)state;
    asked = 0;
    snprintf(folder, sizeof folder, "/tmp/lib_ctl_server.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/ctl.sock", folder);
    return ctl_server_open(&server, path, -1, ROLE_GATE);
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++)
        if (server.callers[i] >= 0)
            close(server.callers[i]);
    close(server.listener);
    close(server.fd);
    return unlink(path) < 0 ? -1 : rmdir(folder);
}

static void each_request_has_its_answer(void **state)
{
    (void)state;
    int a = caller(), b = caller();
    ask(b, 3);
    ask(a, 2);
    assert_answered(a, false);
    assert_answered(b, true);
    ask(a, 3); /* once more by the same connection */
    assert_answered(a, true);
    assert_int_equal(asked, 3);
    close(a);
    close(b);
    process();
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++)
        assert_int_equal(server.callers[i], -1);
}

/* Callers who say nothing keep nobody out, and who has just spoken keeps its place. */
static void the_silent_make_room(void **state)
{
    int silent[CTL_SERVER_CALLERS], fd;
    struct msg m;
    (void)state;
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++) {
        silent[i] = caller();
        process();
    }
    ask(silent[0], 3); /* the first of them speaks: now the second has been silent for longest */
    for (unsigned i = 1; i < CTL_SERVER_CALLERS; i++) {
        fd = caller();
        ask(fd, 3);
        assert_answered(fd, true);
        assert_int_equal(answer(silent[i], &m), IPC_EOF);
        close(silent[i]);
        silent[i] = fd;
    }
    assert_answered(silent[0], true);
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++)
        close(silent[i]);
    process();
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++)
        assert_int_equal(server.callers[i], -1);
}

/* What is no message, what is another's, what this program does not do: the connection ends, the others' do not. */
static void what_does_not_belong_here_ends_the_connection(void **state)
{
    static const struct msg_mode mode = {.mode = MODE_SESSION};
    struct msg m;
    (void)state;
    int other = caller();
    for (unsigned i = 0; i < 3; i++) {
        int fd = caller();
        if (i == 0)
            assert_int_equal(send(fd, "x", 1, 0), 1);
        else if (i == 1)
            assert_int_equal(ipc_send(fd, MSG_MODE, &mode, -1), IPC_OK); /* gate's own, to `dns` */
        else
            assert_int_equal(ipc_send(fd, MSG_CTL_SESSION_END, NULL, -1), IPC_OK); /* not carried out here */
        process();
        assert_int_equal(answer(fd, &m), IPC_EOF);
        close(fd);
    }
    assert_int_equal(asked, 0);
    ask(other, 3);
    assert_answered(other, true);
    close(other);
}

/* How many lines are logged while somebody sends what is no message. */
static unsigned lines_of_a_bad_caller(void)
{
    unsigned lines = 0;
    int fd = caller();
    said_begin();
    (void)!send(fd, "x", 1, 0);
    process();
    for (const char *c = said_end(); *c; c++)
        lines += *c == '\n';
    close(fd);
    return lines;
}

/* Who may call cannot push everything else out of the log. */
static void bad_callers_do_not_fill_the_log(void **state)
{
    (void)state;
    assert_int_equal(lines_of_a_bad_caller(), 1);
    server.warned_at = clock_monotonic_ms(); /* just now, however slow the machine is */
    assert_int_equal(lines_of_a_bad_caller(), 0);
    server.warned_at = clock_monotonic_ms() - CTL_SERVER_WARN_MS;
    assert_int_equal(lines_of_a_bad_caller(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_request_has_its_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(the_silent_make_room, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_belong_here_ends_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_callers_do_not_fill_the_log, setup, teardown),
    };
    return cmocka_run_group_tests_name("lib_ctl_server", tests, NULL, NULL);
}

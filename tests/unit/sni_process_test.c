/*
 * sni as a process, with a stand-in for gate and for the kernel's queue (a socket pair that netlink messages go into):
 * its user, capabilities, system call filter and empty root; verdicts; a gate that does not read; its end with gate. Runs
 * as root in the workshop, in a mount namespace of its own, because sni wants /var/empty.
 */
#include "test.h"

#include "sni_fixture.h"
#include "sni_netlink.h"
#include "ipc.h"
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DOOR "/var/sni.sock"
#define SURELY_MS 30000 /* what must come is waited for as long as it takes */

static pid_t sni;
static int door, gate, kernel[2]; /* kernel[0] is sni's */
static struct octets o, whole;

static void tell(enum msg_type type, const void *body, int fd)
{
    assert_int_equal(ipc_send(gate, type, body, fd), IPC_OK);
}

static void tell_name(uint16_t id, uint8_t service, const char *name)
{
    struct msg_name m = {.id = id, .service = service};
    snprintf(m.name, sizeof m.name, "%s", name);
    tell(MSG_NAME, &m, -1);
}

static void tell_mode(uint32_t generation)
{
    tell(MSG_MODE, &(struct msg_mode){.mode = MODE_SESSION, .generation = generation, .services_up = 1}, -1);
}

static int start(void **state)
{
    (void)state;
    sni = fork();
    if (sni == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int quiet = open("/dev/null", O_WRONLY);
        if (!getenv("SNI_LOUD"))
            dup2(quiet, STDERR_FILENO);
        execl("build/bin/sni", "sni", "-s", DOOR, (char *)NULL);
        _exit(99);
    }
    struct pollfd p = {.fd = door, .events = POLLIN};
    MUST(sni > 0 && poll(&p, 1, SURELY_MS) == 1);
    gate = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    MUST(gate >= 0 && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, kernel) == 0);
    tell_name(0, 1, REGISTRY_NAME);
    tell_name(1, 1, WILD_NAME);
    tell(MSG_NAMES_END, NULL, -1);
    tell_mode(7);
    tell(MSG_QUEUE, &(struct msg_queue){.kind = QUEUE_SNI}, kernel[0]);
    tell(MSG_QUEUE, &(struct msg_queue){.kind = QUEUE_BLOCKED}, kernel[0]);
    return 0;
}

/* Its exit status; -1: it goes on, or was killed. */
static int ended(void)
{
    int status;
    for (unsigned i = 0; i < SURELY_MS / 10; i++) {
        if (waitpid(sni, &status, WNOHANG) == sni)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        usleep(10000);
    }
    return -1;
}

static int stop(void **state)
{
    (void)state;
    kill(sni, SIGKILL);
    waitpid(sni, NULL, 0);
    close(gate);
    close(kernel[0]);
    close(kernel[1]);
    return 0;
}

/* ---- the kernel ---- */

static _Alignas(struct nlmsghdr) uint8_t buffer[70000];

static void synack(uint16_t port)
{
    o.len = 0;
    put_packet(&o, &(struct segment){.client = SERVER, .server = CLIENT, .seq = IRS, .ack = ISS + 1, .flags = 0x12});
    o.data[20] = 443 >> 8;
    o.data[21] = 443 & 0xff;
    o.data[22] = (uint8_t)(port >> 8);
    o.data[23] = (uint8_t)port;
    struct nlmsghdr *m = netlink_begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET, QUEUE_SYNACK_GROUP);
    mnl_attr_put(m, NFULA_PAYLOAD, o.len, o.data);
    MUST(send(kernel[1], m, m->nlmsg_len, 0) > 0);
}

static void data(uint16_t port, uint32_t id, size_t from, size_t to)
{
    struct nfqnl_msg_packet_hdr head = {.packet_id = htonl(id)};
    o.len = 0;
    put_packet(&o, &(struct segment){.port = port,
                                     .seq = ISS + 1 + (uint32_t)from,
                                     .ack = IRS + 1,
                                     .data = whole.data + from,
                                     .len = to - from});
    struct nlmsghdr *m = netlink_begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_PACKET, 1);
    mnl_attr_put(m, NFQA_PACKET_HDR, 7, &head);
    mnl_attr_put_u32(m, NFQA_MARK, htonl(1));
    mnl_attr_put(m, NFQA_PAYLOAD, o.len, o.data);
    MUST(send(kernel[1], m, m->nlmsg_len, 0) > 0);
}

static void with(const char *name)
{
    whole.len = 0;
    put_hello(&whole, name);
}

/* The next message of this type; false: there is none. */
static bool heard(enum msg_type type, struct msg *m)
{
    int fd;
    struct pollfd p = {.fd = gate, .events = POLLIN};
    while (poll(&p, 1, SURELY_MS) == 1) {
        enum ipc_result r = ipc_recv(gate, ROLE_GATE, m, &fd);
        if (r != IPC_OK)
            fail_msg("gate's line: %d (type %u, errno %d)", (int)r, m->head.type, errno);
        if (m->head.type == type)
            return true;
    }
    return false;
}

static enum msg_flow_what flow(uint32_t id)
{
    struct msg m;
    assert_true(heard(MSG_FLOW, &m));
    assert_int_equal(m.u.flow.packets[m.u.flow.count - 1], id);
    return m.u.flow.what;
}

static void assert_flow(enum msg_flow_what what, uint32_t id)
{
    assert_int_equal(flow(id), what);
}

/* ---- tests ---- */

static void assert_status(const char *text, const char *line)
{
    if (!strstr(text, line))
        fail_msg("no \"%s\" in /proc/%d/status", line, (int)sni);
}

static void test_sandbox(void **state)
{
    (void)state;
    char path[64], text[4096];
    with(REGISTRY_NAME);
    synack(40000);
    data(40000, 1, 0, whole.len);
    assert_flow(FLOW_NAME, 1); /* by then it has given up everything */
    snprintf(path, sizeof path, "/proc/%d/status", (int)sni);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    text[n] = '\0';
    assert_status(text, "Uid:\t603\t603\t603\t603\n");
    assert_status(text, "Gid:\t603\t603\t603\t603\n");
    assert_status(text, "Groups:\t \n");
    assert_status(text, "CapPrm:\t0000000000000000\n");
    assert_status(text, "CapEff:\t0000000000000000\n");
    assert_status(text, "CapBnd:\t0000000000000000\n");
    assert_status(text, "Seccomp:\t2\n");
    assert_status(text, "NoNewPrivs:\t1\n");
    struct stat root, empty;
    snprintf(path, sizeof path, "/proc/%d/root", (int)sni);
    assert_int_equal(stat(path, &root), 0);
    assert_int_equal(stat("/var/empty", &empty), 0);
    assert_int_equal(root.st_ino, empty.st_ino);
}

static void test_verdicts(void **state)
{
    (void)state;
    with(REGISTRY_NAME);
    synack(40000);
    data(40000, 1, 0, 50);
    data(40000, 2, 50, whole.len);
    struct msg m;
    do /* (if we were slow, the first packet is let go before the second has come) */
        assert_true(heard(MSG_FLOW, &m));
    while (m.u.flow.what == FLOW_EARLY && m.u.flow.packets[0] == 1);
    assert_int_equal(m.u.flow.what, FLOW_NAME);
    assert_int_equal(m.u.flow.packets[m.u.flow.count - 1], 2);
    synack(40001);
    data(40001, 3, 0, 50);
    assert_flow(FLOW_EARLY, 3); /* after a moment, by its own timer */
    data(40001, 4, 50, whole.len);
    assert_flow(FLOW_NAME, 4);
    data(40002, 5, 0, whole.len);
    assert_flow(FLOW_NO_START, 5);
    with("decoy.example.net");
    synack(40003);
    data(40003, 6, 0, whole.len);
    assert_flow(FLOW_NOT_LISTED, 6);
    /* What is held is dropped when the mode changes. (If we were slow, it was let go before that: once more.) */
    for (uint32_t id = 7; id < 100; id++) {
        synack((uint16_t)(40000 + id));
        data((uint16_t)(40000 + id), id, 0, 50);
        tell_mode(8 + id);
        enum msg_flow_what what = flow(id);
        if (what == FLOW_DROP)
            break;
        assert_int_equal(what, FLOW_EARLY);
        assert_true(id < 99);
    }
    struct nlmsghdr *n = netlink_begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET, 1);
    mnl_attr_put_strz(n, NFULA_PREFIX, "not-listed");
    mnl_attr_put(n, NFULA_PAYLOAD, o.len, o.data);
    MUST(send(kernel[1], n, n->nlmsg_len, 0) > 0);
    struct msg b;
    assert_true(heard(MSG_BLOCKED, &b));
    assert_string_equal(b.u.blocked.reason, "not-listed");
    assert_int_equal(b.u.blocked.port, 443);
}

/* gate reads nothing for a while: nothing is lost, nothing said twice, and sni is still there. */
static void test_gate_slow(void **state)
{
    (void)state;
    enum { FLOWS = 3000 };
    static uint8_t said[FLOWS + 1];
    memset(said, 0, sizeof said);
    with(REGISTRY_NAME);
    pid_t sender = fork(); /* its own process: the pair fills up as the kernel's queue would */
    if (sender == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (uint32_t id = 1; id <= FLOWS; id++) {
            synack((uint16_t)(10000 + id));
            data((uint16_t)(10000 + id), id, 0, id % 3 ? whole.len : 20);
        }
        _exit(0);
    }
    usleep(300000);
    tell_mode(9); /* in the middle of it */
    unsigned all = 0;
    struct msg m;
    while (all < FLOWS && heard(MSG_FLOW, &m))
        for (unsigned i = 0; i < m.u.flow.count; i++, all++) {
            uint32_t id = m.u.flow.packets[i];
            assert_in_range(id, 1, FLOWS);
            assert_int_equal(said[id]++, 0);
        }
    assert_int_equal(all, FLOWS);
    waitpid(sender, NULL, 0);
    assert_int_equal(kill(sni, 0), 0);
}

static void send_rubbish(void)
{
    srand(1);
    for (unsigned i = 0; i < 3000; i++) {
        size_t n = (size_t)rand() % 2000;
        for (size_t k = 0; k < n; k++)
            buffer[k] = (uint8_t)rand();
        struct nlmsghdr *m = (struct nlmsghdr *)buffer;
        if (i % 2 && n > sizeof *m) {
            m->nlmsg_len = (uint32_t)n;
            m->nlmsg_type = i % 4 == 1 ? NFNL_SUBSYS_QUEUE << 8 : NFNL_SUBSYS_ULOG << 8;
        }
        send(kernel[1], buffer, n, 0);
    }
}

static void test_rubbish(void **state)
{
    (void)state;
    struct msg m;
    pid_t sender = fork(); /* its own process: gate's line must be read meanwhile */
    if (sender == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        send_rubbish();
        with(REGISTRY_NAME);
        synack(40000);
        data(40000, 1, 0, whole.len);
        _exit(0);
    }
    do
        assert_true(heard(MSG_FLOW, &m));
    while (m.u.flow.what != FLOW_NAME);
    assert_int_equal(m.u.flow.packets[0], 1);
    waitpid(sender, NULL, 0);
}

/* It answers whoever asks whether it goes on. */
static void test_ping(void **state)
{
    struct msg m;
    (void)state;
    tell(MSG_PING, NULL, -1);
    assert_true(heard(MSG_PONG, &m));
    with(REGISTRY_NAME);
    synack(40000);
    data(40000, 1, 0, whole.len);
    assert_true(heard(MSG_FLOW, &m));
    tell(MSG_PING, NULL, -1);
    assert_true(heard(MSG_PONG, &m));
}

static void test_ends_with_gate(void **state)
{
    (void)state;
    shutdown(gate, SHUT_RDWR);
    assert_int_equal(ended(), 0);
}

static void test_strange_gate(void **state)
{
    (void)state;
    assert_int_equal(send(gate, "what is this?", 13, 0), 13);
    assert_int_equal(ended(), 1);
}

static int namespace(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
        mount("hello-test", "/var", "tmpfs", 0, "mode=0755") < 0 || mkdir("/var/empty", 0755) < 0)
        return -1;
    door = ipc_listen(DOOR, -1);
    return door < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sandbox, start, stop),
        cmocka_unit_test_setup_teardown(test_verdicts, start, stop),
        cmocka_unit_test_setup_teardown(test_gate_slow, start, stop),
        cmocka_unit_test_setup_teardown(test_rubbish, start, stop),
        cmocka_unit_test_setup_teardown(test_ping, start, stop),
        cmocka_unit_test_setup_teardown(test_ends_with_gate, start, stop),
        cmocka_unit_test_setup_teardown(test_strange_gate, start, stop),
    };
    return cmocka_run_group_tests(tests, namespace, NULL);
}

/* IPC messages: directions, sizes, contents, descriptors. */
#include "test.h"

#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROLES (ROLE_CTL_CLIENT + 1)

/* A valid message of every type: the table is repeated here, so that a mistake in ipc.c is detected. */
static const struct sample {
    enum msg_type type;
    enum msg_role to;
    size_t size;
    bool fd;
} samples[] = {
    {MSG_LISTEN, ROLE_DNS, sizeof(struct msg_listen), true},
    {MSG_UPSTREAM, ROLE_DNS, sizeof(struct msg_upstream), true},
    {MSG_UPSTREAM_CLEAR, ROLE_DNS, sizeof(struct msg_service), false},
    {MSG_NAME, ROLE_DNS, sizeof(struct msg_name), false},
    {MSG_NAMES_END, ROLE_DNS, 0, false},
    {MSG_MODE, ROLE_DNS, sizeof(struct msg_mode), false},
    {MSG_HOST, ROLE_DNS, sizeof(struct msg_host), false},
    {MSG_QUEUE, ROLE_SNI, sizeof(struct msg_queue), true},
    {MSG_FLOW, ROLE_GATE, sizeof(struct msg_flow), false},
    {MSG_BLOCKED, ROLE_GATE, sizeof(struct msg_blocked), false},
    {MSG_ADMITTED, ROLE_DNS, sizeof(struct msg_admitted), false},
    {MSG_RESOLVE, ROLE_DNS, sizeof(struct msg_resolve), false},
    {MSG_PRIVATE, ROLE_DNS, sizeof(struct msg_private), false},
    {MSG_NEVER, ROLE_DNS, sizeof(struct msg_never), false},
    {MSG_PING, ROLE_DNS, 0, false},
    {MSG_PONG, ROLE_GATE, 0, false},
    {MSG_WANT, ROLE_GATE, sizeof(struct msg_want), false},
    {MSG_ADMIT, ROLE_GATE, sizeof(struct msg_admit), false},
    {MSG_REFUSED, ROLE_GATE, sizeof(struct msg_refused), false},
    {MSG_UPSTREAM_TCP, ROLE_GATE, sizeof(struct msg_service), false},
    {MSG_EST_START, ROLE_ENROLL_NET, sizeof(struct msg_est_start), false},
    {MSG_EST_CSR, ROLE_ENROLL_NET, sizeof(struct msg_blob), false},
    {MSG_EST_CHAIN, ROLE_ENROLL_NET, sizeof(struct msg_blob), false},
    {MSG_SIGNATURE, ROLE_ENROLL_NET, sizeof(struct msg_blob), false},
    {MSG_SIGN, ROLE_ENROLL, sizeof(struct msg_sign), false},
    {MSG_EST_CERT, ROLE_ENROLL, sizeof(struct msg_blob), false},
    {MSG_EST_DONE, ROLE_ENROLL, sizeof(struct msg_est_done), false},
    {MSG_TIME_ASK, ROLE_CLOCK_NET, sizeof(struct msg_time_ask), false},
    {MSG_TIME_ANSWER, ROLE_CLOCK, sizeof(struct msg_time_answer), false},
    {MSG_LINE, ROLE_WAN_NET, sizeof(struct msg_line), false},
    {MSG_LEASE, ROLE_WAN, sizeof(struct msg_lease), false},
    {MSG_CTL_SESSION_START, ROLE_GATE, sizeof(struct msg_service), false},
    {MSG_CTL_SESSION_END, ROLE_GATE, 0, false},
    {MSG_CTL_CERT_RENEW, ROLE_ENROLL, 0, false},
    {MSG_CTL_REPLY, ROLE_CTL_CLIENT, sizeof(struct msg_reply), false},
};

static void fill(struct msg *m, const struct sample *s)
{
    const struct addr a = {.family = AF_INET, .bytes = {192, 168, 77, 9}};
    memset(m, 0, sizeof *m);
    m->head.type = (uint16_t)s->type;
    m->head.size = (uint16_t)s->size;
    switch (s->type) {
    case MSG_LISTEN:
        m->u.listen.proto = IPPROTO_UDP;
        m->u.listen.family = AF_INET;
        break;
    case MSG_UPSTREAM:
        m->u.upstream.proto = IPPROTO_UDP;
        m->u.upstream.resolver = a;
        break;
    case MSG_NAME:
        m->u.name.service = 1;
        strcpy(m->u.name.name, "registry.lab.example");
        break;
    case MSG_WANT: m->u.want.client = a; break;
    case MSG_RESOLVE: strcpy(m->u.resolve.name, "registry.lab.example"); break;
    case MSG_PRIVATE: strcpy(m->u.private_answers.domain, "hospital.example"); break;
    case MSG_NEVER: m->u.never.net = (struct prefix){a, 24}; break;
    case MSG_ADMIT:
        m->u.admit.count = 1;
        m->u.admit.addrs[0] = a;
        strcpy(m->u.admit.name, "registry.lab.example");
        break;
    case MSG_FLOW:
        m->u.flow.service = m->u.flow.count = 1;
        m->u.flow.client = m->u.flow.server = a;
        break;
    case MSG_SIGN: m->u.sign.len = 48; break;
    case MSG_EST_DONE: cause_set(&m->u.est_done.cause, CAUSE_EST_FAULT, "503", "", NULL); break;
    case MSG_CTL_REPLY: cause_set(&m->u.reply.cause, CAUSE_TUNNEL_RAISING, "lab", NULL); break;
    case MSG_TIME_ASK:
        m->u.time_ask.server_count = 1;
        strcpy(m->u.time_ask.servers[0], "ntp.nict.jp");
        break;
    case MSG_LEASE:
        m->u.lease = (struct msg_lease){.bound = 1, .prefix_len = 24, .dns_count = 1, .ntp_count = 1};
        m->u.lease.address = m->u.lease.dns[0] = m->u.lease.ntp[0] = a;
        break;
    default: break;
    }
}

/* Both children of the packet filter get the list of names and the mode, and are asked whether they go on. */
static bool also_sni(enum msg_type type, int role)
{
    return role == ROLE_SNI && (type == MSG_NAME || type == MSG_NAMES_END || type == MSG_MODE || type == MSG_PING);
}

static void every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        const struct sample *s = &samples[i];
        size_t len = sizeof(struct msg_head) + s->size;
        struct msg m;
        fill(&m, s);
        for (int role = 0; role < ROLES; role++)
            if (ipc_valid((enum msg_role)role, &m, len, s->fd) != (role == (int)s->to || also_sni(s->type, role)))
                fail_msg("type %d to role %d", s->type, role);
        assert_false(ipc_valid(s->to, &m, len, !s->fd));
        assert_false(ipc_valid(s->to, &m, len - 1, s->fd));
        if (s->size < sizeof m.u)
            assert_false(ipc_valid(s->to, &m, len + 1, s->fd));
        m.head.size++;
        assert_false(ipc_valid(s->to, &m, len, s->fd));
        m.head.size--;
        m.head.zero = 1;
        assert_false(ipc_valid(s->to, &m, len, s->fd));
    }
}

static void unknown_types(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 300; type++) {
        bool known = false;
        for (size_t i = 0; i < COUNT(samples); i++)
            known = known || samples[i].type == type;
        struct msg_head head = {.type = (uint16_t)type};
        for (int role = 0; !known && role < ROLES; role++)
            assert_false(ipc_valid((enum msg_role)role, &head, sizeof head, false));
    }
    assert_false(ipc_valid(ROLE_GATE, "", 0, false));
}

static struct msg of_type(enum msg_type type, size_t *len, enum msg_role *to, bool *fd)
{
    struct msg m;
    memset(&m, 0, sizeof m);
    for (size_t i = 0; i < COUNT(samples); i++)
        if (samples[i].type == type) {
            fill(&m, &samples[i]);
            *len = sizeof m.head + samples[i].size;
            *to = samples[i].to;
            *fd = samples[i].fd;
        }
    return m;
}

#define REFUSED(type, change)                                                                                          \
    do {                                                                                                               \
        size_t len = 0;                                                                                                \
        enum msg_role to = ROLE_GATE;                                                                                  \
        bool fd = false;                                                                                               \
        struct msg m = of_type(type, &len, &to, &fd);                                                                  \
        assert_true(ipc_valid(to, &m, len, fd));                                                                       \
        change;                                                                                                        \
        if (ipc_valid(to, &m, len, fd))                                                                                \
            fail_msg("accepted %s with %s", #type, #change);                                                           \
    } while (0)

static void contents(void **state)
{
    (void)state;
    REFUSED(MSG_LISTEN, m.u.listen.proto = IPPROTO_ICMP);
    REFUSED(MSG_LISTEN, m.u.listen.family = AF_UNIX);
    REFUSED(MSG_UPSTREAM, m.u.upstream.service = 9);
    REFUSED(MSG_UPSTREAM, m.u.upstream.resolver.family = 0);
    REFUSED(MSG_UPSTREAM, m.u.upstream.proto = 0);
    REFUSED(MSG_NAME, m.u.name.service = 0);
    REFUSED(MSG_NAME, memset(m.u.name.name, 'a', sizeof m.u.name.name));
    REFUSED(MSG_NAME, strcpy(m.u.name.name, "not a name"));
    REFUSED(MSG_MODE, m.u.mode.mode = 4);
    REFUSED(MSG_NAME, m.u.name.via_line = 2);
    REFUSED(MSG_NAME, m.u.name.before = 1);
    REFUSED(MSG_FLOW, m.u.flow.service = MSG_ON_LINE + 1);
    REFUSED(MSG_REFUSED, m.u.refused.way = WAY_COUNT);
    REFUSED(MSG_ADMITTED, m.u.admitted.verdict = ADMIT_KERNEL + 1);
    REFUSED(MSG_WANT, m.u.want.client.family = 99);
    REFUSED(MSG_ADMIT, m.u.admit.count = 0);
    REFUSED(MSG_ADMIT, m.u.admit.count = MSG_ADMIT_ADDRS + 1);
    REFUSED(MSG_ADMIT, m.u.admit.count = 2); /* the second has no family */
    REFUSED(MSG_ADMIT, m.u.admit.name[0] = '*');
    REFUSED(MSG_HOST, m.u.host.addr.family = AF_UNIX);
    REFUSED(MSG_PRIVATE, strcpy(m.u.private_answers.domain, "example"));
    REFUSED(MSG_PRIVATE, memset(m.u.private_answers.domain, 'a', sizeof m.u.private_answers.domain));
    REFUSED(MSG_NEVER, m.u.never.net.len = 33);
    REFUSED(MSG_NEVER, m.u.never.net.addr.family = 0);
    REFUSED(MSG_QUEUE, m.u.queue.kind = QUEUE_BLOCKED + 1);
    REFUSED(MSG_FLOW, m.u.flow.what = FLOW_WHAT_COUNT);
    REFUSED(MSG_FLOW, m.u.flow.service = 0);
    REFUSED(MSG_FLOW, m.u.flow.service = 9);
    REFUSED(MSG_FLOW, (m.u.flow.what = FLOW_AFTER, m.u.flow.count = 0)); /* only what refuses may have none */
    REFUSED(MSG_FLOW, m.u.flow.count = MSG_FLOW_PACKETS + 1);
    REFUSED(MSG_FLOW, m.u.flow.server.family = AF_INET6);
    REFUSED(MSG_FLOW, memset(m.u.flow.name, 'a', sizeof m.u.flow.name));
    REFUSED(MSG_BLOCKED, memset(m.u.blocked.reason, 'a', sizeof m.u.blocked.reason));
    REFUSED(MSG_BLOCKED, m.u.blocked.client.family = 99);
    REFUSED(MSG_REFUSED, m.u.refused.why = WHY_COUNT);
    REFUSED(MSG_REFUSED, memset(m.u.refused.name, 'a', sizeof m.u.refused.name));
}

static void contents_of_enroll(void **state)
{
    (void)state;
    REFUSED(MSG_EST_START, m.u.est_start.renew = 2);
    REFUSED(MSG_EST_START, m.u.est_start.resolver_count = CONF_ADDRS_MAX + 1);
    REFUSED(MSG_EST_START, m.u.est_start.resolver_count = 1);
    REFUSED(MSG_EST_CERT, m.u.blob.len = MSG_BLOB_MAX + 1);
    REFUSED(MSG_SIGN, m.u.sign.len = 65);
    REFUSED(MSG_EST_DONE, m.u.est_done.ok = 1);
    REFUSED(MSG_EST_DONE, m.u.est_done.retry_after_s = MSG_RETRY_AFTER_MAX + 1);
    REFUSED(MSG_EST_DONE, m.u.est_done.server_time = -1);
    REFUSED(MSG_EST_DONE, m.u.est_done.cause.code = CAUSE_NONE);
    REFUSED(MSG_EST_DONE, m.u.est_done.cause.code = CAUSE_CODES);
    REFUSED(MSG_EST_DONE, cause_set(&m.u.est_done.cause, CAUSE_BOOT_FIREWALL, NULL)); /* not for it to say */
    REFUSED(MSG_EST_DONE, memset(m.u.est_done.cause.args, 'a', sizeof m.u.est_done.cause.args));
    REFUSED(MSG_EST_DONE, m.u.est_done.cause.args[0] = '\x1b');
}

static void contents_of_clock_wan_and_control(void **state)
{
    (void)state;
    REFUSED(MSG_TIME_ASK, m.u.time_ask.server_count = 0);
    REFUSED(MSG_TIME_ASK, m.u.time_ask.server_count = CONF_ADDRS_MAX + 1);
    REFUSED(MSG_TIME_ASK, memset(m.u.time_ask.servers[0], 'a', sizeof m.u.time_ask.servers[0]));
    REFUSED(MSG_TIME_ASK, m.u.time_ask.servers[0][2] = '/');
    REFUSED(MSG_TIME_ANSWER, m.u.time_answer.server = CONF_ADDRS_MAX);
    REFUSED(MSG_TIME_ANSWER, m.u.time_answer.base_ns = INT64_MAX);
    REFUSED(MSG_TIME_ANSWER, m.u.time_answer.base_ns = INT64_MIN);
    REFUSED(MSG_LINE, m.u.line.up = 2);
    REFUSED(MSG_LEASE, m.u.lease.prefix_len = 0);
    REFUSED(MSG_LEASE, m.u.lease.mtu = 575);
    REFUSED(MSG_LEASE, m.u.lease.mtu = 1501);
    REFUSED(MSG_LEASE, m.u.lease.prefix_len = 33);
    REFUSED(MSG_LEASE, m.u.lease.address.family = 0);
    REFUSED(MSG_LEASE, m.u.lease.gateway.family = AF_INET6);
    REFUSED(MSG_LEASE, m.u.lease.dns_count = CONF_ADDRS_MAX + 1);
    REFUSED(MSG_LEASE, m.u.lease.dns[0].family = AF_INET6);
    REFUSED(MSG_LEASE, m.u.lease.ntp_count = 2);
    REFUSED(MSG_CTL_REPLY, m.u.reply.cause.code = CAUSE_NONE);
    REFUSED(MSG_CTL_REPLY, m.u.reply.cause.code = UINT16_MAX);
    REFUSED(MSG_CTL_REPLY, memset(m.u.reply.cause.args, 'a', sizeof m.u.reply.cause.args));
    REFUSED(MSG_CTL_REPLY, m.u.reply.cause.args[sizeof m.u.reply.cause.args - 1] = 'x');
    REFUSED(MSG_CTL_SESSION_START, m.u.service.service = 200);
}

/* ---- over a socket ---- */

static int open_count(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void send_and_receive(void **state)
{
    int pair[2], fd;
    struct msg m;
    (void)state;
    assert_int_equal(ipc_pair(pair), 0);
    assert_int_equal(ipc_recv(pair[1], ROLE_GATE, &m, &fd), IPC_AGAIN);
    const struct msg_mode mode = {.mode = MODE_SESSION, .services_up = 1, .generation = 77};
    assert_int_equal(ipc_send(pair[0], MSG_MODE, &mode, -1), IPC_OK);
    assert_int_equal(ipc_recv(pair[1], ROLE_DNS, &m, &fd), IPC_OK);
    assert_int_equal(m.head.type, MSG_MODE);
    assert_int_equal(m.u.mode.generation, 77);
    assert_int_equal(fd, -1);
    /* The same message to somebody else is a broken rule. */
    assert_int_equal(ipc_send(pair[0], MSG_MODE, &mode, -1), IPC_OK);
    assert_int_equal(ipc_recv(pair[1], ROLE_GATE, &m, &fd), IPC_BAD);
    /* A message that cannot be is not even sent. */
    assert_int_equal(ipc_send(pair[0], MSG_MODE, NULL, -1), IPC_ERROR);
    assert_int_equal(ipc_send(pair[0], MSG_MODE, &mode, 0), IPC_ERROR);
    assert_int_equal(ipc_send(pair[0], (enum msg_type)9999, &mode, -1), IPC_ERROR);
    /* A full queue. */
    enum ipc_result r = IPC_OK;
    for (int i = 0; i < 100000 && r == IPC_OK; i++)
        r = ipc_send(pair[0], MSG_MODE, &mode, -1);
    assert_int_equal(r, IPC_AGAIN);
    close(pair[0]);
    do {
        r = ipc_recv(pair[1], ROLE_DNS, &m, &fd);
    } while (r == IPC_OK);
    assert_int_equal(r, IPC_EOF);
    close(pair[1]);
}

static void send_to_nobody(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(ipc_pair(pair), 0);
    close(pair[1]);
    assert_int_equal(ipc_send(pair[0], MSG_NAMES_END, NULL, -1), IPC_EOF); /* and no SIGPIPE */
    close(pair[0]);
}

static void descriptors(void **state)
{
    int pair[2], fd;
    struct msg m;
    const struct msg_listen listening = {.proto = IPPROTO_UDP, .family = AF_INET};
    (void)state;
    assert_int_equal(ipc_pair(pair), 0);
    int before = open_count();
    assert_int_equal(ipc_send(pair[0], MSG_LISTEN, &listening, 0), IPC_OK);
    assert_int_equal(ipc_recv(pair[1], ROLE_DNS, &m, &fd), IPC_OK);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    /* The right message to the wrong role: what came with it is closed. */
    assert_int_equal(ipc_send(pair[0], MSG_LISTEN, &listening, 0), IPC_OK);
    assert_int_equal(ipc_recv(pair[1], ROLE_GATE, &m, &fd), IPC_BAD);
    assert_int_equal(fd, -1);
    assert_int_equal(open_count(), before);
    close(pair[0]);
    close(pair[1]);
}

/* What ipc_send would never send: many descriptors, with a message that takes one. */
static void too_many_descriptors(void **state)
{
    struct msg m = {.head = {.type = MSG_LISTEN, .size = sizeof(struct msg_listen)}};
    m.u.listen = (struct msg_listen){.proto = IPPROTO_UDP, .family = AF_INET};
    (void)state;
    for (unsigned count = 2; count <= 8; count++) {
        int pair[2], fd, many[8] = {0};
        union {
            struct cmsghdr align;
            char space[CMSG_SPACE(8 * sizeof(int))];
        } control = {0};
        struct iovec part = {&m, sizeof m.head + sizeof m.u.listen};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space};
        msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
        assert_int_equal(ipc_pair(pair), 0);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(c), many, count * sizeof(int));
        int before = open_count();
        assert_true(sendmsg(pair[0], &msg, 0) > 0);
        struct msg got;
        assert_int_equal(ipc_recv(pair[1], ROLE_DNS, &got, &fd), IPC_BAD);
        assert_int_equal(fd, -1);
        assert_int_equal(open_count(), before);
        close(pair[0]);
        close(pair[1]);
    }
}

static void too_long(void **state)
{
    static char long_message[sizeof(struct msg) + 100];
    int pair[2], fd;
    struct msg m;
    (void)state;
    assert_int_equal(ipc_pair(pair), 0);
    struct msg_head head = {.type = MSG_EST_CERT, .size = sizeof(struct msg_blob)};
    memcpy(long_message, &head, sizeof head);
    assert_int_equal(send(pair[0], long_message, sizeof long_message, 0), sizeof long_message);
    assert_int_equal(ipc_recv(pair[1], ROLE_ENROLL, &m, &fd), IPC_BAD);
    close(pair[0]);
    close(pair[1]);
}

/* Each has one end and no other: when one of the two ends, the other hears of it. */
static void fork_has_a_connection(void **state)
{
    struct msg m;
    struct pollfd p = {.events = POLLIN};
    int fd, status;
    (void)state;
    pid_t child = ipc_fork(&p.fd);
    assert_true(child >= 0);
    if (child == 0) {
        bool good = poll(&p, 1, -1) == 1 && ipc_recv(p.fd, ROLE_DNS, &m, &fd) == IPC_OK && m.head.type == MSG_PING &&
                    ipc_send(p.fd, MSG_PONG, NULL, -1) == IPC_OK;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(ipc_send(p.fd, MSG_PING, NULL, -1), IPC_OK);
    assert_int_equal(poll(&p, 1, -1), 1);
    assert_int_equal(ipc_recv(p.fd, ROLE_GATE, &m, &fd), IPC_OK);
    assert_int_equal(m.head.type, MSG_PONG);
    assert_int_equal(poll(&p, 1, -1), 1);
    assert_int_equal(ipc_recv(p.fd, ROLE_GATE, &m, &fd), IPC_EOF);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(p.fd);
}

static void listen_and_connect(void **state)
{
    char dir[] = "/tmp/ipc-XXXXXX", path[64], longer[200];
    struct stat st;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/ctl.sock", dir);
    for (int again = 0; again < 2; again++) { /* a left-over from a killed run is replaced */
        int listening = ipc_listen(path, -1);
        assert_true(listening >= 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0660);
        int client = ipc_connect(path);
        assert_true(client >= 0);
        close(client);
        close(listening);
    }
    assert_int_equal(ipc_connect(path), -1);
    assert_int_equal(errno, ECONNREFUSED);
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(ipc_listen(longer, -1), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(contents),
        cmocka_unit_test(contents_of_enroll),
        cmocka_unit_test(contents_of_clock_wan_and_control),
        cmocka_unit_test(send_and_receive),
        cmocka_unit_test(send_to_nobody),
        cmocka_unit_test(descriptors),
        cmocka_unit_test(too_many_descriptors),
        cmocka_unit_test(too_long),
        cmocka_unit_test(fork_has_a_connection),
        cmocka_unit_test(listen_and_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "ipc.h"
#include "conf_parse.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- checks of a body's content; msg has the right size and alignment ---- */

static bool text_ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* may_be_none: family 0 is valid too */
static bool addr_ok(const struct addr *a, bool may_be_none)
{
    return a->family == AF_INET || a->family == AF_INET6 || (may_be_none && a->family == 0);
}

static bool service_ok(uint8_t service)
{
    return service <= CONF_SERVICES_MAX;
}

static bool listen_ok(const struct msg *m)
{
    const struct msg_listen *b = &m->u.listen;
    return (b->proto == IPPROTO_UDP || b->proto == IPPROTO_TCP) && (b->family == AF_INET || b->family == AF_INET6);
}

static bool upstream_ok(const struct msg *m)
{
    const struct msg_upstream *b = &m->u.upstream;
    return service_ok(b->service) && (b->proto == IPPROTO_UDP || b->proto == IPPROTO_TCP) &&
           addr_ok(&b->resolver, false);
}

static bool service_only_ok(const struct msg *m)
{
    return service_ok(m->u.service.service);
}

static bool name_ok(const struct msg *m)
{
    const struct msg_name *b = &m->u.name;
    return b->service >= 1 && service_ok(b->service) && b->ech_noise <= 1 && b->via_line <= 1 &&
           b->before <= b->via_line && text_ends(b->name, sizeof b->name) && conf_is_pattern(b->name);
}

static bool host_ok(const struct msg *m)
{
    return addr_ok(&m->u.host.addr, true);
}

static bool queue_ok(const struct msg *m)
{
    return m->u.queue.kind <= QUEUE_BLOCKED;
}

static bool flow_ok(const struct msg *m)
{
    const struct msg_flow *b = &m->u.flow;
    bool way = (b->service >= 1 && service_ok(b->service)) || b->service == MSG_ON_LINE;
    return b->what < FLOW_WHAT_COUNT && way && b->count <= MSG_FLOW_PACKETS &&
           (b->count > 0 || b->what >= FLOW_NOT_TLS) && addr_ok(&b->client, false) && addr_ok(&b->server, false) &&
           b->client.family == b->server.family && text_ends(b->name, sizeof b->name);
}

static bool blocked_ok(const struct msg *m)
{
    const struct msg_blocked *b = &m->u.blocked;
    return text_ends(b->reason, sizeof b->reason) && addr_ok(&b->client, true) && addr_ok(&b->server, true);
}

static bool mode_ok(const struct msg *m)
{
    return m->u.mode.mode <= MODE_BEFORE;
}

static bool admitted_ok(const struct msg *m)
{
    return m->u.admitted.verdict <= ADMIT_KERNEL;
}

static bool want_ok(const struct msg *m)
{
    return addr_ok(&m->u.want.client, false);
}

static bool resolve_ok(const struct msg *m)
{
    const struct msg_resolve *b = &m->u.resolve;
    return text_ends(b->name, sizeof b->name) && conf_is_fqdn(b->name);
}

static bool private_ok(const struct msg *m)
{
    const struct msg_private *b = &m->u.private_answers;
    return text_ends(b->domain, sizeof b->domain) && conf_is_fqdn(b->domain);
}

static bool never_ok(const struct msg *m)
{
    const struct msg_never *b = &m->u.never;
    return addr_ok(&b->net.addr, b->line != 0) && b->net.len <= (b->net.addr.family == AF_INET6 ? 128 : 32);
}

static bool admit_ok(const struct msg *m)
{
    const struct msg_admit *b = &m->u.admit;
    if (b->count == 0 || b->count > MSG_ADMIT_ADDRS)
        return false;
    for (unsigned i = 0; i < b->count; i++)
        if (!addr_ok(&b->addrs[i], false))
            return false;
    return text_ends(b->name, sizeof b->name) && conf_is_fqdn(b->name);
}

static bool refused_ok(const struct msg *m)
{
    const struct msg_refused *b = &m->u.refused;
    return b->why < WHY_COUNT && b->way < WAY_COUNT && addr_ok(&b->client, true) && addr_ok(&b->answer, true) &&
           text_ends(b->name, sizeof b->name);
}

static bool est_start_ok(const struct msg *m)
{
    const struct msg_est_start *b = &m->u.est_start;
    if (b->renew > 1 || b->ca_known > 1 || b->resolver_count > CONF_ADDRS_MAX)
        return false;
    for (unsigned i = 0; i < b->resolver_count; i++)
        if (!addr_ok(&b->resolvers[i], false))
            return false;
    return true;
}

static bool blob_ok(const struct msg *m)
{
    return m->u.blob.len <= MSG_BLOB_MAX;
}

static bool sign_ok(const struct msg *m)
{
    uint8_t len = m->u.sign.len;
    return len == 32 || len == 48 || len == 64;
}

/*
 * Only programs that use causes link cause.c, whose table takes 16 KB. In the others every message with a cause is
 * invalid.
 */
#pragma weak cause_valid
#pragma weak cause_of_est

static bool cause_ok(const struct cause *c)
{
    return cause_valid && cause_valid(c);
}

static bool est_done_ok(const struct msg *m)
{
    const struct msg_est_done *b = &m->u.est_done;
    return b->ok <= 1 && b->retry_after_s <= MSG_RETRY_AFTER_MAX && b->server_time >= 0 && cause_ok(&b->cause) &&
           cause_of_est(&b->cause) && (b->cause.code == CAUSE_NONE) == b->ok;
}

static bool time_ask_ok(const struct msg *m)
{
    const struct msg_time_ask *b = &m->u.time_ask;
    if (b->server_count == 0 || b->server_count > CONF_ADDRS_MAX || b->resolver_count > CONF_ADDRS_MAX)
        return false;
    for (unsigned i = 0; i < b->server_count; i++)
        if (!text_ends(b->servers[i], sizeof b->servers[i]) || !conf_is_host(b->servers[i]))
            return false;
    for (unsigned i = 0; i < b->resolver_count; i++)
        if (!addr_ok(&b->resolvers[i], false))
            return false;
    return true;
}

/* UNIX times up to the year 2200; uptimes up to 100 years. */
static bool time_answer_ok(const struct msg *m)
{
    const struct msg_time_answer *b = &m->u.time_answer;
    return b->server < CONF_ADDRS_MAX && b->good <= 1 && b->base_ns > -3200000000 * INT64_C(1000000000) &&
           b->base_ns < 7300000000 * INT64_C(1000000000);
}

static bool line_ok(const struct msg *m)
{
    return m->u.line.up <= 1;
}

static bool lease_ok(const struct msg *m)
{
    const struct msg_lease *b = &m->u.lease;
    if (b->bound > 1 || b->dns_count > CONF_ADDRS_MAX || b->ntp_count > CONF_ADDRS_MAX)
        return false;
    if (!b->bound)
        return true;
    if (b->mtu != 0 && (b->mtu < 576 || b->mtu > 1500))
        return false;
    if (b->prefix_len < 1 || b->prefix_len > 32 || b->address.family != AF_INET ||
        (b->gateway.family != AF_INET && b->gateway.family != 0))
        return false;
    for (unsigned i = 0; i < CONF_ADDRS_MAX; i++)
        if ((i < b->dns_count && b->dns[i].family != AF_INET) || (i < b->ntp_count && b->ntp[i].family != AF_INET))
            return false;
    return true;
}

static bool reply_ok(const struct msg *m)
{
    return m->u.reply.ok <= 1 && m->u.reply.cause.code != CAUSE_NONE && cause_ok(&m->u.reply.cause);
}

/*
 * The rules for every type, one line each: who may receive it, the body's size, whether it carries a descriptor, and
 * the check of its content. A type that is not listed does not exist. The set of receivers is the whole access
 * control between our processes.
 */
struct rule {
    enum msg_type type;
    unsigned to; /* TO(role) | … */
    size_t size;
    bool fd;
    bool (*content)(const struct msg *m); /* NULL: any content is valid */
};
#define TO(role) (1u << (role))
#define BODY(kind) sizeof(struct kind)

static const struct rule rules[] = {
    {MSG_LISTEN, TO(ROLE_DNS), BODY(msg_listen), true, listen_ok},
    {MSG_UPSTREAM, TO(ROLE_DNS), BODY(msg_upstream), true, upstream_ok},
    {MSG_UPSTREAM_CLEAR, TO(ROLE_DNS), BODY(msg_service), false, service_only_ok},
    {MSG_NAME, TO(ROLE_DNS) | TO(ROLE_SNI), BODY(msg_name), false, name_ok},
    {MSG_HOST, TO(ROLE_DNS), BODY(msg_host), false, host_ok},
    {MSG_NAMES_END, TO(ROLE_DNS) | TO(ROLE_SNI), 0, false, NULL},
    {MSG_MODE, TO(ROLE_DNS) | TO(ROLE_SNI), BODY(msg_mode), false, mode_ok},
    {MSG_ADMITTED, TO(ROLE_DNS), BODY(msg_admitted), false, admitted_ok},
    {MSG_RESOLVE, TO(ROLE_DNS), BODY(msg_resolve), false, resolve_ok},
    {MSG_PRIVATE, TO(ROLE_DNS), BODY(msg_private), false, private_ok},
    {MSG_NEVER, TO(ROLE_DNS), BODY(msg_never), false, never_ok},
    {MSG_PING, TO(ROLE_DNS) | TO(ROLE_SNI), 0, false, NULL},

    {MSG_WANT, TO(ROLE_GATE), BODY(msg_want), false, want_ok},
    {MSG_ADMIT, TO(ROLE_GATE), BODY(msg_admit), false, admit_ok},
    {MSG_REFUSED, TO(ROLE_GATE), BODY(msg_refused), false, refused_ok},
    {MSG_UPSTREAM_TCP, TO(ROLE_GATE), BODY(msg_service), false, service_only_ok},
    {MSG_PONG, TO(ROLE_GATE), 0, false, NULL},

    {MSG_QUEUE, TO(ROLE_SNI), BODY(msg_queue), true, queue_ok},
    {MSG_FLOW, TO(ROLE_GATE), BODY(msg_flow), false, flow_ok},
    {MSG_BLOCKED, TO(ROLE_GATE), BODY(msg_blocked), false, blocked_ok},

    {MSG_EST_START, TO(ROLE_ENROLL_NET), BODY(msg_est_start), false, est_start_ok},
    {MSG_EST_CSR, TO(ROLE_ENROLL_NET), BODY(msg_blob), false, blob_ok},
    {MSG_EST_CHAIN, TO(ROLE_ENROLL_NET), BODY(msg_blob), false, blob_ok},
    {MSG_SIGNATURE, TO(ROLE_ENROLL_NET), BODY(msg_blob), false, blob_ok},

    {MSG_SIGN, TO(ROLE_ENROLL), BODY(msg_sign), false, sign_ok},
    {MSG_EST_CERT, TO(ROLE_ENROLL), BODY(msg_blob), false, blob_ok},
    {MSG_EST_DONE, TO(ROLE_ENROLL), BODY(msg_est_done), false, est_done_ok},

    {MSG_TIME_ASK, TO(ROLE_CLOCK_NET), BODY(msg_time_ask), false, time_ask_ok},
    {MSG_TIME_ANSWER, TO(ROLE_CLOCK), BODY(msg_time_answer), false, time_answer_ok},
    {MSG_LINE, TO(ROLE_WAN_NET), BODY(msg_line), false, line_ok},
    {MSG_LEASE, TO(ROLE_WAN), BODY(msg_lease), false, lease_ok},

    {MSG_CTL_SESSION_START, TO(ROLE_GATE), BODY(msg_service), false, service_only_ok},
    {MSG_CTL_SESSION_END, TO(ROLE_GATE), 0, false, NULL},
    {MSG_CTL_CERT_RENEW, TO(ROLE_ENROLL), 0, false, NULL},
    {MSG_CTL_REPLY, TO(ROLE_CTL_CLIENT), BODY(msg_reply), false, reply_ok},
};

static const struct rule *rule_of(unsigned type)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].type == type)
            return &rules[i];
    return NULL;
}

int ipc_size(unsigned type)
{
    const struct rule *rule = rule_of(type);
    return rule ? (int)rule->size : -1;
}

/* The rule for a datagram of this length; NULL if it breaks the rule in anything but its content. */
static const struct rule *rule_for(enum msg_role to, const struct msg_head *head, size_t len, bool has_fd)
{
    const struct rule *rule = rule_of(head->type);
    bool good = rule && (rule->to & TO(to)) && head->zero == 0 && head->size == rule->size &&
                len == sizeof *head + rule->size && has_fd == rule->fd;
    return good ? rule : NULL;
}

bool ipc_valid(enum msg_role to, const void *data, size_t len, bool has_fd)
{
    struct msg_head head;
    if (len < sizeof head)
        return false;
    memcpy(&head, data, sizeof head);
    const struct rule *rule = rule_for(to, &head, len, has_fd);
    if (!rule)
        return false;
    if (!rule->content)
        return true;
    /* A copy, because the datagram may not have the alignment of struct msg. */
    struct msg copy;
    memcpy(&copy, data, len);
    return rule->content(&copy);
}

/* The same for a datagram that is already in a struct msg, without a copy: there are many per second. */
static bool valid_here(enum msg_role to, const struct msg *m, size_t len, bool has_fd)
{
    const struct rule *rule = len >= sizeof m->head ? rule_for(to, &m->head, len, has_fd) : NULL;
    return rule && (!rule->content || rule->content(m));
}

enum ipc_result ipc_send(int sock, enum msg_type type, const void *body, int fd)
{
    const struct rule *rule = rule_of(type);
    if (!rule || (rule->size > 0) != (body != NULL) || rule->fd != (fd >= 0)) {
        errno = EINVAL;
        return IPC_ERROR;
    }
    struct msg_head head = {.type = (uint16_t)type, .size = (uint16_t)rule->size};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)body, rule->size}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = rule->size > 0 ? 2 : 1};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    if (fd >= 0) {
        msg.msg_control = control.space;
        msg.msg_controllen = sizeof control.space;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    for (;;) {
        ssize_t n = sendmsg(sock, &msg, MSG_NOSIGNAL);
        if (n >= 0)
            return IPC_OK; /* SEQPACKET sends a whole message or nothing */
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
            return IPC_AGAIN;
        return errno == EPIPE || errno == ECONNRESET ? IPC_EOF : IPC_ERROR;
    }
}

/* Take the descriptors of a received message: the first into *fd; any further one is closed and makes it invalid. */
static bool take_fds(struct msghdr *msg, int *fd)
{
    bool good = !(msg->msg_flags & MSG_CTRUNC);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            good = false;
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int got;
            memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
            if (*fd < 0) {
                *fd = got;
            } else {
                close(got);
                good = false;
            }
        }
    }
    return good;
}

enum ipc_result ipc_recv(int sock, enum msg_role to, struct msg *out, int *fd)
{
    struct iovec part = {out, sizeof *out};
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(4 * sizeof(int))]; /* more than allowed: surplus descriptors must be seen and closed */
    } control;
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof control.space};
    ssize_t n;
    *fd = -1;
    memset(&out->head, 0, sizeof out->head);
    do {
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return IPC_AGAIN;
        return errno == ECONNRESET ? IPC_EOF : IPC_ERROR;
    }
    bool good = take_fds(&msg, fd);
    if (n == 0 && good && *fd < 0)
        return IPC_EOF;
    if (good && !(msg.msg_flags & MSG_TRUNC) && valid_here(to, out, (size_t)n, *fd >= 0))
        return IPC_OK;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return IPC_BAD;
}

int ipc_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

pid_t ipc_fork(int *sock)
{
    int pair[2];
    if (ipc_pair(pair) < 0)
        return -1;
    pid_t child = fork();
    int mine = child == 0 ? 1 : 0, error = errno;
    close(pair[!mine]);
    if (child < 0) {
        close(pair[mine]);
        errno = error;
        return -1;
    }
    *sock = pair[mine];
    return child;
}

static int unix_address(const char *path, struct sockaddr_un *out)
{
    size_t len = strlen(path);
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    if (len == 0 || len >= sizeof out->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(out->sun_path, path, len);
    return 0;
}

static int close_keep_errno(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int ipc_listen(const char *path, int gid)
{
    struct sockaddr_un address;
    if (unix_address(path, &address) < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (unlink(path) < 0 && errno != ENOENT)
        return close_keep_errno(fd);
    /* Create the file without any permission: nobody may connect before its group is set. */
    mode_t old = umask(0777);
    int bad = bind(fd, (struct sockaddr *)&address, sizeof address);
    int why = errno;
    umask(old);
    errno = why;
    if (bad || (gid >= 0 && chown(path, (uid_t)-1, (gid_t)gid) < 0) || chmod(path, 0660) < 0 || listen(fd, 4) < 0)
        return close_keep_errno(fd);
    return fd;
}

int ipc_connect(const char *path)
{
    struct sockaddr_un address;
    if (unix_address(path, &address) < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return close_keep_errno(fd);
    return fd;
}

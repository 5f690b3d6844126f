#include "dns_link.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT 53
#define DIVERTED_PORT 1053 /* as in configs/firewall.nft: redirected UDP queries to other DNS servers */
#define SEND_WAIT_MS 1000
#define ASK_TICKS 2
#define HANGS_TICKS 8 /* four seconds of silence, three of them after the ping */
#define PROBE_TICKS 40 /* long enough for some retransmissions by the kernel */
#define LAN_BUFFER (1 << 20) /* holds a burst of queries of a whole LAN while answers are confirmed */

/* The child exits when gate does, because the connection is then closed. */
static void run_child(int sock, const char *path)
{
    char name[] = "dns", *const argv[] = {name, NULL};
    char *const envp[] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
        _exit(1);
    /* dup2 clears CLOEXEC; a socket that is 3 already needs that done. */
    if (sock == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(sock, 3) < 0)
        _exit(1);
    if (null > 3)
        close(null);
    execve(path, argv, envp);
    log_error("cannot start %s: %s", path, strerror(errno));
    _exit(127);
}

int dns_link_start(struct dns_link *c, const char *path)
{
    memset(c, 0, sizeof *c);
    c->pid = ipc_fork(&c->sock);
    if (c->pid == 0)
        run_child(c->sock, path);
    return c->pid < 0 ? -1 : 0;
}

static void dead(struct dns_link *c, enum cause_code why)
{
    if (c->ops)
        c->ops->dead(c->user, why);
    log_fatal("dns: %s", cause_word(why));
}

static void give_stream(struct dns_link *c, uint8_t service);

static void receive(struct dns_link *c)
{
    static struct msg m;
    /* Bounded, so that other event sources get their turn. */
    for (unsigned i = 0; i < 64; i++) {
        int fd = -1;
        switch (ipc_recv(c->sock, ROLE_GATE, &m, &fd)) {
        case IPC_OK:
            liveness_heard(&c->liveness);
            if (m.head.type >= MSG_CTL_SESSION_START)
                dead(c, CAUSE_PEER_NOT_ITS_OWN);
            if (m.head.type == MSG_UPSTREAM_TCP)
                give_stream(c, m.u.service.service);
            else if (m.head.type != MSG_PONG)
                c->ops->message(c->user, &m);
            break;
        case IPC_AGAIN: return;
        case IPC_EOF: dead(c, CAUSE_PEER_ENDED); break;
        case IPC_BAD: dead(c, CAUSE_PEER_BREAKS_RULES); break;
        default: dead(c, CAUSE_PEER_LINK_BROKEN);
        }
    }
}

static void on_io(uev_t *w, void *arg, int events)
{
    struct dns_link *c = arg;
    (void)w;
    (void)events;
    receive(c);
    c->ops->idle(c->user);
}

int dns_link_watch(struct dns_link *c, uev_ctx_t *loop, const struct dns_link_ops *ops, void *user)
{
    c->ops = ops;
    c->user = user;
    return uev_io_init(loop, &c->io, on_io, c, c->sock, UEV_READ);
}

void dns_link_send(struct dns_link *c, enum msg_type type, const void *body, int fd)
{
    for (;;) {
        enum ipc_result r = ipc_send(c->sock, type, body, fd);
        if (r == IPC_OK)
            return;
        if (r != IPC_AGAIN)
            dead(c, CAUSE_PEER_LINK_BROKEN);
        struct pollfd p = {c->sock, POLLOUT, 0};
        if (poll(&p, 1, SEND_WAIT_MS) == 0)
            dead(c, CAUSE_PEER_DOES_NOT_READ);
    }
}

static void stop_probe(struct dns_link *c)
{
    if (c->probe_fd > 0)
        close(c->probe_fd);
    c->probe_fd = 0;
}

void dns_link_tick(struct dns_link *c)
{
    if (c->probe_fd > 0 && ++c->probe_ticks >= PROBE_TICKS)
        stop_probe(c);
    switch (liveness_tick(&c->liveness, ASK_TICKS, HANGS_TICKS)) {
    case LIVENESS_FINE: break;
    case LIVENESS_ASK: dns_link_send(c, MSG_PING, NULL, -1); break;
    case LIVENESS_HANGS: dead(c, CAUSE_PEER_SILENT);
    }
}

/* ---- sockets ---- */

/*
 * A large receive buffer for bursts of queries. Answers must never be fragmented (DNS_MSG_MAX fits any link): their
 * size follows the interface's MTU, not ICMP errors, which could be forged to cause fragments.
 */
static bool for_datagrams(int fd, int family)
{
    int room = LAN_BUFFER, v4 = IP_PMTUDISC_PROBE, v6 = IPV6_PMTUDISC_PROBE;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
        return false;
    return family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6) == 0
                              : setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4) == 0;
}

static int listening(const struct addr *lan, int type, uint16_t port)
{
    struct sockaddr_storage at;
    socklen_t len = addr_to_sockaddr(lan, port, &at);
    int on = 1, fd = socket(lan->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int level = lan->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int freebind = lan->family == AF_INET6 ? IPV6_FREEBIND : IP_FREEBIND;
    if (setsockopt(fd, level, freebind, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (type != SOCK_DGRAM || for_datagrams(fd, lan->family)) && bind(fd, (struct sockaddr *)&at, len) == 0 &&
        (type != SOCK_STREAM || listen(fd, 128) == 0))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int dns_link_listen(struct dns_link *c, const struct addr *lan)
{
    static const struct {
        int type;
        uint8_t proto;
        uint16_t port;
    } kinds[] = {{SOCK_DGRAM, IPPROTO_UDP, DNS_PORT},
                 {SOCK_DGRAM, IPPROTO_UDP, DIVERTED_PORT},
                 {SOCK_STREAM, IPPROTO_TCP, DNS_PORT}};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int fd = listening(lan, kinds[i].type, kinds[i].port);
        if (fd < 0)
            return -1;
        struct msg_listen body = {kinds[i].proto, lan->family};
        dns_link_send(c, MSG_LISTEN, &body, fd);
        close(fd);
    }
    return 0;
}

static int connected(int type, const struct addr *resolver, const struct addr *source)
{
    struct sockaddr_storage to, from;
    socklen_t to_len = addr_to_sockaddr(resolver, DNS_PORT, &to);
    int fd = socket(resolver->family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (source->family == resolver->family) {
        socklen_t from_len = addr_to_sockaddr(source, 0, &from);
        if (bind(fd, (struct sockaddr *)&from, from_len) < 0) {
            close(fd);
            return -1;
        }
    }
    if (connect(fd, (struct sockaddr *)&to, to_len) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

unsigned dns_link_upstream(struct dns_link *c, uint8_t service, const struct addr *resolvers, unsigned count,
                           const struct addr *source)
{
    struct msg_service clear = {service};
    struct dns_link_resolvers *r = &c->resolvers[service];
    unsigned made = 0;
    *r = (struct dns_link_resolvers){.count = count < CONF_ADDRS_MAX ? count : CONF_ADDRS_MAX};
    dns_link_send(c, MSG_UPSTREAM_CLEAR, &clear, -1);
    if (count == 0)
        return 0;
    memcpy(r->list, resolvers, r->count * sizeof r->list[0]);
    r->source = *source;
    for (unsigned i = 0; i < DNS_LINK_POOL; i++) {
        struct msg_upstream body = {service, IPPROTO_UDP, r->list[i % r->count]};
        int fd = connected(SOCK_DGRAM, &body.resolver, source);
        if (fd < 0)
            continue;
        dns_link_send(c, MSG_UPSTREAM, &body, fd);
        close(fd);
        made++;
    }
    return made;
}

/* An answer was truncated, so `dns` requests a TCP connection. Failures need no reply: it has its own time-out. */
static void give_stream(struct dns_link *c, uint8_t service)
{
    struct dns_link_resolvers *r = &c->resolvers[service];
    if (r->count == 0)
        return;
    struct msg_upstream body = {service, IPPROTO_TCP, r->list[r->turn++ % r->count]};
    int fd = connected(SOCK_STREAM, &body.resolver, &r->source);
    if (fd < 0)
        return;
    dns_link_send(c, MSG_UPSTREAM, &body, fd);
    close(fd);
}

bool dns_link_probe(struct dns_link *c, uint8_t service)
{
    const struct dns_link_resolvers *r = &c->resolvers[service];
    stop_probe(c);
    if (r->count == 0)
        return false;
    int fd = connected(SOCK_STREAM, &r->list[0], &r->source);
    if (fd < 0)
        return false;
    c->probe_fd = fd;
    c->probe_ticks = 0;
    return true;
}

#include "server.h"

#include "evict.h"
#include "log.h"
#include "loop.h"
#include "tokens.h"
#include "refuse.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

void server_init(struct server *s, int epoll, struct frontend *query)
{
    memset(s, 0, sizeof(*s));
    s->epoll = epoll;
    s->query = query;
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++)
        s->tcp[i].fd = -1;
}

static void watch_lan(struct server *s, unsigned index)
{
    if (!loop_watch(s->epoll, s->lan[index].fd, LOOP_TOKEN(LOOP_LAN, index), true, false))
        log_fatal("cannot watch a LAN socket: %s", strerror(errno));
}

bool server_listen(struct server *s, uint8_t proto, int fd)
{
    if (s->lan_count >= SERVER_LAN_MAX)
        return false;
    s->lan[s->lan_count].fd = fd;
    s->lan[s->lan_count].proto = proto;
    if (s->open)
        watch_lan(s, s->lan_count);
    s->lan_count++;
    return true;
}

void server_open(struct server *s)
{
    if (s->open)
        return;
    s->open = true;
    for (unsigned i = 0; i < s->lan_count; i++)
        watch_lan(s, i);
}

/* ---- addresses ---- */

static void from_sockaddr(const struct sockaddr_storage *peer, struct client *c)
{
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)peer;
        c->addr.family = AF_INET;
        memcpy(c->addr.bytes, &in->sin_addr, 4);
        c->port = ntohs(in->sin_port);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
        c->addr.family = AF_INET6;
        memcpy(c->addr.bytes, &in6->sin6_addr, 16);
        c->port = ntohs(in6->sin6_port);
        c->scope = in6->sin6_scope_id;
    }
}

static socklen_t to_sockaddr(const struct client *c, struct sockaddr_storage *peer)
{
    socklen_t len = addr_to_sockaddr(&c->addr, c->port, peer);
    if (c->addr.family == AF_INET6)
        ((struct sockaddr_in6 *)peer)->sin6_scope_id = c->scope;
    return len;
}

/* Read the query's destination address: the source of the answer. */
static void read_local(struct msghdr *m, struct client *c)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
        bool v4 = h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO;
        bool v6 = h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO;
        size_t size = v4 ? sizeof(struct in_pktinfo) : sizeof(struct in6_pktinfo);
        if ((!v4 && !v6) || h->cmsg_len != CMSG_LEN(size))
            continue;
        memcpy(c->local, CMSG_DATA(h), size);
        c->local_len = (uint8_t)size;
    }
}

static void write_local(const struct client *c, struct msghdr *m, void *space)
{
    m->msg_control = NULL;
    m->msg_controllen = 0;
    if (c->local_len == 0)
        return;
    struct cmsghdr *h = space;
    bool v4 = c->local_len == sizeof(struct in_pktinfo);
    h->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    h->cmsg_type = v4 ? IP_PKTINFO : IPV6_PKTINFO;
    h->cmsg_len = CMSG_LEN(c->local_len);
    memcpy(CMSG_DATA(h), c->local, c->local_len);
    m->msg_control = space;
    m->msg_controllen = CMSG_SPACE(c->local_len);
}

/* ---- UDP ---- */

static int receive(struct server *s, int fd)
{
    struct server_batch *b = &s->batch;
    for (unsigned i = 0; i < SERVER_BATCH; i++) {
        b->in_iov[i] = (struct iovec){b->in_data[i], sizeof(b->in_data[i])};
        b->in[i].msg_hdr = (struct msghdr){.msg_name = &b->peers[i],
                                           .msg_namelen = sizeof(b->peers[i]),
                                           .msg_iov = &b->in_iov[i],
                                           .msg_iovlen = 1,
                                           .msg_control = b->control[i].space,
                                           .msg_controllen = sizeof(b->control[i].space)};
    }
    return recvmmsg(fd, b->in, SERVER_BATCH, MSG_DONTWAIT, NULL);
}

static void send_batch(int fd, struct mmsghdr *out, unsigned count)
{
    for (unsigned at = 0; at < count;) {
        int n = sendmmsg(fd, out + at, count - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            at += (unsigned)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return; /* the clients retry */
        else
            at++; /* skip an unreachable client */
    }
}

/* Read one batch. Returns the number of queries. */
static int udp_batch(struct server *s, uint64_t now, unsigned index)
{
    struct server_batch *b = &s->batch;
    int fd = s->lan[index].fd, count = receive(s, fd);
    unsigned answers = 0;
    for (int i = 0; i < count; i++) {
        struct msghdr *m = &b->in[i].msg_hdr;
        if ((m->msg_flags & MSG_TRUNC) || (b->peers[i].ss_family != AF_INET && b->peers[i].ss_family != AF_INET6))
            continue;
        struct client c;
        memset(&c, 0, sizeof(c));
        from_sockaddr(&b->peers[i], &c);
        read_local(m, &c);
        c.slot = (uint16_t)index;
        size_t len = frontend_client(s->query, now, &c, b->in_data[i], b->in[i].msg_len, b->out_data[answers]);
        if (len == 0)
            continue;
        struct msghdr *o = &b->out[answers].msg_hdr;
        b->out_iov[answers] = (struct iovec){b->out_data[answers], len};
        *o = (struct msghdr){.msg_name = m->msg_name,
                             .msg_namelen = m->msg_namelen,
                             .msg_iov = &b->out_iov[answers],
                             .msg_iovlen = 1};
        write_local(&c, o, b->control[i].space);
        answers++;
    }
    send_batch(fd, b->out, answers);
    return count;
}

void server_flush(struct server *s)
{
    if (s->late.count != 0)
        send_batch(s->lan[s->late.slot].fd, s->late.out, s->late.count);
    s->late.count = 0;
}

static void udp_reply(struct server *s, const struct client *to, const uint8_t *data, size_t len)
{
    struct server_late *l = &s->late;
    if (len > sizeof(l->data[0]))
        return;
    if (l->count == SERVER_BATCH || (l->count != 0 && l->slot != to->slot))
        server_flush(s);
    unsigned i = l->count++;
    l->slot = to->slot;
    memcpy(l->data[i], data, len);
    l->iov[i] = (struct iovec){l->data[i], len};
    l->out[i].msg_hdr = (struct msghdr){.msg_name = &l->peers[i],
                                        .msg_namelen = to_sockaddr(to, &l->peers[i]),
                                        .msg_iov = &l->iov[i],
                                        .msg_iovlen = 1};
    write_local(to, &l->out[i].msg_hdr, l->control[i].space);
}

/* ---- TCP ---- */

static void tcp_close(struct server *s, struct server_tcp *t)
{
    frontend_client_gone(s->query, t->client.slot, t->client.serial);
    close(t->fd);
    t->fd = -1;
    s->tcp_count--;
}

/* The table is full: the client with most connections loses the one idle for longest. */
static struct server_tcp *tcp_make_room(struct server *s, const struct addr *newcomer)
{
    const struct addr *owners[SERVER_TCP_MAX];
    struct server_tcp *victim = NULL;
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++)
        owners[i] = &s->tcp[i].client.addr;
    const struct addr *most = evict_victim(owners, SERVER_TCP_MAX, newcomer);
    for (unsigned i = 0; most != NULL && i < SERVER_TCP_MAX; i++)
        if (addr_equal(owners[i], most) && (victim == NULL || s->tcp[i].deadline < victim->deadline))
            victim = &s->tcp[i];
    if (victim != NULL)
        tcp_close(s, victim);
    return victim;
}

static struct server_tcp *tcp_place(struct server *s, const struct addr *addr)
{
    struct server_tcp *place = NULL;
    unsigned his = 0;
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++) {
        if (s->tcp[i].fd < 0)
            place = place == NULL ? &s->tcp[i] : place;
        else
            his += addr_equal(&s->tcp[i].client.addr, addr);
    }
    if (his >= SERVER_TCP_CLIENT_MAX)
        return NULL;
    return place != NULL ? place : tcp_make_room(s, addr);
}

static void tcp_accept(struct server *s, uint64_t now, int listener)
{
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        struct client c;
        memset(&peer, 0, sizeof(peer));
        int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        memset(&c, 0, sizeof(c));
        from_sockaddr(&peer, &c);
        struct server_tcp *t = tcp_place(s, &c.addr);
        if (t == NULL) {
            refuse_limit(s->query, now, &c, NULL, 0, 0);
            close(fd);
            continue;
        }
        c.tcp = true;
        c.slot = (uint16_t)(t - s->tcp);
        c.serial = ++s->serial;
        t->fd = fd;
        t->client = c;
        t->asked = false;
        t->have = 0;
        t->deadline = now + SERVER_TCP_IDLE_MS;
        s->tcp_count++;
        if (!loop_watch(s->epoll, fd, LOOP_TOKEN(LOOP_TCP, c.slot), true, false))
            tcp_close(s, t);
    }
}

/* An answer fits into an empty send buffer; if it does not fit, the client is not reading, and is closed. */
static void tcp_send(struct server *s, struct server_tcp *t, const uint8_t *data, size_t len)
{
    uint8_t size[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    struct iovec iov[2] = {{size, 2}, {(void *)data, len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    t->asked = false;
    if (sendmsg(t->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(2 + len))
        tcp_close(s, t);
}

/* Answer the queries in the buffer until one must wait. False: the connection is closed. */
static bool tcp_questions(struct server *s, struct server_tcp *t, uint64_t now)
{
    while (!t->asked && t->have >= 2) {
        size_t len = (size_t)(t->in[0] << 8 | t->in[1]);
        if (len > DNS_MSG_MAX || len < DNS_HEADER_LEN) {
            tcp_close(s, t);
            return false;
        }
        if (t->have < 2 + len)
            break;
        static uint8_t out[DNS_TCP_MAX];
        t->asked = true;
        t->deadline = now + SERVER_TCP_IDLE_MS;
        size_t n = frontend_client(s->query, now, &t->client, t->in + 2, len, out);
        t->have -= 2 + len;
        memmove(t->in, t->in + 2 + len, t->have);
        if (n != 0)
            tcp_send(s, t, out, n);
        if (t->fd < 0)
            return false;
    }
    return true;
}

void server_tcp_ready(struct server *s, uint64_t now, unsigned index)
{
    struct server_tcp *t = &s->tcp[index];
    if (t->fd < 0)
        return;
    /*
     * If the buffer is full, a query is in progress. There is no room to read more, and not reading would make the loop
     * spin, so a client that sends so far ahead is closed.
     */
    ssize_t n = recv(t->fd, t->in + t->have, sizeof(t->in) - t->have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && t->have < sizeof(t->in))
        return;
    if (n <= 0) {
        tcp_close(s, t);
        return;
    }
    t->have += (size_t)n;
    tcp_questions(s, t, now);
}

/* ---- both ---- */

void server_lan_ready(struct server *s, uint64_t now, unsigned index)
{
    if (s->lan[index].proto == IPPROTO_TCP) {
        tcp_accept(s, now, s->lan[index].fd);
        return;
    }
    for (int i = 0; i < SERVER_BATCHES_MAX; i++)
        if (udp_batch(s, now, index) < SERVER_BATCH)
            return;
}

void server_reply(struct server *s, const struct client *to, const uint8_t *data, size_t len)
{
    if (!to->tcp) {
        udp_reply(s, to, data, len);
        return;
    }
    struct server_tcp *t = &s->tcp[to->slot];
    if (t->fd >= 0 && t->client.serial == to->serial)
        tcp_send(s, t, data, len);
}

int server_tick(struct server *s, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; s->tcp_count != 0 && i < SERVER_TCP_MAX; i++) {
        struct server_tcp *t = &s->tcp[i];
        if (t->fd < 0 || !tcp_questions(s, t, now))
            continue;
        if (now >= t->deadline) {
            tcp_close(s, t);
            continue;
        }
        if (t->deadline < next)
            next = t->deadline;
    }
    return next == UINT64_MAX ? -1 : (int)(next - now);
}

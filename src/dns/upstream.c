#include "upstream.h"

#include "log.h"
#include "loop.h"
#include "tokens.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READS_MAX 32 /* answers read from one socket per wake-up, so that others get their turn */

void upstream_init(struct upstream *u, int epoll, struct frontend *query)
{
    memset(u, 0, sizeof(*u));
    u->epoll = epoll;
    u->query = query;
    for (unsigned s = 0; s < UPSTREAM_SERVICES; s++)
        for (unsigned i = 0; i < UPSTREAM_SOCKETS; i++)
            u->sockets[s][i].fd = -1;
    for (unsigned i = 0; i < UPSTREAM_STREAMS; i++)
        u->streams[i].fd = -1;
}

static unsigned new_serial(struct upstream *u)
{
    if (++u->serial == 0)
        u->serial = 1;
    return u->serial;
}

static void drop(struct upstream_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static void drop_stream(struct upstream_stream *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* ---- UDP ---- */

void upstream_add(struct upstream *u, uint64_t now, uint8_t service, int fd)
{
    struct upstream_socket *pool = u->sockets[service], *place = &pool[0];
    for (unsigned i = 0; i < UPSTREAM_SOCKETS && place->fd >= 0; i++)
        if (pool[i].fd < 0 || (int)(pool[i].serial - place->serial) < 0)
            place = &pool[i];
    drop(place);
    memset(&place->peer, 0, sizeof(place->peer)); /* it is compared with memcmp */
    place->peer_len = sizeof(place->peer);
    if (getpeername(fd, (struct sockaddr *)&place->peer, &place->peer_len) < 0) {
        log_error("an upstream socket has no resolver any more: %s", strerror(errno));
        close(fd);
        return;
    }
    place->fd = fd;
    place->serial = new_serial(u);
    place->busy = 0;
    if (!loop_watch(u->epoll, fd, LOOP_TOKEN(LOOP_UPSTREAM, place - &u->sockets[0][0]), true, false))
        log_fatal("cannot watch an upstream socket: %s", strerror(errno));
    frontend_upstream_ready(u->query, now, service);
}

void upstream_clear(struct upstream *u, uint8_t service)
{
    for (unsigned i = 0; i < UPSTREAM_SOCKETS; i++)
        drop(&u->sockets[service][i]);
    for (unsigned i = 0; i < UPSTREAM_STREAMS; i++)
        if (u->streams[i].service == service)
            drop_stream(&u->streams[i]);
}

static struct upstream_socket *by_serial(struct upstream *u, uint8_t service, unsigned serial)
{
    for (unsigned i = 0; i < UPSTREAM_SOCKETS; i++)
        if (u->sockets[service][i].fd >= 0 && u->sockets[service][i].serial == serial)
            return &u->sockets[service][i];
    return NULL;
}

void upstream_done(struct upstream *u, uint8_t service, unsigned sock)
{
    struct upstream_socket *s = by_serial(u, service, sock);
    if (s != NULL && s->busy > 0)
        s->busy--;
    for (unsigned i = 0; i < UPSTREAM_STREAMS; i++)
        if (u->streams[i].fd >= 0 && u->streams[i].serial == sock)
            drop_stream(&u->streams[i]);
}

/*
 * Get a new source port: disconnecting (AF_UNSPEC) releases the port, and the next connect makes the kernel choose
 * one.
 */
static bool fresh(struct upstream_socket *s)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    return connect(s->fd, &nobody, sizeof(nobody)) == 0 &&
           connect(s->fd, (struct sockaddr *)&s->peer, s->peer_len) == 0;
}

static bool same_peer(const struct upstream_socket *a, const struct upstream_socket *b)
{
    return a->peer_len == b->peer_len && memcmp(&a->peer, &b->peer, a->peer_len) == 0;
}

static bool send_on(struct upstream_socket *s, const uint8_t *data, size_t len)
{
    if (s->busy == 0 && !fresh(s))
        return false;
    if (send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    /* An ICMP error for an earlier query is reported here once; the next send succeeds. */
    return errno == ECONNREFUSED && send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* In order of preference: an idle socket to another resolver, an idle one, one to another resolver, any. */
bool upstream_send(struct upstream *u, uint8_t service, uint32_t random, const uint8_t *data, size_t len,
                   unsigned *sock)
{
    struct upstream_socket *before = *sock != 0 ? by_serial(u, service, *sock) : NULL;
    for (unsigned wish = 0; wish < 4; wish++)
        for (unsigned n = 0; n < UPSTREAM_SOCKETS; n++) {
            struct upstream_socket *s = &u->sockets[service][(random + n) % UPSTREAM_SOCKETS];
            bool alone = s->busy == 0, other = before == NULL || !same_peer(s, before);
            unsigned rank = alone && other ? 0 : other ? 1 : alone ? 2 : 3;
            if (s->fd < 0 || rank != wish || !send_on(s, data, len))
                continue;
            s->busy++;
            *sock = s->serial;
            return true;
        }
    return false;
}

void upstream_ready(struct upstream *u, uint64_t now, unsigned index)
{
    static uint8_t in[DNS_MSG_MAX + 1];
    struct upstream_socket *s = &u->sockets[0][0] + index;
    for (int i = 0; i < READS_MAX && s->fd >= 0; i++) {
        unsigned awaited = s->busy;
        ssize_t n = recv(s->fd, in, sizeof(in), MSG_DONTWAIT);
        if (n >= 0 && n <= DNS_MSG_MAX)
            frontend_upstream(u->query, now, (uint8_t)(index / UPSTREAM_SOCKETS), s->serial, in, (size_t)n);
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        /* Reading clears any other error (port unreachable); the query's time-out handles a failed resolver. */
        if (awaited == 1 && s->busy == 0)
            return; /* the awaited answer has come; any further datagram wakes us again */
    }
}

/* ---- TCP ---- */

static bool watch_stream(struct upstream *u, struct upstream_stream *s, bool writing)
{
    return loop_watch(u->epoll, s->fd, LOOP_TOKEN(LOOP_STREAM, s - u->streams), !writing, writing);
}

void upstream_add_stream(struct upstream *u, uint8_t service, int fd)
{
    struct upstream_stream *s = NULL;
    for (unsigned i = 0; i < UPSTREAM_STREAMS && s == NULL; i++)
        if (u->streams[i].fd < 0)
            s = &u->streams[i];
    unsigned serial = new_serial(u);
    size_t len = s != NULL ? frontend_stream(u->query, service, serial, s->out + 2) : 0;
    if (len == 0) {
        close(fd); /* no lookup needs it any more, or there are too many, which then time out */
        return;
    }
    s->fd = fd;
    s->serial = serial;
    s->service = service;
    s->out[0] = (uint8_t)(len >> 8);
    s->out[1] = (uint8_t)len;
    s->out_len = 2 + len;
    s->out_done = s->have = 0;
    if (!watch_stream(u, s, true))
        drop_stream(s);
}

static void stream_write(struct upstream *u, struct upstream_stream *s)
{
    ssize_t n = send(s->fd, s->out + s->out_done, s->out_len - s->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n < 0) {
        drop_stream(s);
        return;
    }
    s->out_done += (size_t)n;
    if (s->out_done == s->out_len && !watch_stream(u, s, false))
        drop_stream(s);
}

static void stream_read(struct upstream *u, uint64_t now, struct upstream_stream *s)
{
    ssize_t n = recv(s->fd, s->in + s->have, sizeof(s->in) - s->have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    s->have += n > 0 ? (size_t)n : 0;
    size_t len = s->have >= 2 ? (size_t)(s->in[0] << 8 | s->in[1]) : 0;
    if (s->have >= 2 && s->have >= 2 + len) {
        unsigned serial = s->serial;
        frontend_upstream(u->query, now, s->service, s->serial, s->in + 2, len);
        if (s->serial == serial)
            drop_stream(s);
    } else if (n <= 0 || 2 + len > sizeof(s->in)) {
        drop_stream(s); /* closed too early, or too long an answer */
    }
}

void upstream_stream_ready(struct upstream *u, uint64_t now, unsigned index)
{
    struct upstream_stream *s = &u->streams[index];
    if (s->fd >= 0 && s->out_done < s->out_len)
        stream_write(u, s);
    else if (s->fd >= 0)
        stream_read(u, now, s);
}

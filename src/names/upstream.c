#include "upstream.h"

#include "log.h"
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_MAX 32 /* answers taken from one socket before others have their turn */

void upstream_init(struct upstream *u, int epoll, struct query *query)
{
    memset(u, 0, sizeof(*u));
    u->epoll = epoll;
    u->query = query;
    for (unsigned s = 0; s < UPSTREAM_SERVICES; s++)
        for (unsigned i = 0; i < UPSTREAM_SOCKETS; i++)
            u->sockets[s][i].fd = -1;
}

static void drop(struct upstream_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void upstream_add(struct upstream *u, uint64_t now, uint8_t service, int fd)
{
    struct upstream_socket *pool = u->sockets[service], *place = &pool[0];
    for (unsigned i = 0; i < UPSTREAM_SOCKETS && place->fd >= 0; i++)
        if (pool[i].fd < 0 || (int)(pool[i].serial - place->serial) < 0)
            place = &pool[i];
    drop(place);
    if (++u->serial == 0)
        u->serial = 1;
    place->fd = fd;
    place->serial = u->serial;
    if (!loop_watch(u->epoll, fd, LOOP_TOKEN(LOOP_UPSTREAM, place - &u->sockets[0][0])))
        log_fatal("cannot watch an upstream socket: %s", strerror(errno));
    query_upstream_ready(u->query, now, service);
}

void upstream_clear(struct upstream *u, uint8_t service)
{
    for (unsigned i = 0; i < UPSTREAM_SOCKETS; i++)
        drop(&u->sockets[service][i]);
}

bool upstream_send(struct upstream *u, uint8_t service, uint32_t random, const uint8_t *data, size_t len,
                   unsigned *sock)
{
    for (unsigned n = 0; n < UPSTREAM_SOCKETS; n++) {
        struct upstream_socket *s = &u->sockets[service][(random + n) % UPSTREAM_SOCKETS];
        if (s->fd < 0)
            continue;
        *sock = s->serial;
        if (send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        /* An ICMP error of an earlier question is reported here once; the next send goes out. */
        if (errno == ECONNREFUSED && send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
    }
    return false;
}

void upstream_ready(struct upstream *u, uint64_t now, unsigned index)
{
    struct upstream_socket *s = &u->sockets[0][0] + index;
    uint8_t in[DNS_MSG_MAX + 1];
    for (int i = 0; i < READS_MAX && s->fd >= 0; i++) {
        ssize_t n = recv(s->fd, in, sizeof(in), MSG_DONTWAIT);
        if (n >= 0)
            query_upstream(u->query, now, (uint8_t)(index / UPSTREAM_SOCKETS), s->serial, in, (size_t)n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        /* Any other error (a port unreachable) is cleared by having been read; the time-out judges the resolver. */
    }
}

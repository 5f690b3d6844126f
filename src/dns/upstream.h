/*
 * The sockets to resolvers. gate makes them, from the tunnel's address where there is a tunnel; no other ever comes into
 * this process, and the packet filter lets them reach resolvers only.
 *
 * UDP: a pool for each service. A socket without a question under way is connected anew before it carries the next one:
 * the kernel then gives it a new random source port, and takes answers from that one resolver only. With more questions
 * under way than sockets, several share one.
 * TCP: one connection, which gate made when it was asked to, one question, one answer.
 */
#ifndef SEKISHO_DNS_UPSTREAM_H
#define SEKISHO_DNS_UPSTREAM_H

#include "frontend.h"

#include <sys/socket.h>

#define UPSTREAM_SERVICES (CONF_SERVICES_MAX + 1) /* 0: unlisted names in mode internet */
#define UPSTREAM_SOCKETS 32                       /* of one service */
#define UPSTREAM_STREAMS 8                        /* TCP connections of all services */

struct upstream {
    int epoll;
    struct frontend *query;
    struct upstream_socket {
        int fd;          /* -1: free */
        unsigned serial; /* tells this socket from those that had its place before; never 0 */
        unsigned busy; /* questions under way */
        socklen_t peer_len;
        struct sockaddr_storage peer;
    } sockets[UPSTREAM_SERVICES][UPSTREAM_SOCKETS];
    struct upstream_stream {
        int fd; /* -1: free */
        unsigned serial;
        uint8_t service;
        size_t out_len, out_done, have;
        uint8_t out[2 + DNS_MSG_MAX], in[2 + DNS_TCP_MAX];
    } streams[UPSTREAM_STREAMS];
    unsigned serial;
};

void upstream_init(struct upstream *u, int epoll, struct frontend *query);
/* Take over a UDP socket from gate. A full pool loses its oldest. */
void upstream_add(struct upstream *u, uint64_t now, uint8_t service, int fd);
/* Take over a TCP socket, connected or on the way there. */
void upstream_add_stream(struct upstream *u, uint8_t service, int fd);
void upstream_clear(struct upstream *u, uint8_t service);
/*
 * frontend_ops.ask: through a socket chosen by `random`, one without a question under way if there is, to another resolver
 * than that of the socket *sock if there is. False: there is none, or it does not send.
 */
bool upstream_send(struct upstream *u, uint8_t service, uint32_t random, const uint8_t *data, size_t len,
                   unsigned *sock);
/* frontend_ops.done */
void upstream_done(struct upstream *u, uint8_t service, unsigned sock);
/* A socket is ready; index as in its loop token. */
void upstream_ready(struct upstream *u, uint64_t now, unsigned index);
void upstream_stream_ready(struct upstream *u, uint64_t now, unsigned index);

#endif

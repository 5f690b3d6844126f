/*
 * The sockets to resolvers. gate creates them, bound to the tunnel's address if there is a tunnel; this process gets no
 * others, and the packet filter lets them reach resolvers only.
 *
 * UDP: a pool for each service. An idle socket is reconnected before it sends the next query: the kernel then gives
 * it a new random source port, and accepts answers from that resolver only. With more queries than sockets, several
 * share one. TCP: one connection, made by gate on request, for one query and its answer.
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
        unsigned serial; /* distinguishes this socket from earlier ones in the same slot; never 0 */
        unsigned busy; /* queries in progress */
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
/* Take ownership of a UDP socket from gate. A full pool loses its oldest. */
void upstream_add(struct upstream *u, uint64_t now, uint8_t service, int fd);
/* Take ownership of a TCP socket from gate, connected or connecting. */
void upstream_add_stream(struct upstream *u, uint8_t service, int fd);
void upstream_clear(struct upstream *u, uint8_t service);
/*
 * frontend_ops.ask: on a socket chosen by `random`, if possible an idle one to another resolver than that of the socket
 * *sock. False: there is no socket, or sending failed.
 */
bool upstream_send(struct upstream *u, uint8_t service, uint32_t random, const uint8_t *data, size_t len,
                   unsigned *sock);
/* frontend_ops.done */
void upstream_done(struct upstream *u, uint8_t service, unsigned sock);
/* A socket is ready; index as in its loop token. */
void upstream_ready(struct upstream *u, uint64_t now, unsigned index);
void upstream_stream_ready(struct upstream *u, uint64_t now, unsigned index);

#endif

/*
 * The pool of connected UDP sockets to resolvers, several for each service, each with its own random source port. gate
 * makes and connects them; the kernel then takes answers from the resolver's address and port alone.
 */
#ifndef SEKISHO_NAMES_UPSTREAM_H
#define SEKISHO_NAMES_UPSTREAM_H

#include "query.h"

#define UPSTREAM_SERVICES (CONF_SERVICES_MAX + 1) /* 0: unlisted names in mode internet */
#define UPSTREAM_SOCKETS 8                        /* of one service */

struct upstream {
    int epoll;
    struct query *query;
    struct upstream_socket {
        int fd;          /* -1: free */
        unsigned serial; /* tells this socket from those that had its place before; never 0 */
    } sockets[UPSTREAM_SERVICES][UPSTREAM_SOCKETS];
    unsigned serial;
};

void upstream_init(struct upstream *u, int epoll, struct query *query);
/* Take over a descriptor from gate. A full pool loses its oldest socket. */
void upstream_add(struct upstream *u, uint64_t now, uint8_t service, int fd);
void upstream_clear(struct upstream *u, uint8_t service);
/* Send through a socket chosen by `random`. *sock becomes its serial. False: there is none, or it does not send. */
bool upstream_send(struct upstream *u, uint8_t service, uint32_t random, const uint8_t *data, size_t len,
                   unsigned *sock);
/* A socket is readable; index as in its loop token. */
void upstream_ready(struct upstream *u, uint64_t now, unsigned index);

#endif

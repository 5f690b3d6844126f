/*
 * The clients' side: the LAN's UDP sockets, read in batches, and TCP with its two length octets (RFC 1035 section
 * 4.2.2, RFC 7766). gate has bound the sockets; this process opens none, it only accepts.
 *
 * A TCP connection has one query in progress at a time (further ones wait in its buffer or the kernel's). It is
 * closed when it is idle or does not read for SERVER_TCP_IDLE_MS, or sends more than a query can be. New connections
 * above the limit per client are closed at once; when the table is full, the client with most connections loses the
 * one idle for longest.
 *
 * Late answers over UDP are collected and sent together, at the latest by server_flush.
 */
#ifndef SEKISHO_DNS_SERVER_H
#define SEKISHO_DNS_SERVER_H

#include "frontend.h"

#include <sys/socket.h>

#define SERVER_LAN_MAX 16
#define SERVER_TCP_MAX 64
#define SERVER_TCP_CLIENT_MAX 16 /* connections of one client */
#define SERVER_TCP_IDLE_MS 10000
#define SERVER_BATCH 32
#define SERVER_BATCHES_MAX 8 /* read from one socket per wake-up, so that others get their turn */

struct server_tcp {
    int fd; /* -1: free */
    bool asked; /* a query is in progress */
    uint64_t deadline;
    struct client client;
    size_t have;
    uint8_t in[2 + DNS_MSG_MAX];
};

struct server_batch {
    struct mmsghdr in[SERVER_BATCH], out[SERVER_BATCH];
    struct iovec in_iov[SERVER_BATCH], out_iov[SERVER_BATCH];
    struct sockaddr_storage peers[SERVER_BATCH];
    union {
        struct cmsghdr align;
        uint8_t space[64];
    } control[SERVER_BATCH];
    uint8_t in_data[SERVER_BATCH][DNS_MSG_MAX + 1];
    uint8_t out_data[SERVER_BATCH][DNS_MSG_MAX];
};

/* Collected answers to clients of one LAN socket. */
struct server_late {
    unsigned count;
    uint16_t slot;
    struct mmsghdr out[SERVER_BATCH];
    struct iovec iov[SERVER_BATCH];
    struct sockaddr_storage peers[SERVER_BATCH];
    union {
        struct cmsghdr align;
        uint8_t space[64];
    } control[SERVER_BATCH];
    uint8_t data[SERVER_BATCH][DNS_MSG_MAX];
};

struct server {
    int epoll;
    bool open; /* the list is complete, the sockets are polled */
    struct frontend *query;
    unsigned lan_count, tcp_count;
    struct server_lan {
        int fd;
        uint8_t proto;
    } lan[SERVER_LAN_MAX];
    uint32_t serial;
    struct server_tcp tcp[SERVER_TCP_MAX];
    struct server_batch batch;
    struct server_late late;
};

void server_init(struct server *s, int epoll, struct frontend *query);
/* Take ownership of a LAN socket from gate. False: too many. */
bool server_listen(struct server *s, uint8_t proto, int fd);
/* Start answering. */
void server_open(struct server *s);
void server_lan_ready(struct server *s, uint64_t now, unsigned index);
void server_tcp_ready(struct server *s, uint64_t now, unsigned index);
/* frontend_ops.reply; UDP answers are sent by server_flush */
void server_reply(struct server *s, const struct client *to, const uint8_t *data, size_t len);
/* Send the collected answers; call before the loop sleeps. */
void server_flush(struct server *s);
/* Handle deadlines and queries waiting in TCP buffers. Returns the milliseconds until the next call, or -1. */
int server_tick(struct server *s, uint64_t now);

#endif

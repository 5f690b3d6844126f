/*
 * The child `dns`: started once, before gate drops root; gate gives it listening sockets, sockets to resolvers and
 * the list of names. It cannot be restarted (that needs root): when it exits or breaks the protocol, gate closes the
 * packet filter and exits, and Finit restarts both.
 */
#ifndef SEKISHO_GATE_DNS_LINK_H
#define SEKISHO_GATE_DNS_LINK_H

#include "conf.h"
#include "ipc.h"
#include "liveness.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uev/uev.h>

#define DNS_LINK_PROGRAM "/usr/libexec/sekisho/dns"
#define DNS_LINK_POOL 32 /* sockets to the resolvers of one service; `dns` uses a new port for each query */

/* Handlers for messages of `dns`. dead: it has exited or broken the protocol; must not return. */
struct dns_link_ops {
    void (*message)(void *user, const struct msg *m);
    void (*dead)(void *user, enum cause_code why); /* CAUSE_PEER_… */
    void (*idle)(void *user); /* there are no more messages for now, or other sources get their turn */
};

struct dns_link {
    pid_t pid;
    int sock;
    /* Set by dns_link_upstream: the resolvers to which `dns` may request TCP connections. */
    struct dns_link_resolvers {
        struct addr list[CONF_ADDRS_MAX], source;
        unsigned count, turn;
    } resolvers[CONF_SERVICES_MAX + 1];
    int probe_fd; /* see dns_link_probe; 0: none */
    unsigned probe_ticks; /* since the probe */
    struct liveness liveness;
    uev_t io;
    const struct dns_link_ops *ops;
    void *user;
};

/* fork and exec `path` with its side of the socket pair as descriptor 3. Needs root. 0, or -1 with errno. */
int dns_link_start(struct dns_link *c, const char *path);
int dns_link_watch(struct dns_link *c, uev_ctx_t *loop, const struct dns_link_ops *ops, void *user);

/* Call every SESSION_TICK_MS: pings a silent child; one that then does not answer is dead (ops->dead). */
void dns_link_tick(struct dns_link *c);

/*
 * Send; blocks for up to a second while the socket is full. A child that does not read for so long counts as dead (by
 * ops->dead, or before dns_link_watch by log_fatal).
 */
void dns_link_send(struct dns_link *c, enum msg_type type, const void *body, int fd);

/*
 * Open UDP and TCP sockets on port 53 of the LAN address, and one for the UDP queries that the packet filter redirects;
 * the interface need not exist yet. Needs root.
 */
int dns_link_listen(struct dns_link *c, const struct addr *lan);
/*
 * Replace a service's sockets to its resolvers: DNS_LINK_POOL in all, spread over them. source: the source address, or
 * family 0. Returns the number of sockets made (0 if there are no resolvers). From then on `dns` may also request TCP
 * connections to them (MSG_UPSTREAM_TCP, handled here).
 */
unsigned dns_link_upstream(struct dns_link *c, uint8_t service, const struct addr *resolvers, unsigned count,
                           const struct addr *source);
/*
 * Start a TCP connection to a service's resolver, without using it. The resolver's host answers it, at least with a
 * reset, even if the resolver itself does not. False: it could not be started.
 */
bool dns_link_probe(struct dns_link *c, uint8_t service);

#endif

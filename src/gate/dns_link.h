/*
 * The child `dns`: started once, before gate gives up root, and given all it has: listening sockets, sockets to
 * resolvers, the list of names. It cannot be started again (that takes root): when it ends or breaks a rule, so does
 * gate, after closing the kernel, and Finit starts both anew.
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
#define DNS_LINK_POOL 32 /* sockets to the resolvers of one service; `dns` gives each a new port for each question */

/* What is done with what `dns` says. why_dead: it is gone or broke a rule; must not return. */
struct dns_link_ops {
    void (*message)(void *user, const struct msg *m);
    void (*dead)(void *user, enum cause_code why); /* CAUSE_PEER_… */
    void (*idle)(void *user); /* no more messages are waiting, or it is others' turn */
};

struct dns_link {
    pid_t pid;
    int sock;
    /* As told by dns_link_upstream: where `dns` may ask for a TCP connection to. */
    struct dns_link_resolvers {
        struct addr list[CONF_ADDRS_MAX], source;
        unsigned count, turn;
    } resolvers[CONF_SERVICES_MAX + 1];
    int probe_fd; /* see dns_link_probe; 0: none */
    unsigned probe_ticks; /* ticks since then */
    struct liveness liveness;
    uev_t io;
    const struct dns_link_ops *ops;
    void *user;
};

/* fork and exec `path` with the other end of the line as descriptor 3. Needs root. 0, or -1 with errno. */
int dns_link_start(struct dns_link *c, const char *path);
int dns_link_watch(struct dns_link *c, uev_ctx_t *loop, const struct dns_link_ops *ops, void *user);

/* Every SESSION_TICK_MS: a child that says nothing is asked, one that then does not answer is dead (ops->dead). */
void dns_link_tick(struct dns_link *c);

/*
 * Send; waits up to a second when the line is full. A child that does not read for so long is treated as dead (through
 * ops->dead, or a fatal end before dns_link_watch).
 */
void dns_link_send(struct dns_link *c, enum msg_type type, const void *body, int fd);

/*
 * UDP and TCP sockets on port 53 of the LAN address, and one for the UDP questions that the packet filter diverts,
 * bound though the interface may not be there yet. Needs root.
 */
int dns_link_listen(struct dns_link *c, const struct addr *lan);
/*
 * Replace a service's sockets to its resolvers: DNS_LINK_POOL in all, spread over them. source: address to send from,
 * or family 0. Returns how many could be made (0 also for no resolvers: the service then has none). From then on `dns`
 * may also ask for TCP connections to them (MSG_UPSTREAM_TCP, answered here).
 */
unsigned dns_link_upstream(struct dns_link *c, uint8_t service, const struct addr *resolvers, unsigned count,
                           const struct addr *source);
/*
 * Begin a TCP connection to a service's resolver, and use it for nothing. What counts is that its host answers, even
 * where the resolver's program does not: with a reset at least. False: it could not be begun.
 */
bool dns_link_probe(struct dns_link *c, uint8_t service);

#endif

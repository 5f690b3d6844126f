/*
 * The connection to `sni`, which is started by Finit: it connects as root to RUN/gate/sni.sock before it drops its
 * privileges, and gets the list of names and the sockets to read packets from. One connection at a time; a new one
 * replaces the old. `sni` may be restarted at any time: allowed flows go on, new ones wait, because the kernel's
 * queue is closed with the connection and has no bypass.
 */
#ifndef SEKISHO_GATE_SNI_LINK_H
#define SEKISHO_GATE_SNI_LINK_H

#include "ipc.h"
#include "liveness.h"

#include <stdbool.h>
#include <uev/uev.h>

struct sni_link_ops {
    void (*here)(void *user); /* connected: send names, end of names, mode; the queues follow automatically */
    void (*ready)(void *user); /* it has them: flows can be checked */
    void (*message)(void *user, const struct msg *m);
    /* The connection and the queues are closed. hangs: the program still runs and must be killed. */
    void (*gone)(void *user, enum cause_code why, bool hangs); /* CAUSE_PEER_… */
};

struct sni_link {
    uev_ctx_t *loop;
    uev_t listening, io;
    int listen_fd;
    int fd;      /* -1: not connected */
    int packets; /* our copies of the queue sockets; -1: none */
    int blocked;
    struct liveness liveness;
    uint32_t trusted_uid; /* who may connect: root */
    const struct sni_link_ops *ops;
    void *user;
};

/* Make the listening socket, accessible to its owner only. 0, or -1 with errno. */
int sni_link_open(struct sni_link *h, const char *path);
int sni_link_watch(struct sni_link *h, uev_ctx_t *loop, const struct sni_link_ops *ops, void *user);
/* Call every SESSION_TICK_MS: pings a silent sni, and disconnects one that then does not answer. */
void sni_link_tick(struct sni_link *h);
bool sni_link_is_there(const struct sni_link *h);
/* Send if connected. An sni that does not read its messages is disconnected. */
void sni_link_send(struct sni_link *h, enum msg_type type, const void *body, int fd);

#endif

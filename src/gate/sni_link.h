/*
 * The line to `sni`, a service of its own: it connects as root to RUN/gate/sni.sock before it gives everything up, and
 * is handed the list of names and the sockets to read packets from. One connection at a time; a new one replaces the
 * old. `sni` may come and go: flows that it has agreed to go on, new ones wait, because the kernel's queue is
 * closed with the line and has no bypass.
 */
#ifndef SEKISHO_GATE_SNI_LINK_H
#define SEKISHO_GATE_SNI_LINK_H

#include "ipc.h"
#include "liveness.h"

#include <stdbool.h>
#include <uev/uev.h>

struct sni_link_ops {
    void (*here)(void *user); /* connected: send names, end of names, mode; the queues follow by themselves */
    void (*ready)(void *user); /* it has them: flows can be asked about */
    void (*message)(void *user, const struct msg *m);
    /* The line and the queues are closed. hangs: the program is still there, and has to be ended. */
    void (*gone)(void *user, enum cause_code why, bool hangs); /* CAUSE_PEER_… */
};

struct sni_link {
    uev_ctx_t *loop;
    uev_t listening, io;
    int listen_fd;
    int fd;      /* -1: nobody there */
    int packets; /* our copies of the queue sockets; -1: none */
    int blocked;
    struct liveness liveness;
    uint32_t trusted_uid; /* who may connect: root */
    const struct sni_link_ops *ops;
    void *user;
};

/* Make the socket, for its owner alone. 0, or -1 with errno. */
int sni_link_open(struct sni_link *h, const char *path);
int sni_link_watch(struct sni_link *h, uev_ctx_t *loop, const struct sni_link_ops *ops, void *user);
/* Every SESSION_TICK_MS: one that says nothing is asked, one that then does not answer is hung up. */
void sni_link_tick(struct sni_link *h);
bool sni_link_is_there(const struct sni_link *h);
/* Send if it is there. One that does not read its messages is hung up. */
void sni_link_send(struct sni_link *h, enum msg_type type, const void *body, int fd);

#endif

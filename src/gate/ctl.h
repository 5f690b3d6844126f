/* The command socket: `sekisho session start|end`. One request, one answer; the sender is in group sekisho. */
#ifndef SEKISHO_GATE_CTL_H
#define SEKISHO_GATE_CTL_H

#include "ipc.h"

#include <uev/uev.h>

#define CTL_CLIENTS 4 /* at a time; more wait in the queue */

/* Carries out m (one of MSG_CTL_SESSION_*) and fills in the answer. */
typedef void ctl_fn(void *user, const struct msg *m, struct msg_reply *reply);

struct ctl {
    uev_ctx_t *loop;
    uev_t io;
    int fd;
    ctl_fn *fn;
    void *user;
    struct ctl_client {
        struct ctl *ctl;
        int fd; /* -1: free */
        uev_t io;
    } clients[CTL_CLIENTS];
};

/* Make the socket; needs root for its group. 0, or -1 with errno. */
int ctl_open(struct ctl *c, const char *path);
int ctl_watch(struct ctl *c, uev_ctx_t *loop, ctl_fn *fn, void *user);

#endif

/*
 * A program's control socket: `sekisho` connects (group sekisho), sends one request and gets one answer, perhaps again.
 * Nobody waits for a place: when all are taken, the caller that has been silent for longest is hung up. So callers who
 * connect and say nothing keep nobody out, and no request is carried out long after its caller has given up. What a
 * caller sends that does not belong here ends its connection.
 *
 * It fits any event loop: one descriptor becomes readable when there is something to do.
 */
#ifndef SEKISHO_CTL_SERVER_H
#define SEKISHO_CTL_SERVER_H

#include "ipc.h"

#define CTL_SERVER_CALLERS 16
#define CTL_SERVER_WARN_MS 10000 /* what does not belong here is logged so often at most */

/* Carries out the request and fills in the answer. False: such a message does not belong here. */
typedef bool ctl_server_fn(void *user, const struct msg *m, struct msg_reply *reply);

struct ctl_server {
    int fd; /* watch it for reading, and call ctl_server_process */
    int listener;
    int callers[CTL_SERVER_CALLERS]; /* -1: free */
    uint64_t heard[CTL_SERVER_CALLERS], turn; /* each caller's last word, counted */
    uint64_t warned_at;
    enum msg_role role;
};

/* Make the socket; a group other than our own needs root, -1 is ours. 0, or -1 with errno. */
int ctl_server_open(struct ctl_server *c, const char *path, int gid, enum msg_role role);
/* Do what there is to do; never waits. */
void ctl_server_process(struct ctl_server *c, ctl_server_fn *fn, void *user);

#endif

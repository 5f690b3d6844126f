/*
 * A program's control socket: `sekisho` connects (group sekisho), sends one or more requests, and gets one answer to
 * each. When all slots are in use, the caller idle for longest is disconnected. So silent callers cannot lock others
 * out, and no request is carried out long after its caller has given up. An invalid message closes the caller's
 * connection.
 *
 * It works with any event loop: one descriptor becomes readable when there is something to do.
 */
#ifndef SEKISHO_CTL_SERVER_H
#define SEKISHO_CTL_SERVER_H

#include "ipc.h"

#define CTL_SERVER_CALLERS 16
#define CTL_SERVER_WARN_MS 10000 /* minimum interval of logging invalid messages */

/* Carry out the request and fill in the answer. False: the message is not valid for this program. */
typedef bool ctl_server_fn(void *user, const struct msg *m, struct msg_reply *reply);

struct ctl_server {
    int fd; /* poll it for reading, then call ctl_server_process */
    int listener;
    int callers[CTL_SERVER_CALLERS]; /* -1: free */
    uint64_t heard[CTL_SERVER_CALLERS], turn; /* turn counts messages; heard: its value at each caller's last one */
    uint64_t warned_at;
    enum msg_role role;
};

/* Make the socket. gid: its group; -1: our own; any other needs root. 0, or -1 with errno. */
int ctl_server_open(struct ctl_server *c, const char *path, int gid, enum msg_role role);
/* Handle all pending events; never blocks. */
void ctl_server_process(struct ctl_server *c, ctl_server_fn *fn, void *user);

#endif

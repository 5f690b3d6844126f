#include "ctl_server.h"
#include "clock.h"
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER CTL_SERVER_CALLERS /* token; those below are the callers' */

int ctl_server_open(struct ctl_server *c, const char *path, int gid, enum msg_role role)
{
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++)
        c->callers[i] = -1;
    c->turn = c->warned_at = 0;
    c->role = role;
    c->listener = ipc_listen(path, gid);
    if (c->listener < 0)
        return -1;
    c->fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->fd >= 0 && loop_watch(c->fd, c->listener, LISTENER, true, false))
        return 0;
    int error = errno;
    if (c->fd >= 0)
        close(c->fd);
    close(c->listener);
    errno = error;
    return -1;
}

static void hang_up(struct ctl_server *c, unsigned i)
{
    close(c->callers[i]);
    c->callers[i] = -1;
}

/* A free slot, or that of the caller idle for longest, who is disconnected. */
static unsigned place(struct ctl_server *c)
{
    unsigned quiet = 0;
    for (unsigned i = 0; i < CTL_SERVER_CALLERS; i++) {
        if (c->callers[i] < 0)
            return i;
        if (c->heard[i] < c->heard[quiet])
            quiet = i;
    }
    hang_up(c, quiet);
    return quiet;
}

/* Accept one at a time: its request is read before the next one can take its slot. */
static void take_caller(struct ctl_server *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    unsigned i = place(c);
    if (!loop_watch(c->fd, fd, i, true, false)) {
        close(fd);
        return;
    }
    c->callers[i] = fd;
    c->heard[i] = ++c->turn;
}

/* Rate-limited, as a caller could fill the log. */
static void warn(struct ctl_server *c)
{
    uint64_t now = clock_monotonic_ms();
    if (c->warned_at && now - c->warned_at < CTL_SERVER_WARN_MS)
        return;
    c->warned_at = now;
    log_warn("a command that breaks the rules was refused");
}

static void serve(struct ctl_server *c, unsigned i, ctl_server_fn *fn, void *user)
{
    static struct msg m;
    struct msg_reply reply = {0};
    int fd = -1;
    enum ipc_result result = ipc_recv(c->callers[i], c->role, &m, &fd);
    if (result == IPC_AGAIN)
        return;
    c->heard[i] = ++c->turn;
    if (fd >= 0)
        close(fd); /* no request carries a descriptor */
    if (result == IPC_OK && fn(user, &m, &reply)) {
        if (ipc_send(c->callers[i], MSG_CTL_REPLY, &reply, -1) != IPC_OK)
            hang_up(c, i);
        return;
    }
    if (result != IPC_EOF)
        warn(c);
    hang_up(c, i);
}

void ctl_server_process(struct ctl_server *c, ctl_server_fn *fn, void *user)
{
    struct epoll_event events[CTL_SERVER_CALLERS + 1];
    int count = epoll_wait(c->fd, events, CTL_SERVER_CALLERS + 1, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == LISTENER)
            take_caller(c);
        else if (c->callers[events[i].data.u32] >= 0)
            serve(c, events[i].data.u32, fn, user);
    }
}

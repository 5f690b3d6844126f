#include "ctl.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int ctl_open(struct ctl *c, const char *path)
{
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < CTL_CLIENTS; i++)
        c->clients[i] = (struct ctl_client){.ctl = c, .fd = -1};
    c->fd = ipc_listen(path, UID_SEKISHO);
    return c->fd < 0 ? -1 : 0;
}

static void hang_up(struct ctl_client *client)
{
    uev_io_stop(&client->io);
    close(client->fd);
    client->fd = -1;
    uev_io_start(&client->ctl->io); /* there is room again */
}

static void on_client(uev_t *w, void *arg, int events)
{
    struct ctl_client *client = arg;
    struct msg_reply reply = {0};
    static struct msg m;
    int fd = -1;
    (void)w;
    (void)events;
    enum ipc_result r = ipc_recv(client->fd, ROLE_GATE, &m, &fd);
    if (r == IPC_AGAIN)
        return;
    /* This door is for commands only; what `dns` may say is not accepted here. */
    if (r != IPC_OK || (m.head.type != MSG_CTL_SESSION_START && m.head.type != MSG_CTL_SESSION_END)) {
        if (r != IPC_EOF)
            log_warn("a command that breaks the rules was refused");
        hang_up(client);
        return;
    }
    client->ctl->fn(client->ctl->user, &m, &reply);
    if (ipc_send(client->fd, MSG_CTL_REPLY, &reply, -1) != IPC_OK)
        hang_up(client);
}

static void on_accept(uev_t *w, void *arg, int events)
{
    struct ctl *c = arg;
    (void)w;
    (void)events;
    for (unsigned i = 0; i < CTL_CLIENTS; i++) {
        struct ctl_client *client = &c->clients[i];
        if (client->fd >= 0)
            continue;
        client->fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client->fd < 0)
            return;
        if (uev_io_init(c->loop, &client->io, on_client, client, client->fd, UEV_READ) < 0) {
            close(client->fd);
            client->fd = -1;
        }
        return;
    }
    uev_io_stop(&c->io);
}

int ctl_watch(struct ctl *c, uev_ctx_t *loop, ctl_fn *fn, void *user)
{
    c->loop = loop;
    c->fn = fn;
    c->user = user;
    return uev_io_init(loop, &c->io, on_accept, c, c->fd, UEV_READ);
}

#include "sni_link.h"
#include "log.h"
#include "queue.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGES_AT_ONCE 64
#define ASK_TICKS 2
#define HANGS_TICKS 8 /* four seconds of silence, three of them after the ping */
#define SEND_BUFFER (1u << 20) /* the whole list of names at once */

int sni_link_open(struct sni_link *h, const char *path)
{
    *h = (struct sni_link){.fd = -1, .packets = -1, .blocked = -1};
    h->listen_fd = ipc_listen(path, -1);
    if (h->listen_fd < 0)
        return -1;
    return chmod(path, 0600); /* still owned by root: `sni` connects as root, and nobody can replace the socket */
}

bool sni_link_is_there(const struct sni_link *h)
{
    return h->fd >= 0;
}

static void close_link(struct sni_link *h, enum cause_code why, bool hangs)
{
    if (h->fd < 0)
        return;
    /* The queues first: from here on no packets are held without a reader. */
    if (h->packets >= 0)
        queue_close_packets(h->packets);
    if (h->blocked >= 0)
        queue_close_blocked(h->blocked);
    h->packets = h->blocked = -1;
    uev_io_stop(&h->io);
    close(h->fd);
    h->fd = -1;
    h->ops->gone(h->user, why, hangs);
}

static void hang_up(struct sni_link *h, enum cause_code why)
{
    close_link(h, why, false);
}

void sni_link_send(struct sni_link *h, enum msg_type type, const void *body, int fd)
{
    if (h->fd < 0)
        return;
    switch (ipc_send(h->fd, type, body, fd)) {
    case IPC_OK: break;
    case IPC_AGAIN: close_link(h, CAUSE_PEER_DOES_NOT_READ, true); break;
    default: hang_up(h, CAUSE_PEER_LINK_BROKEN); break;
    }
}

static void on_io(uev_t *w, void *arg, int events)
{
    struct sni_link *h = arg;
    static struct msg m;
    (void)w;
    (void)events;
    for (unsigned i = 0; i < MESSAGES_AT_ONCE && h->fd >= 0; i++) {
        int fd = -1;
        switch (ipc_recv(h->fd, ROLE_GATE, &m, &fd)) {
        case IPC_OK: break;
        case IPC_AGAIN: return;
        case IPC_EOF: hang_up(h, CAUSE_PEER_ENDED); return;
        case IPC_BAD: hang_up(h, CAUSE_PEER_BREAKS_RULES); return;
        default: hang_up(h, CAUSE_PEER_LINK_BROKEN); return;
        }
        liveness_heard(&h->liveness);
        if (m.head.type == MSG_PONG)
            continue;
        if (m.head.type < MSG_FLOW || m.head.type > MSG_BLOCKED) {
            hang_up(h, CAUSE_PEER_NOT_ITS_OWN);
            return;
        }
        h->ops->message(h->user, &m);
    }
}

void sni_link_tick(struct sni_link *h)
{
    if (h->fd < 0)
        return;
    switch (liveness_tick(&h->liveness, ASK_TICKS, HANGS_TICKS)) {
    case LIVENESS_FINE: break;
    case LIVENESS_ASK: sni_link_send(h, MSG_PING, NULL, -1); break;
    case LIVENESS_HANGS: close_link(h, CAUSE_PEER_SILENT, true); break;
    }
}

/* Pass the sockets that it reads. Without them it is useless. */
static void hand_over_queues(struct sni_link *h)
{
    const struct msg_queue packets = {QUEUE_SNI}, blocked = {QUEUE_BLOCKED};
    if (h->fd < 0)
        return;
    h->packets = queue_open_packets();
    h->blocked = queue_open_blocked();
    if (h->packets < 0 || h->blocked < 0) {
        log_error("the kernel gives no packet queue: %s", strerror(errno));
        hang_up(h, CAUSE_PEER_NO_QUEUE);
        return;
    }
    sni_link_send(h, MSG_QUEUE, &packets, h->packets);
    sni_link_send(h, MSG_QUEUE, &blocked, h->blocked);
    if (h->fd >= 0)
        h->ops->ready(h->user);
}

static bool trusted(const struct sni_link *h, int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && len == sizeof who && who.uid == h->trusted_uid;
}

static void on_accept(uev_t *w, void *arg, int events)
{
    struct sni_link *h = arg;
    int size = SEND_BUFFER;
    (void)w;
    (void)events;
    int fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!trusted(h, fd)) {
        log_warn("a process that is not root connected to sni's socket and was refused");
        close(fd);
        return;
    }
    hang_up(h, CAUSE_PEER_REPLACED);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0 ||
        uev_io_init(h->loop, &h->io, on_io, h, fd, UEV_READ) < 0) {
        close(fd);
        return;
    }
    h->fd = fd;
    liveness_heard(&h->liveness);
    h->ops->here(h->user);
    hand_over_queues(h);
}

int sni_link_watch(struct sni_link *h, uev_ctx_t *loop, const struct sni_link_ops *ops, void *user)
{
    h->loop = loop;
    h->ops = ops;
    h->user = user;
    return uev_io_init(loop, &h->listening, on_accept, h, h->listen_fd, UEV_READ);
}

#include "gate_link.h"

#include "ipc.h"
#include "log.h"
#include "loop.h"
#include "tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES_MAX 64 /* handled per wake-up, so that other sources get their turn */
#define TRY_EVERY_MS 50

int gate_link_connect(const char *path, int patience_ms)
{
    for (int waited = 0;; waited += TRY_EVERY_MS) {
        int fd = ipc_connect(path);
        if (fd >= 0) {
            int flags = fcntl(fd, F_GETFL);
            if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                log_fatal("fcntl: %s", strerror(errno));
            return fd;
        }
        if (waited >= patience_ms)
            return -1;
        nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_MS * 1000000L}, NULL);
    }
}

void gate_link_init(struct gate_link *g, int fd, int epoll, struct flows *flows)
{
    g->fd = fd;
    g->epoll = epoll;
    g->flows = flows;
    g->queues[QUEUE_SNI] = g->queues[QUEUE_BLOCKED] = -1;
}

/* While messages wait for gate, poll its socket for writing and leave the packets in the kernel's queue. */
static void watch(struct gate_link *g)
{
    static const enum loop_token tokens[] = {[QUEUE_SNI] = LOOP_QUEUE_SNI, [QUEUE_BLOCKED] = LOOP_QUEUE_BLOCKED};
    bool good = loop_watch(g->epoll, g->fd, LOOP_GATE, true, g->waiting > 0);
    for (unsigned i = 0; i < 2; i++)
        if (g->queues[i] >= 0)
            good &= loop_watch(g->epoll, g->queues[i], tokens[i], g->waiting == 0, false);
    if (!good)
        log_fatal("epoll_ctl: %s", strerror(errno));
}

/* A new socket replaces the previous one. */
static void take_queue(struct gate_link *g, enum msg_queue_kind kind, int fd)
{
    static const char *const names[] = {[QUEUE_SNI] = "new TLS flows", [QUEUE_BLOCKED] = "refused packets"};
    if (g->queues[kind] >= 0)
        close(g->queues[kind]);
    g->queues[kind] = fd;
    watch(g);
    log_info("reading %s; %u names", names[kind], g->flows->listed.count);
}

/* True: sent. */
static bool send_now(struct gate_link *g, enum msg_type type, const void *body)
{
    switch (ipc_send(g->fd, type, body, -1)) {
    case IPC_OK: return true;
    case IPC_AGAIN: return false;
    case IPC_EOF: log_info("gate is gone"); exit(0);
    default: log_fatal("cannot write to gate: %s", strerror(errno));
    }
}

static void handle(struct gate_link *g, const struct msg *m, int fd)
{
    switch (m->head.type) {
    case MSG_NAME:
        if (!allowlist_add(&g->flows->listed, &m->u.name))
            log_fatal("gate sent a name that breaks the rules (id %u)", m->u.name.id);
        break;
    case MSG_NAMES_END: g->flows->listed.complete = true; break;
    case MSG_MODE: flows_mode(g->flows, &m->u.mode); break;
    case MSG_QUEUE: take_queue(g, (enum msg_queue_kind)m->u.queue.kind, fd); break;
    case MSG_PING:
        if (g->waiting == 0) /* else gate has not read our earlier messages, which are a sign of life too */
            (void)send_now(g, MSG_PONG, NULL);
        break;
    default: /* ipc_recv accepts nothing else */ log_fatal("message %u from gate is not for sni", m->head.type);
    }
}

static void flush(struct gate_link *g)
{
    if (g->waiting == 0)
        return;
    while (g->waiting > 0 && send_now(g, MSG_FLOW, &g->ring[g->first])) {
        g->first = (g->first + 1) % GATE_LINK_RING;
        g->waiting--;
    }
    if (g->waiting == 0)
        watch(g);
}

void gate_link_ready(struct gate_link *g)
{
    flush(g);
    for (int i = 0; i < MESSAGES_MAX; i++) {
        struct msg m;
        int fd = -1;
        switch (ipc_recv(g->fd, ROLE_SNI, &m, &fd)) {
        case IPC_OK: handle(g, &m, fd); break;
        case IPC_AGAIN: return;
        case IPC_EOF: log_info("gate is gone"); exit(0);
        case IPC_BAD: log_fatal("gate sent a message that breaks the rules");
        case IPC_ERROR: log_fatal("cannot read from gate: %s", strerror(errno));
        }
    }
}

void gate_link_flow(void *user, const struct msg_flow *m)
{
    struct gate_link *g = user;
    if (g->waiting == 0 && send_now(g, MSG_FLOW, m))
        return;
    if (g->waiting == GATE_LINK_RING)
        log_fatal("more waits for gate than there can be");
    g->ring[(g->first + g->waiting++) % GATE_LINK_RING] = *m;
    if (g->waiting == 1)
        watch(g);
}

bool gate_link_blocked(void *user, const struct msg_blocked *m)
{
    struct gate_link *g = user;
    return g->waiting == 0 && send_now(g, MSG_BLOCKED, m);
}

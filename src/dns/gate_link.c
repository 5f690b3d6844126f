#include "gate_link.h"

#include "ipc.h"
#include "log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 64 /* taken before others have their turn */

static void handle(struct gate_link *g, uint64_t now, const struct msg *m, int fd)
{
    switch (m->head.type) {
    case MSG_LISTEN:
        if (!server_listen(g->server, m->u.listen.proto, fd))
            log_fatal("gate sent more LAN sockets than %d", SERVER_LAN_MAX);
        g->query->ipv4_only = m->u.listen.family == AF_INET;
        break;
    case MSG_UPSTREAM:
        if (m->u.upstream.proto == IPPROTO_TCP)
            upstream_add_stream(g->upstream, m->u.upstream.service, fd);
        else
            upstream_add(g->upstream, now, m->u.upstream.service, fd);
        break;
    case MSG_UPSTREAM_CLEAR: upstream_clear(g->upstream, m->u.service.service); break;
    case MSG_NAME:
        if (!frontend_name(g->query, &m->u.name))
            log_fatal("gate sent a name that breaks the rules (id %u)", m->u.name.id);
        break;
    case MSG_HOST:
        if (!frontend_host(g->query, &m->u.host))
            log_fatal("gate sent a host that breaks the rules");
        break;
    case MSG_PRIVATE:
        if (!frontend_private(g->query, &m->u.private_answers))
            log_fatal("gate sent a domain that breaks the rules");
        break;
    case MSG_NEVER:
        if (!frontend_never(g->query, &m->u.never))
            log_fatal("gate sent a network that breaks the rules");
        break;
    case MSG_NAMES_END:
        g->query->listed.complete = true;
        server_open(g->server);
        log_info("answering for %u names", g->query->listed.count);
        break;
    case MSG_MODE: frontend_mode(g->query, now, &m->u.mode); break;
    case MSG_ADMITTED: frontend_admitted(g->query, now, &m->u.admitted); break;
    case MSG_PING: (void)gate_link_send(g, MSG_PONG, NULL); break; /* (if full: earlier messages serve as well) */
    case MSG_RESOLVE: frontend_resolve(g->query, now, &m->u.resolve); break;
    default: /* ipc_recv accepts nothing else */ log_fatal("message %u from gate is not for dns", m->head.type);
    }
}

void gate_link_ready(struct gate_link *g, uint64_t now)
{
    for (int i = 0; i < MESSAGES_MAX; i++) {
        static struct msg m;
        int fd = -1;
        switch (ipc_recv(g->fd, ROLE_DNS, &m, &fd)) {
        case IPC_OK: handle(g, now, &m, fd); break;
        case IPC_AGAIN: return;
        case IPC_EOF: log_info("gate is gone"); exit(0);
        case IPC_BAD: log_fatal("gate sent a message that breaks the rules");
        case IPC_ERROR: log_fatal("cannot read from gate: %s", strerror(errno));
        }
    }
}

bool gate_link_send(struct gate_link *g, enum msg_type type, const void *body)
{
    switch (ipc_send(g->fd, type, body, -1)) {
    case IPC_OK: return true;
    case IPC_AGAIN: return false;
    case IPC_EOF: log_info("gate is gone"); exit(0);
    default: log_fatal("cannot write to gate: %s", strerror(errno));
    }
}

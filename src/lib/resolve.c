#include "resolve.h"

#include <ares.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SOCKETS_MAX 16

struct lookup {
    bool done;
    int status;
    unsigned count;
    struct addr *out;
    struct pollfd sockets[SOCKETS_MAX];
};

static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    struct lookup *l = data;
    struct pollfd *slot = NULL;
    for (int i = 0; i < SOCKETS_MAX; i++)
        if (l->sockets[i].fd == fd || (!slot && l->sockets[i].fd < 0))
            slot = &l->sockets[i];
    if (!slot)
        return;
    slot->fd = readable || writable ? fd : -1;
    slot->events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
}

static void on_answer(void *data, int status, int timeouts, struct ares_addrinfo *result)
{
    struct lookup *l = data;
    (void)timeouts;
    l->done = true;
    l->status = status;
    for (struct ares_addrinfo_node *n = result ? result->nodes : NULL; n && l->count < RESOLVE_MAX; n = n->ai_next) {
        struct addr *a = &l->out[l->count];
        if (n->ai_family == AF_INET)
            memcpy(a->bytes, &((struct sockaddr_in *)(void *)n->ai_addr)->sin_addr, 4);
        else if (n->ai_family == AF_INET6)
            memcpy(a->bytes, &((struct sockaddr_in6 *)(void *)n->ai_addr)->sin6_addr, 16);
        else
            continue;
        a->family = (uint8_t)n->ai_family;
        l->count++;
    }
    ares_freeaddrinfo(result);
}

static void wait_for(ares_channel_t *channel, struct lookup *l, int timeout_ms)
{
    time_t end = time(NULL) + timeout_ms / 1000;
    while (!l->done && time(NULL) <= end) {
        struct pollfd ready[SOCKETS_MAX];
        memcpy(ready, l->sockets, sizeof ready);
        poll(ready, SOCKETS_MAX, 250);
        ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* handles time-outs */
        for (int i = 0; i < SOCKETS_MAX && !l->done; i++)
            if (ready[i].fd >= 0 && ready[i].revents)
                ares_process_fd(channel, ready[i].revents & ~POLLOUT ? ready[i].fd : ARES_SOCKET_BAD,
                                ready[i].revents & POLLOUT ? ready[i].fd : ARES_SOCKET_BAD);
    }
}

unsigned resolve(const char *host, const struct addr *resolvers, unsigned resolver_count, int timeout_ms,
                 struct addr *out, const char **why)
{
    char servers[CONF_ADDRS_MAX * (INET6_ADDRSTRLEN + 3)] = "", address[INET6_ADDRSTRLEN];
    memset(out, 0, RESOLVE_MAX * sizeof *out);
    if (conf_parse_addr(host, out))
        return 1;
    *why = NULL;
    for (unsigned i = 0; i < resolver_count; i++) {
        size_t len = strlen(servers);
        snprintf(servers + len, sizeof servers - len, "%s%s%s%s", len ? "," : "",
                 resolvers[i].family == AF_INET6 ? "[" : "", addr_text(&resolvers[i], address, sizeof address),
                 resolvers[i].family == AF_INET6 ? "]" : "");
    }
    if (resolver_count == 0)
        return 0;

    struct lookup l = {.out = out};
    for (int i = 0; i < SOCKETS_MAX; i++)
        l.sockets[i].fd = -1;
    char dns_only[] = "b";
    struct ares_options options = {
        .timeout = 1500, .tries = 3, .lookups = dns_only, .sock_state_cb = on_socket, .sock_state_cb_data = &l};
    ares_channel_t *channel = NULL;
    *why = "out of memory";
    if (ares_init_options(&channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS)
        return 0;
    if (ares_set_servers_csv(channel, servers) == ARES_SUCCESS) {
        struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        ares_getaddrinfo(channel, host, NULL, &hints, on_answer, &l);
        wait_for(channel, &l, timeout_ms);
        ares_cancel(channel);
        *why = l.count > 0 ? "" : ares_strerror(l.status);
    }
    ares_destroy(channel);
    return l.count;
}

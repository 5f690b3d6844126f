/*
 * A gate without a packet filter, to run `dns` alone for tests by hand and for the bench.
 *
 *   fakegate [-l ADDRESS] [-p PORT] [-r RESOLVER] [-P PORT] [-m closed|internet|session] [-u MS] [-v VERDICT]
 *            [-g ADMITS] [-q] PROGRAM NAME[:SERVICE]...
 *
 * Opens UDP and TCP sockets at ADDRESS:PORT, starts PROGRAM (build/bin/dns), passes it the sockets, a pool of sockets
 * connected to RESOLVER:PORT for services 0..8 and the names (one %u in a NAME: 0..399), then sets the mode.
 * -u MS: a MSG_WANT starts the session after so long (without -u it fails at once). -v: verdict for every MSG_ADMIT
 * (0: OK). -g: a new generation after so many admits, so that nothing stays cached. -q: do not print each message.
 * Needs root, because dns drops privileges. Exits with dns, or on SIGTERM.
 */
#include "ipc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int sock, verdict, raise_ms = -1;
static unsigned every, admits;
static bool quiet;
static long long up_at; /* when the requested tunnel is up; 0: none requested */
static struct msg_mode mode;
static struct sockaddr_in listen_at = {.sin_family = AF_INET}, resolver = {.sin_family = AF_INET};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "fakegate: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void tell(enum msg_type type, const void *body, int fd)
{
    enum ipc_result r;
    while ((r = ipc_send(sock, type, body, fd)) == IPC_AGAIN)
        usleep(100);
    if (r != IPC_OK)
        die("cannot send");
}

static void start(const char *program)
{
    int pair[2];
    if (ipc_pair(pair) < 0)
        die("socketpair");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (pair[1] == 3) {
            /* dup2 onto the same number would keep close-on-exec */
            pair[1] = dup(pair[1]);
        }
        dup2(pair[1], 3);
        execl(program, program, (char *)NULL);
        die(program);
    }
    close(pair[1]);
    sock = pair[0];
}

static void give_listeners(void)
{
    int on = 1;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int room = 1 << 20; /* as gate does */
    setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    setsockopt(udp, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(udp, (struct sockaddr *)&listen_at, sizeof(listen_at)) < 0 ||
        bind(tcp, (struct sockaddr *)&listen_at, sizeof(listen_at)) < 0 || listen(tcp, 16) < 0)
        die("cannot listen");
    struct msg_listen m = {.proto = IPPROTO_UDP, .family = AF_INET};
    tell(MSG_LISTEN, &m, udp);
    m.proto = IPPROTO_TCP;
    tell(MSG_LISTEN, &m, tcp);
    close(udp);
    close(tcp);
}

static void give_upstreams(void)
{
    for (unsigned service = 0; service <= CONF_SERVICES_MAX; service++)
        for (int i = 0; i < 32; i++) {
            int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (fd < 0 || connect(fd, (struct sockaddr *)&resolver, sizeof(resolver)) < 0)
                die("cannot connect to the resolver");
            struct msg_upstream m = {.service = (uint8_t)service, .proto = IPPROTO_UDP, .resolver.family = AF_INET};
            memcpy(m.resolver.bytes, &resolver.sin_addr, 4);
            tell(MSG_UPSTREAM, &m, fd);
            close(fd);
        }
}

static void give_names(char **names, int count)
{
    struct msg_name m = {.id = 0};
    for (int i = 0; i < count; i++) {
        char *colon = strrchr(names[i], ':'), *mark = strstr(names[i], "%u");
        m.service = colon != NULL ? (uint8_t)atoi(colon + 1) : 1;
        if (colon != NULL)
            *colon = '\0';
        for (unsigned n = 0; n < (mark != NULL ? 400u : 1u); n++, m.id++) {
            memset(m.name, 0, sizeof(m.name));
            if (mark != NULL)
                snprintf(m.name, sizeof(m.name), "%.*s%u%s", (int)(mark - names[i]), names[i], n, mark + 2);
            else
                snprintf(m.name, sizeof(m.name), "%s", names[i]);
            tell(MSG_NAME, &m, -1);
        }
    }
    tell(MSG_NAMES_END, NULL, -1);
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_session(void)
{
    up_at = 0;
    mode.mode = MODE_SESSION;
    mode.services_up = 0xff;
    mode.failed = 0;
    mode.generation++;
    tell(MSG_MODE, &mode, -1);
}

static void on_want(const struct msg_want *m)
{
    if (!quiet)
        printf("want id=%u\n", m->id);
    if (raise_ms < 0) {
        mode.failed = 0xff;
        tell(MSG_MODE, &mode, -1);
        return;
    }
    if (mode.mode != MODE_SESSION && up_at == 0)
        up_at = now_ms() + raise_ms;
}

static void on_admit(const struct msg_admit *m)
{
    char text[INET6_ADDRSTRLEN];
    if (!quiet)
        printf("admit id=%u generation=%u timeout=%u count=%u first=%s\n", m->id, m->generation, m->timeout_s, m->count,
               addr_text(&m->addrs[0], text, sizeof(text)));
    struct msg_admitted reply = {.seq = m->seq,
                                 .verdict = (uint8_t)(m->generation != mode.generation ? ADMIT_STALE : verdict)};
    tell(MSG_ADMITTED, &reply, -1);
    if (every != 0 && ++admits % every == 0)
        set_session();
}

static void give_stream(uint8_t service)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, (struct sockaddr *)&resolver, sizeof(resolver)) < 0 && errno != EINPROGRESS))
        die("cannot connect to the resolver");
    struct msg_upstream m = {.service = service, .proto = IPPROTO_TCP, .resolver.family = AF_INET};
    memcpy(m.resolver.bytes, &resolver.sin_addr, 4);
    tell(MSG_UPSTREAM, &m, fd);
    close(fd);
}

static void on_message(const struct msg *m)
{
    char client[INET6_ADDRSTRLEN], answer[INET6_ADDRSTRLEN];
    const struct msg_refused *r = &m->u.refused;
    switch (m->head.type) {
    case MSG_WANT: on_want(&m->u.want); break;
    case MSG_ADMIT: on_admit(&m->u.admit); break;
    case MSG_UPSTREAM_TCP: give_stream(m->u.service.service); break;
    case MSG_REFUSED:
        if (!quiet)
            printf("refused why=%u type=%u client=%s answer=%s name=%s\n", r->why, r->qtype,
                   addr_text(&r->client, client, sizeof(client)), addr_text(&r->answer, answer, sizeof(answer)),
                   r->name);
        break;
    default: break;
    }
    fflush(stdout);
}

static void run(void)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};
    for (;;) {
        struct msg m;
        int fd = -1;
        poll(&p, 1, up_at == 0 ? -1 : up_at > now_ms() ? (int)(up_at - now_ms()) : 0);
        if (up_at != 0 && now_ms() >= up_at)
            set_session();
        enum ipc_result r = ipc_recv(sock, ROLE_GATE, &m, &fd);
        if (r == IPC_OK)
            on_message(&m);
        else if (r != IPC_AGAIN)
            break;
    }
    int status = 0;
    wait(&status);
    printf("names ended: exit %d signal %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int main(int argc, char **argv)
{
    const char *listen_text = "127.0.0.1", *resolver_text = "127.0.0.1", *kind = "session";
    listen_at.sin_port = htons(53);
    resolver.sin_port = htons(5353);
    for (int c; (c = getopt(argc, argv, "+l:p:r:P:m:u:v:g:q")) != -1;) {
        switch (c) {
        case 'l': listen_text = optarg; break;
        case 'p': listen_at.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 'r': resolver_text = optarg; break;
        case 'P': resolver.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 'm': kind = optarg; break;
        case 'u': raise_ms = atoi(optarg); break;
        case 'v': verdict = atoi(optarg); break;
        case 'g': every = (unsigned)atoi(optarg); break;
        case 'q': quiet = true; break;
        default: return 2;
        }
    }
    if (argc - optind < 2 || inet_pton(AF_INET, listen_text, &listen_at.sin_addr) != 1 ||
        inet_pton(AF_INET, resolver_text, &resolver.sin_addr) != 1) {
        fprintf(stderr, "usage: see the head of fakegate.c\n");
        return 2;
    }
    start(argv[optind]);
    give_listeners();
    give_upstreams();
    give_names(argv + optind + 1, argc - optind - 1);
    mode.generation = 1000;
    if (strcmp(kind, "session") == 0) {
        set_session();
    } else {
        mode.mode = strcmp(kind, "internet") == 0 ? MODE_INTERNET : MODE_CLOSED;
        struct msg_mode outside = mode;
        outside.generation = 0;
        tell(MSG_MODE, &outside, -1);
    }
    run();
    return 0;
}

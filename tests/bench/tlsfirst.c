/*
 * New TLS connections as a PC makes them, to two ports in turn: connect, ClientHello, wait for the server's first octet.
 *
 *   tlsfirst -a SERVER -f FILE [-n COUNT] [-w MS] PORT PORT     one line of JSON: {"ms":[[…],[…]],"failed":N}
 *   tlsfirst -l PORT PORT                                       the server: answers a ClientHello with a ServerHello
 *
 * FILE is the ClientHello. Connections go to the two ports one after the other, with -w milliseconds in between, so both see
 * the same machine. A failure (nothing within two seconds) is counted and has no time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 2
#define COUNT_MAX 20000
#define HELLO_MAX 16384
#define SERVER_HELLO 122 /* octets of the record */

static uint8_t hello[HELLO_MAX];
static size_t hello_len;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "tlsfirst: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Milliseconds from the first SYN to the server's first octet; negative: failed. */
static double first(struct in_addr to, unsigned port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = to};
    struct timeval limit = {.tv_sec = LIMIT_S};
    struct linger hard = {1, 0};
    uint8_t in[512];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    double begin = now_ms(), end = -1;
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
        send(fd, hello, hello_len, MSG_NOSIGNAL) == (ssize_t)hello_len && recv(fd, in, sizeof(in), 0) > 0)
        end = now_ms();
    close(fd);
    return end < 0 ? -1 : end - begin;
}

static int ask(struct in_addr to, const unsigned port[2], unsigned count, unsigned pause_ms)
{
    static double taken[2][COUNT_MAX];
    unsigned failed = 0, good[2] = {0, 0};
    for (unsigned i = 0; i < 2 * count; i++) {
        unsigned which = i % 2;
        double ms = first(to, port[which]);
        if (ms < 0)
            failed++;
        else
            taken[which][good[which]++] = ms;
        usleep(pause_ms * 1000);
    }
    printf("{\"ms\":[");
    for (unsigned which = 0; which < 2; which++) {
        printf("%s[", which ? "," : "");
        for (unsigned i = 0; i < good[which]; i++)
            printf("%s%.4f", i > 0 ? "," : "", taken[which][i]);
        printf("]");
    }
    printf("],\"failed\":%u}\n", failed);
    return 0;
}

static int listener(unsigned port)
{
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0 || listen(fd, 1024) < 0)
        die("cannot listen");
    return fd;
}

static void answer(int fd)
{
    struct timeval limit = {.tv_sec = LIMIT_S};
    uint8_t in[HELLO_MAX], out[SERVER_HELLO] = {0x16, 3, 3, 0, SERVER_HELLO - 5, 2, 0, 0, SERVER_HELLO - 9, 3, 3};
    size_t got = 0, want = 5;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (got < want) { /* the whole record, which a server needs to answer */
        ssize_t n = recv(fd, in + got, sizeof(in) - got, 0);
        if (n <= 0)
            return;
        got += (size_t)n;
        if (got >= 5)
            want = 5 + ((size_t)in[3] << 8 | in[4]);
        if (want > sizeof(in))
            return;
    }
    memset(out + 11, 0x5e, 32);
    if (send(fd, out, sizeof(out), MSG_NOSIGNAL) == (ssize_t)sizeof(out))
        (void)!recv(fd, in, sizeof(in), 0);
}

static int serve(const unsigned port[2])
{
    struct pollfd fds[2];
    for (unsigned i = 0; i < 2; i++)
        fds[i] = (struct pollfd){.fd = listener(port[i]), .events = POLLIN};
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            die("poll");
        for (unsigned i = 0; i < 2; i++) {
            int one = fds[i].revents ? accept(fds[i].fd, NULL, NULL) : -1;
            if (one < 0)
                continue;
            answer(one);
            close(one);
        }
    }
}

static void read_hello(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        die(path);
    hello_len = fread(hello, 1, sizeof(hello), f);
    fclose(f);
}

int main(int argc, char **argv)
{
    struct in_addr to = {0};
    unsigned count = 100, pause_ms = 0, port[2];
    int server = 0, valid = 1;
    const char *file = NULL;
    for (int c; (c = getopt(argc, argv, "a:f:n:w:l")) != -1;) {
        switch (c) {
        case 'a': valid = inet_pton(AF_INET, optarg, &to) == 1; break;
        case 'f': file = optarg; break;
        case 'n': count = (unsigned)atoi(optarg); break;
        case 'w': pause_ms = (unsigned)atoi(optarg); break;
        case 'l': server = 1; break;
        default: valid = 0; break;
        }
    }
    if (!valid || optind + 2 != argc || (!server && (file == NULL || count < 1 || count > COUNT_MAX))) {
        fprintf(stderr, "usage: tlsfirst -a SERVER -f FILE [-n COUNT] [-w MS] PORT PORT | tlsfirst -l PORT PORT\n");
        return 2;
    }
    for (unsigned i = 0; i < 2; i++)
        port[i] = (unsigned)atoi(argv[optind + (int)i]);
    if (server)
        return serve(port);
    read_hello(file);
    return ask(to, port, count, pause_ms);
}

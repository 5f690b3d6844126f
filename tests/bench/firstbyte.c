/*
 * The first connection as a PC makes it: ask for a name, connect to the address in the answer, wait for the first byte.
 *
 *   firstbyte -a RESOLVER [-p PORT] [-n NAMES] [-s FIRST] [-w MS] [-f FILE] NAME    one line of JSON: {"ms":[…],"failed":N}
 *   firstbyte -l ADDRESS [-p PORT]                             the server: sends a byte on each connection
 *
 * NAME may hold one %u, which runs from FIRST (0) to FIRST+NAMES-1; each name is asked for once, one after the other,
 * with -w milliseconds in between. FILE is a ClientHello for the first name, and is said first, each time with the
 * name in question (as long as the first one); the server is then `tlsfirst -l`. A failure (no answer or no byte
 * within two seconds, or an answer without an address) is counted and has no time.
 */
#include "question.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 2
#define NAMES_MAX 1000
#define HELLO_MAX 16384
#define NAME_SIZE 300

static uint8_t hello[HELLO_MAX];
static size_t hello_len, hello_name; /* its octets, and where the name is */

struct wish {
    unsigned names, first, pause_ms;
    const char *hello; /* a file; NULL: the server sends first */
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "firstbyte: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A socket of this type, connected. -1: not within the time. */
static int reach(int type, struct in_addr to, unsigned port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = to};
    struct timeval limit = {.tv_sec = LIMIT_S};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int resolve(struct in_addr resolver, const char *name, struct in_addr *out)
{
    static uint16_t id = 1;
    uint8_t data[1500];
    int fd = reach(SOCK_DGRAM, resolver, 53), found = -1;
    size_t len = question(data, name, ++id);
    if (fd < 0)
        return -1;
    if (send(fd, data, len, 0) == (ssize_t)len) {
        ssize_t n = recv(fd, data, sizeof(data), 0);
        *out = first_address(data, n > 0 ? (size_t)n : 0, len);
        found = out->s_addr != 0 ? 0 : -1;
    }
    close(fd);
    return found;
}

/* Milliseconds from the query to the first byte; negative: failed. */
static double first(struct in_addr resolver, unsigned port, const char *name)
{
    struct in_addr server;
    char byte;
    double start = now_ms();
    if (resolve(resolver, name, &server) < 0)
        return -1;
    int fd = reach(SOCK_STREAM, server, port);
    if (fd < 0)
        return -1;
    if (hello_len > 0) {
        memcpy(hello + hello_name, name, strlen(name));
        if (send(fd, hello, hello_len, MSG_NOSIGNAL) != (ssize_t)hello_len) {
            close(fd);
            return -1;
        }
    }
    ssize_t n = recv(fd, &byte, 1, 0);
    double end = now_ms();
    close(fd);
    return n == 1 ? end - start : -1;
}

/* The name with this number. */
static void spell(char name[static NAME_SIZE], const char *format, unsigned number)
{
    const char *mark = strstr(format, "%u");
    if (mark != NULL)
        snprintf(name, NAME_SIZE, "%.*s%u%s", (int)(mark - format), format, number, mark + 2);
    else
        snprintf(name, NAME_SIZE, "%s", format);
}

/* -1: no such file, or no such name in it. */
static int read_hello(const char *path, const char *name)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return -1;
    hello_len = fread(hello, 1, sizeof(hello), f);
    fclose(f);
    const uint8_t *at = memmem(hello, hello_len, name, strlen(name));
    if (at == NULL)
        return -1;
    hello_name = (size_t)(at - hello);
    return 0;
}

static int ask(struct in_addr resolver, unsigned port, const struct wish *w, const char *format)
{
    static double taken[NAMES_MAX];
    unsigned count = 0, failed = 0;
    char name[NAME_SIZE];
    spell(name, format, w->first);
    size_t len = strlen(name);
    if (w->hello != NULL && read_hello(w->hello, name) < 0) {
        fprintf(stderr, "firstbyte: %s: no ClientHello for %s\n", w->hello, name);
        return 1;
    }
    for (unsigned i = 0; i < w->names; i++) {
        spell(name, format, w->first + i);
        if (w->hello != NULL && strlen(name) != len) {
            failed++;
            continue;
        }
        double ms = first(resolver, port, name);
        if (ms < 0)
            failed++;
        else
            taken[count++] = ms;
        usleep(w->pause_ms * 1000);
    }
    printf("{\"ms\":[");
    for (unsigned i = 0; i < count; i++)
        printf("%s%.3f", i > 0 ? "," : "", taken[i]);
    printf("],\"failed\":%u}\n", failed);
    return 0;
}

static int serve(struct in_addr at, unsigned port)
{
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = at};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0 || listen(fd, 1024) < 0)
        die("cannot listen");
    for (;;) {
        int one = accept(fd, NULL, NULL);
        if (one < 0)
            continue;
        setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        if (send(one, "!", 1, MSG_NOSIGNAL) == 1)
            shutdown(one, SHUT_WR);
        close(one);
    }
}

int main(int argc, char **argv)
{
    struct in_addr resolver = {0}, at = {0};
    unsigned port = 443;
    struct wish w = {.names = 1};
    int server = 0, valid = 1;
    for (int c; (c = getopt(argc, argv, "a:l:p:n:s:w:f:")) != -1;) {
        switch (c) {
        case 'a': valid = inet_pton(AF_INET, optarg, &resolver) == 1; break;
        case 'l': server = valid = inet_pton(AF_INET, optarg, &at) == 1; break;
        case 'p': port = (unsigned)atoi(optarg); break;
        case 'n': w.names = (unsigned)atoi(optarg); break;
        case 's': w.first = (unsigned)atoi(optarg); break;
        case 'w': w.pause_ms = (unsigned)atoi(optarg); break;
        case 'f': w.hello = optarg; break;
        default: valid = 0; break;
        }
    }
    if (valid && server && optind == argc)
        return serve(at, port);
    if (!valid || optind + 1 != argc || w.names < 1 || w.names > NAMES_MAX || strlen(argv[optind]) > 240) {
        fprintf(stderr, "usage: firstbyte -a RESOLVER [-p PORT] [-n NAMES] [-s FIRST] [-w MS] [-f FILE] NAME | "
                        "firstbyte -l ADDRESS [-p PORT]\n");
        return 2;
    }
    return ask(resolver, port, &w, argv[optind]);
}

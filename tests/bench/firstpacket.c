/*
 * Is the first packet refused that a PC sends at the moment it has the answer?
 *
 *   firstpacket -a RESOLVER [-p PORT] [-s FIRST-SOURCE] [-k SOURCES] [-w IN-FLIGHT] [-n COUNT] DOMAIN
 *   firstpacket -l ADDRESS -b FIRST       the resolver: aN.DOMAIN is FIRST + N
 *   firstpacket -e PORT                   the other end of the first packet: sends each back
 *
 * Asks for a0.DOMAIN, a1.DOMAIN …, each once. In the instant an answer is read a UDP packet to its address goes out: one
 * only, nobody sends it again. One line of JSON: {"names":N,"answered":N,"refused":N,"silent":N}; refused: an ICMP error
 * came; silent: nothing came back within three seconds.
 */
#include "question.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS_MAX 128
#define NAMES_MAX 1000000
#define ANSWER_NS 2000000000ull
#define BACK_NS 3000000000ull

struct slot {
    int dns, first; /* first -1: waiting for the answer */
    uint16_t id;
    uint64_t since; /* the question, then the answer */
    size_t len;     /* of the question */
};

static struct slot slots[SLOTS_MAX];
static unsigned asked, count = 1000, answered, refused, silent;
static const char *domain;
static unsigned port = 443;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "firstpacket: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Put the next question on its way; false: none is left. */
static int next(struct slot *s)
{
    uint8_t data[512];
    char name[300];
    if (asked == count)
        return 0;
    s->id = (uint16_t)(asked * 40503u + 1);
    snprintf(name, sizeof(name), "a%u.%s", asked++, domain);
    s->len = question(data, name, s->id);
    s->first = -1;
    s->since = now_ns();
    if (send(s->dns, data, s->len, 0) != (ssize_t)s->len)
        die("send");
    return 1;
}

/* 1: this slot is free again. */
static int on_answer(struct slot *s)
{
    uint8_t data[1500];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    ssize_t n = recv(s->dns, data, sizeof(data), MSG_DONTWAIT);
    if (n < 12 || (data[0] << 8 | data[1]) != s->id)
        return 0; /* late, for an earlier question */
    to.sin_addr = first_address(data, (size_t)n, s->len);
    if (to.sin_addr.s_addr == 0)
        return 1;
    answered++;
    s->first = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->first < 0 || connect(s->first, (struct sockaddr *)&to, sizeof(to)) < 0)
        die("no socket for the first packet");
    s->since = now_ns();
    (void)!send(s->first, "?", 1, 0);
    return 0;
}

static int on_first(struct slot *s)
{
    char back;
    refused += recv(s->first, &back, 1, MSG_DONTWAIT) != 1;
    close(s->first);
    return 1;
}

static int late(struct slot *s, uint64_t now)
{
    if (s->first < 0)
        return now - s->since > ANSWER_NS;
    if (now - s->since <= BACK_NS)
        return 0;
    silent++;
    close(s->first);
    return 1;
}

static void run(unsigned in_flight)
{
    struct pollfd fds[SLOTS_MAX];
    unsigned active = 0;
    for (unsigned i = 0; i < in_flight; i++) {
        fds[i].fd = -1;
        if (next(&slots[i])) {
            fds[i] = (struct pollfd){.fd = slots[i].dns, .events = POLLIN};
            active++;
        }
    }
    while (active > 0) {
        if (poll(fds, in_flight, 50) < 0)
            die("poll");
        uint64_t now = now_ns();
        for (unsigned i = 0; i < in_flight; i++) {
            struct slot *s = &slots[i];
            if (fds[i].fd < 0)
                continue;
            int done = 0;
            if (fds[i].revents != 0)
                done = s->first < 0 ? on_answer(s) : on_first(s);
            else
                done = late(s, now);
            if (done && !next(s)) {
                fds[i].fd = -1;
                active--;
                continue;
            }
            fds[i] = (struct pollfd){.fd = s->first < 0 ? s->dns : s->first, .events = POLLIN};
        }
    }
    printf("{\"names\":%u,\"answered\":%u,\"refused\":%u,\"silent\":%u}\n", count, answered, refused, silent);
}

static void open_slots(struct in_addr resolver, struct in_addr source, unsigned sources, unsigned in_flight)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = resolver};
    struct sockaddr_in from = {.sin_family = AF_INET};
    for (unsigned i = 0; i < in_flight; i++) {
        struct slot *s = &slots[i];
        from.sin_addr.s_addr = source.s_addr ? htonl(ntohl(source.s_addr) + i % sources) : 0;
        s->dns = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (s->dns < 0 || bind(s->dns, (struct sockaddr *)&from, sizeof(from)) < 0 ||
            connect(s->dns, (struct sockaddr *)&to, sizeof(to)) < 0)
            die("cannot open a socket");
    }
}

/* Answers aN.DOMAIN with base + N; an answer lives for five minutes. */
static int serve(struct in_addr at, struct in_addr base)
{
    static const uint8_t record[12] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4};
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = at}, peer;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0)
        die("cannot serve");
    for (;;) {
        uint8_t m[1500];
        socklen_t len = sizeof(peer);
        ssize_t n = recvfrom(fd, m, 512, 0, (struct sockaddr *)&peer, &len);
        size_t end = 12;
        unsigned number = 0;
        if (n < 17)
            continue;
        for (unsigned i = 14; i < 13u + m[12] && i < (unsigned)n; i++)
            number = number * 10 + (unsigned)(m[i] - '0');
        while (end < (size_t)n && m[end] != 0)
            end += 1u + m[end];
        end += 5;
        if (end > (size_t)n)
            continue;
        int is_a = m[end - 4] == 0 && m[end - 3] == 1;
        m[2] |= 0x80;
        m[3] = 0x80;
        memset(m + 6, 0, 6);
        if (is_a) {
            uint32_t a = htonl(ntohl(base.s_addr) + number);
            m[7] = 1;
            memcpy(m + end, record, sizeof(record));
            memcpy(m + end + sizeof(record), &a, 4);
            end += sizeof(record) + 4;
        }
        (void)!sendto(fd, m, end, 0, (struct sockaddr *)&peer, len);
    }
}

/* Sends back what comes, from the address that it was sent to. */
static int echo(unsigned at)
{
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at)}, peer;
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0)
        die("cannot serve");
    for (;;) {
        char data[64], control[64];
        struct iovec part = {data, sizeof(data)};
        struct msghdr m = {.msg_name = &peer,
                           .msg_namelen = sizeof(peer),
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &m, 0);
        struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
        if (c == NULL || c->cmsg_type != IP_PKTINFO)
            continue;
        struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
        info->ipi_spec_dst = info->ipi_addr;
        info->ipi_ifindex = 0;
        part.iov_len = (size_t)n;
        (void)!sendmsg(fd, &m, 0);
    }
}

int main(int argc, char **argv)
{
    struct in_addr resolver = {0}, source = {0}, at = {0}, base = {0};
    unsigned sources = 1, in_flight = 32, echo_port = 0;
    int valid = 1;
    for (int c; (c = getopt(argc, argv, "a:p:s:k:w:n:l:b:e:")) != -1;) {
        switch (c) {
        case 'a': valid &= inet_pton(AF_INET, optarg, &resolver); break;
        case 's': valid &= inet_pton(AF_INET, optarg, &source); break;
        case 'l': valid &= inet_pton(AF_INET, optarg, &at); break;
        case 'b': valid &= inet_pton(AF_INET, optarg, &base); break;
        case 'e': echo_port = (unsigned)atoi(optarg); break;
        case 'p': port = (unsigned)atoi(optarg); break;
        case 'k': sources = (unsigned)atoi(optarg); break;
        case 'w': in_flight = (unsigned)atoi(optarg); break;
        case 'n': count = (unsigned)atoi(optarg); break;
        default: valid = 0; break;
        }
    }
    if (valid && at.s_addr && optind == argc)
        return serve(at, base);
    if (valid && echo_port && optind == argc)
        return echo(echo_port);
    if (!valid || optind + 1 != argc || sources < 1 || in_flight < 1 || in_flight > SLOTS_MAX || count < 1 ||
        count > NAMES_MAX) {
        fprintf(stderr, "usage: firstpacket -a RESOLVER [-p PORT] [-s FIRST-SOURCE] [-k SOURCES] [-w IN-FLIGHT]"
                        " [-n COUNT] DOMAIN | firstpacket -l ADDRESS -b FIRST | firstpacket -e PORT\n");
        return 2;
    }
    domain = argv[optind];
    open_slots(resolver, source, sources, in_flight);
    run(in_flight);
    return answered == 0;
}

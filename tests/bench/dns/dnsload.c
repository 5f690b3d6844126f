/*
 * A DNS load generator: keeps a bounded number of questions in flight and prints answers a second and latencies.
 *
 *   dnsload [-a ADDRESS] [-p PORT] [-s FIRST-SOURCE] [-k SOURCES] [-w IN-FLIGHT] [-t SECONDS] [-n COUNT] [-N NAMES] NAME
 *
 * Each of the SOURCES sockets is bound to its own IPv4 address, counted up from FIRST-SOURCE (so that a limit for each
 * client is not what is measured), and shares the questions in flight. NAME may hold one %u, which runs from 0 to NAMES-1.
 * Ends after SECONDS, or COUNT questions. One line of JSON: {"qps":…,"answers":…,"lost":…,"failed":…,"p50_us":…,
 * "p99_us":…,"max_us":…}; failed: any answer that is not NOERROR with at least one record. A question with no answer
 * after a second is lost, and asked anew.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES_MAX 256
#define FLIGHT_MAX 1024 /* of one socket */
#define BATCH 64
#define LOST_NS 1000000000ull
#define BUCKETS 200000 /* latencies in microseconds, longer ones in the last */

struct source {
    int fd;
    unsigned window;
    uint64_t sent[FLIGHT_MAX]; /* by id; 0: not in flight */
};

static struct source sources[SOURCES_MAX];
static unsigned source_count = 64, name_count = 1;
static char name_format[256];
static uint64_t asked, limit, answers, lost, failed, latency[BUCKETS], longest;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "dnsload: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* The question for the next name, without EDNS: 12 octets of header, the name, type A, class IN. */
static size_t question(uint8_t *out, unsigned id)
{
    static unsigned turn;
    char name[300];
    const char *mark = strstr(name_format, "%u");
    unsigned number = turn++ % name_count;
    if (mark != NULL)
        snprintf(name, sizeof(name), "%.*s%u%s", (int)(mark - name_format), name_format, number, mark + 2);
    else
        snprintf(name, sizeof(name), "%s", name_format);
    static const uint8_t head[12] = {0, 0, 1, 0, 0, 1};
    memcpy(out, head, 12);
    out[0] = (uint8_t)(id >> 8);
    out[1] = (uint8_t)id;
    uint8_t *p = out + 12;
    for (const char *c = name; *c != '\0';) {
        size_t len = strcspn(c, ".");
        *p++ = (uint8_t)len;
        memcpy(p, c, len);
        p += len;
        c += len + (c[len] == '.');
    }
    static const uint8_t tail[5] = {0, 0, 1, 0, 1};
    memcpy(p, tail, 5);
    return (size_t)(p + 5 - out);
}

/* Fill the socket's window; a question is free to go when it was never asked, was answered, or is lost. */
static void fill(struct source *s)
{
    static uint8_t data[BATCH][512];
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];
    unsigned count = 0;
    uint64_t now = now_ns();
    memset(msgs, 0, sizeof(msgs));
    for (unsigned id = 0; id < s->window && count < BATCH; id++) {
        if (s->sent[id] != 0 && now - s->sent[id] < LOST_NS)
            continue;
        if (limit != 0 && asked >= limit)
            break;
        lost += s->sent[id] != 0;
        s->sent[id] = now;
        iov[count] = (struct iovec){data[count], question(data[count], id)};
        msgs[count].msg_hdr.msg_iov = &iov[count];
        msgs[count].msg_hdr.msg_iovlen = 1;
        count++;
        asked++;
    }
    for (unsigned at = 0; at < count;) {
        int n = sendmmsg(s->fd, msgs + at, count - at, 0);
        at += n > 0 ? (unsigned)n : 1;
    }
}

static void answer(struct source *s, const uint8_t *in, size_t len, uint64_t now)
{
    if (len < 12)
        return;
    unsigned id = (unsigned)(in[0] << 8 | in[1]);
    if (id >= s->window || s->sent[id] == 0)
        return;
    uint64_t us = (now - s->sent[id]) / 1000;
    s->sent[id] = 0;
    latency[us < BUCKETS ? us : BUCKETS - 1]++;
    longest = us > longest ? us : longest;
    answers++;
    failed += (in[3] & 0xf) != 0 || (in[6] == 0 && in[7] == 0);
}

static void drain(struct source *s)
{
    static uint8_t data[BATCH][1500];
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];
    memset(msgs, 0, sizeof(msgs));
    for (unsigned i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){data[i], sizeof(data[i])};
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }
    int n = recvmmsg(s->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
    uint64_t now = now_ns();
    for (int i = 0; i < n; i++)
        answer(s, data[i], msgs[i].msg_len, now);
}

static unsigned long percentile(double part)
{
    uint64_t want = (uint64_t)((double)answers * part), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += latency[i]) > want)
            return i;
    return BUCKETS;
}

static void open_sources(const char *server, unsigned port, const char *first, unsigned in_flight)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in from = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, server, &to.sin_addr) != 1 || inet_pton(AF_INET, first, &from.sin_addr) != 1)
        die("not an IPv4 address");
    uint32_t base = ntohl(from.sin_addr.s_addr);
    for (unsigned i = 0; i < source_count; i++) {
        struct source *s = &sources[i];
        from.sin_addr.s_addr = htonl(base == 0 ? 0 : base + i);
        s->window = in_flight / source_count + (i < in_flight % source_count);
        s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (s->window > FLIGHT_MAX || s->fd < 0 || bind(s->fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
            connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
            die("cannot open a socket");
    }
}

static void run(double seconds)
{
    struct pollfd fds[SOURCES_MAX];
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), swept = start;
    for (unsigned i = 0; i < source_count; i++) {
        fds[i] = (struct pollfd){.fd = sources[i].fd, .events = POLLIN};
        fill(&sources[i]);
    }
    uint64_t now = start;
    while ((now = now_ns()) < end && (limit == 0 || answers + lost < limit)) {
        if (poll(fds, source_count, 10) < 0)
            die("poll");
        bool sweep = now - swept > LOST_NS / 4;
        for (unsigned i = 0; i < source_count; i++) {
            if (fds[i].revents != 0)
                drain(&sources[i]);
            if (fds[i].revents != 0 || sweep)
                fill(&sources[i]);
        }
        swept = sweep ? now : swept;
    }
    printf(
        "{\"qps\":%.0f,\"answers\":%llu,\"lost\":%llu,\"failed\":%llu,\"p50_us\":%lu,\"p99_us\":%lu,\"max_us\":%llu}\n",
        (double)answers * 1e9 / (double)(now - start), (unsigned long long)answers, (unsigned long long)lost,
        (unsigned long long)failed, percentile(0.50), percentile(0.99), (unsigned long long)longest);
}

int main(int argc, char **argv)
{
    const char *server = "127.0.0.1", *first = "127.0.1.1";
    unsigned port = 53, in_flight = 128;
    double seconds = 5;
    for (int c; (c = getopt(argc, argv, "a:p:s:k:w:t:n:N:")) != -1;) {
        switch (c) {
        case 'a': server = optarg; break;
        case 'p': port = (unsigned)atoi(optarg); break;
        case 's': first = optarg; break;
        case 'k': source_count = (unsigned)atoi(optarg); break;
        case 'w': in_flight = (unsigned)atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'n': limit = strtoull(optarg, NULL, 10); break;
        case 'N': name_count = (unsigned)atoi(optarg); break;
        default: return 2;
        }
    }
    if (optind + 1 != argc || source_count < 1 || source_count > SOURCES_MAX || name_count < 1 || in_flight < 1 ||
        strlen(argv[optind]) > 240) {
        fprintf(stderr, "usage: dnsload [-a ADDRESS] [-p PORT] [-s FIRST-SOURCE] [-k SOURCES] [-w IN-FLIGHT]"
                        " [-t SECONDS] [-n COUNT] [-N NAMES] NAME\n");
        return 2;
    }
    snprintf(name_format, sizeof(name_format), "%s", argv[optind]);
    open_sources(server, port, first, in_flight);
    run(seconds);
    return answers == 0;
}

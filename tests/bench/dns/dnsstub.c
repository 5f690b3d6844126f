/*
 * A resolver that knows every name: the same one behind all servers under test.
 *
 *   dnsstub [-a ADDRESS] [-p PORT] [-t TTL] [-b FIRST] [-v]
 *
 * Each A query gets one address, FIRST plus a hash of the name modulo 200; any other type gets no data. A name that begins
 * with `cut` gets a truncated answer (TC) over UDP, and 64 addresses over TCP. -v prints a line for each query: source port,
 * id, first label. Ends by signal.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#define BATCH 32
#define MANY 64
#define ROOM 1500

static uint32_t ttl = 300, base;
static int verbose;

static uint8_t *put_addr(uint8_t *p, uint32_t number)
{
    static const uint8_t head[6] = {0xc0, 12, 0, 1, 0, 1};
    uint32_t addr = htonl(base + number), life = htonl(ttl);
    memcpy(p, head, 6);
    memcpy(p + 6, &life, 4);
    p[10] = 0;
    p[11] = 4;
    memcpy(p + 12, &addr, 4);
    return p + 16;
}

/* Turn the query in place into its answer. Returns its length; 0: it cannot be answered. */
static size_t answer(uint8_t *m, size_t len, int tcp)
{
    size_t pos = 12;
    uint32_t hash = 0;
    if (len < 17 || (m[2] & 0x80) || m[4] != 0 || m[5] != 1)
        return 0;
    while (pos < len && m[pos] != 0) {
        hash = hash * 31 + m[pos];
        pos++;
    }
    pos += 5;
    if (pos > len || pos > 280)
        return 0;
    int is_a = m[pos - 4] == 0 && m[pos - 3] == 1, cut = m[12] >= 3 && strncasecmp((char *)m + 13, "cut", 3) == 0;
    m[2] |= 0x80 | (cut && !tcp ? 0x02 : 0);
    m[3] = 0x80;
    memset(m + 6, 0, 6);
    if (!is_a || (cut && !tcp))
        return pos;
    m[7] = cut ? MANY : 1;
    uint8_t *p = m + pos;
    if (!cut)
        return (size_t)(put_addr(p, hash % 200) - m);
    for (uint32_t i = 0; i < MANY; i++)
        p = put_addr(p, i);
    return (size_t)(p - m);
}

static void show(const uint8_t *m, size_t len, uint16_t port, const char *how)
{
    if (!verbose || len < 14 || 13u + m[12] > len)
        return;
    printf("%s %u %u %.*s\n", how, port, (unsigned)(m[0] << 8 | m[1]), m[12], (const char *)m + 13);
    fflush(stdout);
}

/* One connection after the other, one query each. */
static void serve_tcp(int listener)
{
    for (;;) {
        static uint8_t data[2 + ROOM];
        struct sockaddr_in peer;
        socklen_t peer_len = sizeof(peer);
        int fd = accept(listener, (struct sockaddr *)&peer, &peer_len);
        if (fd < 0)
            continue;
        ssize_t n = recv(fd, data, 2, MSG_WAITALL);
        size_t len = n == 2 ? (size_t)(data[0] << 8 | data[1]) : 0;
        if (len != 0 && len < 400 && recv(fd, data + 2, len, MSG_WAITALL) == (ssize_t)len) {
            show(data + 2, len, ntohs(peer.sin_port), "tcp");
            len = answer(data + 2, len, 1);
            data[0] = (uint8_t)(len >> 8);
            data[1] = (uint8_t)len;
            n = send(fd, data, 2 + len, MSG_NOSIGNAL);
        }
        close(fd);
    }
}

static void serve(int fd)
{
    static uint8_t data[BATCH][ROOM];
    static struct sockaddr_in peers[BATCH];
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec iov[BATCH], out_iov[BATCH];
    for (;;) {
        memset(in, 0, sizeof(in));
        memset(out, 0, sizeof(out));
        for (unsigned i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){data[i], sizeof(data[i])};
            in[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                            .msg_namelen = sizeof(peers[i]),
                                            .msg_iov = &iov[i],
                                            .msg_iovlen = 1};
        }
        int n = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
        unsigned count = 0;
        for (int i = 0; i < n; i++) {
            show(data[i], in[i].msg_len, ntohs(peers[i].sin_port), "udp");
            size_t len = answer(data[i], in[i].msg_len, 0);
            if (len == 0)
                continue;
            out_iov[count] = (struct iovec){data[i], len};
            out[count].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                                 .msg_namelen = sizeof(peers[i]),
                                                 .msg_iov = &out_iov[count],
                                                 .msg_iovlen = 1};
            count++;
        }
        for (unsigned at = 0; at < count;) {
            int sent = sendmmsg(fd, out + at, count - at, 0);
            at += sent > 0 ? (unsigned)sent : 1;
        }
    }
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1", *first = "10.99.0.1";
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(53)};
    for (int c; (c = getopt(argc, argv, "a:p:t:b:v")) != -1;) {
        switch (c) {
        case 'a': address = optarg; break;
        case 'p': me.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 't': ttl = (uint32_t)atoi(optarg); break;
        case 'b': first = optarg; break;
        case 'v': verbose = 1; break;
        default: return 2;
        }
    }
    struct in_addr b;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (inet_pton(AF_INET, address, &me.sin_addr) != 1 || inet_pton(AF_INET, first, &b) != 1 || fd < 0 ||
        bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0) {
        perror("dnsstub");
        return 1;
    }
    base = ntohl(b.s_addr);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (listener < 0 || bind(listener, (struct sockaddr *)&me, sizeof(me)) < 0 || listen(listener, 16) < 0) {
        perror("dnsstub: tcp");
        return 1;
    }
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        serve_tcp(listener);
    }
    serve(fd);
    return 0;
}

/*
 * A resolver that knows every name: the same one behind whatever is measured.
 *
 *   dnsstub [-a ADDRESS] [-p PORT] [-t TTL] [-b FIRST]
 *
 * Each A question gets one address, FIRST plus a hash of the name modulo 200; any other type gets no data. Ends by signal.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 32

static uint32_t ttl = 300, base;

/* Turn the question in place into its answer. Returns its length, 0: not a question that can be answered. */
static size_t answer(uint8_t *m, size_t len)
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
    int is_a = m[pos - 4] == 0 && m[pos - 3] == 1;
    m[2] |= 0x80;
    m[3] = 0x80;
    memset(m + 6, 0, 6);
    if (!is_a)
        return pos;
    m[7] = 1;
    uint32_t addr = htonl(base + hash % 200), life = htonl(ttl);
    static const uint8_t head[6] = {0xc0, 12, 0, 1, 0, 1};
    memcpy(m + pos, head, 6);
    memcpy(m + pos + 6, &life, 4);
    m[pos + 10] = 0;
    m[pos + 11] = 4;
    memcpy(m + pos + 12, &addr, 4);
    return pos + 16;
}

static void serve(int fd)
{
    static uint8_t data[BATCH][1500];
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
            size_t len = answer(data[i], in[i].msg_len);
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
    for (int c; (c = getopt(argc, argv, "a:p:t:b:")) != -1;) {
        switch (c) {
        case 'a': address = optarg; break;
        case 'p': me.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 't': ttl = (uint32_t)atoi(optarg); break;
        case 'b': first = optarg; break;
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
    serve(fd);
    return 0;
}

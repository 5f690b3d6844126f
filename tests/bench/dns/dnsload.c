/*
 * A DNS load generator: keeps a bounded number of queries in flight and prints answers per second and latencies.
 *
 *   dnsload [-a ADDRESS] [-p PORT] [-s FIRST-SOURCE] [-k SOURCES] [-w IN-FLIGHT] [-t SECONDS] [-n COUNT] [-N NAMES]
 *           [-i INTERFACE -m MAC] [-b] [-f] NAME
 *
 * One socket; the queries come in turn from SOURCES addresses, starting at FIRST-SOURCE (so that a per-client limit
 * is not measured), many per system call, so that the generator is not measured either. NAME may hold one %u, which
 * runs from 0 to NAMES-1. Ends after SECONDS, or COUNT queries. One line of JSON: {"qps":…,
 * "answers":…,"lost":…,"failed":…,"p50_us":…,"p99_us":…,"max_us":…}; failed: any answer that is not NOERROR with at
 * least one record. A query without an answer after a second is lost, and repeated. -i, -m: sends the queries as
 * whole frames through a packet socket of INTERFACE, to MAC, which costs the generator much less than a UDP socket.
 * Answers are received on its UDP socket in either case. -b: busy: does not sleep while waiting for answers, because
 * the server would pay for waking it. Only with a processor of its own. -f: flood: does not wait for answers, only
 * counts them (and prints "sent" too).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOURCES_MAX 256
#define FLIGHT_MAX 1024
#define TURN_SHIFT 10 /* an id is the slot, and above that a count of its uses, to detect late answers */
#define BATCH 64
#define LOST_NS 1000000000ull
#define BUCKETS 200000 /* latencies in microseconds, longer ones in the last */
#define NAMES_READY 65536 /* names kept in wire form; further ones are built each time */

/* A query in flight; sent 0: the slot is free. */
static struct {
    uint64_t sent;
    uint16_t id;
} flight[FLIGHT_MAX];
static uint16_t free_places[FLIGHT_MAX];
static unsigned free_count, window = 128, source_count = 64, name_count = 1, source_turn;
static uint32_t source_base;
static int fd, frame_fd = -1;
static bool flood, busy;
static struct sockaddr_in server;
static char name_format[256];
static uint64_t asked, limit, answers, lost, failed, latency[BUCKETS], longest;

struct wire_name {
    uint8_t len, data[63];
};
static struct wire_name *ready;

struct heads {
    struct ether_header ether;
    struct iphdr ip;
    struct udphdr udp;
} __attribute__((packed));
static struct heads heads_of_all; /* with -i: the part common to all frames */

/* The arguments of recvmmsg and sendmmsg, built once. */
static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec in_iov[BATCH], out_iov[BATCH];
static uint8_t in_data[BATCH][1500], out_data[BATCH][sizeof(struct heads) + 512];
static union {
    struct cmsghdr align;
    uint8_t space[CMSG_SPACE(sizeof(struct in_pktinfo))];
} control[BATCH];

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

/* The name in wire form. Returns its length. */
static size_t make_name(unsigned number, uint8_t *p)
{
    char name[300];
    const char *mark = strstr(name_format, "%u");
    uint8_t *begin = p;
    if (mark != NULL)
        snprintf(name, sizeof(name), "%.*s%u%s", (int)(mark - name_format), name_format, number, mark + 2);
    else
        snprintf(name, sizeof(name), "%s", name_format);
    for (const char *c = name; *c != '\0';) {
        size_t len = strcspn(c, ".");
        *p++ = (uint8_t)len;
        memcpy(p, c, len);
        p += len;
        c += len + (c[len] == '.');
    }
    *p++ = 0;
    return (size_t)(p - begin);
}

static void make_names(void)
{
    uint8_t wire[320];
    ready = calloc(NAMES_READY, sizeof(*ready));
    for (unsigned i = 0; ready != NULL && i < name_count && i < NAMES_READY; i++) {
        size_t len = make_name(i, wire);
        if (len > sizeof(ready[i].data))
            return;
        ready[i].len = (uint8_t)len;
        memcpy(ready[i].data, wire, len);
    }
}

/* The query for the next name, without EDNS: 12 octets of header, the name, type A, class IN. */
static size_t question(uint8_t *p, unsigned id)
{
    static const uint8_t head[12] = {0, 0, 1, 0, 0, 1}, tail[4] = {0, 1, 0, 1};
    static unsigned turn;
    unsigned number = turn++ % name_count;
    memcpy(p, head, 12);
    p[0] = (uint8_t)(id >> 8);
    p[1] = (uint8_t)id;
    size_t len = 12;
    if (number < NAMES_READY && ready[number].len != 0) {
        memcpy(p + len, ready[number].data, ready[number].len);
        len += ready[number].len;
    } else {
        len += make_name(number, p + len);
    }
    memcpy(p + len, tail, 4);
    return len + 4;
}

static void send_out(unsigned count)
{
    for (unsigned at = 0; at < count;) {
        int n = sendmmsg(frame_fd >= 0 ? frame_fd : fd, out + at, count - at, 0);
        at += n > 0 ? (unsigned)n : 1;
    }
}

static uint16_t ip_sum(struct iphdr ip)
{
    uint16_t words[sizeof(ip) / 2];
    uint32_t sum = 0;
    memcpy(words, &ip, sizeof(words));
    for (unsigned i = 0; i < sizeof(words) / 2; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~(sum + (sum >> 16));
}

/* The query with its headers. Returns its length. Without a UDP checksum, as from a socket on a veth. */
static size_t frame(uint8_t *p, uint32_t source, unsigned id)
{
    struct heads h = heads_of_all;
    size_t len = question(p + sizeof(h), id);
    h.ip.saddr = source;
    h.ip.tot_len = htons((uint16_t)(sizeof(h.ip) + sizeof(h.udp) + len));
    h.ip.check = ip_sum(h.ip);
    h.udp.len = htons((uint16_t)(sizeof(h.udp) + len));
    memcpy(p, &h, sizeof(h));
    return sizeof(h) + len;
}

/* Put a query into slot n of the batch, from the next source address. */
static void prepare(unsigned n, unsigned id)
{
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(source_base + source_turn)};
    source_turn = (source_turn + 1) % source_count;
    asked++;
    if (frame_fd >= 0) {
        out_iov[n].iov_len = frame(out_data[n], info.ipi_spec_dst.s_addr, id);
        return;
    }
    memcpy(CMSG_DATA(&control[n].align), &info, sizeof(info));
    out_iov[n].iov_len = question(out_data[n], id);
}

/* Use all free slots. */
static void fill(void)
{
    uint64_t now = now_ns();
    while (free_count > 0 && (limit == 0 || asked < limit)) {
        unsigned count = 0;
        for (; count < BATCH && free_count > 0 && (limit == 0 || asked < limit); count++) {
            unsigned place = free_places[--free_count];
            flight[place].sent = now;
            flight[place].id = (uint16_t)(flight[place].id + (1u << TURN_SHIFT));
            prepare(count, flight[place].id);
        }
        send_out(count);
    }
}

static void answer(const uint8_t *data, size_t len, uint64_t now)
{
    if (len < 12)
        return;
    unsigned id = (unsigned)(data[0] << 8 | data[1]), place = id & (FLIGHT_MAX - 1);
    if (place >= window || flight[place].sent == 0 || flight[place].id != id)
        return;
    uint64_t us = (now - flight[place].sent) / 1000;
    flight[place].sent = 0;
    free_places[free_count++] = (uint16_t)place;
    latency[us < BUCKETS ? us : BUCKETS - 1]++;
    longest = us > longest ? us : longest;
    answers++;
    failed += (data[3] & 0xf) != 0 || (data[6] == 0 && data[7] == 0);
}

static int drain(int flags)
{
    int n = recvmmsg(fd, in, BATCH, flags, NULL);
    uint64_t now = now_ns();
    for (int i = 0; i < n; i++) {
        if (flood)
            answers++;
        else
            answer(in_data[i], in[i].msg_len, now);
    }
    return n;
}

/* Expire queries without an answer: they are lost, and their slots free. */
static void sweep(uint64_t now)
{
    for (unsigned i = 0; i < window; i++)
        if (flight[i].sent != 0 && now - flight[i].sent >= LOST_NS) {
            flight[i].sent = 0;
            free_places[free_count++] = (uint16_t)i;
            lost++;
        }
}

static unsigned long percentile(double part)
{
    uint64_t want = (uint64_t)((double)answers * part), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += latency[i]) > want)
            return i;
    return BUCKETS;
}

static void set_up(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct timeval patience = {.tv_usec = 50000};
    int room = 4 << 20;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
        die("cannot open a socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    for (unsigned i = 0; i < BATCH; i++) {
        in_iov[i] = (struct iovec){in_data[i], sizeof(in_data[i])};
        in[i].msg_hdr.msg_iov = &in_iov[i];
        in[i].msg_hdr.msg_iovlen = 1;
        out_iov[i].iov_base = out_data[i];
        out[i].msg_hdr = (struct msghdr){.msg_name = &server,
                                         .msg_namelen = sizeof(server),
                                         .msg_iov = &out_iov[i],
                                         .msg_iovlen = 1,
                                         .msg_control = &control[i],
                                         .msg_controllen = sizeof(control[i].space)};
        control[i].align = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)),
                                            .cmsg_level = IPPROTO_IP,
                                            .cmsg_type = IP_PKTINFO};
    }
    for (unsigned i = 0; i < window; i++) {
        flight[i].id = (uint16_t)i;
        free_places[free_count++] = (uint16_t)i;
    }
    make_names();
}

/* Send whole frames from now on, from the UDP socket's port. */
static void send_frames(const char *interface, const char *mac)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    struct sockaddr_in me = {.sin_family = AF_INET};
    socklen_t len = sizeof(me);
    unsigned to[6];
    int on = 1;
    frame_fd = socket(AF_PACKET, SOCK_RAW, 0); /* protocol 0: it reads nothing */
    if (frame_fd < 0 || at.sll_ifindex == 0 || bind(frame_fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        setsockopt(frame_fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0 ||
        getsockname(fd, (struct sockaddr *)&me, &len) < 0)
        die("cannot send frames");
    if (sscanf(mac, "%x:%x:%x:%x:%x:%x", &to[0], &to[1], &to[2], &to[3], &to[4], &to[5]) != 6)
        die("-m is no MAC address");
    struct heads *h = &heads_of_all;
    for (unsigned i = 0; i < 6; i++)
        h->ether.ether_dhost[i] = (uint8_t)to[i];
    h->ether.ether_shost[0] = 2; /* never used as a destination: answers are sent by ARP */
    h->ether.ether_type = htons(ETHERTYPE_IP);
    h->ip = (struct iphdr){.version = 4,
                           .ihl = 5,
                           .frag_off = htons(IP_DF),
                           .ttl = 64,
                           .protocol = IPPROTO_UDP,
                           .daddr = server.sin_addr.s_addr};
    h->udp = (struct udphdr){.source = me.sin_port, .dest = server.sin_port};
    for (unsigned i = 0; i < BATCH; i++) {
        out[i].msg_hdr.msg_name = out[i].msg_hdr.msg_control = NULL;
        out[i].msg_hdr.msg_namelen = 0;
        out[i].msg_hdr.msg_controllen = 0;
    }
}

static uint64_t run(double seconds)
{
    uint64_t start = now_ns(), now = start, end = start + (uint64_t)(seconds * 1e9), swept = start;
    while (now < end && (limit == 0 || answers + lost < limit)) {
        if (flood) {
            for (unsigned i = 0; i < BATCH; i++)
                prepare(i, (unsigned)asked & 0xffff);
            send_out(BATCH);
            while (drain(MSG_DONTWAIT) == BATCH)
                ;
        } else {
            fill();
            drain(busy ? MSG_DONTWAIT : MSG_WAITFORONE);
        }
        now = now_ns();
        if (!flood && now - swept > LOST_NS / 4) {
            sweep(now);
            swept = now;
        }
    }
    return now - start;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1", *first = "127.0.1.1", *interface = NULL, *mac = NULL;
    struct in_addr source;
    double seconds = 5;
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(53)};
    for (int c; (c = getopt(argc, argv, "a:p:s:k:w:t:n:N:i:m:bf")) != -1;) {
        switch (c) {
        case 'a': address = optarg; break;
        case 'p': server.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 's': first = optarg; break;
        case 'k': source_count = (unsigned)atoi(optarg); break;
        case 'w': window = (unsigned)atoi(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'n': limit = strtoull(optarg, NULL, 10); break;
        case 'N': name_count = (unsigned)atoi(optarg); break;
        case 'i': interface = optarg; break;
        case 'm': mac = optarg; break;
        case 'b': busy = true; break;
        case 'f': flood = true; break;
        default: return 2;
        }
    }
    if (optind + 1 != argc || (interface == NULL) != (mac == NULL) || source_count < 1 || source_count > SOURCES_MAX ||
        name_count < 1 || window < 1 || window > FLIGHT_MAX || strlen(argv[optind]) > 240 ||
        inet_pton(AF_INET, address, &server.sin_addr) != 1 || inet_pton(AF_INET, first, &source) != 1) {
        fprintf(stderr, "usage: dnsload [-a ADDRESS] [-p PORT] [-s FIRST-SOURCE] [-k SOURCES] [-w IN-FLIGHT]"
                        " [-t SECONDS] [-n COUNT] [-N NAMES] [-i INTERFACE -m MAC] [-b] [-f] NAME\n");
        return 2;
    }
    snprintf(name_format, sizeof(name_format), "%s", argv[optind]);
    source_base = ntohl(source.s_addr);
    set_up();
    if (interface != NULL)
        send_frames(interface, mac);
    uint64_t took = run(seconds);
    printf("{\"qps\":%.0f,\"answers\":%llu,\"sent\":%llu,\"lost\":%llu,\"failed\":%llu,\"p50_us\":%lu,\"p99_us\":%lu,"
           "\"max_us\":%llu}\n",
           (double)answers * 1e9 / (double)took, (unsigned long long)answers, (unsigned long long)asked,
           (unsigned long long)lost, (unsigned long long)failed, percentile(0.50), percentile(0.99),
           (unsigned long long)longest);
    return answers == 0;
}

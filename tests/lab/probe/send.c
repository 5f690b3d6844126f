/* probe send: numbered probes at a steady rate, the kinds in turn, directly to the network interface. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 1000000
#define AT_ONCE 32   /* probes that are prepared before one is sent */
#define BEHIND_MAX 64 /* after a delay, missed probes are not sent in a burst */

struct sender {
    int fd;
    struct send_page *page;
    unsigned kinds, rate;
    struct kind kind[KINDS_MAX];
    uint8_t frames[AT_ONCE][FRAME_MAX];
    struct mmsghdr messages[AT_ONCE];
    struct iovec parts[AT_ONCE];
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
}

static int open_card(const char *name, uint8_t mac[6])
{
    int on = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct ifreq request = {0};
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (fd < 0 || at.sll_ifindex == 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        /* Bypass the qdisc: a probe that send() took is on the wire. */
        setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0)
        die(name);
    memcpy(mac, request.ifr_hwaddr.sa_data, 6);
    return fd;
}

static void store(uint64_t *to, uint64_t value)
{
    __atomic_store_n(to, value, __ATOMIC_SEQ_CST);
}

/* Send `count` probes from `first` on. Waits while the interface is full: every number is sent, in order. */
static void send_some(struct sender *s, uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t number = first + i;
        struct kind *k = &s->kind[number % s->kinds];
        kind_make(k, number, number / s->kinds);
        memcpy(s->frames[i], k->frame, k->len);
        s->parts[i] = (struct iovec){.iov_base = s->frames[i], .iov_len = k->len};
        s->messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &s->parts[i], .msg_iovlen = 1}};
    }
    store(&s->page->started, first + count);
    for (unsigned sent = 0; sent < count;) {
        int n = sendmmsg(s->fd, s->messages + sent, count - sent, 0);
        if (n > 0) {
            sent += (unsigned)n;
            store(&s->page->done, first + sent);
        } else if (errno == ENOBUFS || errno == EAGAIN || errno == ENETDOWN || errno == EIO) {
            s->page->waited++;
            nap();
        } else {
            die("cannot send");
        }
    }
}

static _Noreturn void run(struct sender *s)
{
    uint64_t begin = now_ns(), number = 0, skipped = 0;
    store(&s->page->ready, 1);
    for (;;) {
        uint64_t due = (now_ns() - begin) * s->rate / 1000000000u - skipped;
        if (due - number > BEHIND_MAX) {
            skipped += due - number - BEHIND_MAX;
            due = number + BEHIND_MAX;
        }
        while (number < due) {
            unsigned count = due - number < AT_ONCE ? (unsigned)(due - number) : AT_ONCE;
            send_some(s, number, count);
            number += count;
        }
        nap();
    }
}

int probe_send(int argc, char **argv)
{
    static struct sender s;
    const char *card = NULL, *table = NULL, *page = NULL;
    uint8_t source[6];
    unsigned g[6] = {0};
    int valid = 1;
    for (int c; (c = getopt(argc, argv, "i:g:k:o:r:")) != -1;) {
        switch (c) {
        case 'i': card = optarg; break;
        case 'g': valid = sscanf(optarg, "%x:%x:%x:%x:%x:%x", &g[0], &g[1], &g[2], &g[3], &g[4], &g[5]) == 6; break;
        case 'k': table = optarg; break;
        case 'o': page = optarg; break;
        case 'r': s.rate = (unsigned)strtoul(optarg, NULL, 10); break;
        default: valid = 0; break;
        }
    }
    errno = 0;
    if (!valid || !card || !table || !page || s.rate == 0)
        die("send: wrong arguments");
    const uint8_t gateway[6] = {(uint8_t)g[0], (uint8_t)g[1], (uint8_t)g[2],
                                (uint8_t)g[3], (uint8_t)g[4], (uint8_t)g[5]};
    s.fd = open_card(card, source);
    s.kinds = kinds_load(table, source, gateway, s.kind);
    s.page = map_file(page, PAGE_SIZE);
    run(&s);
}

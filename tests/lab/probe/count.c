/* probe count: counts the incoming probes on an interface; one byte for each number. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (64 << 20) /* the kernel's; no packet may be lost while the machine is busy */
#define AT_ONCE 64
#define LONGEST 2048

struct counter {
    int fd;
    struct count_page *page;
    uint8_t *seen;
    uint64_t numbers;
    uint32_t net, mask; /* addresses that the hub lends */
    unsigned first, last;
};

static int open_card(const char *name)
{
    int on = 1, size = BUFFER, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (fd < 0 || at.sll_ifindex == 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
        /* Outgoing packets of this interface do not come from the box. */
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
        die(name);
    return fd;
}

static bool tunnelled(const struct counter *c, const uint8_t *frame, size_t len)
{
    uint32_t src;
    if (len < 34 || frame[12] != 8 || frame[13] != 0)
        return false;
    memcpy(&src, frame + 26, sizeof src);
    return (ntohl(src) & c->mask) == c->net;
}

static void look(struct counter *c, const uint8_t *frame, size_t len)
{
    struct tag tag;
    size_t at = 0;
    c->page->frames++;
    while (tag_find(frame, len, &at, &tag)) {
        c->page->tags++;
        c->page->by_kind[tag.kind]++;
        if (tag.kind >= c->first && tag.kind <= c->last && tag.number < c->numbers)
            c->seen[tag.number] |= tunnelled(c, frame, len) ? SEEN_TUNNELLED : SEEN;
    }
}

static void count_lost(struct counter *c)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof stats;
    if (getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
        c->page->lost += stats.tp_drops;
}

static _Noreturn void run(struct counter *c)
{
    static uint8_t frames[AT_ONCE][LONGEST];
    struct mmsghdr messages[AT_ONCE];
    struct iovec parts[AT_ONCE];
    memset(messages, 0, sizeof messages);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = LONGEST};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    c->page->ready = 1;
    for (;;) {
        struct pollfd wait = {.fd = c->fd, .events = POLLIN};
        poll(&wait, 1, 200);
        int n = recvmmsg(c->fd, messages, AT_ONCE, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            look(c, frames[i], messages[i].msg_len);
        if (n < AT_ONCE)
            count_lost(c);
    }
}

int probe_count(int argc, char **argv)
{
    static struct counter c;
    const char *card = NULL, *page = NULL;
    char net[64] = "";
    unsigned bits = 32;
    int valid = 1;
    for (int o; (o = getopt(argc, argv, "i:o:n:t:f:l:")) != -1;) {
        switch (o) {
        case 'i': card = optarg; break;
        case 'o': page = optarg; break;
        case 'n': c.numbers = strtoull(optarg, NULL, 10); break;
        case 't': valid = sscanf(optarg, "%63[0-9.]/%u", net, &bits) == 2 && bits >= 1 && bits <= 32; break;
        case 'f': c.first = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'l': c.last = (unsigned)strtoul(optarg, NULL, 10); break;
        default: valid = 0; break;
        }
    }
    struct in_addr address;
    errno = 0;
    if (!valid || !card || !page || c.numbers == 0 || c.last >= KINDS_MAX || inet_pton(AF_INET, net, &address) != 1)
        die("count: wrong arguments");
    c.mask = 0xffffffffu << (32 - bits);
    c.net = ntohl(address.s_addr) & c.mask;
    c.page = map_file(page, PAGE_SIZE + c.numbers);
    c.seen = (uint8_t *)c.page + PAGE_SIZE;
    c.fd = open_card(card);
    run(&c);
}

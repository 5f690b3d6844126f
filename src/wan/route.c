#include "route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd = -1;

struct wish {
    struct nlmsghdr head;
    union {
        struct ifaddrmsg address;
        struct rtmsg route;
    } u;
    char room[64];
};

int route_open(void)
{
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return fd < 0 ? -1 : 0;
}

static void attribute(struct wish *w, unsigned short type, const void *data, unsigned short len)
{
    struct rtattr *a = (struct rtattr *)((char *)w + NLMSG_ALIGN(w->head.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), data, len);
    w->head.nlmsg_len = NLMSG_ALIGN(w->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static int ask(struct wish *w)
{
    static uint32_t number;
    char answer[1024];
    struct nlmsghdr *h = (struct nlmsghdr *)answer;
    w->head.nlmsg_seq = ++number;
    w->head.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (send(fd, w, w->head.nlmsg_len, 0) < 0)
        return -1;
    for (;;) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < (ssize_t)sizeof *h)
            return -1;
        if (h->nlmsg_seq != number || h->nlmsg_type != NLMSG_ERROR ||
            n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
            continue;
        errno = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
        return errno ? -1 : 0;
    }
}

int route_address(unsigned card, const struct prefix *address, bool add)
{
    struct wish w = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof w.u.address),
                              .nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR,
                              .nlmsg_flags = add ? NLM_F_CREATE | NLM_F_REPLACE : 0}};
    w.u.address = (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = address->len, .ifa_index = card};
    attribute(&w, IFA_LOCAL, address->addr.bytes, 4);
    if (add && address->len < 31) {
        uint32_t own, broadcast;
        memcpy(&own, address->addr.bytes, 4);
        broadcast = own | htonl(UINT32_MAX >> address->len);
        attribute(&w, IFA_BROADCAST, &broadcast, 4);
    }
    return ask(&w);
}

int route_default(unsigned card, const struct addr *gateway, bool on_link, uint32_t mtu)
{
    struct {
        struct rtattr head;
        uint32_t value;
    } metric = {{RTA_LENGTH(sizeof mtu), RTAX_MTU}, mtu};
    struct wish w = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof w.u.route),
                              .nlmsg_type = RTM_NEWROUTE,
                              .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE}};
    w.u.route = (struct rtmsg){.rtm_family = AF_INET,
                               .rtm_table = RT_TABLE_MAIN,
                               .rtm_protocol = RTPROT_BOOT,
                               .rtm_scope = RT_SCOPE_UNIVERSE,
                               .rtm_type = RTN_UNICAST,
                               .rtm_flags = on_link ? RTNH_F_ONLINK : 0};
    attribute(&w, RTA_GATEWAY, gateway->bytes, 4);
    attribute(&w, RTA_OIF, &card, sizeof card);
    attribute(&w, RTA_METRICS, &metric, sizeof metric);
    return ask(&w);
}

/*
 * Three network namespaces with the shipped ruleset in the middle one: a PC, the box and the uplink, and sockets of
 * ours in each. For the tests of the ruleset with real packets.
 */
#ifndef GATE_FIREWALL_FIXTURE_H
#define GATE_FIREWALL_FIXTURE_H

#include "firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PC "192.168.77.10"
#define BOX_LAN "192.168.77.1"
#define BOX_WAN "203.0.113.2"
#define SERVER "203.0.113.1"  /* beyond the uplink, plays the internet */
#define REGISTRY "10.20.0.80" /* behind the tunnel; here it is on the uplink, to detect leaks */
#ifndef FIREWALL_WITHOUT
#define FIREWALL_WITHOUT "" /* commands of sed: rules to be left out */
#endif
/*
 * On a busy machine a packet may take its time from one namespace to the next. So what must arrive is waited for as
 * long as it takes, and what a packet must be counted as, too; only what must not arrive is given a fixed time.
 */
#define SURELY_MS 30000
#define SOON_MS 300

enum { BOX, PC_NS, WAN_NS };
static int ns[3];

/* Are the rules loaded without what is marked as fast path (scripts/firewall-cat)? */
static inline bool without_fast_path(void)
{
    const char *rules = getenv("FIREWALL_RULES");
    return rules && strcmp(rules, "general") == 0;
}

static inline void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static inline void enter(int where)
{
    assert_int_equal(setns(ns[where], CLONE_NEWNET), 0);
}

static inline int new_namespace(int *fd)
{
    if (unshare(CLONE_NEWNET) < 0)
        return -1;
    *fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return system("ip link set lo up");
}

static inline int build(void **state)
{
    (void)state;
    if (new_namespace(&ns[PC_NS]) || new_namespace(&ns[WAN_NS]) || new_namespace(&ns[BOX])) {
        fprintf(stderr, "no network namespaces: %s (this test needs root)\n", strerror(errno));
        return -1;
    }
    char command[2048];
    /* We are in the box; the far ends are moved by descriptor. */
    snprintf(command, sizeof command,
             "set -e; ip link add lan0 type veth peer name pc0 netns /proc/%d/fd/%d; "
             "ip link add wan0 type veth peer name line0 netns /proc/%d/fd/%d; "
             /* (the box has no /etc/protocols: all names must be known to nft itself) */
             "scripts/firewall-cat | sed '" FIREWALL_WITHOUT "s/queue to .*/drop/' | "
             "unshare -m sh -c 'mount --bind /dev/null /etc/protocols && nft -f -'; "
             "nft add element inet sekisho unbound '{ 1, 2 }'; sysctl -qw net.ipv4.ip_forward=1; "
             "ip addr add " BOX_LAN "/24 dev lan0; ip addr add " BOX_WAN "/24 dev wan0; "
             "ip link set lan0 up; ip link set wan0 group 2; ip link set wan0 up; ip route add default via " SERVER,
             getpid(), ns[PC_NS], getpid(), ns[WAN_NS]);
    fcntl(ns[PC_NS], F_SETFD, 0);
    fcntl(ns[WAN_NS], F_SETFD, 0);
    if (system(command) || firewall_open())
        return -1;
    enter(PC_NS);
    if (system("set -e; ip addr add " PC "/24 dev pc0; ip link set pc0 up; ip route add default via " BOX_LAN))
        return -1;
    enter(WAN_NS);
    if (system("set -e; ip addr add " SERVER "/24 dev line0; ip addr add " REGISTRY "/32 dev lo; ip link set line0 up; "
               "ip route add 192.168.77.0/24 via " BOX_WAN))
        return -1;
    enter(BOX);
    static struct conf_service service = {.number = 1, .remote_count = 1};
    if (!conf_parse_prefix("10.20.0.0/16", &service.remote[0]))
        return -1;
    return firewall_registry(&service, 1);
}

/* ---- sockets ---- */

static inline struct sockaddr_in at(const char *addr, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, addr, &a.sin_addr), 1);
    return a;
}

/*
 * A socket in that namespace, bound; stream sockets listen. Closing one is a reset: nobody of an earlier test repeats
 * a FIN that a later one would count.
 */
static inline int bound(int where, int type, const char *addr, int port)
{
    struct sockaddr_in a = at(addr, port);
    struct linger at_once = {.l_onoff = 1};
    int on = 1;
    enter(where);
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enter(BOX);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* (accept hands it on) */
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    if (type == SOCK_STREAM && port)
        assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static inline bool polled(int fd, short events, int ms)
{
    struct pollfd p = {fd, events, 0};
    return poll(&p, 1, ms) > 0;
}

static inline bool readable(int fd)
{
    return polled(fd, POLLIN, SURELY_MS);
}

static inline bool silent(int fd)
{
    return !polled(fd, POLLIN, SOON_MS);
}

/* Connects from a socket; 0 or the errno that came; ETIMEDOUT if nothing did. */
static inline int connect_within(int fd, const char *addr, int port, int ms)
{
    struct sockaddr_in to = at(addr, port);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (!polled(fd, POLLOUT, ms))
        return ETIMEDOUT;
    int error;
    socklen_t len = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    /* An ICMP error wakes us before SO_ERROR has it (tcp_v4_err queues the packet first); getpeername waits for that. */
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof peer;
    if (error == 0 && getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0) {
        len = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
        return error ? error : ENOTCONN;
    }
    return error;
}

static inline int connect_to(int fd, const char *addr, int port)
{
    return connect_within(fd, addr, port, SURELY_MS);
}

static inline bool unanswered(int fd, const char *addr, int port)
{
    return connect_within(fd, addr, port, SOON_MS) == ETIMEDOUT;
}

static inline int tcp_from_pc(const char *addr, int port)
{
    int fd = bound(PC_NS, SOCK_STREAM, PC, 0), result = connect_to(fd, addr, port);
    close(fd);
    return result;
}

static inline bool tcp_from_pc_unanswered(const char *addr, int port)
{
    int fd = bound(PC_NS, SOCK_STREAM, PC, 0);
    bool result = unanswered(fd, addr, port);
    close(fd);
    return result;
}

static inline void send_to(int fd, const char *addr, int port)
{
    struct sockaddr_in to = at(addr, port);
    (void)!sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
}

static inline bool arrives(int fd, struct sockaddr_in *from)
{
    char buf[64];
    socklen_t len = sizeof *from;
    return readable(fd) && recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)from, from ? &len : NULL) == 1;
}

static inline int counter_read(const struct nlmsghdr *nlh, void *packets)
{
    struct nftnl_obj *o = nftnl_obj_alloc();
    bool good = o && nftnl_obj_nlmsg_parse(nlh, o) == 0;
    if (good)
        *(uint64_t *)packets = nftnl_obj_get_u64(o, NFTNL_OBJ_CTR_PKTS);
    nftnl_obj_free(o);
    return good ? MNL_CB_STOP : MNL_CB_ERROR;
}

/* (Asked of the kernel itself: it is read so often that a program for each would be most of what these tests do.) */
static inline uint64_t counter(const char *name)
{
    char buf[4096];
    uint64_t packets = UINT64_MAX;
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETOBJ, NFPROTO_INET, 0, 1);
    mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, "sekisho");
    mnl_attr_put_strz(nlh, NFTA_OBJ_NAME, name);
    mnl_attr_put_u32(nlh, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
    struct mnl_socket *kernel = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (kernel && mnl_socket_sendto(kernel, nlh, nlh->nlmsg_len) > 0) {
        ssize_t n = mnl_socket_recvfrom(kernel, buf, sizeof buf);
        if (n > 0)
            (void)mnl_cb_run(buf, (size_t)n, 1, 0, counter_read, &packets);
    }
    if (kernel)
        mnl_socket_close(kernel);
    if (packets == UINT64_MAX)
        fail_msg("counter %s cannot be read", name);
    return packets;
}

/* Waits until the counter says so much, and says what it says then: more is a packet too many. */
static inline uint64_t counted(const char *name, uint64_t least)
{
    uint64_t n = counter(name);
    for (unsigned waited = 0; n < least && waited < SURELY_MS; waited += 10) {
        usleep(10000);
        n = counter(name);
    }
    if (n < least)
        fail_msg("counter %s: expected %llu, seen %llu", name, (unsigned long long)least, (unsigned long long)n);
    return n;
}

/* ---- modes ---- */

static inline void closed(void)
{
    assert_int_equal(firewall_closed(), 0);
}

static inline void internet(uint32_t generation)
{
    assert_int_equal(firewall_apply(&(struct firewall_view){.mode = MODE_INTERNET, .generation = generation}), 0);
}

static inline void session(uint32_t generation)
{
    struct firewall_view v = {.mode = MODE_SESSION, .generation = generation, .tunnel_count = 1};
    v.tunnels[0].service = 1;
    assert_true(conf_parse_addr("10.9.0.7", &v.tunnels[0].vip4));
    assert_true(conf_parse_addr("203.0.113.99", &v.tunnels[0].hub));
    assert_int_equal(firewall_apply(&v), 0);
}

static inline void allow(const char *addr, uint8_t proto, int port)
{
    struct firewall_allow a = {.proto = proto, .port = (uint16_t)port, .service = 1, .timeout_s = 60};
    assert_true(conf_parse_addr(addr, &a.addr));
    assert_int_equal(firewall_allow(&a, 1), 0);
}

#endif

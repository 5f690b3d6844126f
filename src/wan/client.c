#include "client.h"

#include "clock.h"
#include "dhcp.h"
#include "ipc.h"
#include "log.h"
#include "sandbox.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_FIRST_S 1 /* between retransmissions; doubled, up to … */
#define WAIT_MOST_S 16
#define REQUESTS 3 /* after so many unanswered ones back to SELECTING */
#define RENEW_WAIT_S 60

enum state {
    IDLE,       /* no carrier */
    SELECTING,  /* DHCPDISCOVER to everybody */
    REQUESTING, /* DHCPREQUEST for an offer */
    REBOOTING,  /* DHCPREQUEST for the previous address, after a loss of carrier */
    BOUND,
    RENEWING, /* from the server that gave the lease */
    REBINDING /* from any server */
};

static struct client {
    int sock, packets;
    uint8_t mac[6];
    enum state state;
    uint32_t xid;
    unsigned tries;
    int64_t began, next;    /* seconds of CLOCK_BOOTTIME */
    struct dhcp_reply offer; /* being requested */
    struct dhcp_reply lease; /* address 0: none */
    int64_t leased;
} c;

/* Accepts only IPv4 UDP frames to port 68, not fragmented. */
static const struct sock_filter only_dhcp[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 8),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 6),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, DHCP_FRAME_MAX),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

int client_open(const char *card, uint8_t mac[6])
{
    struct ifreq r = {0};
    const struct sock_fprog filter = {sizeof only_dhcp / sizeof only_dhcp[0], (struct sock_filter *)only_dhcp};
    const int on = 1;
    /* Protocol 0: it receives nothing before the filter is set and it is bound to the interface. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)strncpy(r.ifr_name, card, sizeof r.ifr_name - 1);
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_IP),
                             .sll_ifindex = (int)if_nametoindex(card)};
    if (fd < 0 || at.sll_ifindex == 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        errno = why ? why : ENODEV;
        return -1;
    }
    memcpy(mac, r.ifr_hwaddr.sa_data, 6);
    return fd;
}

/* Only write(): with sendmsg() a packet socket could be given the index of another interface. */
static void tell(const struct dhcp_reply *lease)
{
    struct {
        struct msg_head head;
        struct msg_lease lease;
    } m = {.head = {.type = MSG_LEASE, .size = sizeof m.lease}};
    _Static_assert(sizeof m == sizeof m.head + sizeof m.lease, "no hole in a message");
    if (lease) {
        m.lease.bound = 1;
        m.lease.prefix_len = lease->prefix_len;
        m.lease.lease_s = lease->lease_s;
        m.lease.mtu = lease->mtu;
        m.lease.address.family = AF_INET;
        memcpy(m.lease.address.bytes, &lease->address, 4);
        m.lease.gateway.family = lease->gateway ? AF_INET : 0;
        memcpy(m.lease.gateway.bytes, &lease->gateway, 4);
        m.lease.dns_count = (uint8_t)lease->dns_count;
        m.lease.ntp_count = (uint8_t)lease->ntp_count;
        for (unsigned i = 0; i < CONF_ADDRS_MAX; i++) {
            m.lease.dns[i].family = m.lease.ntp[i].family = AF_INET;
            memcpy(m.lease.dns[i].bytes, &lease->dns[i], 4);
            memcpy(m.lease.ntp[i].bytes, &lease->ntp[i], 4);
        }
    }
    if (write(c.sock, &m, sizeof m) != sizeof m)
        log_fatal("wan does not take a lease: %s", strerror(errno));
}

static void enter(enum state state)
{
    c.state = state;
    c.tries = 0;
    c.began = c.next = clock_boottime_s();
    if (getrandom(&c.xid, sizeof c.xid, 0) != sizeof c.xid)
        log_fatal("no random numbers");
}

static void say(void)
{
    static uint8_t frame[DHCP_FRAME_MAX];
    struct dhcp_say s = {.type = c.state == SELECTING ? DHCP_DISCOVER : DHCP_REQUEST, .xid = c.xid};
    int64_t seconds = clock_boottime_s() - c.began;
    s.seconds = (uint16_t)(seconds > 0xffff ? 0xffff : seconds);
    memcpy(s.mac, c.mac, 6);
    memset(s.to_mac, 0xff, 6);
    if (c.state == REQUESTING) {
        s.wanted = c.offer.address;
        s.server = c.offer.server;
    } else if (c.state == REBOOTING) {
        s.wanted = c.lease.address;
    } else if (c.state == RENEWING || c.state == REBINDING) {
        s.own = c.lease.address;
    }
    if (c.state == RENEWING) { /* to the MAC address its answer came from, the server's or a relay's */
        s.to = c.lease.server;
        memcpy(s.to_mac, c.lease.from_mac, 6);
    }
    size_t len = dhcp_write(&s, frame);
    if (write(c.packets, frame, len) < 0)
        log_debug("cannot send: %s", strerror(errno));
}

static void lose(const char *why)
{
    log_info("the address on the line is gone: %s", why);
    c.lease.address = 0;
    tell(NULL);
    enter(SELECTING);
}

static void bound(const struct dhcp_reply *reply)
{
    if (reply->address != c.lease.address)
        log_info("the line has given an address, for %u s", reply->lease_s);
    c.lease = *reply;
    c.leased = clock_boottime_s();
    enter(BOUND);
    c.next = c.leased + c.lease.renew_s;
    tell(&c.lease);
}

static void hear(const struct dhcp_reply *r)
{
    switch (c.state) {
    case SELECTING:
        if (r->type != DHCP_OFFER)
            return;
        c.offer = *r;
        uint32_t xid = c.xid;
        enter(REQUESTING);
        c.xid = xid; /* RFC 2131 section 4.4.1: one xid for the whole exchange */
        return;
    case REQUESTING:
    case REBOOTING:
    case RENEWING:
    case REBINDING:
        if (r->type == DHCP_ACK)
            bound(r);
        else if (r->type == DHCP_NAK && (c.state != REQUESTING || r->server == c.offer.server))
            lose("the server says no");
        return;
    default: return;
    }
}

static void receive(void)
{
    static uint8_t frame[DHCP_FRAME_MAX];
    struct dhcp_reply reply;
    ssize_t n;
    while ((n = read(c.packets, frame, sizeof frame)) > 0)
        if (dhcp_read(frame, (size_t)n, c.mac, c.xid, &reply))
            hear(&reply);
}

/* Exponential backoff with a limit, less up to a random quarter: after a power cut many boxes start together. */
static int64_t wait_for_answer(void)
{
    uint8_t dice = 0;
    unsigned shift = c.tries < 5 ? c.tries : 5;
    int64_t wait = (int64_t)WAIT_FIRST_S << shift;
    if (getrandom(&dice, 1, 0) != 1)
        log_fatal("no random numbers");
    if (wait > WAIT_MOST_S)
        wait = WAIT_MOST_S;
    return wait - (wait * dice / 1024);
}

/* Do what is due; after a suspend it may be long overdue. */
static void due(int64_t now)
{
    if (c.lease.address && now >= c.leased + c.lease.lease_s)
        lose("its time is over");
    if (c.state == IDLE || now < c.next)
        return;
    if (c.state == BOUND)
        enter(RENEWING);
    if (c.state == RENEWING && now >= c.leased + c.lease.rebind_s)
        enter(REBINDING);
    if ((c.state == REQUESTING || c.state == REBOOTING) && c.tries >= REQUESTS)
        enter(SELECTING);
    say();
    int64_t wait = wait_for_answer();
    if (c.state == RENEWING || c.state == REBINDING) {
        int64_t end = c.leased + (c.state == RENEWING ? c.lease.rebind_s : c.lease.lease_s);
        wait = (end - now) / 2 > RENEW_WAIT_S ? (end - now) / 2 : RENEW_WAIT_S;
        if (wait > end - now && end > now)
            wait = end - now;
    }
    c.tries++;
    c.next = now + wait;
}

static void obey(void)
{
    static struct msg m;
    int fd = -1;
    switch (ipc_recv(c.sock, ROLE_WAN_NET, &m, &fd)) {
    case IPC_OK: break;
    case IPC_AGAIN: return;
    case IPC_EOF: exit(0);
    default: log_fatal("a message of wan breaks the rules");
    }
    if (!m.u.line.up)
        c.state = IDLE;
    else /* the cable may now be plugged into another network */
        enter(c.lease.address ? REBOOTING : SELECTING);
}

_Noreturn void client_run(int sock, int packets, const uint8_t mac[6])
{
    log_name("dhcp");
    prctl(PR_SET_NAME, "dhcp", 0, 0, 0);
    c = (struct client){.sock = sock, .packets = packets, .state = IDLE};
    memcpy(c.mac, mac, 6);
    sandbox_empty_root();
    sandbox_user(UID_DHCP, NULL, 0, 0);
    sandbox_mute(NULL);
    for (;;) {
        struct pollfd p[] = {{sock, POLLIN, 0}, {packets, POLLIN, 0}};
        if (poll(p, 2, 1000) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
        if (p[0].revents)
            obey();
        if (p[1].revents)
            receive();
        due(clock_boottime_s());
    }
}

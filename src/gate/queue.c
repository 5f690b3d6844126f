#include "queue.h"
#include "firewall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_LENGTH 1024         /* maximum of packets held by the kernel */
#define QUEUE_COPY 0xffff         /* octets copied of each packet: all */
#define ANSWER_COPY 128           /* octets copied of a SYN-ACK: both headers with all options */
#define BLOCKED_COPY 96           /* octets copied of a refused packet: addresses, protocol, ports */
#define RECEIVE_BUFFER (2u << 20) /* the queue's length times a full segment; a burst of refused packets */
#define VERDICT_ROOM 256

/* ---- opening ---- */

static struct nlmsghdr *request(char *buf, unsigned type, uint16_t resource)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = (uint16_t)type;
    nlh->nlmsg_flags = NLM_F_REQUEST;
    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_UNSPEC;
    nfg->version = NFNETLINK_V0;
    nfg->res_id = htons(resource);
    return nlh;
}

/* Send with a request for acknowledgement, which is queued when send returns. 0, or -1 with errno. */
static int ask(int fd, struct nlmsghdr *nlh)
{
    char in[1024];
    nlh->nlmsg_flags |= NLM_F_ACK;
    if (send(fd, nlh, nlh->nlmsg_len, 0) < 0)
        return -1;
    for (;;) {
        ssize_t n = recv(fd, in, sizeof in, MSG_DONTWAIT);
        if (n < 0)
            return -1;
        const struct nlmsghdr *answer = (const void *)in;
        if (!mnl_nlmsg_ok(answer, (int)n) || answer->nlmsg_type != NLMSG_ERROR)
            continue; /* a packet arrived early: its sender retransmits it */
        const struct nlmsgerr *e = mnl_nlmsg_get_payload(answer);
        errno = -e->error;
        return e->error ? -1 : 0;
    }
}

static int open_socket(void)
{
    int on = 1, size = RECEIVE_BUFFER;
    struct sockaddr_nl any = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
    if (fd < 0)
        return -1;
    /* NO_ENOBUFS: the kernel drops and counts packets that do not fit, without an error for the reader. */
    if (bind(fd, (struct sockaddr *)&any, sizeof any) == 0 &&
        setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int queue_command(int fd, uint8_t command)
{
    char buf[256];
    struct nlmsghdr *nlh = request(buf, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG, QUEUE_NUMBER);
    struct nfqnl_msg_config_cmd c = {.command = command, .pf = htons(AF_UNSPEC)};
    mnl_attr_put(nlh, NFQA_CFG_CMD, sizeof c, &c);
    return ask(fd, nlh);
}

/* No fail-open; GRO aggregates are split into segments, one packet each. */
static int queue_parameters(int fd)
{
    char buf[256];
    struct nlmsghdr *nlh = request(buf, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG, QUEUE_NUMBER);
    struct nfqnl_msg_config_params p = {.copy_range = htonl(QUEUE_COPY), .copy_mode = NFQNL_COPY_PACKET};
    mnl_attr_put(nlh, NFQA_CFG_PARAMS, sizeof p, &p);
    mnl_attr_put_u32(nlh, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LENGTH));
    mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, 0);
    mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO | NFQA_CFG_F_CONNTRACK));
    return ask(fd, nlh);
}

static int log_command(int fd, uint16_t group, uint8_t command)
{
    char buf[256];
    struct nlmsghdr *nlh = request(buf, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, group);
    struct nfulnl_msg_config_cmd c = {.command = command};
    mnl_attr_put(nlh, NFULA_CFG_CMD, sizeof c, &c);
    return ask(fd, nlh);
}

/* Bind a log group: copy so many octets per packet; deliver when so many packets wait, or after so many hundredths of a
 * second. */
static int log_bind(int fd, uint16_t group, uint32_t copy, uint32_t together, uint32_t centiseconds)
{
    char buf[256];
    if (log_command(fd, group, NFULNL_CFG_CMD_BIND) < 0)
        return -1;
    struct nlmsghdr *nlh = request(buf, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, group);
    struct nfulnl_msg_config_mode mode = {.copy_range = htonl(copy), .copy_mode = NFULNL_COPY_PACKET};
    mnl_attr_put(nlh, NFULA_CFG_MODE, sizeof mode, &mode);
    mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(together));
    mnl_attr_put_u32(nlh, NFULA_CFG_TIMEOUT, htonl(centiseconds));
    return ask(fd, nlh);
}

static int failed(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int queue_open_packets(void)
{
    int fd = open_socket();
    if (fd < 0)
        return -1;
    /* The SYN-ACKs first: no flow may be queued whose SYN-ACK was not logged. */
    if (log_bind(fd, QUEUE_LOG_ANSWER, ANSWER_COPY, 1, 1) < 0 || queue_command(fd, NFQNL_CFG_CMD_BIND) < 0 ||
        queue_parameters(fd) < 0)
        return failed(fd);
    return fd;
}

int queue_open_blocked(void)
{
    int fd = open_socket();
    if (fd < 0)
        return -1;
    return log_bind(fd, QUEUE_LOG_BLOCKED, BLOCKED_COPY, 16, 10) < 0 ? failed(fd) : fd;
}

void queue_close_packets(int fd)
{
    (void)queue_command(fd, NFQNL_CFG_CMD_UNBIND);
    (void)log_command(fd, QUEUE_LOG_ANSWER, NFULNL_CFG_CMD_UNBIND);
    close(fd);
}

void queue_close_blocked(int fd)
{
    (void)log_command(fd, QUEUE_LOG_BLOCKED, NFULNL_CFG_CMD_UNBIND);
    close(fd);
}

/* ---- verdicts ---- */

void queue_begin(struct queue_batch *b, int fd)
{
    b->len = 0;
    b->error = 0;
    b->fd = fd;
}

static void flush(struct queue_batch *b)
{
    if (b->len > 0 && send(b->fd, b->buffer, b->len, 0) < 0 && !b->error)
        b->error = errno;
    b->len = 0;
}

/*
 * Change only the two bits "asking" and "agreed" of the mark: a late verdict gives a flow of an earlier session that
 * session's mark, which is dead.
 */
static void put_mark(struct nlmsghdr *nlh, uint32_t mark, uint32_t mask)
{
    struct nlattr *ct = mnl_attr_nest_start(nlh, NFQA_CT);
    mnl_attr_put_u32(nlh, CTA_MARK, htonl(mark));
    mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mask));
    mnl_attr_nest_end(nlh, ct);
}

void queue_add(struct queue_batch *b, enum queue_verdict verdict, uint32_t packet, const void *replacement, size_t len)
{
    static const uint32_t words[] = {
        [QUEUE_ACCEPT] = NF_ACCEPT, [QUEUE_AGREE] = NF_ACCEPT,  [QUEUE_ANSWER] = NF_ACCEPT,
        [QUEUE_DROP] = NF_DROP,     [QUEUE_REPEAT] = NF_REPEAT, [QUEUE_REPLACE] = NF_ACCEPT};
    if (b->len + VERDICT_ROOM > sizeof b->buffer)
        flush(b);
    struct nlmsghdr *nlh = request(b->buffer + b->len, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT, QUEUE_NUMBER);
    struct nfqnl_msg_verdict_hdr v = {.verdict = htonl(words[verdict]), .id = htonl(packet)};
    mnl_attr_put(nlh, NFQA_VERDICT_HDR, sizeof v, &v);
    if (verdict == QUEUE_AGREE)
        put_mark(nlh, FIREWALL_MARK_AGREED, FIREWALL_MARK_ASKING | FIREWALL_MARK_AGREED);
    if (verdict == QUEUE_ANSWER)
        put_mark(nlh, 0, FIREWALL_MARK_AGREED); /* (a flow that needs a new verdict still needs it) */
    if (verdict == QUEUE_REPLACE)
        mnl_attr_put(nlh, NFQA_PAYLOAD, len, replacement);
    b->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

int queue_send(struct queue_batch *b)
{
    flush(b);
    errno = b->error;
    return b->error ? -1 : 0;
}

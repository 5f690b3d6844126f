#include "firewall_batch.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH_MAX (160 * 1024)
#define ELEMENT_ROOM 256 /* upper bound of a message with one element, and of one more element */

struct batch {
    size_t len;
    uint32_t first_seq;
    struct nlmsghdr *last; /* the message that requests the acknowledgement */
    int error;             /* errno of the first failure while filling; 0: none */
};

static struct mnl_socket *nl;
static uint32_t seq;
/* The kernel requires aligned messages; a netlink header needs 4. */
static _Alignas(struct nlmsghdr) char buffer[BATCH_MAX];
static struct batch the_batch;

int batch_open(void)
{
    nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!nl)
        return -1;
    int on = 1;
    /* Errors are returned without a copy of the request. */
    mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof on);
    return mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID);
}

void batch_close(void)
{
    if (nl)
        mnl_socket_close(nl);
    nl = NULL;
}

uint32_t batch_seq(void)
{
    return ++seq;
}

/* Is there room for n more elements? Records the failure, so that callers need not check. */
static bool room(struct batch *b, unsigned n)
{
    if (!b->error && b->len + (size_t)(n + 2) * ELEMENT_ROOM > sizeof buffer)
        b->error = EMSGSIZE;
    return !b->error;
}

struct batch *batch_begin(void)
{
    struct batch *b = &the_batch;
    *b = (struct batch){.first_seq = batch_seq()};
    nftnl_batch_begin(buffer, b->first_seq);
    b->len = ((struct nlmsghdr *)buffer)->nlmsg_len;
    return b;
}

/* Append one message about a set: its elements, or none to delete all. */
static void append(struct batch *b, uint16_t type, uint16_t flags, struct nftnl_set *set)
{
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buffer + b->len, type, NFPROTO_INET, flags, batch_seq());
    nftnl_set_elems_nlmsg_build_payload(nlh, set);
    b->last = nlh;
    b->len += nlh->nlmsg_len;
}

static struct nftnl_set *named(struct batch *b, const char *name)
{
    struct nftnl_set *set = nftnl_set_alloc();
    if (!set || nftnl_set_set_str(set, NFTNL_SET_TABLE, BATCH_TABLE) < 0 ||
        nftnl_set_set_str(set, NFTNL_SET_NAME, name) < 0)
        b->error = ENOMEM;
    return set;
}

void batch_flush(struct batch *b, const char *name)
{
    if (!room(b, 1))
        return;
    struct nftnl_set *set = named(b, name);
    if (!b->error)
        append(b, NFT_MSG_DELSETELEM, 0, set);
    if (set)
        nftnl_set_free(set);
}

static bool fill_element(struct nftnl_set_elem *e, const struct element *from)
{
    bool ok = nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, from->key, from->key_len) == 0;
    if (from->data)
        ok = ok && nftnl_set_elem_set(e, NFTNL_SET_ELEM_DATA, from->data, from->data_len) == 0;
    if (from->jump) {
        nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_JUMP);
        ok = ok && nftnl_set_elem_set_str(e, NFTNL_SET_ELEM_CHAIN, from->jump) == 0;
    }
    if (from->timeout_ms) {
        nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, from->timeout_ms);
        /* The kernel does not renew an element that has the same timeout unless an expiration is given. */
        nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_EXPIRATION, from->timeout_ms);
    }
    if (from->interval_end)
        nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
    return ok;
}

static void elements(struct batch *b, uint16_t type, uint16_t flags, const char *name, const struct element *list,
                     unsigned count)
{
    if (!room(b, count))
        return;
    struct nftnl_set *set = named(b, name);
    for (unsigned i = 0; i < count && !b->error; i++) {
        struct nftnl_set_elem *e = nftnl_set_elem_alloc();
        if (e)
            nftnl_set_elem_add(set, e); /* the set owns it now */
        if (!e || !fill_element(e, &list[i]))
            b->error = ENOMEM;
    }
    if (!b->error)
        append(b, type, flags, set);
    if (set)
        nftnl_set_free(set);
}

void batch_add(struct batch *b, const char *name, const struct element *list, unsigned count)
{
    elements(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, name, list, count);
}

void batch_remove(struct batch *b, const char *name, const struct element *list, unsigned count)
{
    elements(b, NFT_MSG_DESTROYSETELEM, 0, name, list, count);
}

/*
 * The kernel processes the request before send returns, so all its answers are already queued. An error for any
 * message means that the whole transaction was rolled back; success is the acknowledgement of the last message,
 * because a failure at commit is reported for the first one.
 */
static int answers(uint32_t wanted_ack)
{
    char in[8192];
    int error = EIO; /* no acknowledgement */
    bool failed = false;
    for (;;) {
        ssize_t n = recv(mnl_socket_get_fd(nl), in, sizeof in, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EAGAIN)
                error = errno;
            break;
        }
        int left = (int)n;
        for (struct nlmsghdr *h = (void *)in; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
            if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof(struct nlmsgerr))
                continue;
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
            if (e->error && !failed) {
                error = -e->error;
                failed = true;
            } else if (!e->error && !failed && h->nlmsg_seq == wanted_ack) {
                error = 0;
            }
        }
    }
    errno = error;
    return error ? -1 : 0;
}

int batch_commit(struct batch *b)
{
    if (!nl)
        b->error = EBADF;
    if (b->error || !b->last) {
        errno = b->error;
        return b->error ? -1 : 0;
    }
    b->last->nlmsg_flags |= NLM_F_ACK;
    nftnl_batch_end(buffer + b->len, batch_seq());
    b->len += ((struct nlmsghdr *)(buffer + b->len))->nlmsg_len;
    if (mnl_socket_sendto(nl, buffer, b->len) < 0)
        return -1;
    return answers(b->last->nlmsg_seq);
}

int batch_ask(struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
{
    char in[16384];
    if (!nl) {
        errno = EBADF;
        return -1;
    }
    if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
        return -1;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, in, sizeof in);
        if (n < 0)
            return -1;
        int r = mnl_cb_run(in, (size_t)n, nlh->nlmsg_seq, mnl_socket_get_portid(nl), cb, data);
        if (r <= 0)
            return r;
    }
}

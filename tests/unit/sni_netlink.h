/* What the kernel sends to sni, as the kernel makes it. */
#ifndef SEKISHO_SNI_NETLINK_H
#define SEKISHO_SNI_NETLINK_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>

/* Begin a message in the buffer: its subsystem (NFNL_SUBSYS_…), its kind there, the queue or log group. */
static inline struct nlmsghdr *netlink_begin(void *buffer, unsigned subsystem, unsigned kind, unsigned group)
{
    struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
    m->nlmsg_type = (uint16_t)(subsystem << 8 | kind);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof *g);
    g->res_id = htons((uint16_t)group);
    return m;
}

#endif

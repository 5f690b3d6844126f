/*
 * Puts xtables' NFQUEUE target into a chain of nftables, for kernels that lack nftables' own `queue` (they need
 * CONFIG_NFT_COMPAT and CONFIG_NETFILTER_XT_TARGET_NFQUEUE). No bypass, as in configs/firewall.nft.
 *
 *   xtqueue TABLE CHAIN NUMBER     of family inet, in this network namespace
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "xtqueue: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct nftnl_rule *rule(const char *table, const char *chain, unsigned number)
{
    struct nftnl_rule *r = nftnl_rule_alloc();
    struct nftnl_expr *e = nftnl_expr_alloc("target");
    struct xt_NFQ_info_v3 *info = calloc(1, 64); /* the kernel expects padding; the expression owns it */
    if (!r || !e || !info)
        die("memory");
    *info = (struct xt_NFQ_info_v3){.queuenum = (__u16)number, .queues_total = 1};
    nftnl_expr_set_str(e, NFTNL_EXPR_TG_NAME, "NFQUEUE");
    nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
    nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, XT_ALIGN(sizeof(*info)));
    nftnl_rule_set_str(r, NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_add_expr(r, e);
    return r;
}

int main(int argc, char **argv)
{
    char buffer[8192];
    if (argc != 4) {
        fprintf(stderr, "usage: xtqueue TABLE CHAIN NUMBER\n");
        return 2;
    }
    struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
    if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
        die("netlink");
    struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, sizeof(buffer));
    nftnl_batch_begin(mnl_nlmsg_batch_current(batch), 1);
    mnl_nlmsg_batch_next(batch);
    struct nlmsghdr *h = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), NFT_MSG_NEWRULE, NFPROTO_INET,
                                               NLM_F_APPEND | NLM_F_CREATE | NLM_F_ACK, 2);
    nftnl_rule_nlmsg_build_payload(h, rule(argv[1], argv[2], (unsigned)atoi(argv[3])));
    mnl_nlmsg_batch_next(batch);
    nftnl_batch_end(mnl_nlmsg_batch_current(batch), 3);
    mnl_nlmsg_batch_next(batch);
    if (mnl_socket_sendto(nl, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0)
        die("send");
    ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
    if (n < 0 || mnl_cb_run(buffer, (size_t)n, 2, mnl_socket_get_portid(nl), NULL, NULL) < 0)
        die("the kernel does not take the rule");
    return 0;
}

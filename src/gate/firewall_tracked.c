/* firewall.h: the use of the connection table, in all and by host. */
#include "firewall.h"
#include "firewall_batch.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <string.h>

/* Finds every host with more than 1 / (CANDIDATES + 1) of the table (Misra and Gries). */
#define CANDIDATES 63

struct candidate {
    uint32_t addr; /* network byte order; 0: unused */
    uint32_t count;
};

struct census {
    const struct prefix *lan;
    struct candidate list[CANDIDATES];
};

static struct nlmsghdr *request(char *buf, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    nlh->nlmsg_seq = batch_seq();
    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_INET;
    nfg->version = NFNETLINK_V0;
    return nlh;
}

static int numbers_cb(const struct nlmsghdr *nlh, void *data)
{
    struct firewall_tracked *out = data;
    const struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_payload_len(a) < sizeof(uint32_t))
            continue;
        if (mnl_attr_get_type(a) == CTA_STATS_GLOBAL_ENTRIES)
            out->entries = ntohl(mnl_attr_get_u32(a));
        if (mnl_attr_get_type(a) == CTA_STATS_GLOBAL_MAX_ENTRIES)
            out->most = ntohl(mnl_attr_get_u32(a));
    }
    return MNL_CB_OK;
}

static const struct nlattr *within(const struct nlattr *outer, unsigned type)
{
    const struct nlattr *a;
    if (outer)
        mnl_attr_for_each_nested(a, outer) if (mnl_attr_get_type(a) == type) return a;
    return NULL;
}

static const struct nlattr *attribute(const struct nlmsghdr *nlh, unsigned type)
{
    const struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == type) return a;
    return NULL;
}

/* Like `ct count`, on which the share is based: without connections that are kept only for their ports. */
static bool is_over(const struct nlmsghdr *nlh)
{
    const struct nlattr *tcp = within(attribute(nlh, CTA_PROTOINFO), CTA_PROTOINFO_TCP),
                        *state = within(tcp, CTA_PROTOINFO_TCP_STATE);
    if (!state || mnl_attr_get_payload_len(state) != sizeof(uint8_t))
        return false;
    uint8_t value = mnl_attr_get_u8(state);
    return value == TCP_CONNTRACK_TIME_WAIT || value == TCP_CONNTRACK_CLOSE;
}

/* The LAN address that started this connection; 0: not of the LAN, or the connection is closed. */
static uint32_t beginner(const struct census *c, const struct nlmsghdr *nlh)
{
    const struct nlattr *source = within(within(attribute(nlh, CTA_TUPLE_ORIG), CTA_TUPLE_IP), CTA_IP_V4_SRC);
    struct addr addr = {.family = AF_INET};
    uint32_t value;
    if (!source || mnl_attr_get_payload_len(source) != sizeof value || is_over(nlh))
        return 0;
    memcpy(addr.bytes, mnl_attr_get_payload(source), sizeof value);
    memcpy(&value, addr.bytes, sizeof value);
    return prefix_contains(c->lan, &addr) ? value : 0;
}

static int candidates_cb(const struct nlmsghdr *nlh, void *data)
{
    struct census *c = data;
    struct candidate *spare = NULL;
    uint32_t addr = beginner(c, nlh);
    if (addr == 0)
        return MNL_CB_OK;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        if (c->list[i].count > 0 && c->list[i].addr == addr) {
            c->list[i].count++;
            return MNL_CB_OK;
        }
        if (c->list[i].count == 0)
            spare = &c->list[i];
    }
    if (spare)
        *spare = (struct candidate){addr, 1};
    for (unsigned i = 0; i < CANDIDATES && !spare; i++)
        c->list[i].count--;
    return MNL_CB_OK;
}

static int count_cb(const struct nlmsghdr *nlh, void *data)
{
    struct census *c = data;
    uint32_t addr = beginner(c, nlh);
    for (unsigned i = 0; i < CANDIDATES && addr != 0; i++)
        if (c->list[i].addr == addr)
            c->list[i].count++;
    return MNL_CB_OK;
}

/* Two passes: find the candidates, then count their connections. */
static int census(struct census *c)
{
    char buf[256];
    if (batch_ask(request(buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP), candidates_cb, c) < 0)
        return -1;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        if (c->list[i].count == 0)
            c->list[i].addr = 0;
        c->list[i].count = 0;
    }
    return batch_ask(request(buf, IPCTNL_MSG_CT_GET, NLM_F_DUMP), count_cb, c);
}

int firewall_tracked(const struct prefix *lan, struct firewall_tracked *out)
{
    char buf[256];
    struct census c = {.lan = lan};
    *out = (struct firewall_tracked){0};
    if (batch_ask(request(buf, IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK), numbers_cb, out) < 0)
        return -1;
    if (out->entries < FIREWALL_CROWDED(FIREWALL_SHARE))
        return 0;
    if (census(&c) < 0)
        return -1;
    for (unsigned i = 0; i < CANDIDATES; i++)
        if (c.list[i].count > out->by_most) {
            out->by_most = c.list[i].count;
            out->host = (struct addr){.family = AF_INET};
            memcpy(out->host.bytes, &c.list[i].addr, sizeof c.list[i].addr);
        }
    return 0;
}

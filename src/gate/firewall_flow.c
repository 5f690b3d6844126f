/* firewall.h: the ruleset's counters, and single tracked flows. */
#include "firewall.h"
#include "firewall_batch.h"

#include <errno.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- counters ---- */

/* Drops of no interest to people: the box's own output, DHCP noise and broken packets. */
static bool is_odd(const char *reason)
{
    static const char *const names[] = {"spoofed", "invalid", "input-wan", "output"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(reason, names[i]))
            return true;
    return false;
}

/* `dropped_wrong_tunnel` -> `wrong-tunnel`. */
static void add_reason(struct firewall_counters *out, const char *counter, uint64_t packets)
{
    static const char prefix[] = "dropped_";
    if (strncmp(counter, prefix, sizeof prefix - 1) != 0 || out->reason_count == FIREWALL_REASONS_MAX)
        return;
    struct firewall_reason *r = &out->reasons[out->reason_count++];
    snprintf(r->name, sizeof r->name, "%s", counter + sizeof prefix - 1);
    for (char *c = r->name; *c; c++)
        if (*c == '_')
            *c = '-';
    r->packets = packets;
    r->odd = is_odd(r->name);
    if (!r->odd)
        out->blocked += packets;
}

struct reading {
    struct firewall_counters counters;
    unsigned objects;
};

static int counter_cb(const struct nlmsghdr *nlh, void *data)
{
    struct reading *reading = data;
    struct firewall_counters *out = &reading->counters;
    struct nftnl_obj *o = nftnl_obj_alloc();
    if (!o)
        return MNL_CB_ERROR;
    if (nftnl_obj_nlmsg_parse(nlh, o) == 0 && nftnl_obj_get_u32(o, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER) {
        const char *name = nftnl_obj_get_str(o, NFTNL_OBJ_NAME);
        reading->objects++;
        uint64_t packets = nftnl_obj_get_u64(o, NFTNL_OBJ_CTR_PKTS);
        if (!strcmp(name, "session_out"))
            out->session_out = packets;
        else if (!strcmp(name, "session_in"))
            out->session_in = packets;
        else if (!strcmp(name, "asked"))
            out->asked = packets;
        else
            add_reason(out, name, packets);
    }
    nftnl_obj_free(o);
    return MNL_CB_OK;
}

int firewall_counters(struct firewall_counters *out)
{
    char buf[512];
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETOBJ, NFPROTO_INET, NLM_F_DUMP, batch_seq());
    mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, BATCH_TABLE);
    mnl_attr_put_u32(nlh, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
    struct reading reading = {0};
    if (batch_ask(nlh, counter_cb, &reading) < 0)
        return -1;
    if (reading.objects == 0) { /* without the table the kernel lists nothing and reports no error */
        errno = ENOENT;
        return -1;
    }
    *out = reading.counters;
    return 0;
}

/* ---- tracked flows ---- */

static struct nlmsghdr *conntrack_request(char *buf, uint16_t type, uint8_t family)
{
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    nlh->nlmsg_seq = batch_seq();
    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = family;
    nfg->version = NFNETLINK_V0;
    return nlh;
}

int firewall_refuse(const struct firewall_flow *flow)
{
    char buf[512];
    bool v6 = flow->client.family == AF_INET6;
    struct nlmsghdr *nlh = conntrack_request(buf, IPCTNL_MSG_CT_NEW, flow->client.family); /* no CREATE: change it */
    struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
    struct nlattr *ip = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
    mnl_attr_put(nlh, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, v6 ? 16 : 4, flow->client.bytes);
    mnl_attr_put(nlh, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, v6 ? 16 : 4, flow->server.bytes);
    mnl_attr_nest_end(nlh, ip);
    struct nlattr *proto = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(nlh, CTA_PROTO_NUM, IPPROTO_TCP);
    mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(flow->client_port));
    mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(flow->server_port));
    mnl_attr_nest_end(nlh, proto);
    mnl_attr_nest_end(nlh, tuple);
    mnl_attr_put_u32(nlh, CTA_MARK, htonl(FIREWALL_MARK_REFUSED));
    return batch_ask(nlh, NULL, NULL);
}

int firewall_forget(uint32_t generation)
{
    char buf[256];
    struct nlmsghdr *nlh = conntrack_request(buf, IPCTNL_MSG_CT_DELETE, AF_UNSPEC);
    mnl_attr_put_u32(nlh, CTA_MARK, htonl(generation));
    mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(~FIREWALL_MARK_FORMS)); /* its other forms too */
    return batch_ask(nlh, NULL, NULL);
}

int firewall_forget_all(void)
{
    char buf[256];
    return batch_ask(conntrack_request(buf, IPCTNL_MSG_CT_DELETE, AF_UNSPEC), NULL, NULL);
}

#include "queue.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>

/* Attribute numbers of both kinds are below this. */
#define TYPES 32

static int keep(const struct nlattr *attribute, void *user)
{
    const struct nlattr **table = user;
    unsigned type = mnl_attr_get_type(attribute);
    if (type < TYPES)
        table[type] = attribute;
    return MNL_CB_OK;
}

static bool has(const struct nlattr *const *table, unsigned type, size_t size)
{
    return table[type] && mnl_attr_get_payload_len(table[type]) >= size;
}

static void payload(const struct nlattr *a, struct queued *out)
{
    out->data = mnl_attr_get_payload(a);
    out->len = mnl_attr_get_payload_len(a);
}

static void packet(const struct nlattr *const *table, struct queued *out)
{
    if (!has(table, NFQA_PACKET_HDR, sizeof(struct nfqnl_msg_packet_hdr)))
        return;
    const struct nfqnl_msg_packet_hdr *head = mnl_attr_get_payload(table[NFQA_PACKET_HDR]);
    out->what = QUEUE_PACKET;
    out->id = ntohl(head->packet_id);
    /*
     * The low octet is the service's number, or MSG_ON_LINE; one of the higher bits marks packets already queued
     * (firewall.nft, asked).
     */
    uint32_t bits = has(table, NFQA_MARK, 4) ? ntohl(mnl_attr_get_u32(table[NFQA_MARK])) : 0, mark = bits & 0xff;
    bool known = (mark >= 1 && mark <= CONF_SERVICES_MAX) || mark == MSG_ON_LINE;
    out->mark = known ? (uint8_t)mark : 0;
    out->answer = bits & QUEUE_ANSWER;
    out->checksum =
        has(table, NFQA_SKB_INFO, 4) && ntohl(mnl_attr_get_u32(table[NFQA_SKB_INFO])) & NFQA_SKB_CSUM_NOTVERIFIED;
    if (table[NFQA_PAYLOAD])
        payload(table[NFQA_PAYLOAD], out);
}

/* The reason is the rule's log prefix. An invalid one would be an error in the ruleset, so ignore the packet. */
static bool reason(const struct nlattr *const *table, struct queued *out)
{
    if (!table[NFULA_PREFIX])
        return false;
    const char *text = mnl_attr_get_payload(table[NFULA_PREFIX]);
    size_t len = strnlen(text, mnl_attr_get_payload_len(table[NFULA_PREFIX]));
    if (len == 0 || len >= sizeof out->reason)
        return false;
    memcpy(out->reason, text, len);
    out->reason[len] = '\0';
    return strspn(out->reason, "abcdefghijklmnopqrstuvwxyz-") == len;
}

static void logged(const struct nlattr *const *table, unsigned group, struct queued *out)
{
    if (!table[NFULA_PAYLOAD])
        return;
    payload(table[NFULA_PAYLOAD], out);
    bool has_reason = reason(table, out);
    if (group == QUEUE_SYNACK_GROUP) {
        out->what = QUEUE_SYNACK;
        out->agreed = has_reason && strcmp(out->reason, QUEUE_SYNACK_AGREED) == 0;
    } else if (has_reason)
        out->what = QUEUE_LOG;
}

void queue_read(const struct nlmsghdr *message, struct queued *out)
{
    const struct nlattr *table[TYPES] = {NULL};
    memset(out, 0, sizeof *out);
    if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
        return;
    const struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
    bool queued = message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET);
    if (!queued && message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
        return;
    /* (mnl_attr_parse would read on into the padding after the message.) */
    mnl_attr_parse_payload(head + 1, mnl_nlmsg_get_payload_len(message) - sizeof *head, keep, table);
    if (queued)
        packet(table, out);
    else
        logged(table, ntohs(head->res_id), out);
}

/*
 * Parser for the kernel's netlink messages: packets that need a verdict (nfnetlink_queue) and the heads of packets
 * that a rule has logged (nfnetlink_log). Pure.
 */
#ifndef SEKISHO_SNI_QUEUE_H
#define SEKISHO_SNI_QUEUE_H

#include "msg.h"

#include <linux/netlink.h>

#define QUEUE_SYNACK_GROUP 2 /* nfnetlink_log group of the SYN-ACKs (firewall.nft, asked_in and agreed_in) */
#define QUEUE_SYNACK_AGREED "agreed" /* log prefix of those in a flow whose ClientHello was allowed */

enum queue_what {
    QUEUE_NOTHING, /* an error reply to gate's verdicts, or an unknown message: skip it */
    QUEUE_PACKET,  /* needs a verdict */
    QUEUE_SYNACK,
    QUEUE_LOG      /* refused, for `reason` */
};

#define QUEUE_ANSWER 0x800 /* mark bit of packets from the server (firewall.nft, answering) */

struct queued {
    enum queue_what what;
    uint32_t id;   /* PACKET */
    uint8_t mark;  /* PACKET: the service, or MSG_ON_LINE; 0: none */
    bool checksum; /* PACKET: the kernel has not verified it */
    bool answer;   /* PACKET: from the server */
    bool agreed;   /* SYNACK: the kernel has the flow as allowed */
    char reason[MSG_REASON_MAX]; /* LOG: [a-z-]+ */
    const uint8_t *data; /* the packet from its IP header on */
    size_t len;
};

void queue_read(const struct nlmsghdr *message, struct queued *out);

#endif

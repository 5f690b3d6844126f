/*
 * What the kernel sends: packets to be decided about (nfnetlink_queue) and the heads of packets that a rule has logged
 * (nfnetlink_log). One netlink message in, what is needed of it out. Pure.
 */
#ifndef SEKISHO_SNI_QUEUE_H
#define SEKISHO_SNI_QUEUE_H

#include "msg.h"

#include <linux/netlink.h>

#define QUEUE_SYNACK_GROUP 2 /* of firewall.nft, chains asked_in and agreed_in: how the server began */
#define QUEUE_SYNACK_AGREED "agreed" /* the prefix of those to a flow whose ClientHello was agreed to */

enum queue_what {
    QUEUE_NOTHING, /* an answer to gate's verdicts, or not what we read */
    QUEUE_PACKET,  /* wants a verdict */
    QUEUE_SYNACK,
    QUEUE_LOG      /* refused, `reason` says why */
};

#define QUEUE_ANSWER 0x800 /* in the mark of what comes from the server (firewall.nft, answering) */

struct queued {
    enum queue_what what;
    uint32_t id;   /* PACKET */
    uint8_t mark;  /* PACKET: the service; 0: none that there is */
    bool checksum; /* PACKET: nobody has verified it yet */
    bool answer;   /* PACKET: of the server */
    bool agreed;   /* SYNACK: the kernel holds the flow for agreed to */
    char reason[MSG_REASON_MAX]; /* LOG: [a-z-]+ */
    const uint8_t *data; /* the packet from its IP header on */
    size_t len;
};

void queue_read(const struct nlmsghdr *message, struct queued *out);

#endif

/*
 * What a server says to a flow that has been agreed to, until it is seen to have answered: its first octets, put together
 * from segments of any size and in any order. Bounded; pure.
 */
#ifndef SEKISHO_SNI_ANSWER_H
#define SEKISHO_SNI_ANSWER_H

#include "stream.h"

#define ANSWER_MAX 2048 /* alerts, a HelloRetryRequest with its cookie, the head of a ServerHello */

enum answer_put {
    ANSWER_NOT_YET,
    ANSWER_NEVER,   /* what has begun there is no ServerHello and cannot become one */
    ANSWER_HELLO,   /* the head of a ServerHello is there … */
    ANSWER_SECOND,  /* … behind a HelloRetryRequest */
    ANSWER_CONFLICT /* it says otherwise than what was there, or begins before the server's first octet */
};

struct answer {
    struct stream stream;
    bool never; /* nothing of it is read any more */
    uint64_t map[STREAM_MAP(ANSWER_MAX)];
    uint8_t data[ANSWER_MAX];
};

/* base: sequence number of the server's first octet. The memory may be dirty from an earlier one (or all zero). */
void answer_begin(struct answer *a, uint32_t base);
enum answer_put answer_put(struct answer *a, uint32_t seq, const uint8_t *data, size_t len);

#endif

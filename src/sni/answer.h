/*
 * The first octets of the server in an allowed flow, reassembled from segments of any size and order until they contain
 * its answer to the ClientHello. Bounded; pure.
 */
#ifndef SEKISHO_SNI_ANSWER_H
#define SEKISHO_SNI_ANSWER_H

#include "stream.h"

#define ANSWER_MAX 2048 /* alerts, a HelloRetryRequest with its cookie, the head of a ServerHello */

enum answer_put {
    ANSWER_NOT_YET,
    ANSWER_NEVER,   /* the stream does not begin with a ServerHello */
    ANSWER_HELLO,   /* the head of a ServerHello has arrived … */
    ANSWER_SECOND,  /* … after a HelloRetryRequest */
    ANSWER_CONFLICT /* the segment contradicts earlier octets, or begins before the server's first octet */
};

struct answer {
    struct stream stream;
    bool never; /* ANSWER_NEVER was returned: ignore all further segments */
    uint64_t map[STREAM_MAP(ANSWER_MAX)];
    uint8_t data[ANSWER_MAX];
};

/* base: sequence number of the server's first octet. *a is all zero or has been used before. */
void answer_begin(struct answer *a, uint32_t base);
enum answer_put answer_put(struct answer *a, uint32_t seq, const uint8_t *data, size_t len);

#endif

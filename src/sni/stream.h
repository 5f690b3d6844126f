/*
 * Reassembly of the first octets of a TCP stream from segments in any order, overlapping and repeated. Bounded;
 * sequence numbers wrap around (RFC 9293 section 3.4). Pure.
 *
 * Overlapping segments must agree: which of the two a server uses depends on its TCP stack.
 */
#ifndef SEKISHO_SNI_STREAM_H
#define SEKISHO_SNI_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAX 24576 /* the longest ClientHello and the usual amount of 0-RTT data after it */
#define STREAM_MAP(max) (((max) + 63) / 64)

enum stream_put {
    STREAM_NEW,      /* added new octets */
    STREAM_OLD,      /* all octets were known, with the same values */
    STREAM_CONFLICT, /* contradicts known octets; the stream must no longer be used */
    STREAM_BEFORE,   /* ends before the stream begins */
    STREAM_ACROSS,   /* begins before the stream and ends inside */
    STREAM_BEYOND    /* ends beyond the buffer; nothing was added */
};

struct stream {
    uint32_t base; /* sequence number of the first octet */
    uint32_t have; /* octets from the start without a gap */
    uint32_t top;  /* end of the last known octet, possibly after gaps */
    uint32_t max;  /* size of data */
    uint64_t *map; /* bitmap of the octets known after `have`: STREAM_MAP(max) words */
    uint8_t *data;
};

/* Set the memory to use, once, before stream_begin: all zero, or used by this stream before. The caller owns it. */
static inline void stream_room(struct stream *s, uint32_t max, uint64_t *map, uint8_t *data)
{
    s->max = max;
    s->map = map;
    s->data = data;
}

void stream_begin(struct stream *s, uint32_t base);
enum stream_put stream_put(struct stream *s, uint32_t seq, const uint8_t *data, size_t len);
/* Offset in the stream of a segment's end. Only for a segment that stream_put has accepted. */
static inline uint32_t stream_end(const struct stream *s, uint32_t seq, size_t len)
{
    return seq - s->base + (uint32_t)len;
}

#endif

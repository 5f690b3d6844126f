/*
 * The first octets of a TCP stream, put together from segments in any order, overlapping and repeated. Bounded; sequence
 * numbers wrap around (RFC 9293 section 3.4). Pure.
 *
 * Where segments overlap, both must say the same: which of the two a server believes depends on the server.
 */
#ifndef SEKISHO_SNI_STREAM_H
#define SEKISHO_SNI_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAX 24576 /* a ClientHello at its longest, and what 0-RTT data usually follows it */
#define STREAM_MAP(max) (((max) + 63) / 64)

enum stream_put {
    STREAM_NEW,      /* something that was not there */
    STREAM_OLD,      /* all of it was there, with the same octets */
    STREAM_CONFLICT, /* it says otherwise than what was there; the stream is of no use any more */
    STREAM_BEFORE,   /* it ends before the stream begins */
    STREAM_ACROSS,   /* it begins before the stream and ends inside */
    STREAM_BEYOND    /* it ends behind what is kept; nothing was taken */
};

struct stream {
    uint32_t base; /* sequence number of the first octet */
    uint32_t have; /* octets without a gap, from the first */
    uint32_t top;  /* the end of the last octet that is there, behind gaps perhaps */
    uint32_t max;  /* octets that are kept */
    uint64_t *map; /* which are there, from `have` on: STREAM_MAP(max) words */
    uint8_t *data;
};

/* The memory that it works in: all zero, or dirty from an earlier stream that was begun in it. */
static inline void stream_room(struct stream *s, uint32_t max, uint64_t *map, uint8_t *data)
{
    s->max = max;
    s->map = map;
    s->data = data;
}

void stream_begin(struct stream *s, uint32_t base);
enum stream_put stream_put(struct stream *s, uint32_t seq, const uint8_t *data, size_t len);
/* Where a segment ends, counted from the first octet. Only after stream_put has taken it. */
static inline uint32_t stream_end(const struct stream *s, uint32_t seq, size_t len)
{
    return seq - s->base + (uint32_t)len;
}

#endif

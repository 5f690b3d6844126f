#include "stream.h"

#include <string.h>

void stream_begin(struct stream *s, uint32_t base)
{
    /* Bits are set only below `top`; a stream that arrives in order sets none. */
    memset(s->map, 0, (s->top + 63) / 64 * sizeof s->map[0]);
    s->base = base;
    s->have = s->top = 0;
}

static bool there(const struct stream *s, uint32_t i)
{
    return i < s->have || s->map[i / 64] >> (i % 64) & 1;
}

/* Octet by octet, because overlaps and gaps are rare. */
static enum stream_put merge(struct stream *s, uint32_t from, const uint8_t *data, size_t len)
{
    bool fresh = false;
    for (size_t k = 0; k < len; k++) {
        uint32_t i = from + (uint32_t)k;
        if (there(s, i)) {
            if (s->data[i] != data[k])
                return STREAM_CONFLICT;
            continue;
        }
        s->data[i] = data[k];
        s->map[i / 64] |= UINT64_C(1) << (i % 64);
        fresh = true;
    }
    if (from + len > s->top)
        s->top = from + (uint32_t)len;
    while (s->have < s->top && there(s, s->have))
        s->have++;
    return fresh ? STREAM_NEW : STREAM_OLD;
}

enum stream_put stream_put(struct stream *s, uint32_t seq, const uint8_t *data, size_t len)
{
    int32_t from = (int32_t)(seq - s->base);
    if (len > s->max)
        return STREAM_BEYOND;
    if (from < 0)
        return from + (int32_t)len <= 0 ? STREAM_BEFORE : STREAM_ACROSS;
    if ((uint32_t)from > s->max || (uint32_t)from + len > s->max)
        return STREAM_BEYOND;
    if ((uint32_t)from != s->have || s->top != s->have)
        return merge(s, (uint32_t)from, data, len);
    memcpy(s->data + from, data, len);
    s->have = s->top = (uint32_t)from + (uint32_t)len;
    return len > 0 ? STREAM_NEW : STREAM_OLD;
}

#include "answer.h"

#include "serverhello.h"

void answer_begin(struct answer *a, uint32_t base)
{
    stream_room(&a->stream, ANSWER_MAX, a->map, a->data);
    stream_begin(&a->stream, base);
    a->never = false;
}

static enum answer_put read_on(struct answer *a)
{
    bool retry;
    switch (serverhello_read(a->data, a->stream.have, &retry)) {
    case SERVERHELLO_THERE: return retry ? ANSWER_SECOND : ANSWER_HELLO;
    case SERVERHELLO_NONE: a->never = true; break;
    case SERVERHELLO_PART: a->never = a->stream.have == ANSWER_MAX; break;
    }
    return a->never ? ANSWER_NEVER : ANSWER_NOT_YET;
}

enum answer_put answer_put(struct answer *a, uint32_t seq, const uint8_t *data, size_t len)
{
    if (a->never)
        return ANSWER_NEVER;
    uint32_t from = seq - a->stream.base;
    if (from < ANSWER_MAX && len > ANSWER_MAX - from)
        len = ANSWER_MAX - from;
    switch (stream_put(&a->stream, seq, data, len)) {
    case STREAM_NEW: return read_on(a);
    case STREAM_OLD:
    case STREAM_BEFORE: /* a keepalive probe */
    case STREAM_BEYOND: break;
    case STREAM_CONFLICT:
    case STREAM_ACROSS: return ANSWER_CONFLICT;
    }
    return ANSWER_NOT_YET;
}

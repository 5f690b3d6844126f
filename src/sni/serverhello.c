#include "serverhello.h"

#include <string.h>

#define RECORD_HEAD 5
#define RECORD_MAX 16384
#define BODY_MIN 38 /* octets of a ServerHello without session id and extensions */

enum record_type { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22 };

/* Reads the octets of handshake messages across record boundaries. */
struct reader {
    const uint8_t *data;
    size_t len, at;
    size_t left;     /* octets left in the handshake record at `at` */
    unsigned others; /* records of other types so far */
    bool retry;
};

enum step { STEP_ON, STEP_WAIT, STEP_WRONG };

/* Accept a warning alert or (after a HelloRetryRequest) a ChangeCipherSpec, which means nothing there. */
static enum step other_record(struct reader *r, unsigned type, size_t size)
{
    const uint8_t *body = r->data + r->at + RECORD_HEAD;
    bool alert = type == ALERT && size == 2, change = type == CHANGE_CIPHER_SPEC && size == 1 && r->retry;
    if ((!alert && !change) || ++r->others > SERVERHELLO_OTHERS_MAX)
        return STEP_WRONG;
    if (r->len - r->at < RECORD_HEAD + size)
        return STEP_WAIT;
    if (body[0] != 1) /* AlertLevel warning; the only value of a ChangeCipherSpec */
        return STEP_WRONG;
    r->at += RECORD_HEAD + size;
    return STEP_ON;
}

/* Read a record header. inside: in the middle of a handshake message, where no other record may come. */
static enum step record(struct reader *r, bool inside)
{
    const uint8_t *head = r->data + r->at;
    if (r->len - r->at < RECORD_HEAD)
        return STEP_WAIT;
    size_t size = (size_t)head[3] << 8 | head[4];
    if (head[1] != 3 || (head[0] != HANDSHAKE && inside))
        return STEP_WRONG;
    if (head[0] != HANDSHAKE)
        return other_record(r, head[0], size);
    if (head[2] != 3 || size == 0 || size > RECORD_MAX)
        return STEP_WRONG;
    r->at += RECORD_HEAD;
    r->left = size;
    return STEP_ON;
}

static enum step octets(struct reader *r, bool inside, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        while (r->left == 0) {
            enum step s = record(r, inside || i > 0);
            if (s != STEP_ON)
                return s;
        }
        if (r->at == r->len)
            return STEP_WAIT;
        if (out)
            out[i] = r->data[r->at];
        r->at++;
        r->left--;
    }
    return STEP_ON;
}

/* Read one message: a ServerHello up to its random, or a whole HelloRetryRequest. */
static enum step message(struct reader *r, bool *retry)
{
    /* SHA-256 of "HelloRetryRequest" */
    static const uint8_t retry_random[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
                                             0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                             0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
    uint8_t head[4], begin[34];
    enum step s = octets(r, false, head, sizeof head);
    if (s != STEP_ON)
        return s;
    size_t size = (size_t)head[2] << 8 | head[3];
    if (head[0] != 2 || head[1] != 0 || size < BODY_MIN || size > SERVERHELLO_MAX)
        return STEP_WRONG;
    s = octets(r, true, begin, sizeof begin);
    if (s != STEP_ON)
        return s;
    if (begin[0] != 3 || begin[1] != 3)
        return STEP_WRONG;
    *retry = memcmp(begin + 2, retry_random, sizeof retry_random) == 0;
    return *retry ? octets(r, true, NULL, size - sizeof begin) : STEP_ON;
}

enum serverhello_read serverhello_read(const uint8_t *data, size_t len, bool *retry)
{
    struct reader r = {.data = data, .len = len};
    *retry = false;
    for (;;) {
        bool again = false;
        switch (message(&r, &again)) {
        case STEP_WAIT: return SERVERHELLO_PART;
        case STEP_WRONG: return SERVERHELLO_NONE;
        case STEP_ON: break;
        }
        if (!again)
            return SERVERHELLO_THERE;
        if (r.retry || r.left > 0) /* at most one, and nothing after it before the client's second ClientHello */
            return SERVERHELLO_NONE;
        r.retry = *retry = true;
    }
}

/* A question for an address and the answer to it, as little as the bench's programs need. */
#ifndef SEKISHO_BENCH_QUESTION_H
#define SEKISHO_BENCH_QUESTION_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An A question (RFC 1035 section 4.1) with this id. Returns its length. */
static inline size_t question(uint8_t *out, const char *name, uint16_t id)
{
    static const uint8_t head[10] = {1, 0, 0, 1}, tail[5] = {0, 0, 1, 0, 1};
    uint8_t *p = out + 12;
    out[0] = (uint8_t)(id >> 8);
    out[1] = (uint8_t)id;
    memcpy(out + 2, head, sizeof(head));
    for (const char *c = name; *c != '\0';) {
        size_t len = strcspn(c, ".");
        *p++ = (uint8_t)len;
        memcpy(p, c, len);
        p += len;
        c += len + (c[len] == '.');
    }
    memcpy(p, tail, sizeof(tail));
    return (size_t)(p + sizeof(tail) - out);
}

/*
 * The first A record of an answer whose records begin at `at`: each has its owner compressed to two octets, as all
 * resolvers here send it. 0.0.0.0: there is none.
 */
static inline struct in_addr first_address(const uint8_t *m, size_t len, size_t at)
{
    struct in_addr found = {0};
    if (len < 12 || (m[3] & 0xf) != 0)
        return found;
    for (unsigned n = (unsigned)(m[6] << 8 | m[7]); n > 0 && at + 12 <= len; n--) {
        unsigned type = (unsigned)(m[at + 2] << 8 | m[at + 3]), size = (unsigned)(m[at + 10] << 8 | m[at + 11]);
        if (type == 1 && size == 4 && at + 16 <= len) {
            memcpy(&found, m + at + 12, 4);
            return found;
        }
        at += 12 + size;
    }
    return found;
}

#endif

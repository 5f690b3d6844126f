#include "ntp.h"

#include <string.h>

#define SECOND INT64_C(1000000000)
#define UNIX_1970 INT64_C(2208988800) /* the UNIX epoch in NTP seconds, which start in 1900 */
#define ERA (INT64_C(1) << 32)
#define DISPERSION_MAX (16u << 16) /* RFC 5905 MAXDISP: a server with more is not synchronised */

static uint64_t big(const uint8_t *at, int octets)
{
    uint64_t value = 0;
    for (int i = 0; i < octets; i++)
        value = value << 8 | at[i];
    return value;
}

/* RFC 4330 section 3: with the top bit set the timestamp is in the era that ends in 2036, otherwise in the next one. */
static int64_t unix_ns(const uint8_t *at)
{
    int64_t seconds = (int64_t)big(at, 4);
    if (!(at[0] & 0x80))
        seconds += ERA;
    return (seconds - UNIX_1970) * SECOND + (int64_t)(big(at + 4, 4) * (uint64_t)SECOND >> 32);
}

void ntp_question(uint8_t out[NTP_PACKET], uint64_t nonce)
{
    memset(out, 0, NTP_PACKET);
    out[0] = 4 << 3 | 3; /* version 4, client */
    for (int i = 0; i < 8; i++)
        out[40 + i] = (uint8_t)(nonce >> (56 - 8 * i));
}

bool ntp_answer(const uint8_t *data, size_t len, uint64_t nonce, int64_t sent_ns, int64_t got_ns, int64_t *base_ns,
                uint32_t *delay_us)
{
    if (len < NTP_PACKET || big(data + 24, 8) != nonce)
        return false;
    unsigned leap = data[0] >> 6, version = data[0] >> 3 & 7, mode = data[0] & 7, stratum = data[1];
    if (leap == 3 || version < 3 || version > 4 || mode != 4 || stratum < 1 || stratum > 15)
        return false; /* (stratum 0: a refusal, "kiss-o'-death") */
    if (big(data + 4, 4) / 2 + big(data + 8, 4) >= DISPERSION_MAX || big(data + 32, 8) == 0 || big(data + 40, 8) == 0)
        return false;
    int64_t came = unix_ns(data + 32), went = unix_ns(data + 40), there = went - came, whole = got_ns - sent_ns;
    if (there < 0 || whole < 0 || whole > 10 * SECOND)
        return false;
    int64_t delay = whole > there ? whole - there : 0;
    *delay_us = (uint32_t)(delay / 1000);
    *base_ns = went + delay / 2 - got_ns;
    return true;
}

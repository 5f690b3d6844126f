#include "ttlclock.h"

uint32_t ttl_served(uint32_t upstream_s)
{
    if (upstream_s > INT32_MAX) /* RFC 2181 section 8: a TTL with the top bit set means zero */
        upstream_s = 0;
    if (upstream_s < TTL_MIN_S)
        return TTL_MIN_S;
    return upstream_s > TTL_MAX_S ? TTL_MAX_S : upstream_s;
}

uint32_t ttl_served_negative(uint32_t upstream_s)
{
    uint32_t served = ttl_served(upstream_s);
    return served > TTL_NEGATIVE_S ? TTL_NEGATIVE_S : served;
}

void ttl_start(struct ttl_clock *c, uint64_t now, uint32_t served_s)
{
    c->cache_until = now + served_s * UINT64_C(1000);
    c->element_until = 0;
}

uint32_t ttl_left(const struct ttl_clock *c, uint64_t now)
{
    if (now >= c->cache_until)
        return 0;
    return (uint32_t)((c->cache_until - now + 999) / 1000);
}

uint32_t ttl_element(const struct ttl_clock *c, uint64_t now)
{
    return ttl_left(c, now) + TTL_GRACE_S + TTL_SLACK_S;
}

void ttl_confirm(struct ttl_clock *c, uint64_t sent_at, uint32_t timeout_s)
{
    uint64_t until = sent_at + timeout_s * UINT64_C(1000);
    if (until > c->element_until)
        c->element_until = until;
}

bool ttl_covered(const struct ttl_clock *c, uint64_t now)
{
    uint64_t left = ttl_left(c, now);
    return left > 0 && c->element_until >= now + (left + TTL_GRACE_S) * 1000;
}

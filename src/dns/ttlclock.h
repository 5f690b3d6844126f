/*
 * The lifetime of an answer: how long it is served, how long it is cached and how long its elements live in the packet
 * filter are computed together, so that they cannot drift apart. Pure; times are milliseconds of CLOCK_MONOTONIC (the
 * kernel's element time-outs use the same clock), durations are seconds.
 *
 * Invariants, checked by tests/unit/dns_ttlclock_test.c:
 *  1. An answer served at time t with TTL n is covered: its elements stay until at least t + n + TTL_GRACE_S.
 *  2. Nothing is served at or after cache_until.
 *  3. An element's end is computed from the time before the request to gate was sent, so it is never assumed too late.
 * With the TTL counting down in the cache, the first element covers every later hit; a hit that is not covered (the
 * element was never confirmed) must be admitted again before it is answered.
 */
#ifndef SEKISHO_DNS_TTLCLOCK_H
#define SEKISHO_DNS_TTLCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define TTL_MIN_S 5       /* shorter TTLs are raised: each expiry costs a query and a kernel transaction */
#define TTL_MAX_S 300     /* longer TTLs are reduced: a changed address takes effect within five minutes */
#define TTL_NEGATIVE_S 60 /* maximum for negative answers (RFC 2308 allows more) */
#define TTL_GRACE_S 60    /* browsers keep an answer for at least a minute, whatever its TTL */
#define TTL_SLACK_S 1     /* the served TTL is rounded up to whole seconds; the element lives that much longer */

struct ttl_clock {
    uint64_t cache_until;   /* served before this */
    uint64_t element_until; /* confirmed by gate up to this; 0: not confirmed */
};

/* The TTL to serve for one from the resolver. */
uint32_t ttl_served(uint32_t upstream_s);
uint32_t ttl_served_negative(uint32_t upstream_s);

/* Start the clock of an answer with this served TTL; no element is confirmed yet. */
void ttl_start(struct ttl_clock *c, uint64_t now, uint32_t served_s);

/* The TTL left, in whole seconds, rounded up; 0: the answer has expired. */
uint32_t ttl_left(const struct ttl_clock *c, uint64_t now);

/* The element time-out to request from gate now, so that the TTL left is covered. */
uint32_t ttl_element(const struct ttl_clock *c, uint64_t now);

/* gate has confirmed an element with timeout_s, requested at sent_at. Never shortens an earlier confirmation. */
void ttl_confirm(struct ttl_clock *c, uint64_t sent_at, uint32_t timeout_s);

/* May the answer be served now (invariant 1)? */
bool ttl_covered(const struct ttl_clock *c, uint64_t now);

#endif

/*
 * The one clock of an answer: how long it is served, how long it stays in the cache and how long the packet filter's
 * element lives are computed here together, so that they cannot drift apart. Pure; times are milliseconds of
 * CLOCK_MONOTONIC (the kernel's element timeouts run on the same clock), lengths are seconds.
 *
 * Invariants, checked by tests/unit/dns_ttlclock_test.c:
 *  1. An answer handed out at time t with TTL n is covered: the element stays until at least t + n + TTL_GRACE_S.
 *  2. Nothing is served at or after cache_until.
 *  3. The end of an element is counted from before the request to gate was sent, so it is never believed too late.
 * With the TTL counting down in the cache, the first element covers every later hit; a hit that is not covered (the
 * element was never confirmed) must be admitted again before it is answered.
 */
#ifndef SEKISHO_DNS_TTLCLOCK_H
#define SEKISHO_DNS_TTLCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define TTL_MIN_S 5       /* shorter ones are raised: each expiry costs a question and a kernel transaction */
#define TTL_MAX_S 300     /* longer ones are cut: a listed name that moves is followed within five minutes */
#define TTL_NEGATIVE_S 60 /* "no such data" is kept no longer than this (RFC 2308 allows more) */
#define TTL_GRACE_S 60    /* browsers hold an answer at least a minute whatever its TTL says */
#define TTL_SLACK_S 1     /* the served TTL is rounded up to whole seconds; the element lives that much longer */

struct ttl_clock {
    uint64_t cache_until;   /* served before this */
    uint64_t element_until; /* confirmed by gate up to this; 0: not confirmed */
};

/* The TTL that we serve for one that came from upstream. */
uint32_t ttl_served(uint32_t upstream_s);
uint32_t ttl_served_negative(uint32_t upstream_s);

/* An answer with this served TTL is taken in now; no element is confirmed yet. */
void ttl_start(struct ttl_clock *c, uint64_t now, uint32_t served_s);

/* Whole seconds that may be served now, rounded up; 0: the answer is over. */
uint32_t ttl_left(const struct ttl_clock *c, uint64_t now);

/* The element timeout to ask gate for now, so that what is left is covered. */
uint32_t ttl_element(const struct ttl_clock *c, uint64_t now);

/* gate confirmed an element of timeout_s that was asked for at sent_at. Never shortens what was confirmed before. */
void ttl_confirm(struct ttl_clock *c, uint64_t sent_at, uint32_t timeout_s);

/* May the answer be handed out now (invariant 1)? */
bool ttl_covered(const struct ttl_clock *c, uint64_t now);

#endif

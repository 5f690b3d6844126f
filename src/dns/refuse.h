/* Refusals: for each an RCODE, an Extended DNS Error, its EXTRA-TEXT for people, and the reason reported to gate. */
#ifndef SEKISHO_DNS_REFUSE_H
#define SEKISHO_DNS_REFUSE_H

#include "frontend.h"

/* In the order of the table in refuse.c. */
enum refusal {
    REFUSAL_NOT_LISTED,
    REFUSAL_HOST,
    REFUSAL_TYPE,
    REFUSAL_NO_TUNNEL,
    REFUSAL_SILENT,
    REFUSAL_UPSTREAM,
    REFUSAL_CHAIN,
    REFUSAL_FORBIDDEN,
    REFUSAL_PRIVATE,
    REFUSAL_OUTSIDE,
    REFUSAL_NO_SESSION,
    REFUSAL_REGISTRY,
    REFUSAL_KERNEL,
    REFUSAL_BUSY,
    REFUSAL_COUNT
};

/* The answer to give. */
void refuse_answer(enum refusal why, struct dns_answer *a);

/*
 * Count a refusal and report it to gate (MSG_REFUSED), at most FRONTEND_REPORTS_RATE times per second. name: wire
 * form, or NULL. client, bad: may be NULL. A transient failure (the kernel) is not reported.
 */
void refuse_report(struct frontend *q, uint64_t now, enum refusal why, const struct client *client, const uint8_t *name,
                   uint8_t name_len, uint16_t type, const struct addr *bad);

/* The same for queries without an answer, or with a bare header only: a flood, a malformed query. */
bool refuse_report_other(struct frontend *q, uint64_t now, enum msg_why why, const struct client *client);

/*
 * A limit of the box was reached: a full table, addresses left out, cached answers evicted. Reports WHY_LIMIT, once
 * in ten seconds. client, name: may be NULL.
 */
void refuse_limit(struct frontend *q, uint64_t now, const struct client *client, const uint8_t *name, uint8_t name_len,
                  uint16_t type);

/* Not a refusal: report that this client asks for unusually many names below wildcards (WHY_MANY). */
bool refuse_many(struct frontend *q, const struct client *client, const uint8_t *name, uint8_t name_len, uint16_t type);

#endif

/* Everything that is answered with an error: response code, Extended DNS Error, sentence for people, reason for gate. */
#ifndef SEKISHO_DNS_REFUSE_H
#define SEKISHO_DNS_REFUSE_H

#include "frontend.h"

/* What goes wrong, in the order of the table in refuse.c. */
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
    REFUSAL_KERNEL,
    REFUSAL_BUSY,
    REFUSAL_COUNT
};

/* The answer to give. */
void refuse_answer(enum refusal why, struct dns_answer *a);

/*
 * Count a refusal, and tell gate (MSG_REFUSED), at most FRONTEND_REPORTS_RATE times a second. name: wire form, or NULL. client, bad: may be
 * NULL. What is nobody's fault but the moment's (the kernel) is not reported.
 */
void refuse_report(struct frontend *q, uint64_t now, enum refusal why, const struct client *client, const uint8_t *name,
                   uint8_t name_len, uint16_t type, const struct addr *bad);

/* The same for what is not answered, or only with a bare header: a flood, a malformed question. */
bool refuse_report_other(struct frontend *q, uint64_t now, enum msg_why why, const struct client *client);

/*
 * A limit of the box bites: no place left, addresses left out, answers that made room for others. WHY_LIMIT to gate,
 * once in ten seconds. client, name: may be NULL.
 */
void refuse_limit(struct frontend *q, uint64_t now, const struct client *client, const uint8_t *name, uint8_t name_len,
                  uint16_t type);

/* Nothing is refused: this client asks for unusually many names below wildcards (WHY_MANY). */
bool refuse_many(struct frontend *q, const struct client *client, const uint8_t *name, uint8_t name_len, uint16_t type);

#endif

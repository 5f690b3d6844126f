/*
 * Counts all refusals by reason and writes them to the audit log: names (`dns`), TLS connections (`sni`) and packets
 * (the packet filter, by `sni`). The log has a fixed size and a PC can cause any number of refusals, so each reason
 * has its own allowance: a frequent one does not hide another, and each line has the number of those not written.
 */
#ifndef SEKISHO_GATE_REFUSALS_H
#define SEKISHO_GATE_REFUSALS_H

#include "lib/reason.h"
#include "msg.h"

#include <stdint.h>

/* Per reason so many lines are written at once, then one every REFUSALS_EVERY_MS. */
#define REFUSALS_BURST 12
#define REFUSALS_EVERY_MS 20000
/* Repetitions of the same refusal for the same PC are one line in this time, with a count. */
#define REFUSALS_SAME_MS 10000
#define REFUSALS_SAME 64
#define REFUSALS_REASONS 64
#define REFUSALS_NAMES 512 /* table of addresses with their names; a power of two */

struct refusals {
    uint64_t dns, tls; /* all reasons together */
    struct refusals_reason {
        const struct reason *reason; /* NULL: free */
        uint64_t count;
        uint64_t tokens_at;
        unsigned tokens, lost;
    } reasons[REFUSALS_REASONS];
    struct refusals_same {
        uint64_t what; /* hash of the line's content */
        uint64_t since;
        unsigned more; /* repetitions not written */
    } same[REFUSALS_SAME];
    /* The last listed name that an address was admitted for: for the log only. */
    struct refusals_name {
        struct addr addr;
        char name[CONF_FQDN_MAX];
        const struct conf_rule *rule; /* its ports */
        uint64_t until_ms; /* allowed until then */
    } names[REFUSALS_NAMES];
};

/* The rule is the listed name's, and must outlive r. */
void refusals_learn(struct refusals *r, const struct addr *addr, const char *name, const struct conf_rule *rule,
                    uint64_t until_ms);

/* Count, and log if the reason's allowance permits. now_ms: monotonic. */
void refusals_dns(struct refusals *r, const struct msg_refused *m, uint64_t now_ms);
/* m->what >= FLOW_NOT_TLS, or FLOW_NAME: a name that is not admitted for this address. */
void refusals_tls(struct refusals *r, const struct msg_flow *m, uint64_t now_ms);
void refusals_packet(struct refusals *r, const struct msg_blocked *m, uint64_t now_ms);

/* Untrusted text as one word of plain ASCII for the log; "-" if empty. Returns out. */
const char *refusals_word(const char *text, char *out, size_t size);

#endif

/*
 * Why something was refused: one word for the log, the counters and scripts, and what it means in both languages. The
 * words of packets are the log prefixes and the counters (`dropped_…`) of configs/firewall.nft.
 */
#ifndef SEKISHO_REASON_H
#define SEKISHO_REASON_H

#include <stddef.h>

enum reason_kind {
    REASON_DNS,    /* a name was asked for, or an answer came; event dns.refused */
    REASON_TLS,    /* a TLS connection said what it wants; event tls.refused */
    REASON_PACKET, /* the rules refused a packet; event blocked */
    REASON_KINDS
};

struct reason {
    enum reason_kind kind;
    const char *word; /* never changes once released */
    const char *en, *ja; /* the end of a sentence "who wanted what: …" */
};

/* NULL: there is none. */
const struct reason *reason_find(enum reason_kind kind, const char *word);
/* The i-th of all; NULL behind the last. */
const struct reason *reason_at(size_t i);

#endif

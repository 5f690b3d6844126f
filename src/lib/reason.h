/*
 * Reasons: why something was refused. One stable word for the log, the counters and scripts, and its meaning in both
 * languages. The words for packets are the log prefixes and the counters (`dropped_…`) of configs/firewall.nft.
 */
#ifndef SEKISHO_REASON_H
#define SEKISHO_REASON_H

#include <stddef.h>

enum reason_kind {
    REASON_DNS,    /* a DNS query or answer; event dns.refused */
    REASON_TLS,    /* a ClientHello; event tls.refused */
    REASON_PACKET, /* a packet, by the packet filter; event blocked */
    REASON_KINDS
};

struct reason {
    enum reason_kind kind;
    const char *word; /* never changes once released */
    const char *en, *ja; /* completes the sentence "who wanted what: …" */
};

/* NULL: unknown word. */
const struct reason *reason_find(enum reason_kind kind, const char *word);
/* The i-th of all reasons; NULL past the last. */
const struct reason *reason_at(size_t i);

#endif

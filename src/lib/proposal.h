/*
 * Proposals of IKE and ESP in strongSwan's syntax, `aes256gcm16-prfsha384-ecp384, aes256-sha256-ecp384`: what is in one,
 * whether the box's charon and kernel can do it, and whether it is strong enough. charon itself takes words for
 * algorithms that it does not have, and says so nowhere; so the words are known here (proposal.c), and a test compares
 * them with the charon of the image (tests/unit/gate_proposals_test.sh).
 */
#ifndef SEKISHO_PROPOSAL_H
#define SEKISHO_PROPOSAL_H

#include "cause.h"

#include <stdbool.h>
#include <stddef.h>

#define PROPOSAL_MAX 128 /* bytes of one proposal, with NUL */
#define PROPOSALS_MAX 8 /* in one list */

enum proposal_use { PROPOSAL_IKE, PROPOSAL_ESP };

/* The next proposal of a list, without blanks around it; *at goes on behind it. False: there is no other. */
bool proposal_next(const char **at, char out[PROPOSAL_MAX]);
/* CAUSE_NONE, or what is wrong with the list; its arguments are key and value. */
enum cause_code proposal_wrong(enum proposal_use use, const char *list);
/* The proposal without its key exchange; false: it has none. */
bool proposal_without_exchange(const char *proposal, char out[PROPOSAL_MAX]);

#endif

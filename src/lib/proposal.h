/*
 * IKE and ESP proposals in strongSwan's syntax, `aes256gcm16-prfsha384-ecp384, aes256-sha256-ecp384`: which algorithms
 * they contain, whether the box's charon and kernel support them, and whether they are strong enough. charon accepts
 * keywords for algorithms that it does not have, without an error; so proposal.c has its own table of keywords, and a
 * test compares it with the image's charon (tests/unit/gate_proposals_test.sh).
 */
#ifndef SEKISHO_PROPOSAL_H
#define SEKISHO_PROPOSAL_H

#include "cause.h"

#include <stdbool.h>
#include <stddef.h>

#define PROPOSAL_MAX 128 /* bytes of one proposal, with NUL */
#define PROPOSALS_MAX 8 /* proposals in one list */

enum proposal_use { PROPOSAL_IKE, PROPOSAL_ESP };

/* Copy the next proposal of a list, trimmed, and advance *at past it. False: there are no more. */
bool proposal_next(const char **at, char out[PROPOSAL_MAX]);
/* Check a list. CAUSE_NONE, or what is wrong: a cause with the arguments key and value. */
enum cause_code proposal_wrong(enum proposal_use use, const char *list);
/* Copy the proposal without its key exchange methods. False: it has none. */
bool proposal_without_exchange(const char *proposal, char out[PROPOSAL_MAX]);

#endif

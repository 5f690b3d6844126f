/* Writes gate/state, gate's state file (docs/state-files.md). Called only by publish.c. */
#ifndef SEKISHO_GATE_STATE_H
#define SEKISHO_GATE_STATE_H

#include "view.h"

void state_write(const struct view *view);

#endif

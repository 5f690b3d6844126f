/* gate/state: what the rest of the box and people can see of gate (docs/state-files.md). Called by publish.c alone. */
#ifndef SEKISHO_GATE_STATE_H
#define SEKISHO_GATE_STATE_H

#include "view.h"

void state_write(const struct view *view);

#endif

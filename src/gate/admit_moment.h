/* struct admit_now, filled from the session and from charon. */
#ifndef SEKISHO_GATE_ADMIT_MOMENT_H
#define SEKISHO_GATE_ADMIT_MOMENT_H

#include "admit.h"
#include "charon.h"
#include "session.h"

struct admit_now admit_moment(const struct session *session, struct charon *charon);

#endif

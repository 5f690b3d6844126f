/* clock's state file RUN/clock/state. */
#ifndef SEKISHO_CLOCK_SAY_H
#define SEKISHO_CLOCK_SAY_H

#include "cause.h"
#include "judge.h"
#include "msg.h"

/* Why a time is not trusted; CAUSE_NONE for a verdict that is not a fault. */
void say_fault(struct cause *out, const struct judge_result *result, const struct judge_facts *facts,
               const struct judge_answer answers[], const struct msg_time_ask *asked, bool certificate);
/* The servers that the time comes from, as text. */
void say_source(char *out, size_t size, const struct msg_time_ask *asked);
void say_state(bool trusted, const char *source, const struct cause *fault, const char *path);

#endif

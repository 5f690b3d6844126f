/* What the clock says to people: the state file RUN/clock/state. */
#ifndef SEKISHO_CLOCK_SAY_H
#define SEKISHO_CLOCK_SAY_H

#include "judge.h"
#include "msg.h"

/* One sentence about a time that is not believed; "" for a verdict that is no fault. */
void say_fault(char *out, size_t size, const struct judge_result *result, const struct judge_facts *facts,
               const struct judge_answer answers[], const struct msg_time_ask *asked, bool certificate);
/* Who told the time. */
void say_source(char *out, size_t size, const struct msg_time_ask *asked);
void say_state(bool trusted, const char *source, const char *fault, const char *path);

#endif

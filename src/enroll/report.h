/* What the agent tells the rest of the box (its state file), and what it learns from the others' state files. */
#ifndef SEKISHO_ENROLL_REPORT_H
#define SEKISHO_ENROLL_REPORT_H

#include "agent.h"

/* Write the state file at path if anything in it has changed. */
void report_write(const struct agent *a, const struct agent_time *now, const char *path);
/* Take over the daily limit's count from the state file of a former run, so that a restart does not begin a new day. */
void report_resume(struct agent *a, const char *path);
/* Fill in the time, the clock's state and the link, out of the state files below run (…/clock/state, …/wan/state). */
void report_look(struct agent_time *now, const char *run, const struct conf_site *site);

#endif

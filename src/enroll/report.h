/* The agent's state file, and what it reads from other programs' state files. */
#ifndef SEKISHO_ENROLL_REPORT_H
#define SEKISHO_ENROLL_REPORT_H

#include "agent.h"

/* Write the state file at path if anything in it has changed. */
void report_write(const struct agent *a, const struct agent_time *now, const char *path);
/* Restore the daily limit's count from the state file of the previous run, so that a restart does not reset it. */
void report_resume(struct agent *a, const char *path);
/* Fill in the time, clock's state and the uplink's, from the state files below run (…/clock/state, …/wan/state). */
void report_look(struct agent_time *now, const char *run, const struct conf_site *site);

#endif

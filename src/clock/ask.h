/* The clock's network part: asks time servers, and can do nothing else. Its own user, an empty root, no capability. */
#ifndef SEKISHO_CLOCK_ASK_H
#define SEKISHO_CLOCK_ASK_H

/* Started as root; sock is the line to the clock. */
_Noreturn void ask_run(int sock);

#endif

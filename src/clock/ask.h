/* clock's network part: queries time servers and can do nothing else. Its own user, an empty root, no capabilities. */
#ifndef SEKISHO_CLOCK_ASK_H
#define SEKISHO_CLOCK_ASK_H

/* Called as root; sock is the connection to clock. */
_Noreturn void ask_run(int sock);

#endif

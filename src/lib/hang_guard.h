/*
 * The line to the hang guard (rootfs /usr/libexec/sekisho/hang-guard), who ends programs that hang, so that Finit starts them
 * again. A named pipe in RUN/hang-guard; who writes to it never waits for anybody.
 */
#ifndef SEKISHO_HANG_GUARD_H
#define SEKISHO_HANG_GUARD_H

#include <stdbool.h>

#define HANG_GUARD_RUN "/run/sekisho"
#define HANG_GUARD_EVERY_MS                                                                                            \
    5000 /* how often a program says that it goes on; the hang guard waits for four times as long */

/* `end sni`, `end charon`. False with errno: the hang guard is not there, or does not read. */
bool hang_guard_tell(const char *run, const char *words);
/* To be called in the program's loop, at least every HANG_GUARD_EVERY_MS; says the program's name as often as needed. */
void hang_guard_alive(const char *run, const char *program);

#endif

/*
 * Client of the hang guard (rootfs /usr/libexec/sekisho/hang-guard), which kills programs that hang, so that Finit
 * restarts them. It reads a named pipe in RUN/hang-guard; writers never block.
 */
#ifndef SEKISHO_HANG_GUARD_H
#define SEKISHO_HANG_GUARD_H

#include <stdbool.h>

#define HANG_GUARD_RUN "/run/sekisho"
#define HANG_GUARD_EVERY_MS 5000 /* interval of a program's sign of life; the hang guard waits four times as long */

/* Send one command: `end sni`, `end charon`. False with errno: the hang guard does not run or does not read. */
bool hang_guard_tell(const char *run, const char *words);
/* Call in the program's loop, at least every HANG_GUARD_EVERY_MS. Sends the program's name, at most that often. */
void hang_guard_alive(const char *run, const char *program);

#endif

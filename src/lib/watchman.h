/*
 * The line to the watchman (rootfs /usr/libexec/sekisho/watchman), who ends programs that hang, so that Finit starts them
 * again. A named pipe in RUN/watchman; who writes to it never waits for anybody.
 */
#ifndef SEKISHO_WATCHMAN_H
#define SEKISHO_WATCHMAN_H

#include <stdbool.h>

#define WATCHMAN_RUN "/run/sekisho"
#define WATCHMAN_EVERY_MS 5000 /* how often a program says that it goes on; the watchman waits for four times as long */

/* `end sni`, `end charon`. False with errno: the watchman is not there, or does not read. */
bool watchman_tell(const char *run, const char *words);
/* To be called in the program's loop, at least every WATCHMAN_EVERY_MS; says the program's name as often as needed. */
void watchman_alive(const char *run, const char *program);

#endif

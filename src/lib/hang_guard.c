#include "hang_guard.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Opened for each word: the hang guard may have been started again meanwhile. Nobody there to read it: ENXIO. */
bool hang_guard_tell(const char *run, const char *words)
{
    char path[PATH_MAX], line[64];
    int path_len = snprintf(path, sizeof path, "%s/hang-guard/words", run);
    int len = snprintf(line, sizeof line, "%s\n", words);
    if (path_len >= (int)sizeof path || len >= (int)sizeof line) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t n = write(fd, line, (size_t)len); /* a short line goes into a pipe whole or not at all */
    int why = errno;
    close(fd);
    errno = why;
    return n == len;
}

void hang_guard_alive(const char *run, const char *program)
{
    static uint64_t said_at; /* 0: not yet */
    uint64_t now = clock_monotonic_ms();
    if (said_at && now - said_at < HANG_GUARD_EVERY_MS)
        return;
    said_at = now;
    (void)hang_guard_tell(run, program); /* if there is no hang-guard, nobody minds */
}

#include "hang_guard.h"
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Open the pipe each time: the hang guard may have been restarted. ENXIO: nobody reads the pipe. */
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
    ssize_t n = write(fd, line, (size_t)len); /* atomic: shorter than PIPE_BUF */
    int why = errno;
    close(fd);
    errno = why;
    return n == len;
}

void hang_guard_alive(const char *run, const char *program)
{
    static uint64_t said_at; /* time of the last message; 0: none yet */
    uint64_t now = clock_monotonic_ms();
    if (said_at && now - said_at < HANG_GUARD_EVERY_MS)
        return;
    said_at = now;
    (void)hang_guard_tell(run, program); /* without a hang guard there is nothing to do */
}

#include "audit.h"
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int sock = -1;
static unsigned lost; /* events that could not be delivered since the last that was */

int audit_open(void)
{
    if (sock < 0)
        sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return sock;
}

/*
 * sendto with the address each time, not connect once: after a restart the audit program has a new socket at the same
 * path, and this needs no further system call to find it.
 */
static bool deliver(const char *line, size_t len)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = AUDIT_SOCKET};
    if (audit_open() < 0)
        return false;
    ssize_t n;
    do {
        n = sendto(sock, line, len, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

void audit_event(const char *event, const char *fmt, ...)
{
    char line[AUDIT_LINE_MAX + 1];
    int head = snprintf(line, sizeof line, "%s ", event);
    if (head < 0 || (size_t)head >= sizeof line)
        return;
    va_list ap;
    va_start(ap, fmt);
    int body = vsnprintf(line + head, sizeof line - (size_t)head, fmt, ap);
    va_end(ap);
    if (body < 0)
        return;
    size_t len = strlen(line);
    if (len > 0 && line[len - 1] == ' ')
        line[--len] = '\0';
    if (lost > 0) {
        char note[64];
        int n = snprintf(note, sizeof note, "audit.lost count=%u", lost);
        if (deliver(note, (size_t)n))
            lost = 0;
    }
    if (!deliver(line, len)) {
        lost++;
        log_warn("audit is away: %s", line);
    }
}

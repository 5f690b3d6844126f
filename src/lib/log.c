#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *program = "sekisho";
static bool verbose;

void log_name(const char *name)
{
    program = name;
}

/* One write per line, so that the lines of several processes do not mix. */
__attribute__((format(printf, 2, 0))) static void put(const char *level, const char *fmt, va_list ap)
{
    char line[1024];
    int head = snprintf(line, sizeof line, "%s: %s: ", program, level);
    if (head < 0 || (size_t)head >= sizeof line - 2)
        return;
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, fmt, ap);
    if (body < 0)
        return;
    size_t len = (size_t)head + (size_t)body;
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    /* A newline or an escape sequence in a name from the network must not forge a line. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    /* Ignore errors: there is nowhere to report them, and the daemon's work matters more. */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored;
}

#define PUT(level)                                                                                                     \
    do {                                                                                                               \
        va_list ap;                                                                                                    \
        va_start(ap, fmt);                                                                                             \
        put(level, fmt, ap);                                                                                           \
        va_end(ap);                                                                                                    \
    } while (0)

void log_error(const char *fmt, ...)
{
    PUT("error");
}

void log_warn(const char *fmt, ...)
{
    PUT("warning");
}

void log_info(const char *fmt, ...)
{
    PUT("info");
}

void log_debug(const char *fmt, ...)
{
    if (verbose)
        PUT("debug");
}

void log_verbose(void)
{
    verbose = true;
}

void log_fatal(const char *fmt, ...)
{
    PUT("fatal");
    exit(1);
}

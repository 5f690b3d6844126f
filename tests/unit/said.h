/*
 * What a program says on standard error: in a test the lines of the log, and of the audit log too. Nothing is asserted
 * between the two: why it failed would be said there as well. After cmocka.h.
 */
#ifndef SEKISHO_TEST_SAID_H
#define SEKISHO_TEST_SAID_H

#include <sys/mman.h>
#include <unistd.h>

static int said_before = -1, said_fd = -1; /* where it goes otherwise; where it goes meanwhile */

static inline void said_begin(void)
{
    said_fd = memfd_create("said", MFD_CLOEXEC);
    said_before = dup(STDERR_FILENO);
    assert_true(said_fd >= 0 && said_before >= 0 && dup2(said_fd, STDERR_FILENO) >= 0);
}

/* What was said since, all of it. */
static inline const char *said_end(void)
{
    static char text[4096];
    assert_true(dup2(said_before, STDERR_FILENO) >= 0);
    assert_int_equal(close(said_before), 0);
    ssize_t length = pread(said_fd, text, sizeof text - 1, 0);
    assert_in_range(length, 0, sizeof text - 2);
    text[length] = '\0';
    assert_int_equal(close(said_fd), 0);
    return text;
}

#endif

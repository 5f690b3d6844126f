/* enroll's state file when its store cannot be read any more. */
#include "state_file.h"
#include "report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static bool readable;

static long read_file(void *ctx, const char *path, void *out, size_t max)
{
    (void)ctx;
    (void)path;
    if (!readable) {
        errno = EIO;
        return -1;
    }
    return snprintf(out, max, "PEM");
}

static bool has(const char *path, const char *key, const char *value)
{
    static char text[STATE_FILE_MAX];
    char got[64];
    return state_file_read(path, getuid(), text, sizeof text) >= 0 && state_file_get(text, key, got, sizeof got) &&
           strcmp(got, value) == 0;
}

/* The fault is reported all the same; the certificate follows as soon as it can be read. */
static void a_certificate_that_cannot_be_read(void **state)
{
    (void)state;
    static const struct store_ops ops = {.read_file = read_file};
    static struct agent a = {.store = {.ops = &ops, .current = 3}, .renew_at = 1};
    struct agent_time now = {0};
    char folder[] = "/tmp/report.XXXXXX", path[64], pem[64], text[8];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    snprintf(pem, sizeof pem, "%s/state.cert.pem", folder);
    cause_set(&a.fault, CAUSE_CERT_NOT_STORED, NULL);
    report_write(&a, &now, path);
    assert_true(has(path, "cause", "cert-not-stored"));
    assert_int_not_equal(access(pem, F_OK), 0);
    struct stat before, after;
    readable = true;
    assert_int_equal(stat(path, &before), 0);
    report_write(&a, &now, path); /* nothing else has changed, but a new state file makes gate look */
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    assert_true(state_file_read(pem, getuid(), text, sizeof text) >= 0);
    assert_string_equal(text, "PEM");
    unlink(path), unlink(pem), rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_certificate_that_cannot_be_read)};
    return cmocka_run_group_tests_name("enroll_report", tests, NULL, NULL);
}

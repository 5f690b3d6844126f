/* State files: written whole, read back, never broken. */
#include "test.h"

#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[32], path[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/publish-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/state", dir);
    return 0;
}

static void round_trip(void **state)
{
    struct state_file p;
    char text[STATE_FILE_MAX + 1], value[64];
    struct stat st;
    (void)state;
    state_file_begin(&p);
    state_file_add(&p, "mode", "%s", "session");
    state_file_add(&p, "blocked.dns", "%d", 12);
    state_file_add(&p, "fault", "line one\nmode closed\x1b[1m");
    state_file_add(&p, "Bad Key", "x");
    state_file_add(&p, "empty", "%s", "");
    assert_int_equal(state_file_commit(&p, path), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(state_file_read(path, 0, text, sizeof text), 0);
    assert_true(strncmp(text, "version 1\n", 10) == 0);
    assert_true(state_file_get(text, "mode", value, sizeof value));
    assert_string_equal(value, "session"); /* the newline in `fault` made no line of its own */
    assert_true(state_file_get(text, "blocked.dns", value, sizeof value));
    assert_string_equal(value, "12");
    assert_true(state_file_get(text, "fault", value, sizeof value));
    assert_string_equal(value, "line one mode closed [1m");
    assert_null(strstr(text, "Bad Key"));
    assert_true(state_file_get(text, "empty", value, sizeof value));
    assert_string_equal(value, "");
    assert_false(state_file_get(text, "blocked", value, sizeof value)); /* no prefix of a key */
    assert_string_equal(value, "");
    assert_true(state_file_get(text, "mode", value, 4));
    assert_string_equal(value, "ses");
}

static void too_long(void **state)
{
    struct state_file p;
    char text[STATE_FILE_MAX + 1];
    (void)state;
    state_file_begin(&p);
    for (int i = 0; i < 200; i++)
        state_file_add(&p, "key", "%d the same sentence again and again, to fill it", i);
    assert_true(p.full);
    state_file_add(&p, "x", "y"); /* would fit, but comes after a hole */
    assert_int_equal(state_file_commit(&p, path), 0);
    assert_int_equal(state_file_read(path, 0, text, sizeof text), 0);
    assert_true(strlen(text) < STATE_FILE_MAX);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_null(strstr(text, "x y\n"));
}

static void failures_keep_the_old(void **state)
{
    struct state_file p;
    char text[STATE_FILE_MAX + 1], other[80];
    (void)state;
    state_file_begin(&p);
    state_file_add(&p, "mode", "closed");
    assert_int_equal(state_file_commit(&p, path), 0);
    (void)snprintf(other, sizeof other, "%s/none/state", dir);
    assert_int_equal(state_file_commit(&p, other), -1);
    assert_int_equal(errno, ENOENT);
    /* A folder in the place of the temporary file: writing fails, the old state stays. */
    (void)snprintf(other, sizeof other, "%s.new", path);
    assert_int_equal(mkdir(other, 0755), 0);
    state_file_add(&p, "more", "x");
    assert_int_equal(state_file_commit(&p, path), -1);
    assert_int_equal(rmdir(other), 0);
    assert_int_equal(state_file_read(path, 0, text, sizeof text), 0);
    assert_string_equal(text, "version 1\nmode closed\n");
    (void)snprintf(other, sizeof other, "%s/absent", dir);
    assert_int_equal(state_file_read(other, 0, text, sizeof text), -1);
    assert_string_equal(text, "");
}

/* What another program, if compromised, could put in place of its file. */
static void nothing_but_a_plain_file(void **state)
{
    char text[64], other[80];
    (void)state;
    struct state_file p;
    state_file_begin(&p);
    assert_int_equal(state_file_commit(&p, path), 0);
    assert_int_equal(state_file_read(path, 612, text, sizeof text), 0); /* root's */
    assert_int_equal(chown(path, 612, 612), 0);
    assert_int_equal(state_file_read(path, 612, text, sizeof text), 0);
    assert_int_equal(state_file_read(path, 608, text, sizeof text), -1); /* another user's */
    assert_int_equal(errno, EBADMSG);
    (void)snprintf(other, sizeof other, "%s/other", dir);
    assert_int_equal(link(path, other), 0); /* a second name of somebody else's file */
    assert_int_equal(state_file_read(path, 612, text, sizeof text), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(state_file_read(path, 612, text, 8), -1); /* larger than it can be */
    assert_int_equal(errno, EBADMSG);
    assert_string_equal(text, "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(state_file_read(path, 612, text, sizeof text), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0); /* it does not wait for a writer either */
    assert_int_equal(state_file_read(path, 612, text, sizeof text), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(state_file_read(path, 612, text, sizeof text), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(state_file_read("/dev/zero", 0, text, sizeof text), -1);
    assert_int_equal(errno, EBADMSG);
}

/* In it a user may replace its own files, and nothing that root has put there. */
static void folder(void **state)
{
    char own[96], roots[96];
    struct stat st;
    (void)state;
    assert_int_equal(chmod(dir, 0755), 0);
    (void)snprintf(own, sizeof own, "%s/folder", dir);
    assert_int_equal(state_file_folder(own, 612), 0);
    assert_int_equal(state_file_folder(own, 612), 0); /* again, after a restart */
    assert_int_equal(stat(own, &st), 0);
    assert_int_equal(st.st_uid, 0);
    (void)snprintf(roots, sizeof roots, "%s/folder/sock", dir);
    (void)snprintf(own, sizeof own, "%s/folder/state", dir);
    int fd = open(roots, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    pid_t child = fork();
    if (child == 0) {
        struct state_file p;
        if (setgid(612) < 0 || setuid(612) < 0)
            _exit(1);
        state_file_begin(&p);
        for (int again = 0; again < 2; again++)
            if (state_file_commit(&p, own) < 0)
                _exit(2);
        if (unlink(roots) == 0 || rename(own, roots) == 0)
            _exit(3);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(too_long),
        cmocka_unit_test(failures_keep_the_old),
        cmocka_unit_test(nothing_but_a_plain_file),
        cmocka_unit_test(folder),
    };
    return cmocka_run_group_tests(tests, make_dir, NULL);
}

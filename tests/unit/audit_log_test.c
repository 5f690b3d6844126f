/* The audit log: lines, numbers over restarts and power cuts, rotation, allowance. */
#include "test.h"

#include "format.h"
#include "ratelimit.h"
#include "sandbox.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[32];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/audit-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static size_t line_of(const char *text, char *out)
{
    return format_line(out, FORMAT_LINE_MAX, 1795250000, 7, "gate", text, strlen(text));
}

static void lines(void **state)
{
    char line[FORMAT_LINE_MAX];
    (void)state;
    size_t n = line_of("session.start service=gtol client=192.168.77.10", line);
    assert_string_equal(line,
                        "2026-11-21T17:33:20+09:00 000007 gate session.start service=gtol client=192.168.77.10\n");
    assert_int_equal(n, strlen(line));
    (void)line_of("fault", line);
    assert_string_equal(line, "2026-11-21T17:33:20+09:00 000007 gate fault\n");
    /* a name cannot forge a second line, a terminal sequence or another event */
    (void)line_of("dns.refused name=a\n2026-11-21T08:33:20Z 000008 gate session.start \x1b[2J", line);
    assert_string_equal(line,
                        "2026-11-21T17:33:20+09:00 000007 gate dns.refused name=a\\x0a2026-11-21T08:33:20Z 000008 gate "
                        "session.start \\x1b[2J\n");
    static const char *const malformed[] = {"", " x", "Session.start", ".a", "a.", "a\nb c", "日本 x"};
    for (size_t i = 0; i < COUNT(malformed); i++) {
        (void)line_of(malformed[i], line);
        assert_contains(line, "gate malformed ");
    }
}

/* The longest text, every octet of it escaped, is still a whole line. */
static void longest(void **state)
{
    char text[512], line[FORMAT_LINE_MAX];
    (void)state;
    memset(text, 0x01, sizeof text);
    size_t n = format_line(line, sizeof line, 0, UINT64_MAX, "enroll-net", text, sizeof text);
    assert_int_equal(line[n - 1], '\n');
    assert_true(n > 4 * sizeof text);
}

static void programs(void **state)
{
    char buf[24];
    (void)state;
    assert_string_equal(format_program(0, buf, sizeof buf), "system");
    assert_string_equal(format_program(UID_GATE, buf, sizeof buf), "gate");
    assert_string_equal(format_program(UID_STATUS, buf, sizeof buf), "console");
    assert_string_equal(format_program(4242, buf, sizeof buf), "uid-4242");
}

static void numbers(void **state)
{
    char line[FORMAT_LINE_MAX];
    uint64_t n;
    (void)state;
    size_t len = line_of("fault", line);
    assert_true(format_number(line, len, &n) && n == 7);
    static const char *const bad[] = {"", "x", "2026-11-21T08:33:20Z", "2026-11-21T08:33:20Z 12 gate",
                                      "2026-11-21T08:33:20Z 000012"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(format_number(bad[i], strlen(bad[i]), &n));
}

static void append(struct store *s, const char *text)
{
    char line[FORMAT_LINE_MAX];
    size_t n = format_line(line, sizeof line, 1795250000, s->next++, "gate", text, strlen(text));
    assert_int_equal(store_append(s, line, n), 0);
}

static void read_log(const char *name, char *out, size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    out[n] = '\0';
    if (f)
        (void)fclose(f);
}

static void survives_restart(void **state)
{
    struct store s;
    struct stat st;
    char text[4096], path[64];
    (void)state;
    assert_int_equal(store_open(&s, dir, 10000), 0);
    assert_int_equal(s.next, 1);
    append(&s, "one");
    append(&s, "two");
    store_close(&s);
    (void)snprintf(path, sizeof path, "%s/audit.log", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0); /* not world-readable */
    assert_int_equal(store_open(&s, dir, 10000), 0);
    assert_int_equal(s.next, 3);
    assert_false(s.torn);
    store_close(&s);

    /* a power cut in the middle of the third line */
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "2026-11-21T08:33:20Z 000003 ga", 30), 30);
    close(fd);
    assert_int_equal(store_open(&s, dir, 10000), 0);
    assert_true(s.torn);
    assert_int_equal(s.next, 4); /* its number is not given out again */
    append(&s, "four");
    store_close(&s);
    read_log("audit.log", text, sizeof text);
    assert_contains(text, " 000003 ga\n2026-11-21T17:33:20+09:00 000004 gate four\n");
}

/* Only the end of the file is read: a partial line there may contain text that looks like a number. */
static void half_a_line(void **state)
{
    struct store s;
    char path[64], text[3 * FORMAT_LINE_MAX];
    static const char words[] = "2026-11-21T08:33:20Z 99999999999 x ",
                      last[] = "\n2026-11-21T08:33:20Z 000042 gate fault\n";
    (void)state;
    (void)snprintf(path, sizeof path, "%s/audit.log", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "2026-11-21T08:33:20Z 000041 gate dns.refused name=%s", words);
    int n = snprintf(text, sizeof text, "%0*d%s", (int)(2 * FORMAT_LINE_MAX - strlen(words) - strlen(last)), 0, last);
    (void)fwrite(text, 1, (size_t)n, f);
    (void)fclose(f);
    assert_int_equal(store_open(&s, dir, 100000), 0);
    assert_int_equal(s.next, 43);
    store_close(&s);
}

static void rotates(void **state)
{
    struct store s;
    char text[4096], name[32];
    (void)state;
    assert_int_equal(store_open(&s, dir, 200), 0);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "event.n%d", i);
        append(&s, name);
    }
    uint64_t next = s.next;
    store_close(&s);
    uint64_t last = 0, count = 0;
    for (int age = STORE_FILES - 1; age >= 0; age--) {
        (void)snprintf(name, sizeof name, age ? "audit.log.%d" : "audit.log", age);
        read_log(name, text, sizeof text);
        assert_true(strlen(text) > 0 && strlen(text) <= 200);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            uint64_t number;
            assert_true(format_number(line, strlen(line), &number));
            assert_true(last == 0 || number == last + 1); /* no gap over the files */
            last = number;
            count++;
        }
    }
    assert_int_equal(last, next - 1);
    assert_true(count >= 12);
    read_log("audit.log.4", text, sizeof text);
    assert_string_equal(text, "");
    /* cut off between the renaming and the new file: numbers go on */
    char from[64], to[64];
    (void)snprintf(from, sizeof from, "%s/audit.log", dir);
    (void)snprintf(to, sizeof to, "%s/audit.log.1", dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(store_open(&s, dir, 200), 0);
    assert_int_equal(s.next, next);
    store_close(&s);
}

/* A file system of a few pages, all in use except those of the log. */
static void full_disk(void **state)
{
    struct store s;
    char path[64], text[200 * 1024];
    static char filler[4096];
    (void)state;
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 || errno == EINVAL, 1);
    assert_int_equal(mount("tmpfs", dir, "tmpfs", 0, "size=128k"), 0);
    assert_int_equal(store_open(&s, dir, 16000), 0);
    for (int i = 0; i < 600; i++)
        append(&s, "event.before with some more words behind it");
    (void)snprintf(path, sizeof path, "%s/filler", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    while (write(fd, filler, sizeof filler) > 0)
        ;
    close(fd);
    for (int i = 0; i < 400; i++)
        append(&s, "event.after with some more words behind it");
    assert_true(s.shortened > 0);
    uint64_t next = s.next;
    /* It has no file left to delete: it reports the error, and leaves no partial line. */
    for (unsigned age = 1; age < STORE_FILES; age++) {
        (void)snprintf(path, sizeof path, "%s/audit.log.%u", dir, age);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/filler", dir);
    fd = open(path, O_WRONLY | O_APPEND);
    while (write(fd, filler, sizeof filler) > 0)
        ;
    close(fd);
    s.file_max = 1000000;
    static char many[8 * 4096];
    memset(many, 'x', sizeof many);
    many[sizeof many - 1] = '\n';
    assert_int_equal(store_append(&s, many, sizeof many), -1);
    assert_int_equal(errno, ENOSPC);
    read_log("audit.log", text, sizeof text);
    assert_null(strchr(text, 'x'));
    assert_int_equal(text[strlen(text) - 1], '\n');
    store_close(&s);
    /* There is room again: numbers go on. */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_open(&s, dir, 16000), 0);
    assert_int_equal(s.next, next);
    append(&s, "event.again");
    store_close(&s);
    assert_int_equal(umount(dir), 0);
}

static void no_folder(void **state)
{
    struct store s;
    (void)state;
    assert_int_equal(store_open(&s, "/tmp/there/is/none", 200), -1);
}

static bool allow(struct ratelimit *l, uid_t uid, const char *event, uint64_t now, unsigned *suppressed)
{
    return ratelimit_allow(l, uid, event, strlen(event), now, suppressed);
}

static void allowance(void **state)
{
    struct ratelimit l = {0};
    unsigned suppressed, passed = 0;
    (void)state;
    /* a PC that asks for a thousand bad names */
    for (int i = 0; i < 1000; i++)
        passed += allow(&l, UID_GATE, "dns.refused name=x", 1000, &suppressed);
    assert_int_equal(passed, 30);
    /* hides neither a session nor another program's events */
    assert_true(allow(&l, UID_GATE, "session.start service=lab", 1000, &suppressed));
    assert_int_equal(suppressed, 0);
    assert_true(allow(&l, UID_ENROLL, "dns.refused name=x", 1000, &suppressed));
    /* nor other refusals, which have a limit too */
    assert_true(allow(&l, UID_GATE, "tls.refused name=x", 1000, &suppressed));
    for (int i = passed = 0; i < 100; i++)
        passed += allow(&l, UID_GATE, "blocked reason=closed", 1000, &suppressed);
    assert_int_equal(passed, 30);
    /* and the dropped ones are counted */
    assert_false(allow(&l, UID_GATE, "dns.refused name=y", 10999, &suppressed));
    assert_true(allow(&l, UID_GATE, "dns.refused name=y", 11000, &suppressed));
    assert_int_equal(suppressed, 971);
    /* more senders than entries: they share one, nothing is written out of bounds */
    for (uid_t uid = 1000; uid < 1100; uid++)
        (void)allow(&l, uid, "x", 12000, &suppressed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(longest),
        cmocka_unit_test(programs),
        cmocka_unit_test(numbers),
        cmocka_unit_test_setup(survives_restart, make_dir),
        cmocka_unit_test_setup(half_a_line, make_dir),
        cmocka_unit_test_setup(rotates, make_dir),
        cmocka_unit_test_setup(full_disk, make_dir),
        cmocka_unit_test(no_folder),
        cmocka_unit_test(allowance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

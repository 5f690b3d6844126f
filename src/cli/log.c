/* `sekisho log`: the last lines of the audit log, across its files. */
#include "cause_text.h"
#include "json.h"
#include "ops.h"
#include "sandbox.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4
#define FILE_MAX (512 * 1024) /* per file; audit limits them to half of it */
#define TRIES 5

/* All files, oldest first, as one text; each may need a newline added at its end. */
static char whole[FILES * (FILE_MAX + 1) + 1];

struct file {
    int fd; /* -1: no such file */
    ino_t inode;
    off_t size;
};

/* Open one file of the log. It stays open, so that it can be read even after a rotation. */
static struct file open_file(const char *root, unsigned age)
{
    struct file file = {.fd = -1};
    struct stat st;
    char path[PATH_MAX], suffix[8] = "";
    if (age > 0)
        (void)snprintf(suffix, sizeof suffix, ".%u", age);
    (void)snprintf(path, sizeof path, "%s/state/audit/audit.log%s", root, suffix);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return file;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        (st.st_uid == UID_AUDIT || st.st_uid == 0 || st.st_uid == geteuid()))
        return (struct file){fd, st.st_ino, st.st_size};
    close(fd);
    errno = EINVAL;
    return file;
}

static void close_files(const struct file files[FILES])
{
    for (unsigned age = 0; age < FILES; age++)
        if (files[age].fd >= 0)
            close(files[age].fd);
}

/*
 * Open all files, newest first. Returns their number, 0 with errno. After a rotation meanwhile one is seen twice:
 * retry.
 */
static unsigned open_files(const char *root, struct file files[FILES])
{
    for (unsigned try = 0; try < TRIES; try++) {
        unsigned found = 0, twice = 0;
        int why = 0;
        for (unsigned age = 0; age < FILES; age++) {
            files[age] = open_file(root, age);
            if (age == 0)
                why = errno;
            found += files[age].fd >= 0;
            for (unsigned newer = 0; newer < age && files[age].fd >= 0; newer++)
                twice += files[newer].fd >= 0 && files[newer].inode == files[age].inode;
        }
        errno = why;
        if (twice == 0)
            return found;
        close_files(files);
    }
    errno = EAGAIN;
    return 0;
}

/* Read a file's lines, the last ones if it is too large. Returns the length in out, whole lines only. */
static size_t read_file(const struct file *file, char *out)
{
    size_t len = 0, cut = 0;
    off_t from = file->size > FILE_MAX ? file->size - FILE_MAX : 0;
    while (len < FILE_MAX) {
        ssize_t n = pread(file->fd, out + len, FILE_MAX - len, from + (off_t)len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    if (from > 0) { /* drop the partial first line */
        while (cut < len && out[cut] != '\n')
            cut++;
        len -= cut;
        memmove(out, out + cut, len);
    }
    if (len > 0 && out[len - 1] != '\n')
        out[len++] = '\n';
    return len;
}

const char *log_time(const char *line, char out[ZONE_TEXT_MAX])
{
    int64_t when;
    size_t len = zone_read(line, (unsigned)strlen(line), &when);
    if (len > 0)
        (void)zone_stamp(when, out);
    else
        (void)snprintf(out, ZONE_TEXT_MAX, "%.*s", (int)(len = strcspn(line, " ")), line);
    return line + len + (line[len] == ' ');
}

/*
 * The cause in a line: all of the details, or `reason="…"` or `cause="…"`. False: there is none. Text typed at the
 * console is never taken for a cause: it would appear as if the box had reported it.
 */
static bool line_cause(const char *line, struct cause *out)
{
    static const char *const keys[] = {"reason=\"", "cause=\""};
    char text[CAUSE_LINE_MAX];
    for (int i = 0; i < 4; i++) { /* time, number, program, event */
        if (i == 3 && strncmp(line, "console.", 8) == 0)
            return false;
        line += strcspn(line, " ");
        line += *line == ' ';
    }
    if (cause_parse(line, out))
        return true;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *at = strstr(line, keys[i]);
        if (!at)
            continue;
        at += strlen(keys[i]);
        (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\""), at);
        return cause_parse(text, out);
    }
    return false;
}

/* `TIME NUMBER PROGRAM EVENT DETAILS` */
static void json_line(struct json *j, const char *line)
{
    static const char *const fields[] = {"time", "number", "program", "event"};
    char when[ZONE_TEXT_MAX], text[CAUSE_TEXT_MAX];
    const char *whole_line = line;
    struct cause cause;
    line = log_time(line, when);
    json_open(j, NULL, '{');
    json_text(j, fields[0], when);
    for (size_t i = 1; i < sizeof fields / sizeof fields[0]; i++) {
        char field[64];
        size_t len = strcspn(line, " ");
        (void)snprintf(field, sizeof field, "%.*s", (int)len, line);
        if (i == 1)
            json_number(j, fields[i], strtoull(field, NULL, 10));
        else
            json_text(j, fields[i], field);
        line += len + (line[len] == ' ');
    }
    json_text(j, "details", line);
    if (line_cause(whole_line, &cause)) {
        json_text(j, "text", cause_sentence(&cause, CAUSE_EN, CAUSE_WRONG, text));
        json_text(j, "text_ja", cause_sentence(&cause, CAUSE_JA, CAUSE_WRONG, text));
        json_cause(j, "cause", &cause);
    }
    json_close(j, '}');
}

/* Replace newlines by NUL. Returns the number of lines. */
static unsigned split(char *text, size_t len)
{
    unsigned lines = 0;
    text_plain(text, len);
    for (size_t i = 0; i < len; i++) {
        lines += text[i] != '\n' && (i == 0 || text[i - 1] == '\0');
        if (text[i] == '\n')
            text[i] = '\0';
    }
    return lines;
}

bool log_open(const struct ops_args *args, struct log *log)
{
    struct file files[FILES];
    size_t len = 0;
    if (open_files(args->root, files) == 0) {
        char en[CAUSE_TEXT_MAX + 64], ja[CAUSE_TEXT_MAX + 64], text[CAUSE_TEXT_MAX];
        struct cause why;
        cause_system(&why, errno);
        (void)snprintf(en, sizeof en, "The audit log cannot be read: %s",
                       cause_text(&why, CAUSE_EN, CAUSE_WRONG, text));
        (void)snprintf(ja, sizeof ja, "監査記録を読み取れません(%s)", cause_text(&why, CAUSE_JA, CAUSE_WRONG, text));
        (void)ops_answer(args, EXIT_USAGE, en, ja);
        return false;
    }
    for (unsigned age = FILES; age-- > 0;)
        if (files[age].fd >= 0)
            len += read_file(&files[age], whole + len);
    close_files(files);
    *log = (struct log){.lines = split(whole, len), .text = whole, .end = whole + len};
    return true;
}

const char *log_next(const struct log *log, const char *line)
{
    const char *at = line ? line + strlen(line) : log->text;
    while (at < log->end && *at == '\0')
        at++;
    return at < log->end ? at : NULL;
}

static void put_sentence(const struct cause *cause, enum ops_lang lang)
{
    char text[CAUSE_TEXT_MAX];
    if (lang != LANG_JA)
        (void)printf("    %s\n", cause_sentence(cause, CAUSE_EN, CAUSE_WRONG, text));
    if (lang != LANG_EN)
        (void)printf("    %s\n", cause_sentence(cause, CAUSE_JA, CAUSE_WRONG, text));
}

/* Print a line with its time in the current zone; one in another format unchanged. */
static void put_line(const char *line, enum ops_lang lang)
{
    char when[ZONE_TEXT_MAX];
    struct cause cause;
    bool why = line_cause(line, &cause);
    if (zone_read(line, (unsigned)strlen(line), NULL) > 0) {
        line = log_time(line, when);
        (void)printf("%s ", when);
    }
    (void)puts(line);
    if (why)
        put_sentence(&cause, lang);
}

int op_log(const struct ops_args *args)
{
    struct log log;
    unsigned seen = 0;
    if (!log_open(args, &log))
        return EXIT_USAGE;
    if (log.lines == 0 && !args->json)
        return ops_answer(args, EXIT_GOOD, "The audit log is empty.", "監査記録はまだありません。");
    struct json j = {0};
    if (args->json)
        json_open(&j, NULL, '[');
    for (const char *line = NULL; (line = log_next(&log, line)) != NULL;) {
        if (++seen + args->lines <= log.lines)
            continue;
        if (args->json)
            json_line(&j, line);
        else
            put_line(line, args->lang);
    }
    if (args->json) {
        json_close(&j, ']');
        json_end();
    }
    return EXIT_GOOD;
}

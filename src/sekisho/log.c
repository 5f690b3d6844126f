/* `sekisho log`: the last lines of the audit log, over its files. */
#include "json.h"
#include "ops.h"
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
#define FILE_MAX (512 * 1024) /* of one file; the audit program keeps them at half of it */

/* All files, oldest first, as one text. */
static char whole[FILES * FILE_MAX + 1];

static size_t read_file(const char *path, char *out)
{
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return 0;
    while (len < FILE_MAX) {
        ssize_t n = read(fd, out + len, FILE_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    close(fd);
    return len;
}

/* `TIME NUMBER PROGRAM EVENT DETAILS` */
static void json_line(struct json *j, char *line)
{
    static const char *const fields[] = {"time", "number", "program", "event"};
    json_open(j, NULL, '{');
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        size_t len = strcspn(line, " ");
        bool more = line[len] == ' ';
        line[len] = '\0';
        if (i == 1)
            json_number(j, fields[i], strtoull(line, NULL, 10));
        else
            json_text(j, fields[i], line);
        line += len + more;
    }
    json_text(j, "details", line);
    json_close(j, '}');
}

char *log_whole(const char *root, size_t *length)
{
    size_t len = 0;
    bool any = false;
    for (int age = FILES - 1; age >= 0; age--) {
        char path[PATH_MAX], suffix[8] = "";
        if (age > 0)
            (void)snprintf(suffix, sizeof suffix, ".%d", age);
        (void)snprintf(path, sizeof path, "%s/state/audit/audit.log%s", root, suffix);
        any = any || access(path, R_OK) == 0;
        len += read_file(path, whole + len);
    }
    if (!any) {
        (void)fprintf(stderr, "The audit log cannot be read: %s\n", strerror(errno));
        return NULL;
    }
    whole[len] = '\0';
    *length = len;
    return whole;
}

int op_log(const struct ops_args *args)
{
    size_t len = 0;
    if (!log_whole(args->root, &len))
        return EXIT_USAGE;
    /* Go back over the wanted number of lines. */
    size_t from = len;
    for (unsigned lines = 0; from > 0; from--)
        if (whole[from - 1] == '\n' && from < len && ++lines == args->lines)
            break;
    struct json j = {0};
    if (args->json)
        json_open(&j, NULL, '[');
    for (char *line = whole + from; *line;) {
        size_t n = strcspn(line, "\n");
        bool more = line[n] == '\n';
        line[n] = '\0';
        if (args->json) {
            json_line(&j, line);
        } else {
            /* The log is escaped already; a file that was tampered with must not reach the terminal raw. */
            for (char *c = line; *c; c++)
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                    *c = '?';
            (void)puts(line);
        }
        line += n + more;
    }
    if (args->json) {
        json_close(&j, ']');
        json_end();
    }
    return EXIT_GOOD;
}

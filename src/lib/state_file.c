#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool key_ok(const char *key)
{
    size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789.-");
    return n > 0 && key[n] == '\0';
}

void state_file_begin(struct state_file *p)
{
    p->len = 0;
    p->full = false;
    state_file_add(p, "version", "1");
}

void state_file_add(struct state_file *p, const char *key, const char *fmt, ...)
{
    char value[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    /* Add nothing after the first line that did not fit: a reader must not see a file with gaps. */
    if (n < 0 || p->full || !key_ok(key))
        return;
    for (char *c = value; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    size_t room = sizeof p->text - p->len;
    int len = snprintf(p->text + p->len, room, "%s %s\n", key, value);
    if (len < 0 || (size_t)len >= room) {
        p->text[p->len] = '\0';
        p->full = true;
        return;
    }
    p->len += (size_t)len;
}

void state_file_cause(struct state_file *p, const char *key, const struct cause *cause)
{
    char line[CAUSE_LINE_MAX];
    if (cause->code != CAUSE_NONE)
        state_file_add(p, key, "%s", cause_line(cause, line));
}

void state_file_add_octets(struct state_file *p, const char *key, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t key_len = strlen(key);
    if (p->full || !key_ok(key))
        return;
    if (len > sizeof p->text || key_len + 2 * len + 3 > sizeof p->text - p->len) {
        p->full = true;
        return;
    }
    char *to = p->text + p->len;
    memcpy(to, key, key_len);
    to += key_len;
    *to++ = ' ';
    for (const uint8_t *from = data, *end = from + len; from < end; from++) {
        *to++ = digits[*from >> 4];
        *to++ = digits[*from & 15];
    }
    *to++ = '\n';
    *to = '\0';
    p->len = (size_t)(to - p->text);
}

int state_file_write(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* No fsync: /run is a tmpfs; the files must be complete, not durable. */
int publish_text(const char *path, const char *text, size_t len)
{
    char tmp[PATH_MAX];
    int n = snprintf(tmp, sizeof tmp, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof tmp) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    int bad = state_file_write(fd, text, len);
    int why = errno;
    if (close(fd) < 0 && !bad) {
        bad = -1;
        why = errno;
    }
    if (!bad && rename(tmp, path) == 0)
        return 0;
    if (!bad)
        why = errno;
    (void)unlink(tmp);
    errno = why;
    return -1;
}

int state_file_commit(const struct state_file *p, const char *path)
{
    return publish_text(path, p->text, p->len);
}

/* Open a path in a folder where another user may have put anything in place of the file. */
static int open_plain(const char *path, uint32_t owner, size_t max)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0) {
        /* a symbolic link; a socket; a device on a nodev file system or a file without permission */
        if (errno == ELOOP || errno == ENXIO || errno == EACCES)
            errno = EBADMSG;
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
        (st.st_uid == owner || st.st_uid == 0 || st.st_uid == geteuid()) && (uint64_t)st.st_size <= max)
        return fd;
    close(fd);
    errno = EBADMSG;
    return -1;
}

int state_file_read(const char *path, uint32_t owner, char *buf, size_t len)
{
    if (len == 0) {
        errno = EINVAL;
        return -1;
    }
    buf[0] = '\0';
    int fd = open_plain(path, owner, len - 1);
    if (fd < 0)
        return -1;
    size_t have = 0;
    while (have < len - 1) {
        ssize_t n = read(fd, buf + have, len - 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int why = errno;
            close(fd);
            buf[0] = '\0';
            errno = why;
            return -1;
        }
        if (n == 0)
            break;
        have += (size_t)n;
    }
    buf[have] = '\0';
    close(fd);
    return 0;
}

int state_file_folder(const char *path, uint32_t gid)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -1;
    return chown(path, 0, gid) < 0 || chmod(path, 01775) < 0 ? -1 : 0;
}

bool state_file_next(const char **at, const char *key, char *value, size_t len)
{
    size_t key_len = key ? strlen(key) : 0;
    if (len > 0)
        value[0] = '\0';
    for (const char *line = *at; key && *line; line = *at) {
        size_t n = strcspn(line, "\n");
        *at = line + n + (line[n] == '\n');
        if (n <= key_len || strncmp(line, key, key_len) != 0 || line[key_len] != ' ')
            continue;
        size_t value_len = n - key_len - 1;
        if (len == 0)
            return true;
        if (value_len > len - 1)
            value_len = len - 1;
        memcpy(value, line + key_len + 1, value_len);
        value[value_len] = '\0';
        return true;
    }
    return false;
}

bool state_file_get(const char *text, const char *key, char *value, size_t len)
{
    return state_file_next(&text, key, value, len);
}

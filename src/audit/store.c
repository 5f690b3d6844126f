#include "store.h"
#include "format.h"
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURRENT "audit.log"

/* The highest number near the end of a file, even of a truncated line; 0: none. */
static uint64_t last_number(int folder, const char *name)
{
    char tail[2 * FORMAT_LINE_MAX];
    uint64_t number = 0;
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0) {
        off_t from = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
        ssize_t have = pread(fd, tail, sizeof tail, from);
        for (const char *line = tail, *end; have > 0 && line < tail + have; line = end + 1) {
            end = memchr(line, '\n', (size_t)(tail + have - line));
            if (!end)
                end = tail + have;
            uint64_t found;
            if (line == tail && from > 0) /* starts inside a line: a number there may be part of a text */
                continue;
            if (format_number(line, (size_t)(end - line), &found) && found > number)
                number = found;
        }
    }
    close(fd);
    return number;
}

static int open_current(struct store *s)
{
    struct stat st;
    char last;
    s->fd = openat(s->folder, CURRENT, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        return -1;
    s->size = (uint64_t)st.st_size;
    /* A power cut during a write leaves a truncated line: terminate it, so that the next one is separate. */
    if (s->size > 0 && pread(s->fd, &last, 1, st.st_size - 1) == 1 && last != '\n') {
        if (state_file_write(s->fd, "\n", 1) < 0)
            return -1;
        s->size++;
        s->torn = true;
    }
    return fsync(s->folder);
}

int store_open(struct store *s, const char *folder, size_t file_max)
{
    *s = (struct store){.folder = -1, .fd = -1, .file_max = file_max};
    s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder < 0)
        return -1;
    s->next = last_number(s->folder, CURRENT);
    if (s->next == 0)
        s->next = last_number(s->folder, CURRENT ".1"); /* power cut just after a rotation */
    s->next++;
    if (open_current(s) == 0)
        return 0;
    int why = errno;
    store_close(s);
    errno = why;
    return -1;
}

static void file_name(unsigned age, char out[32])
{
    (void)snprintf(out, 32, age == 0 ? CURRENT : CURRENT ".%u", age);
}

/* Oldest first, each by one rename: a power cut at any point loses at most the oldest file. */
static int rotate(struct store *s)
{
    for (unsigned age = STORE_FILES - 1; age > 0; age--) {
        char from[32], to[32];
        file_name(age - 1, from);
        file_name(age, to);
        if (renameat(s->folder, from, s->folder, to) < 0 && errno != ENOENT)
            return -1;
    }
    close(s->fd);
    s->fd = -1;
    return open_current(s);
}

/* The disk is full: delete the oldest file, but not the current one. False: there is none. */
static bool shorten(struct store *s)
{
    for (unsigned age = STORE_FILES - 1; age > 0; age--) {
        char name[32];
        file_name(age, name);
        if (unlinkat(s->folder, name, 0) == 0) {
            s->shortened++;
            return true;
        }
    }
    return false;
}

/* All or nothing: part of a batch would be logged twice when it is retried. */
static int append_whole(struct store *s, const char *lines, size_t len)
{
    if (s->fd < 0 && open_current(s) < 0)
        return -1;
    if (s->size > 0 && s->size + len > s->file_max && rotate(s) < 0)
        return -1;
    if (state_file_write(s->fd, lines, len) == 0 && fdatasync(s->fd) == 0) {
        s->size += len;
        return 0;
    }
    int why = errno;
    if (ftruncate(s->fd, (off_t)s->size) < 0) { /* then reopening the file terminates the partial line */
        close(s->fd);
        s->fd = -1;
    }
    errno = why;
    return -1;
}

int store_append(struct store *s, const char *lines, size_t len)
{
    while (append_whole(s, lines, len) < 0) {
        int why = errno;
        if (why == ENOSPC && shorten(s))
            continue;
        errno = why;
        return -1;
    }
    return 0;
}

void store_close(struct store *s)
{
    if (s->fd >= 0)
        close(s->fd);
    if (s->folder >= 0)
        close(s->folder);
    s->fd = s->folder = -1;
}

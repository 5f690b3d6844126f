/*
 * The store on a real file system: all calls are relative to the folder's descriptor, without following links out of
 * it.
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int folder(void *ctx)
{
    return *(int *)ctx;
}

static int fs_make_folder(void *ctx, const char *path)
{
    return mkdirat(folder(ctx), path, 0700);
}

static int close_keeping(int fd, int result)
{
    int why = errno;
    close(fd);
    errno = why;
    return result;
}

static int fs_write_file(void *ctx, const char *path, const void *data, size_t len)
{
    int fd = openat(folder(ctx), path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const char *)data + done, len - done);
        if (n < 0 && errno != EINTR)
            return close_keeping(fd, -1);
        done += n > 0 ? (size_t)n : 0;
    }
    return close(fd);
}

static int fs_sync(void *ctx, const char *path)
{
    int fd = openat(folder(ctx), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    return close_keeping(fd, fsync(fd));
}

static int fs_rename(void *ctx, const char *from, const char *to)
{
    return renameat(folder(ctx), from, folder(ctx), to);
}

static int fs_link(void *ctx, const char *target, const char *path)
{
    return symlinkat(target, folder(ctx), path);
}

static int fs_remove(void *ctx, const char *path)
{
    if (unlinkat(folder(ctx), path, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR ? unlinkat(folder(ctx), path, AT_REMOVEDIR) : -1;
}

static long fs_read_file(void *ctx, const char *path, void *out, size_t max)
{
    int fd = openat(folder(ctx), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return close_keeping(fd, -1);
    if (!S_ISREG(status.st_mode) || status.st_size > (off_t)max) {
        errno = EFBIG;
        return close_keeping(fd, -1);
    }
    size_t done = 0;
    while (done < max) {
        ssize_t n = read(fd, (char *)out + done, max - done);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            return close_keeping(fd, -1);
        done += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    return (long)done;
}

static int fs_read_link(void *ctx, const char *path, char *out, size_t max)
{
    ssize_t n = readlinkat(folder(ctx), path, out, max);
    if (n < 0)
        return -1;
    if ((size_t)n >= max) {
        errno = ENAMETOOLONG;
        return -1;
    }
    out[n] = 0;
    return 0;
}

static int fs_list(void *ctx, const char *path, void (*fn)(void *user, const char *name), void *user)
{
    int fd = openat(folder(ctx), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    DIR *dir = fdopendir(fd);
    if (!dir)
        return close_keeping(fd, -1);
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            fn(user, entry->d_name);
    closedir(dir);
    return 0;
}

const struct store_ops store_fs_ops = {
    .make_folder = fs_make_folder,
    .write_file = fs_write_file,
    .sync = fs_sync,
    .rename = fs_rename,
    .link = fs_link,
    .remove = fs_remove,
    .read_file = fs_read_file,
    .read_link = fs_read_link,
    .list = fs_list,
};

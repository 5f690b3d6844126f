/*
 * A disk in memory for the store's test: records what was synced, fails or loses power at a chosen call. Each folder
 * keeps all its states since its last sync, each file whether its content was synced, so a power cut may restore any
 * of them. As on a real disk, syncing a file or folder does not sync its name in the parent folder.
 */
#ifndef TEST_ENROLL_DISK_H
#define TEST_ENROLL_DISK_H

#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_NODES 256
#define DISK_ENTRIES 12
#define DISK_STATES 48

struct disk_entries {
    unsigned count;
    struct {
        char name[STORE_NAME_MAX];
        int node;
    } list[DISK_ENTRIES];
};

struct disk_node {
    enum { DISK_FREE, DISK_FOLDER, DISK_FILE, DISK_LINK } kind;
    bool synced;     /* file: its content */
    size_t len;      /* file and link */
    char data[64];
    unsigned states; /* folder: entries[0] is what is on the disk for certain, the last what programs see */
    struct disk_entries *entries;
};

struct disk {
    struct disk_node nodes[DISK_NODES]; /* 0: the store itself */
    unsigned calls;                     /* that change something, so far */
    unsigned cut_at;                    /* the power is cut just before this one; 0: never */
    unsigned fail_at;                   /* this one fails, those after it work; 0: none */
    bool off;
};

enum disk_loss { DISK_LOSE_ALL, DISK_LOSE_CONTENT, DISK_LOSE_NOTHING, DISK_LOSE_RANDOM };

static inline struct disk_entries *disk_now(struct disk_node *folder)
{
    return &folder->entries[folder->states - 1];
}

static inline int disk_new(struct disk *d, int kind)
{
    for (int i = 0; i < DISK_NODES; i++)
        if (d->nodes[i].kind == DISK_FREE) {
            d->nodes[i] = (struct disk_node){.kind = kind};
            if (kind == DISK_FOLDER) {
                d->nodes[i].states = 1;
                d->nodes[i].entries = calloc(DISK_STATES, sizeof(struct disk_entries));
            }
            return i;
        }
    abort();
}

static inline struct disk *disk_make(void)
{
    struct disk *d = calloc(1, sizeof *d);
    disk_new(d, DISK_FOLDER);
    return d;
}

static inline void disk_free(struct disk *d)
{
    for (int i = 0; i < DISK_NODES; i++)
        free(d->nodes[i].entries);
    free(d);
}

static inline struct disk *disk_copy(const struct disk *d)
{
    struct disk *copy = malloc(sizeof *copy);
    *copy = *d;
    for (int i = 0; i < DISK_NODES; i++)
        if (d->nodes[i].entries) {
            copy->nodes[i].entries = malloc(DISK_STATES * sizeof(struct disk_entries));
            memcpy(copy->nodes[i].entries, d->nodes[i].entries, DISK_STATES * sizeof(struct disk_entries));
        }
    return copy;
}

static inline uint32_t disk_random(void)
{
    static uint32_t x = 2463534242;
    x ^= x << 13;
    x ^= x >> 17;
    return x ^= x << 5;
}

/* The power comes back after a cut. */
static inline void disk_on(struct disk *d, enum disk_loss loss)
{
    for (int i = 0; i < DISK_NODES; i++) {
        struct disk_node *n = &d->nodes[i];
        if (n->kind == DISK_FOLDER) {
            unsigned last = n->states - 1;
            unsigned keep = loss == DISK_LOSE_ALL ? 0 : loss == DISK_LOSE_RANDOM ? disk_random() % (last + 1) : last;
            n->entries[0] = n->entries[keep];
            n->states = 1;
        }
        if (n->kind == DISK_FILE && !n->synced && loss != DISK_LOSE_NOTHING)
            n->len = loss == DISK_LOSE_RANDOM ? disk_random() % (n->len + 1) : 0;
        if (n->kind == DISK_FILE)
            n->synced = true;
    }
    d->off = false;
    d->calls = d->cut_at = d->fail_at = 0;
}

/* ---- paths: NAME, FOLDER/NAME or "." ---- */

static inline int disk_index(const struct disk_entries *e, const char *name)
{
    for (unsigned i = 0; i < e->count; i++)
        if (strcmp(e->list[i].name, name) == 0)
            return (int)i;
    return -1;
}

static inline int disk_in(struct disk *d, int folder, const char *name)
{
    int at = disk_index(disk_now(&d->nodes[folder]), name);
    return at < 0 ? -1 : disk_now(&d->nodes[folder])->list[at].node;
}

/* The folder that a path is in, and its last part. -1: there is no such folder (errno). */
static inline int disk_parent(struct disk *d, const char *path, const char **name)
{
    const char *slash = strchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash)
        return 0;
    char folder[STORE_NAME_MAX];
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    int node = disk_in(d, 0, folder);
    errno = node < 0 ? ENOENT : ENOTDIR;
    return node >= 0 && d->nodes[node].kind == DISK_FOLDER ? node : -1;
}

static inline int disk_find(struct disk *d, const char *path)
{
    const char *name;
    if (strcmp(path, ".") == 0)
        return 0;
    int folder = disk_parent(d, path, &name);
    int node = folder < 0 ? -1 : disk_in(d, folder, name);
    if (folder >= 0 && node < 0)
        errno = ENOENT;
    return node;
}

/* A new state of the folder, to be changed. */
static inline struct disk_entries *disk_change(struct disk *d, int folder)
{
    struct disk_node *n = &d->nodes[folder];
    if (n->states == DISK_STATES)
        abort();
    n->entries[n->states] = n->entries[n->states - 1];
    n->states++;
    return disk_now(n);
}

static inline void disk_add(struct disk_entries *e, const char *name, int node)
{
    if (e->count == DISK_ENTRIES)
        abort();
    snprintf(e->list[e->count].name, STORE_NAME_MAX, "%s", name);
    e->list[e->count++].node = node;
}

static inline void disk_drop(struct disk_entries *e, int at)
{
    e->list[at] = e->list[--e->count];
}

/* May this call happen? */
static inline bool disk_goes(struct disk *d)
{
    d->calls++;
    if (d->calls == d->cut_at)
        d->off = true;
    errno = EIO;
    return !d->off && d->calls != d->fail_at;
}

/* ---- struct store_ops ---- */

static inline int disk_create(struct disk *d, const char *path, int kind, const void *data, size_t len)
{
    const char *name;
    if (!disk_goes(d))
        return -1;
    int folder = disk_parent(d, path, &name);
    if (folder < 0)
        return -1;
    if (disk_in(d, folder, name) >= 0) {
        errno = EEXIST;
        return -1;
    }
    int node = disk_new(d, kind);
    if (len > sizeof d->nodes[node].data)
        abort();
    if (len > 0)
        memcpy(d->nodes[node].data, data, len);
    d->nodes[node].len = len;
    disk_add(disk_change(d, folder), name, node);
    return 0;
}

static inline int disk_make_folder(void *ctx, const char *path)
{
    return disk_create(ctx, path, DISK_FOLDER, NULL, 0);
}

static inline int disk_write_file(void *ctx, const char *path, const void *data, size_t len)
{
    return disk_create(ctx, path, DISK_FILE, data, len);
}

static inline int disk_link(void *ctx, const char *target, const char *path)
{
    return disk_create(ctx, path, DISK_LINK, target, strlen(target) + 1);
}

static inline int disk_sync(void *ctx, const char *path)
{
    struct disk *d = ctx;
    int node = disk_goes(d) ? disk_find(d, path) : -1;
    if (node < 0)
        return -1;
    d->nodes[node].synced = true;
    if (d->nodes[node].kind == DISK_FOLDER) {
        d->nodes[node].entries[0] = *disk_now(&d->nodes[node]);
        d->nodes[node].states = 1;
    }
    return 0;
}

static inline int disk_rename(void *ctx, const char *from, const char *to)
{
    struct disk *d = ctx;
    if (!disk_goes(d))
        return -1;
    int node = disk_in(d, 0, from), old = disk_in(d, 0, to);
    if (strchr(from, '/') || strchr(to, '/'))
        abort(); /* the store has no such call, and this disk could not undo it */
    if (node < 0) {
        errno = ENOENT;
        return -1;
    }
    if (old >= 0 && d->nodes[old].kind == DISK_FOLDER && disk_now(&d->nodes[old])->count > 0) {
        errno = ENOTEMPTY;
        return -1;
    }
    struct disk_entries *e = disk_change(d, 0);
    if (old >= 0)
        disk_drop(e, disk_index(e, to));
    disk_drop(e, disk_index(e, from));
    disk_add(e, to, node);
    return 0;
}

static inline int disk_remove(void *ctx, const char *path)
{
    struct disk *d = ctx;
    const char *name;
    if (!disk_goes(d))
        return -1;
    int folder = disk_parent(d, path, &name);
    int node = folder < 0 ? -1 : disk_in(d, folder, name);
    if (node < 0)
        return folder < 0 && errno != ENOENT ? -1 : 0;
    if (d->nodes[node].kind == DISK_FOLDER && disk_now(&d->nodes[node])->count > 0) {
        errno = ENOTEMPTY;
        return -1;
    }
    struct disk_entries *e = disk_change(d, folder);
    disk_drop(e, disk_index(e, name));
    return 0;
}

static inline long disk_read_file(void *ctx, const char *path, void *out, size_t max)
{
    struct disk *d = ctx;
    int node = d->off ? -1 : disk_find(d, path);
    if (node < 0)
        return -1;
    if (d->nodes[node].kind != DISK_FILE || d->nodes[node].len > max) {
        errno = EFBIG;
        return -1;
    }
    memcpy(out, d->nodes[node].data, d->nodes[node].len);
    return (long)d->nodes[node].len;
}

static inline int disk_read_link(void *ctx, const char *path, char *out, size_t max)
{
    struct disk *d = ctx;
    int node = d->off ? -1 : disk_find(d, path);
    if (node < 0)
        return -1;
    if (d->nodes[node].kind != DISK_LINK || d->nodes[node].len > max) {
        errno = EINVAL;
        return -1;
    }
    memcpy(out, d->nodes[node].data, d->nodes[node].len);
    return 0;
}

static inline int disk_list(void *ctx, const char *path, void (*fn)(void *user, const char *name), void *user)
{
    struct disk *d = ctx;
    int node = d->off ? -1 : disk_find(d, path);
    if (node < 0)
        return -1;
    if (d->nodes[node].kind != DISK_FOLDER) {
        errno = ENOTDIR;
        return -1;
    }
    struct disk_entries copy = *disk_now(&d->nodes[node]); /* fn may remove */
    for (unsigned i = 0; i < copy.count; i++)
        fn(user, copy.list[i].name);
    return 0;
}

static const struct store_ops disk_ops = {disk_make_folder, disk_write_file, disk_sync,      disk_rename, disk_link,
                                          disk_remove,      disk_read_file,  disk_read_link, disk_list};

#endif

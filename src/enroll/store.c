#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PENDING "pending"
#define TMP ".tmp"

static void gen_name(uint32_t gen, char *out, size_t len)
{
    snprintf(out, len, "gen-%u", gen);
}

/* The number in "gen-N"; 0: another name. */
static uint32_t gen_number(const char *name)
{
    char again[STORE_NAME_MAX];
    if (strncmp(name, "gen-", 4) != 0)
        return 0;
    uint32_t gen = (uint32_t)strtoul(name + 4, NULL, 10);
    gen_name(gen, again, sizeof again);
    return strcmp(again, name) == 0 ? gen : 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* ---- folders ---- */

static int join(char *out, size_t len, const char *folder, const char *file)
{
    int n = snprintf(out, len, "%s/%s", folder, file);
    if (n > 0 && (size_t)n < len)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

struct emptying {
    const struct store *s;
    const char *folder;
    int result;
};

static void remove_entry(void *user, const char *name)
{
    struct emptying *e = user;
    char path[STORE_NAME_MAX];
    if (join(path, sizeof path, e->folder, name) < 0 || e->s->ops->remove(e->s->ctx, path) < 0)
        e->result = -1;
}

/* Remove a folder with its files; absent is success. It is renamed first, so that it is never seen half empty. */
static int remove_folder(const struct store *s, const char *name)
{
    char doomed[STORE_NAME_MAX];
    snprintf(doomed, sizeof doomed, "%s", name);
    if (!ends_with(name, TMP)) {
        snprintf(doomed, sizeof doomed, "%s.old" TMP, name);
        if (remove_folder(s, doomed) < 0) /* left over from an interrupted removal */
            return -1;
        if (s->ops->rename(s->ctx, name, doomed) < 0)
            return errno == ENOENT ? 0 : -1;
        if (s->ops->sync(s->ctx, ".") < 0)
            return -1;
    }
    struct emptying e = {s, doomed, 0};
    if (s->ops->list(s->ctx, doomed, remove_entry, &e) < 0)
        return errno == ENOTDIR || errno == ELOOP ? s->ops->remove(s->ctx, doomed) : errno == ENOENT ? 0 : -1;
    return e.result < 0 ? -1 : s->ops->remove(s->ctx, doomed);
}

static int write_synced(const struct store *s, const char *folder, const char *file, struct store_blob blob)
{
    char path[STORE_NAME_MAX];
    if (join(path, sizeof path, folder, file) < 0)
        return -1;
    if (s->ops->write_file(s->ctx, path, blob.data, blob.len) < 0)
        return -1;
    return s->ops->sync(s->ctx, path);
}

/* ---- the current generation ---- */

static int switch_to(struct store *s, uint32_t gen)
{
    char name[STORE_NAME_MAX];
    gen_name(gen, name, sizeof name);
    if (s->ops->remove(s->ctx, "current" TMP) < 0 || s->ops->link(s->ctx, name, "current" TMP) < 0 ||
        s->ops->rename(s->ctx, "current" TMP, "current") < 0 || s->ops->sync(s->ctx, ".") < 0)
        return -1;
    s->current = gen;
    return 0;
}

struct survey {
    uint32_t limit;   /* only generations below count; 0: all */
    uint32_t highest; /* found below the limit */
    bool pending;
    unsigned doomed_count;
    char doomed[16][STORE_NAME_MAX];
};

static void survey_entry(void *user, const char *name)
{
    struct survey *v = user;
    uint32_t gen = gen_number(name);
    if (gen > v->highest && (v->limit == 0 || gen < v->limit))
        v->highest = gen;
    if (strcmp(name, PENDING) == 0)
        v->pending = true;
    if (ends_with(name, TMP) && strlen(name) < STORE_NAME_MAX && v->doomed_count < 16)
        snprintf(v->doomed[v->doomed_count++], STORE_NAME_MAX, "%s", name);
}

static uint32_t newest_below(const struct store *s, uint32_t limit)
{
    struct survey v = {.limit = limit};
    return s->ops->list(s->ctx, ".", survey_entry, &v) < 0 ? 0 : v.highest;
}

static int prune(struct store *s)
{
    uint32_t keep = s->current;
    for (int kept = 1; kept < STORE_KEEP && keep > 0; kept++)
        keep = newest_below(s, keep);
    while (keep > 0) {
        uint32_t old = newest_below(s, keep);
        char name[STORE_NAME_MAX];
        if (old == 0)
            return 0;
        gen_name(old, name, sizeof name);
        if (remove_folder(s, name) < 0)
            return -1;
    }
    return 0;
}

int store_open(struct store *s, const struct store_ops *ops, void *ctx)
{
    char target[STORE_NAME_MAX];
    struct survey v = {0};
    memset(s, 0, sizeof *s);
    s->ops = ops;
    s->ctx = ctx;
    if (ops->list(ctx, ".", survey_entry, &v) < 0)
        return -1;
    for (unsigned i = 0; i < v.doomed_count; i++)
        if (remove_folder(s, v.doomed[i]) < 0)
            return -1;
    s->highest = v.highest;
    s->pending = v.pending;
    if (ops->read_link(ctx, "current", target, sizeof target) == 0)
        s->current = gen_number(target);
    else if (errno != ENOENT)
        return -1;

    /*
     * Use the newest generation. If `current` differs, the power was cut between a rename and the switch after it: of
     * a commit (there is a newer one) or of a fall-back (its own is gone).
     */
    if (s->highest > 0 && s->highest != s->current && switch_to(s, s->highest) < 0)
        return -1;
    return prune(s);
}

int store_drop_pending(struct store *s)
{
    if (remove_folder(s, PENDING) < 0)
        return -1;
    s->pending = false;
    return 0;
}

int store_begin(struct store *s, struct store_blob key, struct store_blob csr)
{
    if (store_drop_pending(s) < 0 || remove_folder(s, PENDING TMP) < 0 ||
        s->ops->make_folder(s->ctx, PENDING TMP) < 0 || write_synced(s, PENDING TMP, "key.pem", key) < 0 ||
        write_synced(s, PENDING TMP, "csr.der", csr) < 0 || s->ops->sync(s->ctx, PENDING TMP) < 0 ||
        s->ops->rename(s->ctx, PENDING TMP, PENDING) < 0 || s->ops->sync(s->ctx, ".") < 0)
        return -1;
    s->pending = true;
    return 0;
}

/* A file of the pending folder, in place of what an interrupted commit may have left there; empty: none. */
static int put_pending(const struct store *s, const char *file, struct store_blob blob)
{
    char path[STORE_NAME_MAX];
    if (join(path, sizeof path, PENDING, file) < 0 || s->ops->remove(s->ctx, path) < 0)
        return -1;
    return blob.len > 0 ? write_synced(s, PENDING, file, blob) : 0;
}

int store_commit(struct store *s, struct store_blob cert, struct store_blob ca, struct store_blob chain)
{
    char name[STORE_NAME_MAX];
    if (put_pending(s, "cert.pem", cert) < 0 || put_pending(s, "ca.pem", ca) < 0 ||
        put_pending(s, "chain.pem", chain) < 0 || s->ops->sync(s->ctx, PENDING) < 0)
        return -1;
    /* The number is used even if this fails: its folder may already exist. */
    gen_name(++s->highest, name, sizeof name);
    if (s->ops->rename(s->ctx, PENDING, name) < 0)
        return -1;
    s->pending = false; /* a whole generation: if the rest fails, the next store_open switches to it */
    if (s->ops->sync(s->ctx, ".") < 0 || switch_to(s, s->highest) < 0)
        return -1;
    (void)prune(s); /* only cleaning up, and repeated by the next store_open */
    return 0;
}

int store_fall_back(struct store *s)
{
    uint32_t broken = s->current, older = newest_below(s, broken);
    char name[STORE_NAME_MAX];
    if (older == 0) {
        errno = ENOENT;
        return -1;
    }
    /* The folder goes first, so that the newest generation is the one to use at any moment. */
    gen_name(broken, name, sizeof name);
    return remove_folder(s, name) < 0 ? -1 : switch_to(s, older);
}

long store_read(const struct store *s, const char *file, void *out, size_t max)
{
    char name[STORE_NAME_MAX], path[STORE_NAME_MAX];
    gen_name(s->current, name, sizeof name);
    return join(path, sizeof path, name, file) < 0 ? -1 : s->ops->read_file(s->ctx, path, out, max);
}

long store_read_pending(const struct store *s, const char *file, void *out, size_t max)
{
    char path[STORE_NAME_MAX];
    return join(path, sizeof path, PENDING, file) < 0 ? -1 : s->ops->read_file(s->ctx, path, out, max);
}

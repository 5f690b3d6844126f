/*
 * The generation store: a private key with its certificate is one generation, an immutable folder.
 *
 *   keys/gen-7/{key.pem,csr.der,cert.pem,ca.pem,chain.pem}   a generation; chain.pem only if there are intermediates
 *   keys/current -> gen-7                                     the one in use, always the newest: switched by one rename
 *   keys/pending/{key.pem,csr.der}                            a new key whose certificate is or will be requested; the
 *                                                             certificates are added, then it is renamed to gen-8
 *   keys/NAME.tmp                                             being written; discarded after a power cut
 *
 * Every file and folder is synced before the rename that makes it visible, and the parent folder after it. So a power
 * cut at any point leaves the old pair or the new one, and never loses the key of a requested certificate. All
 * effects go through struct store_ops, so that the test can cut the power at each of them.
 */
#ifndef SEKISHO_ENROLL_STORE_H
#define SEKISHO_ENROLL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_FILE_MAX 32768 /* octets of one file */
#define STORE_NAME_MAX 48    /* of a path inside the store, with NUL */
#define STORE_KEEP 2         /* generations kept: the current one and one back */

/* Paths are relative to the store. All return 0 or -1 with errno unless said otherwise. */
struct store_ops {
    int (*make_folder)(void *ctx, const char *path);
    int (*write_file)(void *ctx, const char *path, const void *data, size_t len); /* new file, not yet synced */
    int (*sync)(void *ctx, const char *path);                                     /* file or folder; "." the store */
    int (*rename)(void *ctx, const char *from, const char *to);
    int (*link)(void *ctx, const char *target, const char *path); /* symbolic */
    int (*remove)(void *ctx, const char *path);                   /* file, link or empty folder; absent is success */
    long (*read_file)(void *ctx, const char *path, void *out, size_t max); /* octets, -1 also if longer than max */
    int (*read_link)(void *ctx, const char *path, char *out, size_t max);  /* NUL-terminated */
    /* Calls fn for every entry of a folder but "." and ".."; fn may remove entries. */
    int (*list)(void *ctx, const char *path, void (*fn)(void *user, const char *name), void *user);
};

struct store {
    const struct store_ops *ops;
    void *ctx;
    uint32_t current; /* generation in use; 0: none */
    uint32_t highest; /* highest number ever seen, so that none is used twice */
    bool pending;     /* there is a pending key */
};

/* One PEM or DER text to store; borrowed. */
struct store_blob {
    const void *data;
    size_t len;
};

/* Read the store, and finish or undo what a power cut interrupted. 0 or -1 with errno (then the store is unusable). */
int store_open(struct store *s, const struct store_ops *ops, void *ctx);

/* Store a new key and its request durably, before the request is sent. Replaces an older pending key. 0 or -1. */
int store_begin(struct store *s, struct store_blob key, struct store_blob csr);
/* Make the pending key and its certificate the next generation and switch to it. chain.len 0: no intermediates. */
int store_commit(struct store *s, struct store_blob cert, struct store_blob ca, struct store_blob chain);
/* Delete the pending key. */
int store_drop_pending(struct store *s);
/* Go back to the newest generation below the current one and remove the current. 0, or -1: there is none (ENOENT). */
int store_fall_back(struct store *s);

/* Read "key.pem" etc. of the current generation, or of the pending key. Octets read or -1 with errno. */
long store_read(const struct store *s, const char *file, void *out, size_t max);
long store_read_pending(const struct store *s, const char *file, void *out, size_t max);

/* The real implementation; ctx points to an int, the descriptor of the store's folder. */
extern const struct store_ops store_fs_ops;

#endif

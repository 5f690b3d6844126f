/* What other programs of the box publish and gate needs: the line (wan) and the certificate (enroll). Polled. */
#ifndef SEKISHO_GATE_WATCH_H
#define SEKISHO_GATE_WATCH_H

#include "conf.h"

#include <stdbool.h>
#include <time.h>

/* A file that is looked at again when it was replaced. */
struct watch_file {
    char path[128];
    struct timespec changed;
    unsigned long inode;
};

struct watch_wan {
    bool up;
    struct addr address;
    unsigned dns_count;
    struct addr dns[CONF_ADDRS_MAX];
};

#define WATCH_NAME_MAX 1024 /* octets of a certificate's subject in DER; enroll takes no longer one */
#define WATCH_PEM_MAX 12288

struct watch_certificate {
    bool loaded;
    char identity[2 * WATCH_NAME_MAX + 1]; /* the subject's DER, hexadecimal; "": none */
    char pem[WATCH_PEM_MAX]; /* the certificate */
};

/* The file `name` in the folder `run` (e.g. /run/sekisho). */
void watch_init(struct watch_file *f, const char *run, const char *name);
/* True once for each new content (also its appearance, and its disappearance). */
bool watch_changed(struct watch_file *f);
/* Read what is there now; what is missing or malformed reads as down, none. */
void watch_read_wan(const struct watch_file *f, struct watch_wan *out);
void watch_read_certificate(const struct watch_file *f, struct watch_certificate *out);

#endif

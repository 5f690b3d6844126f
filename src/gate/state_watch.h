/* What other programs of the box publish and gate needs: the line (wan) and the certificate (enroll). Polled. */
#ifndef SEKISHO_GATE_STATE_WATCH_H
#define SEKISHO_GATE_STATE_WATCH_H

#include "conf.h"

#include <stdbool.h>
#include <time.h>

/* A file that is looked at again when it was replaced. */
struct state_watch_file {
    char path[128];
    struct timespec changed;
    unsigned long inode;
};

struct state_watch_wan {
    bool up;
    struct addr address;
    unsigned dns_count;
    struct addr dns[CONF_ADDRS_MAX];
};

#define STATE_WATCH_NAME_MAX 1024 /* octets of a certificate's subject in DER; enroll takes no longer one */
#define STATE_WATCH_PEM_MAX 12288

struct state_watch_certificate {
    bool loaded;
    char identity[2 * STATE_WATCH_NAME_MAX + 1]; /* the subject's DER, hexadecimal; "": none */
    char pem[STATE_WATCH_PEM_MAX]; /* the certificate */
};

/* The file `name` in the folder `run` (e.g. /run/sekisho). */
void state_watch_init(struct state_watch_file *f, const char *run, const char *name);
/* True once for each new content (also its appearance, and its disappearance). */
bool state_watch_changed(struct state_watch_file *f);
/* Read what is there now; what is missing or malformed reads as down, none. */
void state_watch_read_wan(const struct state_watch_file *f, struct state_watch_wan *out);
void state_watch_read_certificate(const struct state_watch_file *f, struct state_watch_certificate *out);

#endif

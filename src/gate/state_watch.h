/* Other programs' state files that gate needs: the uplink (wan) and the certificate (enroll). Polled. */
#ifndef SEKISHO_GATE_STATE_WATCH_H
#define SEKISHO_GATE_STATE_WATCH_H

#include "conf.h"

#include <stdbool.h>
#include <time.h>

/* A file that is read again when it has been replaced. */
struct state_watch_file {
    char path[128];
    struct timespec changed;
    unsigned long inode;
};

struct state_watch_wan {
    bool up;
    struct addr address, gateway;
    struct prefix network; /* the uplink's */
    unsigned dns_count, ntp_count;
    struct addr dns[CONF_ADDRS_MAX], ntp[CONF_ADDRS_MAX];
};

#define STATE_WATCH_NAME_MAX 1024 /* octets of a certificate's subject in DER; enroll accepts no longer ones */
#define STATE_WATCH_PEM_MAX 12288

struct state_watch_certificate {
    bool loaded;
    char identity[2 * STATE_WATCH_NAME_MAX + 1]; /* the subject's DER, hexadecimal; "": none */
    char pem[STATE_WATCH_PEM_MAX]; /* the certificate */
};

/* The file `name` in the folder `run` (e.g. /run/sekisho). */
void state_watch_init(struct state_watch_file *f, const char *run, const char *name);
/* True once for each new content, including its appearance and disappearance. */
bool state_watch_changed(struct state_watch_file *f);
/* Read the present content; missing or malformed values mean down, none. */
void state_watch_read_wan(const struct state_watch_file *f, struct state_watch_wan *out);
void state_watch_read_certificate(const struct state_watch_file *f, struct state_watch_certificate *out);

#endif

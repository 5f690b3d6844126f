/*
 * The enrolment agent: the state machine of the key part. It owns the store, decides when to enrol, checks the
 * results and loads them into charon. Its only outputs are the socket to the network part, VICI, the state file and
 * the audit log; time is a parameter.
 */
#ifndef SEKISHO_ENROLL_AGENT_H
#define SEKISHO_ENROLL_AGENT_H

#include "conf.h"
#include "ipc.h"
#include "keys.h"
#include "charon_load.h"
#include "schedule.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

enum phase {
    PHASE_NONE,      /* no valid site file: nothing to do */
    PHASE_ENROLLING, /* no certificate yet, exchange in progress */
    PHASE_WAITING,   /* no certificate yet, waiting to retry */
    PHASE_VALID,
    PHASE_RENEWING, /* a certificate is in use, renewal in progress */
    PHASE_ALARM     /* a person must act; retries go on */
};

struct agent_time {
    int64_t mono; /* seconds of CLOCK_BOOTTIME */
    int64_t unix_s;
    bool trusted; /* unix_s may be used to check dates */
    bool link;    /* the uplink is up */
    unsigned resolver_count;
    struct addr resolvers[CONF_ADDRS_MAX];
};

/* One exchange with the network part. */
struct agent_exchange {
    bool running, renew;
    int64_t until;  /* mono: without an answer by then the network part hangs */
    unsigned signs; /* signatures made; a handshake needs one */
    struct keys_issued issued;
};

struct agent {
    enum phase phase;
    const struct conf_site *site; /* NULL: no valid site file */
    int net;                      /* socket to the network part */
    struct store store;
    struct charon_load load;
    struct schedule_day day;
    struct agent_exchange exchange;
    unsigned failures;   /* in a row */
    bool forced;         /* renewal requested by a person */
    bool person;         /* the last failure needs a person */
    bool had_link, had_time; /* at the last tick */
    int64_t started;         /* mono of the first tick; 0: none yet */
    int64_t untrusted_from;  /* mono: the clock is untrusted since then */
    int64_t blind;           /* mono: no renewal by an untrusted clock before this */
    int64_t next;        /* mono: not before this; the next try once one is due */
    int64_t renew_at;    /* UNIX time; 0: no certificate */
    struct keys_facts facts;
    int64_t server_time, server_time_at; /* the enrolment server's clock, and the mono of its reading; 0: not known */
    struct cause fault;  /* CAUSE_NONE: no fault */
};

/*
 * Open the store at *store_ctx (store_fs_ops) and start. site NULL: the agent only reports `fault`; otherwise `fault`
 * is ignored.
 */
void agent_init(struct agent *a, const struct conf_site *site, const struct cause *fault, int net, int *store_ctx,
                const char *vici_path);
/* Do what is due. Call every second. Exits if the network part hangs. */
void agent_tick(struct agent *a, const struct agent_time *now);
/* Handle a valid message from the network part. False: not allowed in this state, so the peer is broken. */
bool agent_message(struct agent *a, const struct msg *m, const struct agent_time *now);
/* `sekisho cert renew`. */
void agent_renew(struct agent *a, const struct agent_time *now, struct msg_reply *reply);
/* UNIX time of the next try for display, or 0. */
int64_t agent_next_try(const struct agent *a, const struct agent_time *now);

const char *phase_name(enum phase phase);

#endif

/*
 * The enrolment agent: the one state machine of the key part. It owns the store, decides when to ask, checks what came
 * and tells charon and people. Its only ways out are the socket to the network part, VICI, the state file and the audit
 * log; time is handed in.
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
    PHASE_NONE,      /* no site file that could be used: nothing to do */
    PHASE_ENROLLING, /* no certificate yet, asking now */
    PHASE_WAITING,   /* no certificate yet, asking later */
    PHASE_VALID,
    PHASE_RENEWING, /* a certificate is in use, the next is being asked for */
    PHASE_ALARM     /* somebody must act; goes on trying */
};

struct agent_time {
    int64_t mono; /* seconds of CLOCK_BOOTTIME */
    int64_t unix_s;
    bool trusted; /* unix_s may be used to judge dates */
    bool link;    /* there is a way to the outside */
    unsigned resolver_count;
    struct addr resolvers[CONF_ADDRS_MAX];
};

/* One exchange with the network part. */
struct agent_exchange {
    bool running, renew;
    int64_t until;  /* mono: no answer by then means that the network part is stuck */
    unsigned signs; /* signatures given; a handshake needs one */
    struct keys_issued issued;
};

struct agent {
    enum phase phase;
    const struct conf_site *site; /* NULL: none that could be used */
    int net;                      /* socket to the network part */
    struct store store;
    struct charon_load load;
    struct schedule_day day;
    struct agent_exchange exchange;
    unsigned failures;   /* in a row */
    bool forced;         /* renewal asked for by a person */
    bool person;         /* the last failure needs a person */
    bool had_link, had_time; /* at the last tick */
    int64_t started;         /* mono of the first tick; 0: there was none */
    int64_t untrusted_from;  /* mono: since then the clock is not trusted */
    int64_t blind;           /* mono: no renewal by an untrusted clock before this */
    int64_t next;        /* mono: the next try, once one is due */
    int64_t renew_at;    /* UNIX time; 0: no certificate */
    struct keys_facts facts;
    int64_t server_time, server_time_at; /* the enrolment server's own clock, at this mono; 0: not known */
    struct cause fault;  /* none: all is well */
};

/* Open the store at *store_ctx (store_fs_ops) and begin. site NULL: `fault` says why, else it is ignored; the agent then only reports. */
void agent_init(struct agent *a, const struct conf_site *site, const struct cause *fault, int net, int *store_ctx,
                const char *vici_path);
/* Something may be due. Call every second. Ends the process if the network part is stuck. */
void agent_tick(struct agent *a, const struct agent_time *now);
/* A checked message from the network part. False: it is not allowed now, so the peer is broken. */
bool agent_message(struct agent *a, const struct msg *m, const struct agent_time *now);
/* `sekisho cert renew`. */
void agent_renew(struct agent *a, const struct agent_time *now, struct msg_reply *reply);
/* UNIX time of the next try or 0, for people. */
int64_t agent_next_try(const struct agent *a, const struct agent_time *now);

const char *phase_name(enum phase phase);

#endif

/*
 * The session: when the tunnels are raised and taken down, and what may pass meanwhile.
 *
 * A pure state machine: it knows no socket and no kernel. Events come in as function calls, effects go out through
 * struct session_ops, time is what the caller says. What may pass follows from the state alone:
 *
 *   starting   charon is not there yet, or no longer             closed
 *   idle       no tunnel                                         as the site file says (closed or internet)
 *   raising    IKE is at work for at least one service           as in idle
 *   up         at least one tunnel is up                         session
 *   ending     tunnels are being taken down                      closed
 *   fault      the kernel did not take a change                  closed; if that is not taken either: gate ends
 *
 * An IKE_SA is worth what its CHILD_SA is: where a raise fails, or the CHILD_SA goes and no other has taken its place,
 * charon is told to take the whole down, and the next wish waits for that and begins with IKE_SA_INIT. So no state that
 * the two ends have got into outlasts one attempt.
 *
 * Every change of mode gets a new generation number, so no flow outlives the mode in which it was admitted.
 */
#ifndef SEKISHO_GATE_SESSION_H
#define SEKISHO_GATE_SESSION_H

#include "cause.h"
#include "conf.h"
#include "blackhole.h"
#include "firewall.h"
#include "msg.h"

#include <stdbool.h>
#include <stdint.h>

#define SESSION_RAISE_MS 25000     /* longer than charon's own time-out, so that charon can say why */
#define SESSION_ENDING_MS 5000     /* for charon to take the tunnels down; then the session is over anyway */
#define SESSION_GRACE_MS                                                                                               \
    8000 /* after a start or a loss, charon and certificate may still be on their way: a wish waits */
#define SESSION_FAULT_MS 2000      /* between attempts to get a change into the kernel */
#define SESSION_BACKOFF_MIN_MS 2000 /* after a tunnel could not be raised; doubles up to the next line */
#define SESSION_BACKOFF_MAX_MS 60000
#define SESSION_BLACKHOLE_MS 60000 /* a tunnel that carries nothing is raised anew; not again within this time */
#define SESSION_BLACKHOLE_SHOWN_MS 600000 /* and how long people are told of it */
#define SESSION_CONSOLE "the console" /* in the place of a PC's address */
#define SESSION_TICK_MS 500        /* how often session_tick and session_tick_tunnels are called */

enum session_state {
    SESSION_STARTING,
    SESSION_IDLE,
    SESSION_RAISING,
    SESSION_UP,
    SESSION_ENDING,
    SESSION_FAULT,
    SESSION_STATES
};

/* Effects. user is what session_init was given. None may call back into the machine. */
struct session_ops {
    int (*apply)(void *user, const struct firewall_view *view);   /* firewall_apply: 0, or -1 with errno */
    void (*forget)(void *user, uint32_t generation);            /* firewall_forget */
    uint64_t (*activity)(void *user); /* packets through the tunnels, any clock-like count */
    int (*initiate)(void *user, uint8_t service); /* ask charon; 0, or -1: it cannot be asked */
    /* Ask something through the tunnel that a host behind it must answer; false: there is nothing to ask. */
    bool (*probe)(void *user, uint8_t service);
    void (*terminate)(void *user, uint8_t service); /* ask charon; session_taken_down tells that it is done */
    bool (*has_ike_sa)(void *user, uint8_t service); /* charon has one, with a CHILD_SA or without */
    /* A tunnel came up (sockets to its resolver can be opened) or is gone (close them). */
    void (*tunnel)(void *user, uint8_t service, const struct firewall_tunnel *tunnel_or_null);
    void (*announce)(void *user, const struct msg_mode *mode); /* tell `dns` */
    /* The kernel does not even close, so what passes now is what did before. Must see to it that somebody else
     * closes. */
    void (*helpless)(void *user);
    void (*changed)(void *user); /* something that people can see has changed */
    void (*audit)(void *user, const char *event, const char *details);
    uint32_t (*random)(void *user);
    uint64_t (*now)(void *user); /* milliseconds, monotonic */
};

/* What the machine knows of one service; index = service number. */
struct session_service {
    bool known; /* it is in the configuration */
    char name[CONF_NAME_MAX];
    bool up, raising;
    /* Charon was asked to take it down and has not said that it did; not waited for after this time. 0: no */
    uint64_t ending;
    bool keys_refused; /* its hub has given new keys without a new key exchange (no PFS) */
    struct blackhole blackhole;
    uint64_t blackhole_at; /* it carried nothing, and was raised anew; 0: not lately */
    bool wanted; /* asked for, but not to be raised this moment */
    char client[INET6_ADDRSTRLEN]; /* who asked last */
    struct firewall_tunnel tunnel; /* while up */
    uint64_t raise_deadline; /* while raising */
    uint64_t next_try; /* no attempt on demand before this time */
    unsigned failures; /* in a row */
};

/* Read by state.c and rules.c too, written by session.c and session_ike_sa.c only. */
struct session {
    const struct session_ops *ops;
    void *user;
    enum conf_outside outside;
    enum conf_start start;
    bool names_outside; /* the names of some service are resolved on the line */
    uint32_t idle_ms;

    enum session_state state;
    uint64_t state_since; /* ops->now */
    uint64_t deadline; /* of the state; 0: none */
    struct cause reason; /* of the last change of state */
    struct cause fault; /* while something is wrong; none otherwise */
    struct cause refused; /* a connection that charon does not take, while it is so */
    struct cause last_end; /* why the last session ended */

    struct firewall_view view; /* what the kernel was told last, successfully */
    uint64_t grace_until; /* see SESSION_GRACE_MS */
    bool charon, credentials, wan;
    bool moved; /* the hub has lent another address: flows from the old one are dead, and are to be told */
    uint8_t first; /* number of the first service of the site file */
    struct session_service services[CONF_SERVICES_MAX + 1];
    uint64_t active_count, active_at; /* idle clock: last count seen, and when it changed */
};

/* Set up; nothing is done yet. conf is only read during the call. */
void session_init(struct session *s, const struct conf *conf, const struct session_ops *ops, void *user);
/* First of all: close the kernel. */
void session_begin(struct session *s);

/* ---- events ---- */
void session_charon(struct session *s, bool up); /* up: connected, connections loaded, nothing left over */
void session_charon_hangs(struct session *s); /* instead of session_charon(s, false): it is there and does not answer */
void session_credentials(struct session *s, bool loaded);
/* charon does not take the service's connection; key: of its service file, or NULL; why: charon's words. */
void session_refused(struct session *s, uint8_t service, const char *key, const char *why);
void session_wan(struct session *s, bool up, bool address_changed);
/* A PC asks for a listed name of this service, or waits for an address of one (stale_dns.c). client is for the log,
 * may be NULL. */
void session_want(struct session *s, uint8_t service, const struct addr *client);
void session_tunnel_up(struct session *s, const struct firewall_tunnel *tunnel);
void session_tunnel_down(struct session *s, uint8_t service, const struct cause *why);
void session_taken_down(struct session *s, uint8_t service); /* what ops->terminate asked for is done */
void session_left_over(struct session *s,
                       uint8_t service); /* an IKE_SA stands without a CHILD_SA, and nobody is at work */
/* The tunnel has new keys: `fresh` by a new key exchange, or out of the old ones only (RFC 7296 section 2.17). */
void session_new_keys(struct session *s, uint8_t service, bool fresh);
/* What a tunnel that is up has carried so far; every BLACKHOLE_CHECK_TICKS. */
void session_carried(struct session *s, uint8_t service, const struct blackhole_counts *seen);
void session_raise_failed(struct session *s, uint8_t service, const struct cause *why);
/* Both every SESSION_TICK_MS: the state's own time; what people are told of a tunnel for a while. */
void session_tick(struct session *s);
void session_tick_tunnels(struct session *s);
/* Commands of people. service 0: the first. Return whether it is being done; and the answer. */
bool session_command_start(struct session *s, uint8_t service, struct cause *answer);
bool session_command_end(struct session *s, struct cause *answer);

/* Who asked last: a PC, somebody on the LAN, the console. */
void session_asked_by(const struct session_service *v, struct cause *out);

/* ---- questions ---- */
const char *session_state_name(enum session_state state);
const char *session_mode_word(const struct session *s); /* NULL: there is none, so closed */
uint8_t session_services_up(const struct session *s); /* bit N-1: service N */
void session_mode(const struct session *s, struct msg_mode *out);
/* Why no tunnel can be raised now; false, and none: it can. */
bool session_obstacle(const struct session *s, struct cause *why);

#endif

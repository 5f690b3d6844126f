/*
 * The session: when tunnels are initiated and terminated, and what may pass meanwhile.
 *
 * A pure state machine without sockets: events come in as function calls, effects go out through struct session_ops,
 * time is provided by the caller. What may pass follows from the state alone:
 *
 *   starting   charon is not ready yet, or no longer             closed
 *   idle       no tunnel                                         by the site file (closed or internet)
 *   raising    IKE is in progress for at least one service       as in idle
 *   up         at least one tunnel is up                         session
 *   ending     tunnels are being terminated                      closed
 *   fault      the kernel has refused a change                   closed; if that is refused too, gate exits
 *
 * An IKE_SA without a CHILD_SA is useless: when an attempt fails, or the CHILD_SA is deleted and not replaced, charon
 * is told to terminate the IKE_SA, and the next attempt waits for that and starts with IKE_SA_INIT. So no
 * inconsistent state of the two peers survives an attempt.
 *
 * A service whose tunnel is the PC's own is up as soon as it is wanted and charon answers: there is nothing to raise
 * and no certificate to wait for; it is down as soon as the session ends. What it is otherwise is the same.
 *
 * Every change of mode gets a new generation, so no flow outlives the mode in which it was admitted.
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

#define SESSION_RAISE_MS 25000     /* longer than charon's own time-out, so that charon can report the cause */
#define SESSION_ENDING_MS 5000     /* for charon to terminate the tunnels; then the session is over anyway */
#define SESSION_GRACE_MS                                                                                               \
    8000 /* after a start or a loss, charon and the certificate may not be ready yet: a request waits */
#define SESSION_FAULT_MS 2000      /* between attempts to apply a change in the kernel */
#define SESSION_BACKOFF_MIN_MS 2000 /* after a failed attempt; doubles up to … */
#define SESSION_BACKOFF_MAX_MS 60000
#define SESSION_BLACKHOLE_MS 60000 /* minimum interval of re-establishing a tunnel that carries nothing */
#define SESSION_BLACKHOLE_SHOWN_MS 600000 /* how long that is shown in the status */
#define SESSION_CONSOLE "the console" /* instead of a PC's address */
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

/* Effects. user is that of session_init. None may call back into the machine. */
struct session_ops {
    int (*apply)(void *user, const struct firewall_view *view);   /* firewall_apply: 0, or -1 with errno */
    void (*forget)(void *user, uint32_t generation);            /* firewall_forget */
    uint64_t (*activity)(void *user); /* packets through the tunnels: any monotonic count */
    int (*initiate)(void *user, uint8_t service); /* ask charon; 0, or -1: not possible */
    /* Send a probe through the tunnel that a host behind it must answer; false: no probe is possible. */
    bool (*probe)(void *user, uint8_t service);
    void (*terminate)(void *user, uint8_t service); /* ask charon; session_taken_down reports completion */
    bool (*has_ike_sa)(void *user, uint8_t service); /* charon has one, with or without a CHILD_SA */
    /* A tunnel has come up (open sockets to its resolver) or gone down (close them). */
    void (*tunnel)(void *user, uint8_t service, const struct firewall_tunnel *tunnel_or_null);
    void (*announce)(void *user, const struct msg_mode *mode); /* tell `dns` */
    /* The kernel refuses even to close, so the previous mode is still in effect. Must make somebody else close. */
    void (*helpless)(void *user);
    void (*changed)(void *user); /* something visible in the state file has changed */
    void (*audit)(void *user, const char *event, const char *details);
    uint32_t (*random)(void *user);
    uint64_t (*now)(void *user); /* milliseconds, monotonic */
};

/* One service; index = service number. */
struct session_service {
    bool known; /* it is in the configuration */
    bool by_pc; /* its tunnel is the PC's own: "up" is leave for it, and charon is asked for nothing */
    char name[CONF_NAME_MAX];
    bool up, raising;
    /* charon was asked to terminate it and has not reported completion; time after which not to wait. 0: no */
    uint64_t ending;
    bool keys_refused; /* its hub has rekeyed without a key exchange (no PFS) */
    struct blackhole blackhole;
    uint64_t blackhole_at; /* when it was re-established because it carried nothing; 0: not recently */
    bool wanted; /* requested, but cannot be initiated at the moment */
    char client[INET6_ADDRSTRLEN]; /* the last requester */
    struct firewall_tunnel tunnel; /* while up */
    uint64_t raise_deadline; /* while raising */
    uint64_t next_try; /* no attempt on demand before this time */
    unsigned failures; /* in a row */
};

/* Read by state.c and rules.c too, written by session.c and session_ike_sa.c only. */
struct session {
    const struct session_ops *ops;
    void *user;
    enum msg_mode_kind without; /* the mode without a session */
    enum conf_start start;
    bool names_outside; /* some service's names are resolved on the uplink (a PC's hub: while that service is up) */
    uint32_t idle_ms;

    enum session_state state;
    uint64_t state_since; /* ops->now */
    uint64_t deadline; /* of the state; 0: none */
    struct cause reason; /* of the last change of state */
    struct cause fault; /* the present fault, or CAUSE_NONE */
    struct cause refused; /* a connection that charon refuses at present, or CAUSE_NONE */
    struct cause last_end; /* why the last session ended */

    struct firewall_view view; /* the last view applied successfully */
    uint64_t grace_until; /* see SESSION_GRACE_MS */
    bool charon, credentials, wan;
    bool moved; /* the virtual IP has changed: flows from the old one are dead, and must be cut */
    uint8_t first; /* number of the first service of the site file */
    struct session_service services[CONF_SERVICES_MAX + 1];
    uint64_t active_count, active_at; /* for the idle time: last count seen, and when it changed */
};

/* Initialise, without any effect. conf is only read during the call. */
void session_init(struct session *s, const struct conf *conf, const struct session_ops *ops, void *user);
/* Call first: closes the packet filter. */
void session_begin(struct session *s);

/* ---- events ---- */
void session_charon(struct session *s, bool up); /* up: connected, connections loaded, nothing left over */
void session_charon_hangs(struct session *s); /* instead of session_charon(s, false): it runs but does not answer */
void session_credentials(struct session *s, bool loaded);
/* charon refuses the service's connection; key: the key in the service file, or NULL; why: charon's text. */
void session_refused(struct session *s, uint8_t service, const char *key, const char *why);
void session_wan(struct session *s, bool up, bool address_changed);
/* A PC asks for a listed name of this service, or waits for an address of one (stale_dns.c). client is for the log,
 * may be NULL. */
void session_want(struct session *s, uint8_t service, const struct addr *client);
void session_tunnel_up(struct session *s, const struct firewall_tunnel *tunnel);
void session_tunnel_down(struct session *s, uint8_t service, const struct cause *why);
void session_taken_down(struct session *s, uint8_t service); /* what ops->terminate asked for is done */
void session_left_over(struct session *s,
                       uint8_t service); /* there is an IKE_SA without a CHILD_SA, and no exchange in progress */
/* The CHILD_SA was rekeyed; fresh: with a new key exchange (RFC 7296 section 2.17). */
void session_new_keys(struct session *s, uint8_t service, bool fresh);
/* The counters of a tunnel that is up; call every BLACKHOLE_CHECK_TICKS. */
void session_carried(struct session *s, uint8_t service, const struct blackhole_counts *seen);
void session_raise_failed(struct session *s, uint8_t service, const struct cause *why);
/* Call both every SESSION_TICK_MS: time-outs of the state; of the reports about tunnels. */
void session_tick(struct session *s);
void session_tick_tunnels(struct session *s);
/* Commands of people. service 0: the first. Return whether the command is carried out; *answer is the reply. */
bool session_command_start(struct session *s, uint8_t service, struct cause *answer);
bool session_command_end(struct session *s, struct cause *answer);

/* The last requester as a cause: a PC, somebody on the LAN, the console. */
void session_asked_by(const struct session_service *v, struct cause *out);

/* ---- queries ---- */
const char *session_state_name(enum session_state state);
const char *session_mode_word(const struct session *s); /* NULL: there is none, so closed */
uint8_t session_services_up(const struct session *s); /* bit N-1: service N */
void session_mode(const struct session *s, struct msg_mode *out);
/* Why no tunnel of this service can be initiated now; false, and CAUSE_NONE: it can. */
bool session_obstacle(const struct session *s, uint8_t service, struct cause *why);
/* It cannot be raised now, but probably in a moment: an old session is ending, or everything is just starting. */
bool session_must_wait(const struct session *s, const struct session_service *v);
bool session_any_ending(const struct session *s); /* charon is taking something down */
/* Silence does not end it: `session = always`, and a tunnel of the box's is up. (PCs' own alone have an end.) */
bool session_lasts(const struct session *s);

#endif

/*
 * charon, over VICI: loads one connection for each service, initiates and terminates their tunnels, and tells the
 * session what is up. `list-sas` is authoritative; charon's events only trigger a new list.
 *
 * One VICI connection stays open for events, lists and terminations. charon answers the requests of a VICI connection
 * in order, and `initiate` takes as long as IKE does, so each attempt has its own.
 */
#ifndef SEKISHO_GATE_CHARON_H
#define SEKISHO_GATE_CHARON_H

#include "conf.h"
#include "blackhole.h"
#include "liveness.h"
#include "ike_sa.h"
#include "session.h"
#include "vici.h"
#include "state_watch.h"

#include <stdbool.h>
#include <stdint.h>
#include <uev/uev.h>

#define CHARON_INITIATE_MS 20000
/*
 * In ticks of SESSION_TICK_MS. charon answers in order and may be delayed: by a lack of threads, or while it resolves
 * the hub's name with the IKE_SA locked (three silent DNS servers: 30 s). That is no reason to kill it.
 */
#define CHARON_ASK_TICKS 10
#define CHARON_HANGS_TICKS 30
#define CHARON_HANGS_BUSY_TICKS 70
#define CHARON_RETRY_MS 5000 /* between attempts to load connections that charon has refused */

struct charon;

struct charon_service {
    struct charon *charon;
    const struct conf_service *conf; /* NULL: no such service */
    unsigned needed_count;
    struct prefix needed[CONF_PREFIXES_MAX]; /* what the hub should carry: conf_registry */
    struct ike_sa sa;                    /* the tunnel; sa.child 0: down */
    struct ike_sa listed;                /* collected while a list is received */
    struct blackhole_counts carried; /* the same, summed over its IKE_SAs: during a replacement there are two */
    /* charon has an IKE_SA of this service, with or without a CHILD_SA; the same for the list being received. */
    bool has_ike_sa, listed_ike_sa;
    struct vici *control; /* while an attempt is running */
    uev_t control_io;
    bool finished; /* the attempt has been answered */
    enum cause_code why; /* the cause of the failure from charon's log; CAUSE_NONE: not known */
};

struct charon {
    uev_ctx_t *loop;
    struct session *session;
    struct prefix lan; /* [lan] address: a virtual IP must be outside it */
    const char *socket; /* path */
    struct vici *vici;
    uev_t io;
    struct liveness liveness;
    void (*hangs)(void *user); /* it does not answer and must be killed (the LAN is closed already). May be NULL */
    void *user;
    /* What a tunnel must pass before it counts as up, and each time that it changes (guard_tunnel in main.c);
     * CAUSE_NONE: it does. May be NULL */
    enum cause_code (*guard)(void *guard_user, uint8_t service, const struct ike_sa *sa);
    void *guard_user;
    bool clean; /* the tunnels of an earlier gate are gone */
    bool listing, list_again;
    bool counting; /* the list in progress is only for the tunnels' counters */
    unsigned ticks; /* until the next of these */
    bool credentials; /* enroll reports that key and certificate are loaded */
    bool loaded; /* all connections are in charon, with `identity` */
    unsigned waiting; /* outstanding replies to terminate (before clean) or to load-conn */
    bool refused; /* one of those load-conn failed */
    uint64_t load_at; /* time of the next attempt to load; 0: none */
    struct state_watch_certificate own; /* our IKE identity: the certificate's subject; identity "": none yet */
    struct charon_service services[CONF_SERVICES_MAX + 1];
};

/* conf and session must outlive it. Opens nothing; charon_tick connects. */
void charon_init(struct charon *c, uev_ctx_t *loop, const struct conf *conf, struct session *session);
/* Call about every 500 ms: reconnects if needed, and loads again what charon had refused. */
void charon_tick(struct charon *c);
/* The certificate from enroll's state, and whether it is loaded. */
void charon_identity(struct charon *c, const struct state_watch_certificate *own);

/* For struct session_ops. */
int charon_initiate(struct charon *c, uint8_t service);
void charon_terminate(struct charon *c, uint8_t service);
bool charon_has_ike_sa(const struct charon *c, uint8_t service);
/* The tunnel's negotiated remote prefixes; 0 while it is down. */
unsigned charon_remote(const struct charon *c, uint8_t service, const struct prefix **out);

/* The cause for a line of charon's log; CAUSE_NONE: unknown. */
enum cause_code charon_meaning(const char *line);

/* The IPv4 networks of the service file that the hub has not accepted for the tunnel, which must be up. Returns their
 * number. (A hub that carries everything may narrow that, but not leave the resolver out.) */
unsigned charon_left_out(const struct charon *c, uint8_t service, const struct prefix *out[CONF_PREFIXES_MAX]);

#endif

/*
 * charon, over VICI: loads one connection for each service, raises and takes down their tunnels, and tells the session
 * what is up. Truth is always what `list-sas` says; charon's events only say when to look again.
 *
 * One connection stays open for events, lists and terminations. charon answers the requests of one connection one after
 * the other, and `initiate` takes as long as IKE does, so each attempt has a connection of its own.
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
 * In ticks of SESSION_TICK_MS. charon answers in order, and what it is doing may have to wait: for its few threads, or
 * for the hub's name, which it looks up with the tunnel held (three silent DNS servers: 30 s). That is no reason to end
 * it.
 */
#define CHARON_ASK_TICKS 10
#define CHARON_HANGS_TICKS 30
#define CHARON_HANGS_BUSY_TICKS 70
#define CHARON_RETRY_MS 5000 /* between attempts to load connections that charon has refused */

struct charon;

struct charon_service {
    struct charon *charon;
    const struct conf_service *conf; /* NULL: no such service */
    struct ike_sa sa;                    /* what is up; sa.child 0: nothing */
    struct ike_sa listed;                /* collected while a list is coming in */
    struct blackhole_counts carried; /* the same, of all its IKE_SAs: while one replaces the other there are two */
    /* Charon has an IKE_SA of this service, with a CHILD_SA or without; the same of the list that is coming in. */
    bool has_ike_sa, listed_ike_sa;
    struct vici *control; /* while an attempt is running */
    uev_t control_io;
    bool finished; /* the attempt has been answered */
    enum cause_code why; /* what charon's log said about the failure; none: nothing that is known */
};

struct charon {
    uev_ctx_t *loop;
    struct session *session;
    struct prefix lan; /* [lan] address: no address in a tunnel is of it */
    const char *socket; /* path */
    struct vici *vici;
    uev_t io;
    struct liveness liveness;
    void (*hangs)(void *user); /* it does not answer: it must be ended (closed already). NULL: nobody cares */
    void *user;
    bool clean; /* what a gate before us had raised is gone */
    bool listing, list_again;
    bool counting; /* the list under way is only to see what the tunnels have carried */
    unsigned ticks; /* until the next of these */
    bool credentials; /* enroll says that key and certificate are loaded */
    bool loaded; /* all connections are in charon, with `identity` */
    unsigned waiting; /* replies to terminate (before clean) or to load-conn */
    bool refused; /* one of those load-conn failed */
    uint64_t load_at; /* try to load again at this time; 0: no */
    struct state_watch_certificate own; /* our IKE identity: the certificate's subject; identity "": none yet */
    struct charon_service services[CONF_SERVICES_MAX + 1];
};

/* conf and session must outlive it. Nothing is opened yet: charon_tick does. */
void charon_init(struct charon *c, uev_ctx_t *loop, const struct conf *conf, struct session *session);
/* About every 500 ms: connect again if needed, load again if charon had refused. */
void charon_tick(struct charon *c);
/* The certificate that enroll has, and whether it has loaded it. */
void charon_identity(struct charon *c, const struct state_watch_certificate *own);

/* For struct session_ops. */
int charon_initiate(struct charon *c, uint8_t service);
void charon_terminate(struct charon *c, uint8_t service);
bool charon_has_ike_sa(const struct charon *c, uint8_t service);
/* The tunnel's negotiated remote prefixes; 0 while it is down. */
unsigned charon_remote(const struct charon *c, uint8_t service, const struct prefix **out);

/* What a line of charon's log means for people; none: nothing that is known. */
enum cause_code charon_meaning(const char *line);

/* The IPv4 networks of the service file that the hub has left out of the tunnel, which is up; out: as many as it
 * has. */
unsigned charon_left_out(const struct charon *c, uint8_t service, const struct prefix *out[CONF_PREFIXES_MAX]);

#endif

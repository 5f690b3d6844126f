/* All of gate in one place: what main.c sets up and gate.c connects. */
#ifndef SEKISHO_GATE_GATE_H
#define SEKISHO_GATE_GATE_H

#include "admit.h"
#include "charon.h"
#include "dns_link.h"
#include "conf.h"
#include "ctl.h"
#include "sni_link.h"
#include "refusals.h"
#include "session.h"
#include "state_watch.h"

#include <uev/uev.h>

/* Where things are; the defaults are the box's. */
struct gate_paths {
    const char *site;      /* /state/site.conf */
    const char *services1; /* /state/services */
    const char *services2; /* /etc/sekisho/services */
    const char *run;       /* /run/sekisho */
    const char *names;     /* the child's program */
    const char *vici;      /* charon's socket */
};

/* How long people are shown the last answer that was not believed, and the last PC that did not ask. */
#define GATE_REFUSED_MS 600000
#define GATE_SNI_MS 4000 /* sni may be away so long without anybody being told */
#define GATE_ADMITS_MAX 64 /* answers opened in one transaction */

struct gate {
    struct gate_paths paths;
    uev_ctx_t loop;
    uev_t tick, sigterm, sigint;
    bool configured;              /* site and service files are good; otherwise only `fault` is published */
    struct cause fault;           /* why not configured */
    struct conf conf;
    struct session session;
    struct charon charon;
    struct admit admit;
    struct dns_link dns;
    struct sni_link sni;
    struct ctl ctl;

    struct state_watch_file wan_file, certificate_file, site_file;
    struct state_watch_wan wan;
    struct addr inside[CONF_SERVICES_MAX + 1]; /* resolvers in tunnels that are up; family 0: none */

    struct firewall_counters counters;
    uint64_t counted_at, counted; /* when they were read for the state file; packets that it tells of */
    struct firewall_tracked tracked; /* read with the counters */
    bool crowded;                  /* somebody has too many connections, and that was said */
    struct refusals refusals;
    uint64_t sni_gone_at; /* when it was there last, or gate's start */
    uint64_t agreed; /* TLS flows whose ClientHello was agreed to */
    unsigned admit_count; /* answers of `dns` that wait to be opened together */
    struct msg_admit admits[GATE_ADMITS_MAX];
    struct cause refused; /* the last answer that was not believed; none: not lately */
    uint64_t refused_at;
    /* The last PC that waited for an address without asking for its name; "": none lately. */
    char unasked[INET6_ADDRSTRLEN];
    uint64_t unasked_at;
    uint64_t kept_at; /* when stale_dns_keep looked around last */
    bool dirty;                   /* the state file is to be written */
    uint64_t published_at;
    uint64_t rules_at, rules_admitted; /* when the page of rules was written (0: now!), and after how many answers */
};

/* After privileges are given up: connect everything and run until a signal. Returns the exit status. */
int gate_run(struct gate *g);

/* ---- peers.c: what `dns` and `sni` say ---- */
extern const struct dns_link_ops peers_dns;
extern const struct sni_link_ops peers_sni;
void peers_send_allowlist(struct gate *g); /* the list, to `dns` */
void peers_send_private(struct gate *g); /* whose answers may be private addresses, to `dns` */
void peers_send_line(struct gate *g); /* the box's address on the line, which is in none of them */
void peers_send_hosts(struct gate *g); /* who may use what, to `dns` */

/* ---- stale_dns.c: PCs that still know an address from the session before ---- */
/* One of them waits: begin a session, if the address was a listed name's just now. False: it was not. */
bool stale_dns_wanted(struct gate *g, const struct msg_blocked *m);
/* Time passes: names that are open and about to end are looked up again, as long as their session lives. */
void stale_dns_keep(struct gate *g);
/* The tunnel of this service is coming up: have the names that were open last looked up anew. */
void stale_dns_resolve(struct gate *g, uint8_t service);

/* ---- state.c ---- */
/* Write RUN/gate/state. */
void state_write(struct gate *g);

#endif

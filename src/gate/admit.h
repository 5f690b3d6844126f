/*
 * Opening the filter for the addresses of a listed name: what `dns` may ask for, checked again by what gate knows
 * itself. `dns` parses what strangers write; so gate believes it no more than: "this listed name, these addresses".
 *
 * Two tables remember what is open. Pairs: which name was admitted for which address, and until when; this is what
 * `sni`'s question is answered by, so two names at one address live and die each on its own. Elements: the kernel's
 * set elements (an address and a port), each open as long as any of its names.
 */
#ifndef SEKISHO_GATE_ADMIT_H
#define SEKISHO_GATE_ADMIT_H

#include "allowlist.h"
#include "conf.h"
#include "firewall.h"
#include "msg.h"

#include <stdint.h>

#define ADMIT_NAMES_MAX ALLOWLIST_MAX
#define ADMIT_TIMEOUT_MAX_S 86400
#define ADMIT_HELLO_MS 5000 /* a SYN passed in time; its ClientHello may come this much later (sni's own limit) */
/* Sizes of the tables; powers of two. What does not fit is refused or forgotten, counted and said in the log. */
#define ADMIT_PAIRS 65536
#define ADMIT_ELEMENTS 65536
#define ADMIT_TEXTS 1024 /* names below wildcards, for people; a pair is admitted whether its text is kept or not */
#define ADMIT_LIMIT_LOG_MS 60000

/* What is known of the moment in which the question is asked. */
struct admit_now {
    uint32_t generation; /* of the session; 0: there is none */
    uint8_t services_up; /* bit N-1 */
    uint64_t now_ms;
    /* The negotiated remote prefixes of the service's tunnel; 0 while it is down. */
    unsigned (*remote)(void *user, uint8_t service, const struct prefix **out);
    void *user;
};

/* A name as it was asked for, and one of its addresses. What is not of the present epoch is free. */
struct admit_pair {
    uint64_t id; /* keyed hash of rule, name and address: a name needs no room here */
    uint64_t ends_ms;
    uint32_t epoch;
    uint16_t rule; /* index in names: the id that messages use */
    uint16_t text; /* index in texts; ADMIT_TEXTS: none */
    struct addr addr;
};

struct admit_element {
    struct firewall_allow element; /* its timeout_s means nothing here */
    uint32_t epoch;
    uint64_t ends_ms;
    /* Asked for in the batch of this moment, not taken by the kernel yet: the next of the batch must not shorten it. */
    uint64_t pending_ends_ms, pending_at_ms;
};

/* Large, and mostly untouched; must be zero before the first admit_init. */
struct admit {
    const struct conf *conf;
    unsigned name_count;
    struct {
        uint8_t service; /* index in conf->services */
        uint8_t rule;
    } names[ADMIT_NAMES_MAX]; /* by the id that messages use */
    struct allowlist listed; /* the same names, by the same ids */
    uint8_t key[16];
    uint32_t generation, epoch; /* of the session, and of what the tables hold for it */
    struct admit_pair pairs[ADMIT_PAIRS];
    struct admit_element elements[ADMIT_ELEMENTS];
    struct admit_text {
        uint64_t ends_ms;
        uint32_t epoch;
        char name[CONF_FQDN_MAX];
    } texts[ADMIT_TEXTS];
    uint64_t admitted; /* answers opened so far */
    uint64_t limited; /* times that a table was full */
    uint64_t limit_said_ms;
};

/* conf must outlive it. */
void admit_init(struct admit *a, const struct conf *conf);
/* The listed name with this id (a wildcard as it is listed) and the number of its service; NULL: there is none. */
const char *admit_name(const struct admit *a, unsigned id, uint8_t *service);

/* Its line of the service file, and the service; there must be one with this id. */
const struct conf_service *admit_service(const struct admit *a, unsigned id);
const struct conf_rule *admit_rule(const struct admit *a, unsigned id);
/* The number of the service whose name this is, exact or below a wildcard; 0: it is on no list. */
uint8_t admit_service_of(const struct admit *a, const char *name);

/*
 * Check m; on ADMIT_OK out[0..*count) are the elements to open: every port of the name for every address. Nothing is
 * remembered yet. *count <= FIREWALL_ALLOW_MAX.
 */
enum msg_verdict admit_check(const struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                             struct firewall_allow out[FIREWALL_ALLOW_MAX], unsigned *count);
/*
 * The two halves of admit_open, for several answers in one transaction (all with the same `now`). Prepare: check, and
 * stretch the time-outs to what another name was given for the same element. Done: the kernel has taken list, so
 * remember it.
 */
enum msg_verdict admit_prepare(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                               struct firewall_allow list[FIREWALL_ALLOW_MAX], unsigned *count);
void admit_done(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                const struct firewall_allow *list, unsigned count);
/* Check, open in the kernel by `allow` (firewall_allow), remember. */
enum msg_verdict admit_open(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                            int (*allow)(const struct firewall_allow *, unsigned));
/*
 * May a TLS flow to this address and port ask for this name now? The name is listed for the service with that port as a
 * TLS port, and name and address were admitted together and still are.
 */
bool admit_agrees(const struct admit *a, const struct admit_now *now, uint8_t service, const struct addr *server,
                  uint16_t port, const char *name);

/*
 * Every pair that is alive, in no order. After a session they are remembered until their time is over or the next
 * session opens its first address, but open nothing. name: as it was asked for, or the wildcard if that was not
 * kept. */
typedef void admit_each_fn(void *user, const struct admit_pair *pair, const char *name);
void admit_each(const struct admit *a, uint64_t now_ms, admit_each_fn *each, void *user);

#endif

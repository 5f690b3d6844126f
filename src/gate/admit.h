/*
 * Admission: allowing the addresses of a listed name in the packet filter. `dns` parses untrusted input, so gate
 * accepts from it only "this listed name, these addresses", and checks that against its own data.
 *
 * Two tables record what is allowed. Pairs: which name was admitted for which address, and until when; they answer
 * sni's requests, so that two names at one address expire independently. Elements: the kernel's set elements (an
 * address and a port), each of which lasts as long as the longest of its names.
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
#define ADMIT_HELLO_MS 5000 /* a ClientHello may come this long after a SYN that passed in time (sni's own limit) */
/* Sizes of the tables; powers of two. Overflow is refused or evicted, counted and logged. */
#define ADMIT_PAIRS 65536
#define ADMIT_ELEMENTS 65536
#define ADMIT_TEXTS 1024 /* names below wildcards, for people; a pair is admitted whether its text is kept or not */
#define ADMIT_LIMIT_LOG_MS 60000

/* The circumstances of a request. */
struct admit_now {
    uint32_t generation; /* of the session; 0: no session */
    uint8_t services_up; /* bit N-1 */
    uint64_t now_ms;
    /* The negotiated remote prefixes of the service's tunnel; 0 while it is down. */
    unsigned (*remote)(void *user, uint8_t service, const struct prefix **out);
    void *user;
    /* Where the hub carries everything (registry.h): may this address be the registry's, and from now on it is: 0,
     * or -1 with errno. NULL (both): none may. */
    bool (*may)(void *registry, const struct addr *a);
    int (*learn)(void *registry, const struct addr *a);
    bool (*known)(void *registry, const struct addr *a); /* is it the registry's already? NULL: all are */
    void *registry;
    enum msg_mode_kind mode;
    /* Virtual addresses of the tunnels that are up, which no name on the line has (hubs, up or not: `taken`). */
    unsigned own_count;
    struct addr own[2 * CONF_SERVICES_MAX];
};

/* A name as in the query, and one of its addresses. An entry of an earlier epoch is free. */
struct admit_pair {
    uint64_t id; /* keyed hash of rule, name and address, so that the name need not be stored */
    uint64_t ends_ms;
    uint32_t epoch;
    uint16_t rule; /* index in names: the id that messages use */
    uint16_t text; /* index in texts; ADMIT_TEXTS: none */
    struct addr addr;
};

struct admit_element {
    struct firewall_allow element; /* its timeout_s is unused here */
    uint32_t epoch;
    uint64_t ends_ms;
    /* Requested in the current batch, not committed yet: a later request of the batch must not shorten it. */
    uint64_t pending_ends_ms, pending_at_ms;
};

/* Large, and mostly untouched; must be zeroed before the first admit_init. */
struct admit {
    const struct conf *conf;
    /* Is this address the box's own, or the hub of another service's tunnel? NULL: of none. (pc_tunnels.c) */
    bool (*taken)(void *hubs, uint8_t service, const struct addr *addr);
    /* These addresses are to be opened as hubs of PCs' own tunnels: from now on they are that. 0, or -1 with errno
     * (ENOSPC: no room). NULL: nobody needs to know. (pc_tunnels.c) */
    int (*learn_hubs)(void *hubs, const struct msg_admit *m);
    void *hubs;
    unsigned name_count;
    struct {
        uint8_t service; /* index in conf->services */
        uint8_t rule;
    } names[ADMIT_NAMES_MAX]; /* by the id that messages use */
    struct allowlist listed; /* the same names, by the same ids */
    uint8_t key[16];
    uint32_t generation; /* that the sets were filled for */
    /* Of the tables' entries. Names behind the tunnels are kept through MODE_BEFORE, those on the line are not. */
    uint32_t epoch, line_epoch;
    struct admit_pair pairs[ADMIT_PAIRS];
    struct admit_element elements[ADMIT_ELEMENTS];
    struct admit_text {
        uint64_t ends_ms;
        uint32_t epoch;
        char name[CONF_FQDN_MAX];
    } texts[ADMIT_TEXTS];
    uint64_t admitted; /* number of answers admitted */
    uint64_t limited; /* number of times a table was full */
    uint64_t limit_said_ms;
};

/* conf must outlive it. */
void admit_init(struct admit *a, const struct conf *conf);
/* The listed name (or wildcard) with this id and the number of its service; NULL: none. */
const char *admit_name(const struct admit *a, unsigned id, uint8_t *service);

/* Its rule in the service file, and the service; the id must be valid. */
const struct conf_service *admit_service(const struct admit *a, unsigned id);
const struct conf_rule *admit_rule(const struct admit *a, unsigned id);
/* The number of the service that lists this name, exactly or by a wildcard; 0: not listed. */
uint8_t admit_service_of(const struct admit *a, const char *name);

/*
 * Check m; on ADMIT_OK out[0..*count) are the elements to add: every port of the name for every address. Changes
 * nothing. *count <= FIREWALL_ALLOW_MAX.
 */
enum msg_verdict admit_check(const struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                             struct firewall_allow out[FIREWALL_ALLOW_MAX], unsigned *count);
/*
 * The two halves of admit_open, for several answers in one transaction (all with the same `now`). Prepare: check, and
 * extend the time-outs to those of other names for the same element. Done: the kernel has committed list, so record it.
 */
enum msg_verdict admit_prepare(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                               struct firewall_allow list[FIREWALL_ALLOW_MAX], unsigned *count);
void admit_done(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                const struct firewall_allow *list, unsigned count);
/* Check, add to the kernel with `allow` (firewall_allow), record. */
enum msg_verdict admit_open(struct admit *a, const struct admit_now *now, const struct msg_admit *m,
                            int (*allow)(const struct firewall_allow *, unsigned));
/*
 * May a TLS flow to this address and port use this name now? The service must list the name with that port as a TLS
 * port, and name and address must have been admitted together and not have expired.
 */
bool admit_agrees(const struct admit *a, const struct admit_now *now, uint8_t service, const struct addr *server,
                  uint16_t port, const char *name);
/* The same for a flow on the line, of this client: any of the services that it may use. */
bool admit_agrees_on_line(const struct admit *a, const struct admit_now *now, const struct addr *client,
                          const struct addr *server, uint16_t port, const char *name);

/*
 * Every live pair, in no order. After a session they are kept until they expire or the next session admits its first
 * address, but they allow nothing. name: as in the query, or the wildcard if that was not
 * kept. */
typedef void admit_each_fn(void *user, const struct admit_pair *pair, const char *name);
void admit_each(const struct admit *a, uint64_t now_ms, admit_each_fn *each, void *user);

#endif

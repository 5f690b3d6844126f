/*
 * Site file and service files: a strict parser fed one line at a time.
 *
 * The same code runs in the daemons, in `sekisho check` on any machine and in the fuzzer. It opens files only in
 * conf_load_*, allocates nothing, and does not stop at the first mistake: each becomes one struct conf_error with file,
 * line, what is wrong and what to write instead. A result with any error must not be used.
 *
 * Format (both kinds of file): UTF-8, `# comment` lines, `[section]` lines, `key = value` lines. No continuation, no
 * quoting, no inline comments. Unknown sections and keys, duplicates and missing required keys are errors.
 */
#ifndef SEKISHO_CONF_H
#define SEKISHO_CONF_H

#include "cause.h"
#include "netaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_LINE_MAX 1024   /* bytes in a line without its newline */
#define CONF_NAME_MAX 32     /* a service's short name, with NUL: [a-z0-9-]+ */
#define CONF_TEXT_MAX 128    /* free text (UTF-8), with NUL */
#define CONF_FQDN_MAX 254    /* RFC 1035 section 2.3.4: 253 octets of text, and NUL */
#define CONF_SERVICES_MAX 8  /* services of one site; numbers 1..8 */
#define CONF_RULES_MAX 64    /* allow lines of one service */
#define CONF_PORTS_MAX 8     /* ports of one allow line */
#define CONF_PREFIXES_MAX 16 /* remote prefixes of one service */
#define CONF_ADDRS_MAX 4     /* DNS or NTP servers of one kind */
#define CONF_HOSTS_MAX 64    /* LAN hosts bound to a service */
#define CONF_PRIVATE_MAX 8   /* domains whose answers may be private addresses */
#define CONF_ERRORS_MAX 32   /* further mistakes are only counted */
#define CONF_KEYS_MAX 48     /* keys of one kind of file; conf_parser.seen uses the higher bits for sections */

struct conf_error {
    char file[128];
    unsigned line;    /* 1-based; 0: about the file as a whole */
    struct cause wrong;     /* what is wrong */
    enum cause_code remedy; /* what to write instead: a REMEDY in cause.def */
};

struct conf_errors {
    unsigned count; /* of all mistakes, including those beyond CONF_ERRORS_MAX */
    struct conf_error list[CONF_ERRORS_MAX];
};

enum conf_outside { CONF_OUTSIDE_CLOSED, CONF_OUTSIDE_INTERNET };
enum conf_start { CONF_START_DEMAND, CONF_START_ALWAYS };
enum conf_wan { CONF_WAN_DHCP, CONF_WAN_STATIC };

/* A LAN host bound to one service: identified by its MAC address and by the address that DHCP always gives it. */
struct conf_host {
    struct addr addr; /* IPv4, inside the LAN's prefix, not the box's own */
    uint8_t mac[6];
    char service[CONF_NAME_MAX]; /* "": may use no service */
    unsigned line; /* in the site file, for messages */
};

/* One site file. Strings are NUL-terminated; an empty string or family 0 means "not given". */
struct conf_site {
    char name[CONF_TEXT_MAX];                             /* [site] name */
    unsigned service_count;
    char services[CONF_SERVICES_MAX][CONF_NAME_MAX];      /* [site] service (repeatable) */
    enum conf_outside outside;                            /* [site] outside-session */
    enum conf_start start;                                /* [site] session = demand | always */
    uint32_t idle_s;                                      /* [site] idle, 10 s to 24 h; default 10 min */
    int zone_min;                                         /* [site] timezone = +09:00: minutes ahead of UTC */

    enum conf_wan wan_mode;                               /* [wan] mode */
    struct prefix wan_address;                            /* [wan] address (static) */
    struct addr wan_gateway;                              /* [wan] gateway (static) */
    unsigned wan_dns_count;
    unsigned wan_dns_line[CONF_ADDRS_MAX];
    struct addr wan_dns[CONF_ADDRS_MAX];                  /* [wan] dns (repeatable; required when static) */
    uint32_t wan_mtu;                                     /* [wan] mtu, 576 to 1500; 0: the lease's, else 1454 */
    unsigned ntp_count;
    char ntp[CONF_ADDRS_MAX][CONF_FQDN_MAX];              /* [wan] ntp (repeatable): host name or address */

    struct prefix lan_address;                            /* [lan] address: the box's own, default 192.168.77.1/24 */
    struct addr dhcp_first, dhcp_last;                    /* [lan] dhcp = FIRST-LAST, or `off` (family 0) */

    unsigned private_count;
    char private_answers[CONF_PRIVATE_MAX][CONF_FQDN_MAX]; /* [lan] private-answers = DOMAIN (repeatable) */

    unsigned host_count;
    struct conf_host hosts[CONF_HOSTS_MAX];               /* [hosts] host = ADDRESS MAC SERVICE|none (repeatable) */
    unsigned others_line;
    char others[CONF_NAME_MAX]; /* [hosts] others = all | none | SERVICE: all hosts not listed; default "all" */

    char est_host[CONF_FQDN_MAX];                         /* [enroll] server = HOST[:PORT] */
    uint16_t est_port;
    char est_label[CONF_NAME_MAX];                        /* [enroll] label: RFC 7030 section 3.2.2 */
    uint8_t est_ca_sha256[32]; /* [enroll] ca-fingerprint: SHA-256 of the CA certificate's DER */
    unsigned est_server_count;
    uint8_t est_server_sha256[CONF_ADDRS_MAX]
                             [32]; /* [enroll] server-ca (repeatable): SHA-256 of the trust anchor for its TLS */
    char est_user[64], est_password[64]; /* [enroll] username, password (one-time) */
    char device[64]; /* [enroll] device: CN of the certificate, [A-Za-z0-9.-]+ */
};

/* One port of an [allow] line: `tcp/443 tls`, `tcp/8080`, `udp/123`; `esp` where the tunnel is the PC's own. */
struct conf_port {
    uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, or IPPROTO_ESP, which has no port (0) */
    uint16_t port; /* host byte order */
    bool tls; /* sni must allow each connection */
};

struct conf_rule {
    char name[CONF_FQDN_MAX]; /* lower case, no final dot; `*.` and at least two labels: every name below them */
    bool ech_noise; /* `ech-noise`: the server has no ECH, so a browser's GREASE ECH extension is allowed */
    unsigned port_count;
    struct conf_port ports[CONF_PORTS_MAX];
    unsigned line; /* in the service file, for messages */
    bool via_line; /* `via line`: a name of the public internet, on the line and never through the tunnel */
    bool before; /* `via line before`: open without a session too, at a site that is closed then */
};

struct conf_service {
    char name[CONF_NAME_MAX]; /* the file's base name without .conf; also the IKE connection's name */
    char title[CONF_TEXT_MAX]; /* [service] title */
    uint8_t number; /* [service] number, 1..8: IPsec reqid and packet mark */
    bool by_pc; /* [tunnel] kind = box | pc: the tunnel is the PC's own; then no hub, remote, resolver of the box's */
    char hub[CONF_FQDN_MAX]; /* [tunnel] hub: host name or address */
    char hub_id[CONF_TEXT_MAX]; /* [tunnel] hub-id: IKE identity, default: hub */
    char ike_proposal[CONF_TEXT_MAX]; /* [tunnel] ike-proposal: a list as in proposal.h; aes256gcm16-prfsha384-ecp384 */
    char esp_proposal[CONF_TEXT_MAX]; /* [tunnel] esp-proposal, default aes256gcm16-ecp384 */
    bool force_encap; /* [tunnel] encapsulation = auto | udp */
    unsigned remote_count;
    struct prefix remote[CONF_PREFIXES_MAX]; /* [tunnel] remote (repeatable): prefixes behind the hub */
    unsigned remote_line; /* of the first */
    bool resolver_wan; /* [dns] resolver = wan: the names are resolved outside the tunnel */
    struct addr resolver; /* [dns] resolver = ADDRESS: inside the tunnel */
    unsigned resolver_line;
    unsigned rule_count;
    struct conf_rule
        rules[CONF_RULES_MAX]; /* [allow] name = FQDN PROTO/PORT [tls [ech-noise]] [, …] [via line [before]] */
};

/*
 * The line-fed parser. Usage: conf_site_begin or conf_service_begin, then conf_line for each line without its newline,
 * then conf_end, which finds missing and contradictory keys. The result is in *errors only.
 */
struct conf_parser {
    const struct conf_kind *kind; /* the table of its keys (conf_parse.h) */
    const char *file;
    unsigned line;
    struct conf_errors *errors;
    struct conf_site *site; /* one of these two */
    struct conf_service *service;
    int section; /* index in the parser's own table, -1 before the first */
    uint64_t seen; /* keys seen, for duplicates and missing ones */
    unsigned lines[CONF_KEYS_MAX]; /* where each was seen last */
    enum cause_code remedy; /* in the place of the key's own, from a value parser; 0: none */
    char also[4][CAUSE_SHORT_MAX]; /* arguments that a value parser adds after key and value (conf_also) */
};

void conf_site_begin(struct conf_parser *p, const char *file, struct conf_site *out, struct conf_errors *errors);
/* name: the service's short name: the file's base name without `.conf`. */
void conf_service_begin(struct conf_parser *p, const char *file, const char *name, struct conf_service *out,
                        struct conf_errors *errors);
void conf_line(struct conf_parser *p, const char *line, size_t len);
void conf_end(struct conf_parser *p);

/* Read a whole file (at most 64 KiB). False if it has any mistake or cannot be read: see *errors. */
bool conf_load_site(const char *path, struct conf_site *out, struct conf_errors *errors);
bool conf_load_service(const char *path, struct conf_service *out, struct conf_errors *errors);

/*
 * Load the site file and every service it names, looking in dir1 and then dir2 (e.g. /state/services and
 * /etc/sekisho/services), and check them together: each number, name and remote prefix belongs to one service only, and
 * prefixes and resolvers do not overlap the site's own networks.
 */
struct conf {
    struct conf_site site;
    unsigned service_count;
    struct conf_service services[CONF_SERVICES_MAX];
};
bool conf_load_all(const char *site_path, const char *dir1, const char *dir2, struct conf *out,
                   struct conf_errors *errors);

/* The first mistake as one cause, with file, line and remedy; CAUSE_NONE if there is none. */
void conf_first_mistake(const struct conf_errors *errors, struct cause *out);

/* Helpers for other programs; all return false for text that is not exactly of that kind. */
bool conf_parse_addr(const char *text, struct addr *out);
bool conf_parse_prefix(const char *text,
                       struct prefix *out); /* host bits must be zero unless it is an interface address */
bool conf_is_fqdn(const char *text); /* at least two labels, RFC 1123 letters, no final dot */
bool conf_is_pattern(const char *text); /* an FQDN as above, or `*.` followed by one */
/*
 * A public suffix, below which anybody may register names: a top-level domain, or a second-level domain for
 * organisations (co.jp, go.jp, ac.uk, tokyo.jp …).
 */
bool conf_domain_too_wide(const char *text);
bool conf_pattern_too_wide(const char *text); /* `*.` and a public suffix: it would cover strangers' names */
/* `*.` followed by a domain of a provider below which each customer has a name of his own (conf_via.c): the same. */
bool conf_pattern_shared(const char *text);
/* Does a listed name (exact or wildcard) cover this one? Both lower case. `*.a.b` covers x.a.b and y.x.a.b, not a.b. */
bool conf_name_covers(const char *pattern, const char *name);
/* How many listed names are reached on the line? */
unsigned conf_on_line(const struct conf *conf);
/* Is any of them open also without a session? */
bool conf_before(const struct conf *conf);
/* The host with this address, NULL: it has no line in [hosts]. */
const struct conf_host *conf_host_at(const struct conf_site *site, const struct addr *addr);
/* Does the word of a `host` or `others` line (`all`, `none` or "", a service's name) allow this service? */
bool conf_allows(const char *allowed, const char *service);
/* The services that a host may use, bit N-1 for number N; NULL: one without a line in [hosts]. */
uint8_t conf_host_may(const struct conf *conf, const struct conf_host *host);
/* Its hub carries everything: `remote = 0.0.0.0/0`. */
bool conf_carries_all(const struct conf_service *service);
/*
 * The networks that are the registry's before anything has been asked: those behind the hub; where that carries
 * everything, the resolver alone. Returns how many.
 */
unsigned conf_registry(const struct conf_service *service, struct prefix out[CONF_PREFIXES_MAX]);

#endif

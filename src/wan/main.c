/*
 * wan: the uplink. Gets its address by DHCP or from the site file, watches the carrier, and writes RUN/wan/state and
 * resolv.conf. Started by Finit as root; splits into wan itself (user wan, CAP_NET_ADMIN: sets address and route, and
 * parses no packets) and the DHCP client (user dhcp: parses packets, and can do nothing else), then both drop root.
 *
 *   wan [-d PREFIX]     PREFIX is prepended to every path (tests)
 */
#include "client.h"
#include "conf_parse.h"
#include "ipc.h"
#include "log.h"
#include "state_file.h"
#include "route.h"
#include "sandbox.h"
#include "hang_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CARD "wan0"
#define MTU_SAFE 1454

static const char *const calls[] = {"openat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "connect", NULL};

static struct conf conf;
static const char *prefix = "";
static struct wan {
    unsigned card;
    int carrier, client; /* client -1: static address, no DHCP */
    bool up, known;      /* the carrier, as last reported */
    struct prefix own;   /* family 0: none */
    struct msg_lease lease;
    struct cause fault;
} w = {.carrier = -1, .client = -1};

static const char *path_of(const char *path)
{
    static char out[PATH_MAX];
    if (snprintf(out, sizeof out, "%s%s", prefix, path) >= (int)sizeof out)
        log_fatal("%s%s: too long", prefix, path);
    return out;
}

static struct prefix network_of(const struct msg_lease *l)
{
    return (struct prefix){l->address, l->prefix_len};
}

static void add_list(struct state_file *p, const char *key, const struct addr *list, unsigned count)
{
    char text[CONF_ADDRS_MAX * INET6_ADDRSTRLEN] = "", one[INET6_ADDRSTRLEN];
    for (unsigned i = 0; i < count; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s%s", len ? " " : "", addr_text(&list[i], one, sizeof one));
    }
    if (count > 0)
        state_file_add(p, key, "%s", text);
}

static void publish(void)
{
    struct state_file p;
    char text[INET6_ADDRSTRLEN];
    bool up = w.up && w.lease.bound && w.own.addr.family;
    state_file_begin(&p);
    state_file_add(&p, "link", "%s", up ? "up" : "down");
    state_file_cause(&p, "cause", &w.fault);
    if (up) {
        state_file_add(&p, "address", "%s", addr_text(&w.lease.address, text, sizeof text));
        if (w.lease.gateway.family)
            state_file_add(&p, "gateway", "%s", addr_text(&w.lease.gateway, text, sizeof text));
        state_file_add(&p, "prefix", "%u", w.lease.prefix_len);
        add_list(&p, "dns", w.lease.dns, w.lease.dns_count);
        add_list(&p, "ntp", w.lease.ntp, w.lease.ntp_count);
        state_file_add(&p, "mtu", "%u", w.lease.mtu);
    }
    if (state_file_commit(&p, path_of("/run/sekisho/wan/state")) < 0)
        log_warn("cannot write state: %s", strerror(errno));
}

/* For charon, which resolves its hub with the C library. */
static void publish_resolvers(void)
{
    char text[CONF_ADDRS_MAX * (INET6_ADDRSTRLEN + 12)] = "", one[INET6_ADDRSTRLEN];
    for (unsigned i = 0; w.lease.bound && i < w.lease.dns_count; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "nameserver %s\n", addr_text(&w.lease.dns[i], one, sizeof one));
    }
    if (publish_text(path_of("/run/sekisho/wan/resolv.conf"), text, strlen(text)) < 0)
        log_warn("cannot write resolv.conf: %s", strerror(errno));
}

/* ---- the address: remembered across restarts, because any other one on the interface is charon's (virtual IP) ---- */

static void remember(void)
{
    struct state_file p;
    char text[INET6_ADDRSTRLEN];
    state_file_begin(&p);
    if (w.own.addr.family)
        state_file_add(&p, "own", "%s/%u", addr_text(&w.own.addr, text, sizeof text), w.own.len);
    if (state_file_commit(&p, path_of("/run/sekisho/wan/own")) < 0)
        log_warn("cannot write own: %s", strerror(errno));
}

static void recall(void)
{
    char text[128], value[64];
    struct prefix own;
    if (state_file_read(path_of("/run/sekisho/wan/own"), UID_WAN, text, sizeof text) == 0 &&
        state_file_get(text, "own", value, sizeof value) && conf_parse_interface(value, &own))
        w.own = own;
}

static void take_away(void)
{
    if (w.own.addr.family && route_address(w.card, &w.own, false) < 0 && errno != EADDRNOTAVAIL)
        log_warn("an address cannot be taken away: %s", strerror(errno));
    w.own.addr.family = 0;
    remember();
}

static bool set(const struct msg_lease *l)
{
    struct prefix wanted = network_of(l);
    bool same = addr_equal(&wanted.addr, &w.own.addr) && wanted.len == w.own.len;
    if (!same)
        take_away();
    if (route_address(w.card, &wanted, true) < 0 ||
        (l->gateway.family && route_default(w.card, &l->gateway, !prefix_contains(&wanted, &l->gateway), l->mtu) < 0)) {
        log_error("address or route cannot be set: %s", strerror(errno));
        return false;
    }
    w.own = wanted;
    if (!same)
        remember();
    return true;
}

/* ---- checks of a lease ---- */

#define PREFIX_TEXT_MAX (INET6_ADDRSTRLEN + 4)

static void prefix_text(const struct prefix *p, char out[PREFIX_TEXT_MAX])
{
    char text[INET6_ADDRSTRLEN];
    (void)snprintf(out, PREFIX_TEXT_MAX, "%s/%u", addr_text(&p->addr, text, sizeof text), p->len);
}

/* With such an address, traffic to the PCs or to the registry would be sent to the uplink. */
static bool wrong_network(const struct msg_lease *l)
{
    struct prefix net = network_of(l);
    char line[PREFIX_TEXT_MAX], other[PREFIX_TEXT_MAX];
    prefix_text(&(struct prefix){l->address, l->prefix_len}, line);
    if (prefix_overlaps(&net, &conf.site.lan_address)) {
        cause_set(&w.fault, CAUSE_LINE_IN_LAN, line, NULL);
        return true;
    }
    for (unsigned i = 0; i < conf.service_count; i++) {
        const struct conf_service *s = &conf.services[i];
        struct prefix networks[CONF_PREFIXES_MAX];
        unsigned count = conf_registry(s, networks);
        for (unsigned k = 0; k < count; k++) {
            const struct prefix *r = &networks[k];
            bool router = l->gateway.family && prefix_contains(r, &l->gateway);
            if (!prefix_overlaps(&net, r) && !router)
                continue;
            prefix_text(r, other);
            cause_set(&w.fault, CAUSE_LINE_IN_REMOTE, line, s->name, other, NULL);
            return true;
        }
    }
    return false;
}

/* Behind a hub: the box asks its own servers without a tunnel, so such a one is none. `why` says which. */
static bool behind_hub(const struct addr *server, struct cause *why)
{
    char text[INET6_ADDRSTRLEN], remote[PREFIX_TEXT_MAX];
    for (unsigned i = 0; i < conf.service_count; i++) {
        struct prefix networks[CONF_PREFIXES_MAX];
        unsigned count = conf_registry(&conf.services[i], networks);
        for (unsigned k = 0; k < count; k++)
            if (prefix_contains(&networks[k], server)) {
                prefix_text(&networks[k], remote);
                cause_set(why, CAUSE_LINE_SERVER_IN_REMOTE, addr_text(server, text, sizeof text), conf.services[i].name,
                          remote, NULL);
                return true;
            }
    }
    return false;
}

/* Keep the addresses that can be servers on the uplink. `why` names one that is behind a hub, if any is. */
static void keep_possible(struct addr *list, uint8_t *count, const struct addr *own, struct cause *why)
{
    uint8_t kept = 0;
    for (unsigned i = 0; i < *count; i++)
        if (addr_kind(&list[i]) != ADDR_NO_HOST && !addr_equal(&list[i], own) &&
            !prefix_contains(&conf.site.lan_address, &list[i]) && !behind_hub(&list[i], why))
            list[kept++] = list[i];
    *count = kept;
}

/*
 * The uplink's MTU: from the site file, else from the lease, else that of PPPoE over Flet's, the smallest in use. A
 * router in front may drop larger packets silently, so no larger one is assumed.
 */
static uint16_t line_mtu(uint16_t lease)
{
    return conf.site.wan_mtu ? (uint16_t)conf.site.wan_mtu : lease ? lease : MTU_SAFE;
}

static void take(const struct msg_lease *given)
{
    struct msg_lease l = *given;
    cause_set(&w.fault, CAUSE_NONE, NULL);
    if (l.bound) {
        l.mtu = line_mtu(l.mtu);
        struct cause no_dns = {0}, no_ntp = {0};
        keep_possible(l.dns, &l.dns_count, &l.address, &no_dns);
        keep_possible(l.ntp, &l.ntp_count, &l.address, &no_ntp); /* `clock` says when it has none */
        if (conf.site.wan_dns_count > 0) { /* the site file overrides the lease */
            l.dns_count = (uint8_t)conf.site.wan_dns_count;
            memcpy(l.dns, conf.site.wan_dns, sizeof l.dns);
        }
        if (wrong_network(&l) || !set(&l))
            l.bound = 0;
        else if (!l.gateway.family)
            cause_set(&w.fault, CAUSE_LINE_NO_ROUTER, NULL);
        else if (l.dns_count == 0)
            w.fault = no_dns;
    }
    if (!l.bound)
        take_away();
    w.lease = l;
    publish_resolvers();
    publish();
}

/* ---- the carrier ---- */

static void look_at_cable(void)
{
    char text[4] = "";
    bool up = pread(w.carrier, text, sizeof text - 1, 0) > 0 && text[0] == '1';
    if (w.known && up == w.up)
        return;
    w.known = true;
    w.up = up;
    log_info("the cable is %s", up ? "in" : "out");
    if (w.client >= 0 && ipc_send(w.client, MSG_LINE, &(struct msg_line){up}, -1) != IPC_OK)
        log_fatal("the DHCP client does not take a word");
    publish();
}

static void serve_client(void)
{
    static struct msg m;
    for (;;) {
        int fd = -1;
        switch (ipc_recv(w.client, ROLE_WAN, &m, &fd)) {
        case IPC_OK: take(&m.u.lease); break;
        case IPC_AGAIN: return;
        case IPC_EOF: log_fatal("the DHCP client has ended");
        default: log_fatal("the DHCP client breaks the rules");
        }
    }
}

_Noreturn static void run(void)
{
    for (;;) {
        struct pollfd p = {w.client, POLLIN, 0};
        hang_guard_alive(HANG_GUARD_RUN, "wan");
        if (w.carrier >= 0)
            look_at_cable();
        if (poll(&p, 1, 1000) < 0 && errno != EINTR)
            log_fatal("poll: %s", strerror(errno));
        if (p.revents)
            serve_client();
    }
}

/* ---- start-up ---- */

static void start_client(void)
{
    uint8_t mac[6];
    int sock, packets = client_open(CARD, mac);
    if (packets < 0)
        log_fatal("no packet socket for %s: %s", CARD, strerror(errno));
    pid_t child = ipc_fork(&sock);
    if (child < 0)
        log_fatal("fork: %s", strerror(errno));
    if (child == 0)
        client_run(sock, packets, mac);
    close(packets);
    w.client = sock;
}

static void fixed(struct msg_lease *l)
{
    const struct conf_site *s = &conf.site;
    *l = (struct msg_lease){.bound = 1, .prefix_len = s->wan_address.len, .gateway = s->wan_gateway};
    l->address = s->wan_address.addr;
}

int main(int argc, char **argv)
{
    static char site[PATH_MAX], own[PATH_MAX];
    static struct conf_errors errors;
    static struct msg_lease lease;
    log_name("wan");
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    if (argc == 3 && strcmp(argv[1], "-d") == 0)
        prefix = argv[2];
    if (state_file_folder(path_of("/run/sekisho/wan"), UID_WAN) < 0)
        log_fatal("cannot make RUN/wan: %s", strerror(errno));
    (void)snprintf(site, sizeof site, "%s", path_of("/state/site.conf"));
    (void)snprintf(own, sizeof own, "%s", path_of("/state/services"));
    bool usable = conf_load_all(site, own, path_of("/etc/sekisho/services"), &conf, &errors);
    bool dhcp = conf.site.wan_mode == CONF_WAN_DHCP;
    explicit_bzero(conf.site.est_password, sizeof conf.site.est_password);
    w.card = if_nametoindex(CARD);
    usable = usable && w.card != 0;
    if (usable && dhcp)
        start_client();
    w.carrier = usable ? open("/sys/class/net/" CARD "/carrier", O_RDONLY | O_CLOEXEC) : -1;
    if (usable && w.carrier < 0)
        log_fatal("the cable cannot be watched: %s", strerror(errno));
    if (route_open() < 0)
        log_fatal("no netlink: %s", strerror(errno));
    sandbox_user(UID_WAN, (const uint32_t[]){UID_SEKISHO}, 1, 1ULL << CAP_NET_ADMIN);
    sandbox_syscalls(calls);
    recall();
    if (usable && !dhcp) {
        fixed(&lease);
        take(&lease);
    } else {
        publish_resolvers();
        publish();
    }
    run();
}

/*
 * The kernel behind one header: the packet filter (table `inet sekisho`, configs/firewall.nft) and connection tracking.
 *
 * The ruleset itself is never changed; only elements of its named sets and maps are. Each function that changes
 * something is one netlink transaction: it takes effect as a whole or not at all, and has taken effect when the
 * function returns 0. All functions return 0, or -1 with errno (ENOENT: the ruleset is not loaded). Not thread-safe;
 * arguments are only borrowed for the call.
 */
#ifndef SEKISHO_GATE_FIREWALL_H
#define SEKISHO_GATE_FIREWALL_H

#include "conf.h"
#include "msg.h"

#include <stdbool.h>
#include <stdint.h>

#define FIREWALL_RESOLVERS_MAX (CONF_SERVICES_MAX + CONF_ADDRS_MAX)
#define FIREWALL_ALLOW_MAX (2 * MSG_ADMIT_ADDRS * CONF_PORTS_MAX) /* elements of one answer */
#define FIREWALL_BATCH_MAX (2 * FIREWALL_ALLOW_MAX) /* elements of one transaction: several answers together */

/*
 * Connection marks. A session's generation has its four top bits 0, and small numbers are reserved. A TLS flow has
 * it with one of the first two bits set until its ClientHello is allowed and answered (configs/firewall.nft, chain
 * sni); datagrams of a session always have the third.
 */
#define FIREWALL_MARK_ASKING 0x80000000u
#define FIREWALL_MARK_AGREED 0x40000000u
#define FIREWALL_MARK_DATAGRAM 0x20000000u
#define FIREWALL_MARK_LINE 0x10000000u /* with or without one of those: of a name on the line, and never in a tunnel */
#define FIREWALL_MARK_FORMS (FIREWALL_MARK_ASKING | FIREWALL_MARK_AGREED | FIREWALL_MARK_DATAGRAM | FIREWALL_MARK_LINE)
#define FIREWALL_MARK_REFUSED 1u
/* The bit in the mark of a packet whose service has its tunnel on the PC (configs/firewall.nft, pc). */
#define FIREWALL_MARK_PC 0x10u

/* The mark of the packets of a service, as the sets have it. */
static inline uint32_t service_mark(uint8_t service, bool by_pc)
{
    return by_pc ? service | FIREWALL_MARK_PC : service;
}

#define FIREWALL_KNOWN_MAX 1024 /* ranges that belong to a registry and are in no service file */

#define FIREWALL_PC_HUBS_MAX 1024 /* as in configs/firewall/sets.nft: pc_hubs */

/* Addresses of one family that belong to a registry (registry.h). None overlaps another, or a service file's prefix. */
struct firewall_range {
    struct addr first, last;
    uint8_t service; /* 1..8 */
};

/*
 * In the place of a service in what is open: on the line, for hosts that [hosts] binds to service N (FIREWALL_ON_LINE
 * + N), for those that it does not list (+ 0). Those that it binds to none have a mark that opens nothing.
 */
#define FIREWALL_ON_LINE MSG_ON_LINE
#define FIREWALL_ON_LINE_NONE (FIREWALL_ON_LINE + 15)
_Static_assert((FIREWALL_ON_LINE & (FIREWALL_MARK_PC | 15)) == 0, "who may on the line is no service, of either kind");

/* A tunnel that is up. family 0: no such address. */
struct firewall_tunnel {
    uint8_t service; /* 1..8 */
    struct addr vip4, vip6; /* the virtual IPs: the source address of translated LAN traffic */
    struct addr hub; /* the hub's outer address */
    bool by_pc; /* the tunnel is the PC's own: nothing of it is known, there is only leave for it */
};

#define FIREWALL_REASONS_MAX 32
#define FIREWALL_REASON_MAX 32

/* Everything that decides what may pass; always set as a whole. */
struct firewall_view {
    enum msg_mode_kind mode;
    uint32_t generation; /* mark of the flows admitted from now on, and the only live one; 0: none */
    bool tls_waits; /* `sni` does not run: no TLS flow can start */
    bool names_outside; /* `dns` may query the uplink's DNS servers */
    bool keep_allow; /* false: remove all admitted addresses. true: only with an unchanged generation */
    unsigned tunnel_count;
    struct firewall_tunnel tunnels[CONF_SERVICES_MAX];
    /* The services whose prefixes are registry addresses: part of the view, so that nothing is allowed without them.
     * (None is removed: gate starts with a newly loaded ruleset, and its services do not change.) NULL: unchanged */
    const struct conf_service *registry;
    unsigned registry_count;
    /* The same for what has been learned of a registry whose hub carries everything. */
    const struct firewall_range *known;
    unsigned known_count;
};

/* One element of allow_v4 or allow_v6; with tls, of tls_v4 or tls_v6; IPPROTO_ESP, whose port is 0, of esp_v4. */
struct firewall_allow {
    struct addr addr;
    uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ESP */
    uint16_t port; /* host byte order */
    uint8_t service; /* 1..8; or FIREWALL_ON_LINE and who may */
    uint32_t timeout_s; /* from now; replaces that of an existing element */
    bool tls; /* `sni` must check the name in the ClientHello */
    bool by_pc; /* of a PC's own tunnel: the address becomes its service's hub, also beyond this session (pc_hubs) */
};

/* Packets since the ruleset was loaded (GRO aggregates count once). */
struct firewall_counters {
    uint64_t session_out, session_in; /* through the tunnels: for the idle clock */
    uint64_t asked; /* packets queued to `sni` */
    uint64_t blocked; /* refused packets from LAN and uplink, the sum of all reasons that are not odd */
    unsigned reason_count;
    struct firewall_reason {
        char name[FIREWALL_REASON_MAX]; /* the ruleset's counter `dropped_NAME`, with `-` for `_` */
        bool odd; /* the box's own output, noise: not part of `blocked` */
        uint64_t packets;
    } reasons[FIREWALL_REASONS_MAX];
};

/* How many connections a host of the LAN may have in the table at once (configs/firewall.nft, host_share). */
#define FIREWALL_SHARE 1024
/* The number from which it is reported to people. */
#define FIREWALL_CROWDED(of) ((of) / 10 * 9)

/* The table of tracked connections. */
struct firewall_tracked {
    uint32_t entries, most; /* number of entries, and the maximum */
    struct addr host; /* the LAN host with most connections; family 0: none has many */
    uint32_t by_most; /* its number of connections */
};

/* A TCP flow from the LAN, before NAT. */
struct firewall_flow {
    struct addr client, server; /* of one family */
    uint16_t client_port, server_port;
};

/* Open the netlink socket. Call early; the functions below need only CAP_NET_ADMIN. */
int firewall_open(void);
void firewall_close(void);

/*
 * Replace mode, generation, live, asking, agreed, datagrams, vip and hubs, and empty allow_* and tls_* unless
 * keep_allow. The prefixes of `registry` are added to tunnel_v4 and tunnel_v6.
 */
int firewall_apply(const struct firewall_view *view);
/* May TLS flows start? `sni` has connected (the present generation) or gone (0). */
int firewall_asking(uint32_t generation);
/* Closed, nothing live: firewall_apply with an empty view. The reaction to every fault. */
int firewall_closed(void);
/* Add the remote prefixes of all services to tunnel_v4 and tunnel_v6, as firewall_apply does. Prefixes must not
 * overlap. */
int firewall_registry(const struct conf_service *services, unsigned count);
/*
 * Add what has been learned of a registry. Each range as at first: the same one again is left untouched, one that
 * overlaps it and differs is refused. count <= FIREWALL_KNOWN_MAX
 */
int firewall_known(const struct firewall_range *list, unsigned count);
/* Replace the bindings of LAN hosts to services: hosts, hosts_may, hosts_at, hosts_v4 and unbound. */
int firewall_hosts(const struct conf *conf);
/* Replace the DNS servers that the box itself may query. count <= FIREWALL_RESOLVERS_MAX */
int firewall_resolvers(const struct addr *addrs, unsigned count);
/* Add or renew elements, all or none. count <= FIREWALL_BATCH_MAX */
int firewall_allow(const struct firewall_allow *list, unsigned count);
/* Replace what is known as hubs of PCs' own tunnels (pc_hubs): at the start. count <= FIREWALL_PC_HUBS_MAX */
int firewall_pc_hubs(const struct firewall_allow *list, unsigned count);
/* Take back what firewall_allow has entered of PCs' own tunnels, if it is still there. */
int firewall_pc_revoke(const struct firewall_allow *list, unsigned count);
/* On failure *out is unchanged. */
int firewall_counters(struct firewall_counters *out);
/* Cheap while the table is nearly empty; otherwise it is dumped twice. */
int firewall_tracked(const struct prefix *lan, struct firewall_tracked *out);
/* Give a tracked flow the mark of refused ones: its further packets are reset. ENOENT: no such flow. */
int firewall_refuse(const struct firewall_flow *flow);
/*
 * Delete the tracked connections of this session, asking and agreed ones too, so that a PC which continues with the
 * same ports (UDP) starts a new flow. Security does not depend on it: the mark is dead already.
 */
int firewall_forget(uint32_t generation);
/* Delete all, at the start: flows of a killed gate have a generation that nobody knows any more. */
int firewall_forget_all(void);

#endif

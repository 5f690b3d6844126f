/*
 * The kernel behind one header: the packet filter (table `inet sekisho`, configs/firewall.nft) and connection tracking.
 *
 * The rule set itself is never touched; only elements of its named sets and maps change. Each function that changes
 * something is one netlink transaction: it takes effect whole, or not at all, and has taken effect when the function
 * returns 0. All functions return 0, or -1 with errno (ENOENT: the rule set is not loaded). Not thread-safe; nothing is
 * kept of the arguments.
 */
#ifndef SEKISHO_GATE_FIREWALL_H
#define SEKISHO_GATE_FIREWALL_H

#include "conf.h"
#include "msg.h"

#include <stdbool.h>
#include <stdint.h>

#define FIREWALL_RESOLVERS_MAX (CONF_SERVICES_MAX + CONF_ADDRS_MAX)
#define FIREWALL_ALLOW_MAX (MSG_ADMIT_ADDRS * CONF_PORTS_MAX) /* elements of one answer */
#define FIREWALL_BATCH_MAX (4 * FIREWALL_ALLOW_MAX) /* elements of one transaction: several answers together */

/*
 * Connection marks. A session's number (generation) has its three top bits 0 and is none of the small numbers. A TLS
 * flow carries it with one of the first two bits until its ClientHello is agreed to and answered (configs/firewall.nft,
 * chain sni), datagrams of a session with the third always.
 */
#define FIREWALL_MARK_ASKING 0x80000000u
#define FIREWALL_MARK_AGREED 0x40000000u
#define FIREWALL_MARK_DATAGRAM 0x20000000u
#define FIREWALL_MARK_FORMS (FIREWALL_MARK_ASKING | FIREWALL_MARK_AGREED | FIREWALL_MARK_DATAGRAM)
#define FIREWALL_MARK_REFUSED 1u

/* A tunnel that is up. family 0: this address does not exist. */
struct firewall_tunnel {
    uint8_t service; /* 1..8 */
    struct addr vip4, vip6; /* ours, lent by the hub: what LAN traffic is translated to */
    struct addr hub; /* outer address of the other end */
};

#define FIREWALL_REASONS_MAX 32
#define FIREWALL_REASON_MAX 32

/* Everything that decides what may pass; always set together. */
struct firewall_view {
    enum msg_mode_kind mode;
    uint32_t generation; /* mark of the flows that are admitted from now on, and the only one that is live; 0: none */
    bool tls_waits; /* `sni` is away: no TLS flow can begin */
    bool names_outside; /* `dns` may ask the line's DNS servers */
    bool keep_allow; /* false: every admitted address is forgotten. true: only for the same generation as before */
    unsigned tunnel_count;
    struct firewall_tunnel tunnels[CONF_SERVICES_MAX];
    /* Whose prefixes are registry addresses: there with all the rest, so that nothing opens without them. (None is
     * taken away: gate begins with rules that were loaded afresh, and its services stay the same.) NULL: left alone */
    const struct conf_service *registry;
    unsigned registry_count;
};

/* One element of allow_v4 or allow_v6; with tls, of tls_v4 or tls_v6. */
struct firewall_allow {
    struct addr addr;
    uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
    uint16_t port; /* host byte order */
    uint8_t service; /* 1..8 */
    uint32_t timeout_s; /* from now; an element that is there already gets this new time */
    bool tls; /* `sni` must agree to the name in the ClientHello */
};

/* Packets since the rule set was loaded (aggregates of segments count once). */
struct firewall_counters {
    uint64_t session_out, session_in; /* through the tunnels: for the idle clock */
    uint64_t asked; /* packets that went to `sni` */
    uint64_t blocked; /* what LAN hosts may not, and what strangers try: all reasons together */
    unsigned reason_count;
    struct firewall_reason {
        char name[FIREWALL_REASON_MAX]; /* the rule set's counter `dropped_NAME`, with `-` for `_` */
        bool odd; /* the box's own odds and ends: not part of `blocked` */
        uint64_t packets;
    } reasons[FIREWALL_REASONS_MAX];
};

/* How many connections a host of the LAN may have in the table at once (configs/firewall.nft, host_share). */
#define FIREWALL_SHARE 1024
/* From how many on people are told. */
#define FIREWALL_CROWDED(of) ((of) / 10 * 9)

/* The table of tracked connections. */
struct firewall_tracked {
    uint32_t entries, most; /* how many there are, and can be */
    struct addr host; /* who of the LAN has begun the most of them; family 0: nobody has many */
    uint32_t by_most; /* and how many */
};

/* A TCP flow from the LAN, before address translation. */
struct firewall_flow {
    struct addr client, server; /* of one family */
    uint16_t client_port, server_port;
};

/* Open the netlink socket; early, needs nothing but CAP_NET_ADMIN in what follows. */
int firewall_open(void);
void firewall_close(void);

/*
 * Replace mode, generation, live, asking, agreed, datagrams, vip and hubs, and empty allow_* and tls_* unless
 * keep_allow. The prefixes of `registry` are added to tunnel_v4 and tunnel_v6.
 */
int firewall_apply(const struct firewall_view *view);
/* `sni` has come (the present generation) or gone (0): may TLS flows begin? */
int firewall_asking(uint32_t generation);
/* Closed, nothing live: firewall_apply with an empty view. What every fault ends in. */
int firewall_closed(void);
/* Add the remote prefixes of all services to tunnel_v4 and tunnel_v6, as firewall_apply does. Prefixes must not
 * overlap. */
int firewall_registry(const struct conf_service *services, unsigned count);
/* Replace which LAN host may use which service: hosts, hosts_may, hosts_at, hosts_v4 and unbound. */
int firewall_hosts(const struct conf *conf);
/* Replace the DNS servers that the box itself may ask. count <= FIREWALL_RESOLVERS_MAX */
int firewall_resolvers(const struct addr *addrs, unsigned count);
/* Add or renew elements, all or none. count <= FIREWALL_BATCH_MAX */
int firewall_allow(const struct firewall_allow *list, unsigned count);
/* On failure `out` stays as it is. */
int firewall_counters(struct firewall_counters *out);
/* Cheap as long as the table is nearly empty; else it is walked through twice. */
int firewall_tracked(const struct prefix *lan, struct firewall_tracked *out);
/* Give a tracked flow the mark of refused ones: what comes of it from now on is reset. ENOENT: it is not there. */
int firewall_refuse(const struct firewall_flow *flow);
/*
 * Forget the tracked connections of this session, asking and agreed ones too, so that a PC which goes on with the same
 * ports (UDP) begins a new flow. The mark being dead already, this closes no hole.
 */
int firewall_forget(uint32_t generation);
/* Forget all, as at the start: flows of a gate that was killed carry a number that nobody knows any more. */
int firewall_forget_all(void);

#endif

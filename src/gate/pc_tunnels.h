/*
 * Services whose tunnel is the PC's own. The box raises nothing: the session opens its hub for IKE and ESP and
 * closes the LAN to all else. It begins with a question for the hub's name, or with the first message of IKE to an
 * address that the name had within the last day: the packet filter knows those addresses (pc_hubs) and lets nothing
 * of a tunnel pass to them without a session. They are kept in RUN/gate/pc-hubs too, so that a gate that is started
 * again knows them before it opens anything, until the box is switched off. The address opens by a new answer of the
 * DNS only, never from memory; IKE repeats itself meanwhile.
 */
#ifndef SEKISHO_GATE_PC_TUNNELS_H
#define SEKISHO_GATE_PC_TUNNELS_H

#include "admit.h"
#include "dns_link.h"
#include "session.h"

#define PC_TUNNELS_MAX FIREWALL_PC_HUBS_MAX /* none is known to the kernel that is not known here */
#define PC_TUNNELS_NAME_MAX 16 /* of one name: forged answers to it leave room for the others */

struct pc_tunnels {
    /* given at the start */
    struct admit *admit;
    struct session *session;
    struct dns_link *dns;
    const struct addr *uplink; /* the box's own address there */
    const char *run; /* /run/sekisho */
    /* Into the kernel's pc_hubs, in place of all that is there: 0, or -1 with errno (firewall_pc_hubs). */
    int (*tell)(const struct firewall_allow *list, unsigned count);
    /* Out of the kernel again what it was told and what was opened: 0, or -1 with errno (firewall_pc_revoke). */
    int (*revoke)(const struct firewall_allow *list, unsigned count);
    /* its own: the hubs whose names were resolved lately; the kernel has no other (pc_hubs) */
    struct pc_tunnels_hub {
        struct addr addr;
        uint16_t id; /* of the listed name */
        uint64_t until_ms;
    } hubs[PC_TUNNELS_MAX];
    bool unsaved; /* the file may have one still that was taken back */
};

/*
 * Once all that is given is there, and nothing is open: tells `admit` which addresses can be no hub, and the kernel
 * what an earlier gate knew. 0, or -1 with errno. Then what `admit` opens for a hub's name is known for a day.
 */
int pc_tunnels_init(struct pc_tunnels *p);
/* Before the box's own tunnel to this hub counts as up: it is no PC's any more, known or open. 0, or -1 with errno: it
 * may be one still. */
int pc_tunnels_box_hub(struct pc_tunnels *p, const struct addr *hub);
/* A PC begins a tunnel of its own while there is no session with that service: begin one, if the PC may use it. */
void pc_tunnels_wanted(struct pc_tunnels *p, const struct msg_blocked *m);
/* The session with this service begins: have its hubs' names looked up anew, so that what waits finds its way open. */
void pc_tunnels_resolve(struct pc_tunnels *p, uint8_t service);

#endif

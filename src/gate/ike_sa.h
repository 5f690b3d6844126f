/*
 * What charon says about an IKE SA: the part of a `list-sa` event (strongSwan, src/libcharon/plugins/vici/README.md)
 * that decides whether a tunnel is up, under which address, to where. Pure; no more trusted than it must be: what is
 * malformed or does not fit is left out, and less is then allowed.
 */
#ifndef SEKISHO_GATE_IKE_SA_H
#define SEKISHO_GATE_IKE_SA_H

#include "conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike_sa {
    char name[CONF_NAME_MAX]; /* of the IKE connection = the service */
    uint32_t ike;             /* uniqueid of the IKE SA */
    bool established;         /* the IKE SA is neither being built nor being deleted */
    bool going;               /* it is being deleted, or has been replaced by another */
    struct addr hub;          /* remote-host */
    struct addr vip4, vip6;   /* local-vips */
    /* The newest CHILD_SA that carries; 0: there is none. */
    uint32_t child;           /* uniqueid */
    bool exchanged;           /* its keys come from a key exchange of its own (PFS) */
    unsigned remote_count;
    struct prefix remote[CONF_PREFIXES_MAX]; /* its remote-ts */
    bool busy;                /* an exchange of ours is under way: new keys, or is the hub still there? */
    uint64_t in, out;         /* packets of all its CHILD_SAs */
};

/* False if the message is malformed or names no IKE SA. */
bool ike_sa_read(const void *data, size_t len, struct ike_sa *out);
/*
 * Can what the hub has lent us be our address in the tunnel? Not one that no peer has (loopback, multicast …), none of
 * the LAN's, and not the hub's own: the LAN would go by another's name, or not come back.
 */
bool ike_sa_vip_fits(const struct ike_sa *sa, const struct prefix *lan);
/* A traffic selector as charon writes it, `10.20.0.0/16` or `10.20.0.0/16[tcp/443]`; false: not a plain prefix. */
bool ike_sa_parse_ts(const char *text, struct prefix *out);

#endif

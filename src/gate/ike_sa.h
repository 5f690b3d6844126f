/*
 * Parses charon's `list-sa` event about an IKE_SA (strongSwan, src/libcharon/plugins/vici/README.md), the parts that
 * decide whether a tunnel is up, with which address, to where. Pure; malformed or oversized parts are left out, so
 * that less is allowed.
 */
#ifndef SEKISHO_GATE_IKE_SA_H
#define SEKISHO_GATE_IKE_SA_H

#include "conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ike_sa {
    char name[CONF_NAME_MAX]; /* of the IKE connection = the service */
    uint32_t ike;             /* uniqueid of the IKE_SA */
    bool established;         /* the IKE_SA is neither being set up nor being deleted */
    bool going;               /* it is being deleted, or has been replaced by another */
    struct addr hub;          /* remote-host */
    struct addr vip4, vip6;   /* local-vips */
    /* The newest CHILD_SA in use; 0: none. */
    uint32_t child;           /* uniqueid */
    bool exchanged;           /* it had its own key exchange (PFS) */
    unsigned remote_count;
    struct prefix remote[CONF_PREFIXES_MAX]; /* its remote-ts */
    bool busy;                /* an exchange of ours is in progress: rekeying or dead peer detection */
    uint64_t in, out;         /* packets of all its CHILD_SAs */
};

/* False: the message is malformed or contains no IKE_SA. */
bool ike_sa_read(const void *data, size_t len, struct ike_sa *out);
/*
 * Are the virtual IPs acceptable? They must not be invalid for a host (loopback, multicast …), of the LAN, or the
 * hub's own: the LAN's traffic would have another's source address, or the answers would not come back.
 */
bool ike_sa_vip_fits(const struct ike_sa *sa, const struct prefix *lan);
/* Parse a traffic selector in charon's form, `10.20.0.0/16` or `10.20.0.0/16[tcp/443]`; false: not a plain prefix. */
bool ike_sa_parse_ts(const char *text, struct prefix *out);

#endif

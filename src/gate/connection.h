/* Builds the connection of a service for charon (VICI load-conn). Pure. */
#ifndef SEKISHO_GATE_CONNECTION_H
#define SEKISHO_GATE_CONNECTION_H

#include "conf.h"
#include "vici.h"
#include "state_watch.h"

#define CONNECTION_ID_DIGITS_MAX 502 /* charon reads identities of up to 511 characters, of these 8 are "asn1dn:#" */

/* own: our IKE identity. Starts the message; to->overflow: it does not fit. */
void connection_build(struct vici_buf *to, const struct conf_service *s, const struct state_watch_certificate *own);

#endif

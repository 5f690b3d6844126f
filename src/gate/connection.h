/* The connection of a service as charon is given it (VICI load-conn). Pure. */
#ifndef SEKISHO_GATE_CONNECTION_H
#define SEKISHO_GATE_CONNECTION_H

#include "conf.h"
#include "vici.h"
#include "state_watch.h"

#define CONNECTION_ID_DIGITS_MAX 502 /* charon reads an identity of up to 511 letters, of these 8 are "asn1dn:#" */

/* own: who we are. The message is begun here; to->overflow: it does not fit. */
void connection_build(struct vici_buf *to, const struct conf_service *s, const struct state_watch_certificate *own);

#endif

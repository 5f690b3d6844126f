/*
 * The hubs of the box's own tunnels, up or not: the address that a service file says, or the last one that a tunnel
 * had. No answer makes one a hub of the PCs' or the registry's.
 */
#ifndef SEKISHO_GATE_BOX_HUBS_H
#define SEKISHO_GATE_BOX_HUBS_H

#include "conf.h"
#include "session.h"

#include <stdbool.h>
#include <stdint.h>

#define BOX_HUBS_MAX (2 * CONF_SERVICES_MAX)

/* Returns their number. */
unsigned box_hubs(const struct conf *conf, const struct session *session, struct addr out[BOX_HUBS_MAX]);
/* Is this service's hub among them? Not if the file has its name, and there was no tunnel yet. */
bool box_hubs_known(const struct conf *conf, const struct session *session, uint8_t service);

#endif

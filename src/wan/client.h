/*
 * wan's network part, the DHCP client: its own user, an empty root, no capabilities, no access to any interface but
 * wan0.
 */
#ifndef SEKISHO_WAN_CLIENT_H
#define SEKISHO_WAN_CLIENT_H

#include <stdint.h>

/* A packet socket bound to this interface, with a locked filter for DHCP answers only. fd, or -1 with errno. */
int client_open(const char *card, uint8_t mac[6]);
/* Called as root; sock is the connection to wan. Exits when wan closes it. */
_Noreturn void client_run(int sock, int packets, const uint8_t mac[6]);

#endif

/* wan's network part: the DHCP client. Its own user, an empty root, no capability, no way to any card but the line's. */
#ifndef SEKISHO_WAN_CLIENT_H
#define SEKISHO_WAN_CLIENT_H

#include <stdint.h>

/* A packet socket of this card that hears DHCP answers only, and cannot be given another filter. -1 with errno. */
int client_open(const char *card, uint8_t mac[6]);
/* Started as root; sock is the line to wan. Ends with it. */
_Noreturn void client_run(int sock, int packets, const uint8_t mac[6]);

#endif

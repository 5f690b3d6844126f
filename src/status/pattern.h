/* The pattern of each LED for a state of the box: one table. Pure. */
#ifndef SEKISHO_STATUS_PATTERN_H
#define SEKISHO_STATUS_PATTERN_H

#include "health.h"

enum led { LED_POWER, LED_VPN, LED_ALERT, LEDS };
enum pattern { LED_OFF, LED_ON, LED_BLINK };

/* "power", "vpn", "alert": as in the board's LED map. */
const char *led_name(enum led led);

/* uptime_s: since this program started; a starting box does not show faults. */
enum pattern pattern_of(enum led led, const struct health *h, uint64_t uptime_s);

#endif

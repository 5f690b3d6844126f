/* The board's LEDs: reading the LED map, and switching them. */
#ifndef SEKISHO_STATUS_LEDS_H
#define SEKISHO_STATUS_LEDS_H

#include "pattern.h"

#define LEDS_MAP "/etc/sekisho/leds"
#define LEDS_CLASS "/sys/class/leds"

struct leds {
    struct {
        int fd;     /* the brightness file; -1: the board lacks this LED */
        int shown;  /* last value written: 0 or 1; -1: none yet */
        int bright; /* value for "on" */
    } led[LEDS];
};

/*
 * Read the map (`power sekisho:power`, one LED per line, # comments) and open the brightness files, as root. Waits up
 * to wait_ms for missing files. Returns the number of LEDs found; missing ones are logged and left out.
 */
unsigned leds_open(struct leds *l, const char *map, const char *class_folder, unsigned wait_ms);
/* Switch a LED; writes only on a change. 0, or -1 with errno: the LED has disappeared. */
int leds_set(struct leds *l, enum led led, bool on);

#endif

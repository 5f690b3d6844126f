/* The LEDs of this board: which they are (the board's LED map) and switching them. */
#ifndef SEKISHO_STATUS_LEDS_H
#define SEKISHO_STATUS_LEDS_H

#include "pattern.h"

#define LEDS_MAP "/etc/sekisho/leds"
#define LEDS_CLASS "/sys/class/leds"

struct leds {
    struct {
        int fd;     /* its brightness file, -1: this board has none */
        int shown;  /* what was written last: 0, 1; -1: nothing yet */
        int bright; /* value for "on" */
    } led[LEDS];
};

/*
 * Read the map (`power sekisho:power`, one LED a line, # comments) and open the brightness files, as root. Waits up to
 * wait_ms for files that are not there yet. Returns how many LEDs there are; missing ones are logged and left out.
 */
unsigned leds_open(struct leds *l, const char *map, const char *class_folder, unsigned wait_ms);
/* Switch one; writes only when it changes. 0 or -1 with errno: the LED is gone. */
int leds_set(struct leds *l, enum led led, bool on);

#endif

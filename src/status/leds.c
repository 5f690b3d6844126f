#include "leds.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* max_brightness may be 1 or 255; if it is 0 or unreadable use 255, which the kernel limits to the maximum. */
static int read_bright(const char *folder, const char *name)
{
    char path[PATH_MAX], text[16] = "";
    (void)snprintf(path, sizeof path, "%s/%s/max_brightness", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, text, sizeof text - 1);
        text[n > 0 ? n : 0] = '\0';
        close(fd);
    }
    int bright = atoi(text);
    return bright > 0 ? bright : 255;
}

static int open_led(const char *folder, const char *name, unsigned wait_ms)
{
    const struct timespec step = {.tv_nsec = 100 * 1000000L};
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s/brightness", folder, name);
    for (;;) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 || wait_ms < 100)
            return fd;
        wait_ms -= 100;
        (void)nanosleep(&step, NULL);
    }
}

static void take_line(struct leds *l, char *line, const char *folder, unsigned wait_ms)
{
    char *word = strtok(line, " \t\n"), *name = strtok(NULL, " \t\n");
    if (!word || word[0] == '#')
        return;
    for (int i = 0; i < LEDS; i++) {
        if (strcmp(word, led_name((enum led)i)) != 0 || !name || strchr(name, '/') || l->led[i].fd >= 0)
            continue;
        l->led[i].fd = open_led(folder, name, wait_ms);
        if (l->led[i].fd < 0)
            log_warn("LED %s (%s) is not there: %s", word, name, strerror(errno));
        else
            l->led[i].bright = read_bright(folder, name);
        return;
    }
    log_warn("%s: no such LED, or there twice", word);
}

unsigned leds_open(struct leds *l, const char *map, const char *class_folder, unsigned wait_ms)
{
    unsigned count = 0;
    char line[256];
    for (int i = 0; i < LEDS; i++) {
        l->led[i].fd = -1;
        l->led[i].shown = -1;
        l->led[i].bright = 255;
    }
    FILE *f = fopen(map, "re");
    if (!f)
        log_warn("no LED map %s: %s", map, strerror(errno));
    while (f && fgets(line, sizeof line, f))
        take_line(l, line, class_folder, wait_ms);
    if (f)
        (void)fclose(f);
    for (int i = 0; i < LEDS; i++)
        count += l->led[i].fd >= 0;
    return count;
}

int leds_set(struct leds *l, enum led led, bool on)
{
    char text[16];
    if (l->led[led].fd < 0 || l->led[led].shown == (int)on)
        return 0;
    int n = snprintf(text, sizeof text, "%d\n", on ? l->led[led].bright : 0);
    if (pwrite(l->led[led].fd, text, (size_t)n, 0) < 0)
        return -1;
    l->led[led].shown = on;
    return 0;
}

/*
 * status: shows the state of the box on its LEDs. Reads the other daemons' state files twice a second. (A status page
 * on the LAN belongs here too: another watcher in libuev's loop is enough.)
 */
#include "health.h"
#include "leds.h"
#include "log.h"
#include "sandbox.h"
#include "hang_guard.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uev/uev.h>

#define TICK_MS 500  /* also half the period of blinking */
#define PROBE_TICKS 4    /* ticks between two health_probe calls */
#define LED_WAIT_MS 5000 /* LED drivers may be loaded after we start */

struct status {
    struct leds leds;
    struct health health;
    uint64_t ticks;
};

/* A LED that cannot be written any more was removed: exit; a restart, as root, finds it again if it is back. */
static void on_tick(uev_t *w, void *arg, int events)
{
    struct status *s = arg;
    if (events & UEV_ERROR)
        log_fatal("the timer failed");
    hang_guard_alive(HANG_GUARD_RUN, "status");
    if (s->ticks++ % PROBE_TICKS == 0)
        health_probe(&s->health, "");
    health_read(&s->health, "");
    for (int i = 0; i < LEDS; i++) {
        enum pattern p = pattern_of((enum led)i, &s->health, s->ticks * TICK_MS / 1000);
        bool on = p == LED_ON || (p == LED_BLINK && s->ticks % 2 == 1);
        if (leds_set(&s->leds, (enum led)i, on) < 0)
            log_fatal("LED %s cannot be switched: %s", led_name((enum led)i), strerror(errno));
    }
    (void)w;
}

int main(void)
{
    static struct status status;
    static const uint32_t groups[] = {UID_SEKISHO};
    static const char *const calls[] = {"openat", "socket", "connect", NULL};
    uev_ctx_t loop;
    uev_t timer;
    log_name("status");
    if (leds_open(&status.leds, LEDS_MAP, LEDS_CLASS, LED_WAIT_MS) == 0)
        log_warn("this board has no LEDs to show anything on");
    if (uev_init(&loop) < 0 || uev_timer_init(&loop, &timer, on_tick, &status, 1, TICK_MS) < 0)
        log_fatal("cannot set up the loop: %s", strerror(errno));
    tzset();
    if (geteuid() == 0) /* otherwise the supervisor has already changed the user */
        sandbox_user(UID_STATUS, groups, 1, 0);
    sandbox_syscalls(calls);
    return uev_run(&loop, 0) < 0;
}

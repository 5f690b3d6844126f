#include "pattern.h"

/* After this time a daemon that is not there is trouble, and not a box that starts. */
#define BOOT_S 60
/* A fault of the first seconds (no line yet, no answer yet) is one only if it stays. */
#define SETTLE_S 20

static bool gate_away(const struct health *h, uint64_t uptime_s)
{
    (void)uptime_s;
    return !h->has[HEALTH_GATE];
}

static bool gate_fault(const struct health *h, uint64_t uptime_s)
{
    (void)uptime_s;
    return health_is(h, HEALTH_GATE, "session", "fault");
}

static bool tunnel_up(const struct health *h, uint64_t uptime_s)
{
    (void)uptime_s;
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "tunnel", "up");
}

static bool raising(const struct health *h, uint64_t uptime_s)
{
    (void)uptime_s;
    return health_is(h, HEALTH_GATE, "session", "raising");
}

static bool cert_alarm(const struct health *h, uint64_t uptime_s)
{
    (void)uptime_s;
    return health_is(h, HEALTH_ENROLL, "phase", "alarm");
}

/* While a certificate is in force a failed renewal is tried again: no alert before it becomes an alarm. */
static bool cert_fault(const struct health *h, uint64_t uptime_s)
{
    return uptime_s > SETTLE_S && health_get(h, HEALTH_ENROLL, "cause")[0] != '\0' &&
           !health_is(h, HEALTH_ENROLL, "phase", "valid");
}

static bool gate_says(const struct health *h, uint64_t uptime_s)
{
    return uptime_s > SETTLE_S && health_get(h, HEALTH_GATE, "cause")[0] != '\0';
}

static bool audit_says(const struct health *h, uint64_t uptime_s)
{
    (void)uptime_s;
    return health_get(h, HEALTH_AUDIT, "cause")[0] != '\0';
}

static bool still_away(const struct health *h, uint64_t uptime_s)
{
    return uptime_s > BOOT_S && (!h->has[HEALTH_GATE] || !h->has[HEALTH_ENROLL] || !h->has[HEALTH_AUDIT]);
}

/*
 * The first row of a LED that holds is what it shows; none: see `otherwise`.
 *   power  solid: the gate runs      blinking: starting, or the gate is away or has a fault
 *   vpn    on: tunnel up             blinking: being raised          off: no tunnel
 *   alert  on: certificate trouble or a fault that needs a person    off: all is well
 */
static const struct {
    enum led led;
    bool (*holds)(const struct health *h, uint64_t uptime_s);
    enum pattern pattern;
} rows[] = {
    // clang-format off: one row a line
    {LED_POWER, gate_away, LED_BLINK},
    {LED_POWER, gate_fault, LED_BLINK},
    {LED_VPN, tunnel_up, LED_ON},
    {LED_VPN, raising, LED_BLINK},
    {LED_ALERT, cert_alarm, LED_ON},
    {LED_ALERT, cert_fault, LED_ON},
    {LED_ALERT, gate_fault, LED_ON},
    {LED_ALERT, gate_says, LED_ON},
    {LED_ALERT, audit_says, LED_ON},
    {LED_ALERT, still_away, LED_ON},
    // clang-format on
};
static const enum pattern otherwise[LEDS] = {[LED_POWER] = LED_ON, [LED_VPN] = LED_OFF, [LED_ALERT] = LED_OFF};

const char *led_name(enum led led)
{
    static const char *const names[LEDS] = {"power", "vpn", "alert"};
    return names[led];
}

enum pattern pattern_of(enum led led, const struct health *h, uint64_t uptime_s)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].led == led && rows[i].holds(h, uptime_s))
            return rows[i].pattern;
    return otherwise[led];
}

#include "pattern.h"

/* Until then a missing daemon means that the box is starting; after that it is a fault. */
#define BOOT_S 60
/* Faults in the first seconds (no uplink yet, no answer yet) are shown only if they persist. */
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
    return h->has[HEALTH_GATE] &&
           (health_is(h, HEALTH_GATE, "tunnel", "up") || health_is(h, HEALTH_GATE, "tunnel", "pc"));
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

/* With a valid certificate a failed renewal is retried: no alert before it becomes an alarm. */
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
 * A LED shows its first row whose condition holds; if none does, `otherwise`.
 *   power  on: gate runs             blinking: starting, or gate does not run or has a fault
 *   vpn    on: tunnel up             blinking: tunnel being established          off: no tunnel
 *   alert  on: a certificate problem or a fault that needs a person              off: no problem
 */
static const struct {
    enum led led;
    bool (*holds)(const struct health *h, uint64_t uptime_s);
    enum pattern pattern;
} rows[] = {
    // clang-format off: one row per line
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

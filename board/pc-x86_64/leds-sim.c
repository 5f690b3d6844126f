// Simulates the box's three LEDs on a machine without any (QEMU): makes LEDs with the kernel's uleds and writes each
// change of their brightness as a line to the second serial port, where the lab reads it.
//
// Line: "power 255" | "vpn 0" | "alert 255" (name and brightness). Starts as root, gives the LEDs' files to the user
// `status`, as with a board's real LEDs, and becomes that user.

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/uleds.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char *const names[] = {"power", "vpn", "alert"};
#define COUNT ((int)(sizeof names / sizeof names[0]))

// Make one LED. Returns its file, from which brightness values are read, or -1.
static int led_open(const char *name)
{
    struct uleds_user_dev dev = {.max_brightness = 255};
    int fd = open("/dev/uleds", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -1;
    snprintf(dev.name, sizeof dev.name, "sekisho:%s", name);
    if (write(fd, &dev, sizeof dev) != (ssize_t)sizeof dev) {
        close(fd);
        return -1;
    }
    return fd;
}

// Make the brightness and trigger of LED `name` writable by the user `status`.
static void led_give(const char *name, const struct passwd *user)
{
    static const char *const files[] = {"brightness", "trigger"};
    char path[128];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "/sys/class/leds/sekisho:%s/%s", name, files[i]);
        if (chown(path, user->pw_uid, user->pw_gid) != 0)
            fprintf(stderr, "leds-sim: %s: %s\n", path, strerror(errno));
    }
}

// Open the serial port in raw mode. A missing port is not an error: the LEDs work, but nobody reads them.
static int port_open(void)
{
    struct termios t;
    int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        t.c_cflag |= CLOCAL;
        cfsetspeed(&t, B115200);
        tcsetattr(fd, TCSANOW, &t);
    }
    return fd;
}

static void report(int port, const char *name, int brightness)
{
    char line[48];
    int n = snprintf(line, sizeof line, "%s %d\n", name, brightness);

    if (port >= 0 && write(port, line, (size_t)n) < 0 && errno != EAGAIN && errno != EIO)
        fprintf(stderr, "leds-sim: /dev/ttyS1: %s\n", strerror(errno));
}

int main(void)
{
    const struct passwd *user = getpwnam("status");
    struct pollfd fds[COUNT];
    int last[COUNT];
    int port = port_open();

    for (int i = 0; i < COUNT; i++) {
        fds[i] = (struct pollfd){.fd = led_open(names[i]), .events = POLLIN};
        if (fds[i].fd < 0) {
            fprintf(stderr, "leds-sim: /dev/uleds: %s\n", strerror(errno));
            return 1;
        }
        if (user)
            led_give(names[i], user);
        last[i] = -1;
    }
    // All files are open: root is no longer needed.
    if (user && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        fprintf(stderr, "leds-sim: cannot become %s: %s\n", user->pw_name, strerror(errno));
        return 1;
    }
    for (;;) {
        if (poll(fds, COUNT, -1) < 0 && errno != EINTR)
            return 1;
        for (int i = 0; i < COUNT; i++) {
            int brightness;

            if (!(fds[i].revents & POLLIN) || read(fds[i].fd, &brightness, sizeof brightness) != sizeof brightness)
                continue;
            if (brightness != last[i])
                report(port, names[i], brightness);
            last[i] = brightness;
        }
    }
}

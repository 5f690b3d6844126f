/*
 * A change of mode with the real kernel code of gate (src/gate/firewall.h), in the network namespace it is started in,
 * where configs/firewall.nft is loaded.
 *
 *   modechange open COUNT     a session, and COUNT admitted addresses: FIRST, FIRST + 1 … (last octet 1 to 250), TCP 443
 *   modechange change         back to `internet`, as gate does it: one transaction, then the dead flows are forgotten
 *
 * Prints one line of JSON: {"set_ms":…,"forget_ms":…}
 */
#include "gate/firewall.h"
#include "gate/firewall_batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GENERATION 0x5e5e5e5e
#define NEXT 0x5e5e5e5f
#define AT_ONCE 16
#define COUNT_MAX 50000

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(int result, const char *what)
{
    if (result == 0)
        return;
    fprintf(stderr, "modechange: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct addr address(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct addr){.family = AF_INET, .bytes = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d}};
}

static void open_session(unsigned count)
{
    static struct conf_service service = {.number = 1, .remote_count = 1};
    service.remote[0] = (struct prefix){.addr = address(10, 20, 0, 0), .len = 16};
    static struct conf conf = {.service_count = 1};
    conf.services[0] = service;
    struct firewall_view view = {.mode = MODE_SESSION, .generation = GENERATION, .tunnel_count = 1};
    view.tunnels[0] =
        (struct firewall_tunnel){.service = 1, .vip4 = address(10, 99, 0, 1), .hub = address(198, 51, 100, 1)};
    must(firewall_registry(&service, 1), "the registry's prefixes");
    must(firewall_hosts(&conf), "the hosts");
    must(firewall_apply(&view), "the session");
    for (unsigned i = 0; i < count;) {
        struct firewall_allow list[AT_ONCE];
        unsigned n = 0;
        for (; n < AT_ONCE && i < count; n++, i++)
            list[n] = (struct firewall_allow){.addr = address(10, 20, 1 + i / 250, 1 + i % 250),
                                              .proto = IPPROTO_TCP,
                                              .port = 443,
                                              .service = 1,
                                              .timeout_s = 361};
        must(firewall_allow(list, n), "an element");
    }
    printf("{\"elements\":%u}\n", count);
}

static void change(void)
{
    struct firewall_view view = {.mode = MODE_INTERNET, .generation = NEXT};
    double begin = now_ms();
    must(firewall_apply(&view), "the change");
    double cut = now_ms();
    must(firewall_forget(GENERATION), "to forget");
    printf("{\"set_ms\":%.3f,\"forget_ms\":%.3f}\n", cut - begin, now_ms() - cut);
}

int main(int argc, char **argv)
{
    long count = argc == 3 ? atol(argv[2]) : 0;
    int opens = argc == 3 && !strcmp(argv[1], "open") && count > 0 && count <= COUNT_MAX;
    if (!opens && !(argc == 2 && !strcmp(argv[1], "change"))) {
        fprintf(stderr, "usage: modechange open COUNT | modechange change\n");
        return 2;
    }
    must(firewall_open(), "netlink");
    if (opens)
        open_session((unsigned)count);
    else
        change();
    return 0;
}

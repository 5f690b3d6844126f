/* firewall.h: which LAN host may use which service, as set elements. */
#include "firewall.h"
#include "firewall_batch.h"

#include <string.h>

/* Each part of a concatenation is padded to four octets. */
struct mac_mark {
    uint8_t mac[6], pad[2];
    uint32_t mark;
};
struct mac_v4 {
    uint8_t mac[6], pad[2];
    uint8_t addr[4];
};
_Static_assert(sizeof(struct mac_mark) == 12 && sizeof(struct mac_v4) == 12, "keys have no other padding");

static void add(struct batch *b, const char *set, const void *key, uint32_t len)
{
    struct element e = {.key = key, .key_len = len};
    batch_add(b, set, &e, 1);
}

static void add_host(struct batch *b, const struct conf *conf, const struct conf_host *h)
{
    struct mac_v4 at = {0};
    memcpy(at.mac, h->mac, sizeof at.mac);
    memcpy(at.addr, h->addr.bytes, sizeof at.addr);
    add(b, "hosts", h->mac, sizeof h->mac);
    add(b, "hosts_at", &at, sizeof at);
    add(b, "hosts_v4", h->addr.bytes, 4);
    uint32_t on_line = FIREWALL_ON_LINE_NONE;
    for (unsigned i = 0; i < conf->service_count; i++) {
        const struct conf_service *s = &conf->services[i];
        struct mac_mark may = {.mark = service_mark(s->number, s->by_pc)};
        memcpy(may.mac, h->mac, sizeof may.mac);
        if (!(conf_host_may(conf, h) >> (s->number - 1) & 1))
            continue;
        add(b, "hosts_may", &may, sizeof may);
        on_line = FIREWALL_ON_LINE + s->number; /* (a host is bound to one service, or to none) */
    }
    struct element e = {.key = h->mac, .key_len = sizeof h->mac, .data = &on_line, .data_len = sizeof on_line};
    batch_add(b, "hosts_line", &e, 1);
}

int firewall_hosts(const struct conf *conf)
{
    static const char *const sets[] = {"hosts",    "hosts_may", "hosts_line", "hosts_at",
                                       "hosts_v4", "unbound",   "verified"};
    struct batch *b = batch_begin();
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        batch_flush(b, sets[i]);
    for (unsigned i = 0; i < conf->site.host_count; i++)
        add_host(b, conf, &conf->site.hosts[i]);
    for (unsigned i = 0; i < conf->service_count; i++) {
        uint32_t mark = service_mark(conf->services[i].number, conf->services[i].by_pc);
        if (conf_host_may(conf, NULL) >> (conf->services[i].number - 1) & 1)
            add(b, "unbound", &mark, sizeof mark);
    }
    return batch_commit(b);
}

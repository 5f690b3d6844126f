#include "link_config.h"

#include <stdio.h>
#include <string.h>

/* Fill message `id` of the list of names; false: there are no more. */
static bool name_message(const struct admit *admit, unsigned id, struct msg_name *m)
{
    *m = (struct msg_name){.id = (uint16_t)id};
    const char *name = admit_name(admit, id, &m->service);
    if (!name)
        return false;
    const struct conf_rule *rule = admit_rule(admit, id);
    m->ech_noise = rule->ech_noise;
    m->via_line = rule->via_line;
    m->before = rule->before;
    snprintf(m->name, sizeof m->name, "%s", name);
    return true;
}

static void send_allowlist(struct dns_link *dns, const struct admit *admit)
{
    struct msg_name m;
    for (unsigned id = 0; name_message(admit, id, &m); id++)
        dns_link_send(dns, MSG_NAME, &m, -1);
}

static void send_hosts(struct dns_link *dns, const struct conf *conf)
{
    struct msg_host others = {.services = conf_host_may(conf, NULL)};
    dns_link_send(dns, MSG_HOST, &others, -1);
    for (unsigned i = 0; i < conf->site.host_count; i++) {
        const struct conf_host *host = &conf->site.hosts[i];
        struct msg_host m = {.addr = host->addr, .services = conf_host_may(conf, host)};
        dns_link_send(dns, MSG_HOST, &m, -1);
    }
}

static void send_never(struct dns_link *dns, const struct prefix *net, bool uplink)
{
    struct msg_never m = {*net, uplink};
    dns_link_send(dns, MSG_NEVER, &m, -1);
}

static void send_private(struct dns_link *dns, const struct conf *conf)
{
    struct prefix networks[CONF_PREFIXES_MAX];
    for (unsigned i = 0; i < conf->site.private_count; i++) {
        struct msg_private m = {0};
        snprintf(m.domain, sizeof m.domain, "%s", conf->site.private_answers[i]);
        dns_link_send(dns, MSG_PRIVATE, &m, -1);
    }
    send_never(dns, &conf->site.lan_address, false);
    for (unsigned i = 0; i < conf->service_count; i++)
        for (unsigned n = 0, count = conf_registry(&conf->services[i], networks); n < count; n++)
            send_never(dns, &networks[n], false);
}

void link_config_dns(struct dns_link *dns, const struct admit *admit)
{
    send_allowlist(dns, admit);
    send_hosts(dns, admit->conf);
    send_private(dns, admit->conf);
    dns_link_send(dns, MSG_NAMES_END, NULL, -1);
}

void link_config_uplink(struct dns_link *dns, const struct addr *own)
{
    struct prefix net = {*own, own->family == AF_INET6 ? 128 : 32};
    send_never(dns, &net, true);
}

void link_config_sni(struct sni_link *sni, const struct admit *admit)
{
    struct msg_name m;
    for (unsigned id = 0; name_message(admit, id, &m); id++)
        sni_link_send(sni, MSG_NAME, &m, -1);
    sni_link_send(sni, MSG_NAMES_END, NULL, -1);
}

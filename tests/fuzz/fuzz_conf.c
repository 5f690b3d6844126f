/*
 * Fuzz target: the parser of site and service files. The first octet chooses the kind, the rest is the file.
 * Besides memory errors it looks for invalid values that are accepted: it asserts the properties of a valid result.
 */
#include "conf_parse.h"
#include "must.h"
#include "text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool printable(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    MUST(len < size);
    for (size_t n; len > 0; text += n, len -= n)
        if ((n = text_printable(text, len)) == 0)
            return false;
    return true;
}

static void check_site(const struct conf_site *s)
{
    MUST(s->name[0] && printable(s->name, sizeof s->name));
    MUST(s->service_count >= 1 && s->service_count <= CONF_SERVICES_MAX);
    for (unsigned i = 0; i < s->service_count; i++)
        MUST(conf_is_short_name(s->services[i]));
    MUST(s->idle_s >= 10 && s->idle_s <= 86400);
    MUST(s->wan_mtu == 0 || (s->wan_mtu >= 576 && s->wan_mtu <= 1500));
    MUST(s->est_server_count <= CONF_ADDRS_MAX);
    MUST(s->zone_min >= -720 && s->zone_min <= 840 && s->zone_min % 15 == 0);
    MUST(s->lan_address.addr.family == AF_INET);
    MUST(!s->dhcp_first.family || prefix_contains(&s->lan_address, &s->dhcp_first));
    MUST(s->wan_mode == CONF_WAN_DHCP || (prefix_contains(&s->wan_address, &s->wan_gateway) && s->wan_dns_count > 0));
    MUST(conf_is_host(s->est_host) && s->est_port > 0);
    MUST(strlen(s->est_password) >= 6 && s->est_user[0] && s->device[0]);
    MUST(s->host_count <= CONF_HOSTS_MAX && s->others[0]);
    for (unsigned i = 0; i < s->host_count; i++) {
        const struct conf_host *h = &s->hosts[i];
        MUST(prefix_contains(&s->lan_address, &h->addr) && !addr_equal(&s->lan_address.addr, &h->addr));
        MUST(!(h->mac[0] & 1) && (!h->service[0] || conf_is_short_name(h->service)));
        for (unsigned k = 0; k < i; k++)
            MUST(!addr_equal(&h->addr, &s->hosts[k].addr) && memcmp(h->mac, s->hosts[k].mac, sizeof h->mac) != 0);
    }
    for (unsigned i = 0; i < s->wan_dns_count; i++)
        MUST(!prefix_contains(&s->lan_address, &s->wan_dns[i]));
    /* the export is read by a shell: nothing in it may end a quoted string */
    for (unsigned i = 0; i < s->ntp_count; i++)
        MUST(!strchr(s->ntp[i], '\'') && conf_is_host(s->ntp[i]));
}

static bool has_tls(const struct conf_rule *r)
{
    for (unsigned k = 0; k < r->port_count; k++)
        if (r->ports[k].tls)
            return true;
    return false;
}

/* Is one port of one name both with TLS and without? */
static bool contradict(const struct conf_rule *a, const struct conf_rule *b)
{
    if (!conf_name_covers(a->name, b->name) && !conf_name_covers(b->name, a->name))
        return false;
    for (unsigned i = 0; i < a->port_count; i++)
        for (unsigned k = 0; k < b->port_count; k++)
            if (a->ports[i].proto == b->ports[k].proto && a->ports[i].port == b->ports[k].port &&
                a->ports[i].tls != b->ports[k].tls)
                return true;
    return false;
}

static void check_service(const struct conf_service *s)
{
    MUST(s->number >= 1 && s->number <= CONF_SERVICES_MAX);
    MUST(printable(s->title, sizeof s->title) && printable(s->hub_id, sizeof s->hub_id) && s->hub_id[0]);
    MUST(conf_is_host(s->hub) && !strchr(s->hub_id, '%') && !strchr(s->hub_id, '*'));
    MUST(s->remote_count >= 1 && s->remote_count <= CONF_PREFIXES_MAX);
    for (unsigned i = 0; i < s->remote_count; i++)
        MUST(prefix_is_all(&s->remote[i]) == conf_carries_all(s) &&
             (prefix_is_all(&s->remote[i]) || addr_kind(&s->remote[i].addr) != ADDR_NO_HOST));
    MUST(s->resolver_wan != (s->resolver.family != 0));
    MUST(s->rule_count >= 1 && s->rule_count <= CONF_RULES_MAX);
    for (unsigned i = 0; i < s->rule_count; i++) {
        const struct conf_rule *r = &s->rules[i];
        MUST(conf_is_pattern(r->name) && !conf_pattern_too_wide(r->name));
        MUST(!r->ech_noise || has_tls(r));
        for (unsigned k = 0; k < i; k++)
            MUST(strcmp(r->name, s->rules[k].name) != 0 && !contradict(r, &s->rules[k]));
        MUST(r->port_count >= 1 && r->port_count <= CONF_PORTS_MAX);
        for (unsigned k = 0; k < r->port_count; k++) {
            MUST(r->ports[k].port > 0 && r->ports[k].port != 53 && r->ports[k].port != 853);
            MUST(r->ports[k].proto == IPPROTO_TCP || (!r->ports[k].tls && r->ports[k].port != 443));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf_site site;
    static struct conf_service service;
    static struct conf_errors errors;
    struct conf_parser p;
    if (size == 0)
        return 0;
    errors.count = 0;
    bool is_site = data[0] & 1;
    if (is_site)
        conf_site_begin(&p, "fuzz", &site, &errors);
    else
        conf_service_begin(&p, "fuzz", "fuzz", &service, &errors);
    for (size_t at = 1; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t n = end ? (size_t)(end - (data + at)) : size - at;
        conf_line(&p, (const char *)data + at, n);
        at += n + 1;
    }
    conf_end(&p);
    for (unsigned i = 0; i < errors.count && i < CONF_ERRORS_MAX; i++)
        MUST(cause_valid(&errors.list[i].wrong) && errors.list[i].wrong.code && errors.list[i].remedy);
    if (errors.count == 0 && is_site)
        check_site(&site);
    else if (errors.count == 0)
        check_service(&service);
    return 0;
}

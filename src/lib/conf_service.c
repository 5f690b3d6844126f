/* The keys of a service file. */
#include "conf_parse.h"
#include "proposal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE(n) (sizeof(((struct conf_service *)0)->n))

static const char *service_title(struct conf_parser *p, const char *value)
{
    return conf_copy(p->service->title, TEXT_SIZE(title), value) ? NULL : "is too long";
}

static const char *service_number(struct conf_parser *p, const char *value)
{
    uint32_t n;
    if (!conf_parse_number(value, 1, CONF_SERVICES_MAX, &n))
        return "is not a number from 1 to 8";
    p->service->number = (uint8_t)n;
    return NULL;
}

/* The line and the LAN have no IPv6: what can never be reached is better said now. */
static const char only_ipv4[] = "is an IPv6 address; the box has IPv4 only";

static const char *tunnel_hub(struct conf_parser *p, const char *value)
{
    struct addr hub;
    if (!conf_is_host(value))
        return "is neither a full host name nor an address";
    if (conf_parse_addr(value, &hub) && hub.family == AF_INET6)
        return only_ipv4;
    return conf_copy_lower(p->service->hub, TEXT_SIZE(hub), value) ? NULL : "is too long";
}

static const char *tunnel_hub_id(struct conf_parser *p, const char *value)
{
    /* `%any` would accept every certificate of the CA as the hub: strongSwan's wildcards are not for us. */
    if (strchr(value, '%') || strchr(value, '*'))
        return "has a wildcard";
    return conf_copy(p->service->hub_id, TEXT_SIZE(hub_id), value) ? NULL : "is too long";
}

static const char *tunnel_ike(struct conf_parser *p, const char *value)
{
    const char *wrong = proposal_wrong(PROPOSAL_IKE, value);
    if (wrong)
        return wrong;
    return conf_copy(p->service->ike_proposal, TEXT_SIZE(ike_proposal), value) ? NULL : "is too long";
}

static const char *tunnel_esp(struct conf_parser *p, const char *value)
{
    const char *wrong = proposal_wrong(PROPOSAL_ESP, value);
    if (wrong)
        return wrong;
    return conf_copy(p->service->esp_proposal, TEXT_SIZE(esp_proposal), value) ? NULL : "is too long";
}

static const char *tunnel_encapsulation(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "auto") == 0)
        p->service->force_encap = false;
    else if (strcmp(value, "udp") == 0)
        p->service->force_encap = true;
    else
        return "is neither `auto` nor `udp`";
    return NULL;
}

static const char *tunnel_remote(struct conf_parser *p, const char *value)
{
    struct conf_service *service = p->service;
    struct prefix prefix;
    if (!conf_parse_prefix(value, &prefix))
        return "is not a network (address/length, with no bits after the length)";
    if (prefix.len < (prefix.addr.family == AF_INET ? 8 : 16))
        return "is too wide to be a registry's network";
    if (conf_never_remote(&prefix.addr))
        return "cannot be behind a tunnel";
    for (unsigned i = 0; i < service->remote_count; i++)
        if (prefix_overlaps(&service->remote[i], &prefix))
            return "overlaps another `remote` of this file";
    if (service->remote_count == CONF_PREFIXES_MAX)
        return "is one network too many";
    service->remote[service->remote_count++] = prefix;
    return NULL;
}

static const char *dns_resolver(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "wan") == 0)
        p->service->resolver_wan = true;
    p->service->resolver_line = p->line;
    if (p->service->resolver_wan)
        return NULL;
    if (!conf_parse_addr(value, &p->service->resolver))
        return "is neither an address nor `wan`";
    if (p->service->resolver.family == AF_INET6)
        return only_ipv4;
    return conf_never_remote(&p->service->resolver) ? "cannot be a DNS server" : NULL;
}

/* Cut the next word off *text (words are apart by blanks); the word is "" at the end. */
static const char *next_word(char **text)
{
    char *word = *text + strspn(*text, " \t");
    char *end = word + strcspn(word, " \t");
    *text = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static bool any_tls(const struct conf_rule *rule)
{
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].tls)
            return true;
    return false;
}

/* One `PROTO/PORT [tls [ech-noise]]`. */
static const char *take_port(struct conf_rule *rule, char *text)
{
    /* What would be a way around the gate, whatever a service asks for (DESIGN: the gate). */
    static const struct {
        int proto;
        uint16_t port;
        const char *why;
    } never[] = {{IPPROTO_UDP, 443, "opens udp/443 (QUIC), which the gate cannot check"},
                 {IPPROTO_UDP, 53, "opens DNS, which only the box itself answers"},
                 {IPPROTO_TCP, 53, "opens DNS, which only the box itself answers"},
                 {IPPROTO_TCP, 853, "opens DNS over TLS, which only the box itself answers"},
                 {IPPROTO_UDP, 853, "opens DNS over QUIC, which only the box itself answers"}};
    const char *word = next_word(&text), *flag = next_word(&text), *noise = next_word(&text), *rest = next_word(&text);
    struct conf_port port = {0};
    uint32_t number;
    if (strncmp(word, "tcp/", 4) == 0)
        port.proto = IPPROTO_TCP;
    else if (strncmp(word, "udp/", 4) == 0)
        port.proto = IPPROTO_UDP;
    if (port.proto == 0 || !conf_parse_number(word + 4, 1, 65535, &number))
        return "has a part that is not tcp/PORT or udp/PORT";
    port.port = (uint16_t)number;
    if (*rest || (*noise && strcmp(noise, "ech-noise") != 0))
        return "has a word after `tls` that is not `ech-noise`";
    if (strcmp(flag, "ech-noise") == 0)
        return "has `ech-noise` on a port without `tls`";
    if (*flag && strcmp(flag, "tls") != 0)
        return "has a word after a port that is not `tls`";
    port.tls = *flag != '\0';
    if (port.tls && port.proto != IPPROTO_TCP)
        return "has `tls` on a udp port";
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (never[i].proto == port.proto && never[i].port == port.port)
            return never[i].why;
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == port.proto && rule->ports[i].port == port.port)
            return "names a port twice";
    if (rule->port_count == CONF_PORTS_MAX)
        return "has more than 8 ports";
    /* The ClientHello is judged by its name, whatever the port. */
    if (port.tls && any_tls(rule) && rule->ech_noise != (*noise != '\0'))
        return "has `ech-noise` on one of its tls ports and not on another";
    rule->ech_noise = rule->ech_noise || *noise;
    rule->ports[rule->port_count++] = port;
    return NULL;
}

static const struct conf_port *find_port(const struct conf_rule *rule, const struct conf_port *port)
{
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == port->proto && rule->ports[i].port == port->port)
            return &rule->ports[i];
    return NULL;
}

/*
 * Two lines that cover one and the same name. For a name of its own the exact line counts and the wildcard does not, so
 * that is allowed where the two say different things; but not that one port is TLS by the one and free by the other
 * (the address opens for both), nor that the exact line adds nothing, nor a wildcard in a wildcard.
 */
static const char *overlap_wrong(const struct conf_rule *a, const struct conf_rule *b)
{
    static char text[160];
    bool same = strcmp(a->name, b->name) == 0;
    if (!conf_rules_overlap(a, b))
        return NULL;
    unsigned shared = 0;
    for (unsigned i = 0; i < a->port_count; i++) {
        const struct conf_port *other = find_port(b, &a->ports[i]);
        if (other && other->tls != a->ports[i].tls && !same) {
            (void)snprintf(text, sizeof text, "contradicts line %u, `%.60s`: %s/%u is `tls` in one of them only",
                           b->line, b->name, other->proto == IPPROTO_TCP ? "tcp" : "udp", other->port);
            return text;
        }
        shared += other != NULL;
    }
    if (same)
        (void)snprintf(text, sizeof text, "names a host that has a line already, line %u", b->line);
    else if (a->name[0] == '*' && b->name[0] == '*')
        (void)snprintf(text, sizeof text, "overlaps the wildcard of line %u, `%.60s`", b->line, b->name);
    else if (shared == a->port_count && shared == b->port_count && a->ech_noise == b->ech_noise)
        (void)snprintf(text, sizeof text, "says the same as line %u, `%.60s`", b->line, b->name);
    else
        return NULL;
    return text;
}

static const char *name_wrong(const char *name)
{
    if (name[0] == '*' && name[1] == '.' && conf_pattern_too_wide(name))
        return "has a wildcard at the top level: it would cover the names of strangers";
    if (strchr(name, '*') && (name[0] != '*' || name[1] != '.' || strchr(name + 1, '*')))
        return "has a `*` that is not a whole first label (`*.example.jp`)";
    if (!conf_is_pattern(name))
        return "does not begin with a full domain name (no address, no final dot)";
    return NULL;
}

static const char *allow_name(struct conf_parser *p, const char *value)
{
    struct conf_service *service = p->service;
    struct conf_rule rule = {0};
    char copy[CONF_LINE_MAX + 1];
    if (!conf_copy(copy, sizeof copy, value))
        return "is too long";
    char *text = copy;
    if (!conf_copy_lower(rule.name, sizeof rule.name, next_word(&text)))
        return "is too long";
    rule.line = p->line;
    const char *wrong = name_wrong(rule.name);
    if (wrong)
        return wrong;
    do {
        char *comma = strchr(text, ',');
        if (comma)
            *comma = '\0';
        wrong = take_port(&rule, text);
        if (wrong)
            return wrong;
        text = comma ? comma + 1 : NULL;
    } while (text);
    for (unsigned i = 0; i < service->rule_count; i++)
        if ((wrong = overlap_wrong(&rule, &service->rules[i])))
            return wrong;
    if (service->rule_count == CONF_RULES_MAX)
        return "is one name too many";
    service->rules[service->rule_count++] = rule;
    return NULL;
}

static const struct conf_key keys[] = {
    {"service", "title", CONF_REQUIRED, service_title, "Write the service's name as people know it: `title = GTOL`."},
    {"service", "number", CONF_REQUIRED, service_number,
     "Give every service of the site its own number from 1 to 8: `number = 1`."},
    {"tunnel", "hub", CONF_REQUIRED, tunnel_hub,
     "Write the address or full host name of the VPN hub that the centre gave: `hub = hub.example.jp`."},
    {"tunnel", "hub-id", 0, tunnel_hub_id,
     "Write the exact name in the hub's certificate, without * and %; without this line it is the value of `hub`."},
    {"tunnel", "ike-proposal", 0, tunnel_ike,
     "Write `aes256gcm16-prfsha384-ecp384`, or others apart by commas: aes128 to aes256 (gcm16), sha256 to sha512, "
     "prfsha256 to prfsha512, ecp256 to ecp521, x25519, modp3072 or more."},
    {"tunnel", "esp-proposal", 0, tunnel_esp,
     "Write `aes256gcm16-ecp384`, or others apart by commas: aes128 to aes256 (gcm16), with sha256 to sha512 where "
     "without gcm16, ecp256 to ecp521, x25519, modp3072 or more."},
    {"tunnel", "encapsulation", 0, tunnel_encapsulation,
     "Write `encapsulation = auto`, or `udp` if routers on the way stop ESP."},
    {"tunnel", "remote", CONF_REQUIRED | CONF_MANY, tunnel_remote,
     "Write each network behind the hub on its own line, at most 16: `remote = 10.20.0.0/16`."},
    {"dns", "resolver", CONF_REQUIRED, dns_resolver,
     "Write the address of the DNS server behind the hub, or `resolver = wan` if the names are in public DNS."},
    {"allow", "name", CONF_REQUIRED | CONF_MANY, allow_name,
     "Write `name = www.example.jp tcp/443 tls`, each name once, or `*.example.jp` for all names below it; at most 64 "
     "lines, ports apart by commas."},
};
_Static_assert(sizeof keys / sizeof keys[0] <= CONF_KEYS_MAX, "conf_parser.seen has too few bits");

static bool in_remote(const struct conf_service *service, const struct addr *a)
{
    for (unsigned i = 0; i < service->remote_count; i++)
        if (prefix_contains(&service->remote[i], a))
            return true;
    return false;
}

static bool has_ipv4(const struct conf_service *service)
{
    for (unsigned i = 0; i < service->remote_count; i++)
        if (service->remote[i].addr.family == AF_INET)
            return true;
    return false;
}

static void service_end(struct conf_parser *p)
{
    struct conf_service *service = p->service;
    struct addr hub;
    if (!conf_seen(p, "tunnel", "hub-id"))
        (void)conf_copy(service->hub_id, sizeof service->hub_id,
                        strlen(service->hub) < sizeof service->hub_id ? service->hub : "");
    if (service->hub[0] && !service->hub_id[0] && !conf_seen(p, "tunnel", "hub-id"))
        conf_fail(p, "Add `hub-id` with the name in the hub's certificate, at most 127 bytes.",
                  "the hub's name is too long to be its identity too");
    if (service->remote_count == 0)
        return;
    if (!has_ipv4(service))
        conf_fail(p, "Add the centre's IPv4 network with `remote`.",
                  "there are only IPv6 networks behind the hub, and the box passes IPv4 only");
    bool literal = conf_parse_addr(service->hub, &hub);
    if (literal && service->resolver.family && addr_equal(&hub, &service->resolver)) {
        conf_report(p->errors, p->file, service->resolver_line,
                    "Write the address of the DNS server behind the hub, or `resolver = wan`.",
                    "the resolver is the hub itself, which is reached outside its own tunnel");
        return;
    }
    if (service->resolver.family && !in_remote(service, &service->resolver))
        conf_fail(p, "Add the resolver's network with `remote`, or write `resolver = wan`.",
                  "the resolver is outside the networks behind the hub");
    if (literal && in_remote(service, &hub))
        conf_fail(p, "Check `hub` and `remote` against what the centre gave.",
                  "the hub's own address is inside the networks behind it, so the tunnel would run through itself");
}

const struct conf_kind conf_kind_service = {"service file", keys, sizeof keys / sizeof keys[0], service_end};

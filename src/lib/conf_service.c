/* The keys of a service file. */
#include "conf_parse.h"
#include "proposal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE(n) (sizeof(((struct conf_service *)0)->n))

static enum cause_code service_title(struct conf_parser *p, const char *value)
{
    return conf_copy(p->service->title, TEXT_SIZE(title), value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code service_number(struct conf_parser *p, const char *value)
{
    uint32_t n;
    if (!conf_parse_number(value, 1, CONF_SERVICES_MAX, &n))
        return CAUSE_VALUE_NOT_SERVICE_NUMBER;
    p->service->number = (uint8_t)n;
    return CAUSE_NONE;
}

static enum cause_code tunnel_kind(struct conf_parser *p, const char *value)
{
    p->service->by_pc = strcmp(value, "pc") == 0;
    return p->service->by_pc || strcmp(value, "box") == 0 ? CAUSE_NONE : CAUSE_VALUE_NOT_KIND;
}

static enum cause_code tunnel_hub(struct conf_parser *p, const char *value)
{
    struct addr hub;
    if (!conf_is_host(value))
        return CAUSE_VALUE_NOT_HOST;
    if (conf_parse_addr(value, &hub) && hub.family == AF_INET6)
        return CAUSE_VALUE_IPV6;
    return conf_copy_lower(p->service->hub, TEXT_SIZE(hub), value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code tunnel_hub_id(struct conf_parser *p, const char *value)
{
    /* Refuse strongSwan's wildcards: `%any` would accept every certificate of the CA as the hub's. */
    if (strchr(value, '%') || strchr(value, '*'))
        return CAUSE_VALUE_WILDCARD;
    return conf_copy(p->service->hub_id, TEXT_SIZE(hub_id), value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code tunnel_ike(struct conf_parser *p, const char *value)
{
    enum cause_code wrong = proposal_wrong(PROPOSAL_IKE, value);
    if (wrong)
        return wrong;
    return conf_copy(p->service->ike_proposal, TEXT_SIZE(ike_proposal), value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code tunnel_esp(struct conf_parser *p, const char *value)
{
    enum cause_code wrong = proposal_wrong(PROPOSAL_ESP, value);
    if (wrong)
        return wrong;
    return conf_copy(p->service->esp_proposal, TEXT_SIZE(esp_proposal), value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code tunnel_encapsulation(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "auto") == 0)
        p->service->force_encap = false;
    else if (strcmp(value, "udp") == 0)
        p->service->force_encap = true;
    else
        return CAUSE_VALUE_NOT_AUTO_UDP;
    return CAUSE_NONE;
}

static enum cause_code tunnel_remote(struct conf_parser *p, const char *value)
{
    struct conf_service *service = p->service;
    struct prefix prefix;
    if (!conf_parse_prefix(value, &prefix))
        return CAUSE_VALUE_NOT_NETWORK;
    if (!prefix_is_all(&prefix) && prefix.len < (prefix.addr.family == AF_INET ? 8 : 16))
        return CAUSE_VALUE_NETWORK_TOO_WIDE;
    if (!prefix_is_all(&prefix) && addr_kind(&prefix.addr) == ADDR_NO_HOST)
        return CAUSE_VALUE_NETWORK_IMPOSSIBLE;
    for (unsigned i = 0; i < service->remote_count; i++) {
        if (prefix_is_all(&service->remote[i]) != prefix_is_all(&prefix))
            return CAUSE_VALUE_REMOTE_NOT_ALONE;
        if (prefix_overlaps(&service->remote[i], &prefix))
            return CAUSE_VALUE_REMOTE_OVERLAPS;
    }
    if (service->remote_count == CONF_PREFIXES_MAX)
        return CAUSE_VALUE_NETWORK_TOO_MANY;
    if (service->remote_count == 0)
        service->remote_line = p->line;
    service->remote[service->remote_count++] = prefix;
    return CAUSE_NONE;
}

static enum cause_code dns_resolver(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "wan") == 0)
        p->service->resolver_wan = true;
    p->service->resolver_line = p->line;
    if (p->service->resolver_wan)
        return CAUSE_NONE;
    if (!conf_parse_addr(value, &p->service->resolver))
        return CAUSE_VALUE_NOT_RESOLVER;
    if (p->service->resolver.family == AF_INET6)
        return CAUSE_VALUE_IPV6;
    return addr_kind(&p->service->resolver) == ADDR_NO_HOST ? CAUSE_VALUE_NOT_DNS_SERVER : CAUSE_NONE;
}

/* Take the next blank-separated word from *text; "" at the end. */
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
static enum cause_code take_port(struct conf_rule *rule, char *text)
{
    /* Ports that would be a way around gate: refused for every service. */
    static const struct {
        int proto;
        uint16_t port;
        enum cause_code why;
    } never[] = {{IPPROTO_UDP, 443, CAUSE_VALUE_PORT_QUIC},
                 {IPPROTO_UDP, 53, CAUSE_VALUE_PORT_DNS},
                 {IPPROTO_TCP, 53, CAUSE_VALUE_PORT_DNS},
                 {IPPROTO_TCP, 853, CAUSE_VALUE_PORT_DOT},
                 {IPPROTO_UDP, 853, CAUSE_VALUE_PORT_DOQ}};
    const char *word = next_word(&text), *flag = next_word(&text), *noise = next_word(&text), *rest = next_word(&text);
    struct conf_port port = {0};
    uint32_t number = 0;
    if (strncmp(word, "tcp/", 4) == 0)
        port.proto = IPPROTO_TCP;
    else if (strncmp(word, "udp/", 4) == 0)
        port.proto = IPPROTO_UDP;
    bool esp = strcmp(word, "esp") == 0;
    if (esp)
        port.proto = IPPROTO_ESP; /* (whether the service may have it is known at the end) */
    else if (port.proto == 0 || !conf_parse_number(word + 4, 1, 65535, &number))
        return CAUSE_VALUE_NOT_PORT;
    else
        port.port = (uint16_t)number;
    if (*rest || (*noise && strcmp(noise, "ech-noise") != 0))
        return CAUSE_VALUE_WORD_AFTER_TLS;
    if (strcmp(flag, "ech-noise") == 0)
        return CAUSE_VALUE_NOISE_WITHOUT_TLS;
    if (*flag && strcmp(flag, "tls") != 0)
        return CAUSE_VALUE_WORD_AFTER_PORT;
    port.tls = *flag != '\0';
    if (port.tls && port.proto != IPPROTO_TCP)
        return CAUSE_VALUE_TLS_ON_UDP;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (never[i].proto == port.proto && never[i].port == port.port)
            return never[i].why;
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == port.proto && rule->ports[i].port == port.port)
            return CAUSE_VALUE_PORT_TWICE;
    if (rule->port_count == CONF_PORTS_MAX)
        return CAUSE_VALUE_PORT_TOO_MANY;
    /* sni decides by the name alone, whatever the port: ech-noise must be the same for all TLS ports of a name. */
    if (port.tls && any_tls(rule) && rule->ech_noise != (*noise != '\0'))
        return CAUSE_VALUE_NOISE_NOT_EVERYWHERE;
    rule->ech_noise = rule->ech_noise || *noise;
    rule->ports[rule->port_count++] = port;
    return CAUSE_NONE;
}

static const struct conf_port *find_port(const struct conf_rule *rule, const struct conf_port *port)
{
    for (unsigned i = 0; i < rule->port_count; i++)
        if (rule->ports[i].proto == port->proto && rule->ports[i].port == port->port)
            return &rule->ports[i];
    return NULL;
}

/*
 * Two rules that cover the same name. An exact rule takes precedence over a wildcard, so the two may overlap if they
 * differ. Refused are: the same port with TLS in one and without in the other (the address would be allowed for
 * both), an exact rule that adds nothing, and a wildcard inside a wildcard.
 */
static enum cause_code overlap_wrong(struct conf_parser *p, const struct conf_rule *a, const struct conf_rule *b)
{
    bool same = strcmp(a->name, b->name) == 0;
    if (!conf_rules_overlap(a, b))
        return CAUSE_NONE;
    conf_also(p, 0, CAUSE_NUMBER(b->line));
    conf_also(p, 1, b->name);
    unsigned shared = 0;
    for (unsigned i = 0; i < a->port_count; i++) {
        const struct conf_port *other = find_port(b, &a->ports[i]);
        if (other && other->tls != a->ports[i].tls && !same) {
            conf_also(p, 2, other->proto == IPPROTO_TCP ? "tcp" : "udp");
            conf_also(p, 3, CAUSE_NUMBER(other->port));
            return CAUSE_VALUE_TLS_CONTRADICTS;
        }
        shared += other != NULL;
    }
    if (same)
        return CAUSE_VALUE_NAME_TWICE;
    if (a->name[0] == '*' && b->name[0] == '*')
        return CAUSE_VALUE_WILDCARDS_OVERLAP;
    bool nothing = shared == a->port_count && shared == b->port_count && a->ech_noise == b->ech_noise &&
                   a->via_line == b->via_line && a->before == b->before;
    return nothing ? CAUSE_VALUE_ADDS_NOTHING : CAUSE_NONE;
}

static enum cause_code name_wrong(const char *name)
{
    if (name[0] == '*' && name[1] == '.' && conf_pattern_too_wide(name))
        return CAUSE_VALUE_WILDCARD_TOO_WIDE;
    if (strchr(name, '*') && (name[0] != '*' || name[1] != '.' || strchr(name + 1, '*')))
        return CAUSE_VALUE_WILDCARD_NOT_FIRST;
    if (!conf_is_pattern(name))
        return CAUSE_VALUE_NOT_NAME;
    return CAUSE_NONE;
}

static enum cause_code allow_name(struct conf_parser *p, const char *value)
{
    struct conf_service *service = p->service;
    struct conf_rule rule = {0};
    char copy[CONF_LINE_MAX + 1];
    if (!conf_copy(copy, sizeof copy, value))
        return CAUSE_VALUE_TOO_LONG;
    char *text = copy;
    if (!conf_copy_lower(rule.name, sizeof rule.name, next_word(&text)))
        return CAUSE_VALUE_TOO_LONG;
    rule.line = p->line;
    enum cause_code wrong = name_wrong(rule.name);
    if (wrong)
        return wrong;
    wrong = conf_via_take(&rule, text);
    if (rule.via_line || wrong)
        p->remedy = CAUSE_WRITE_VIA_LINE;
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
    if ((wrong = conf_via_wrong(&rule)))
        return wrong;
    for (unsigned i = 0; i < service->rule_count; i++)
        if ((wrong = overlap_wrong(p, &rule, &service->rules[i])))
            return wrong;
    if (service->rule_count == CONF_RULES_MAX)
        return CAUSE_VALUE_NAME_TOO_MANY;
    service->rules[service->rule_count++] = rule;
    return CAUSE_NONE;
}

static const struct conf_key keys[] = {
    {"service", "title", CONF_REQUIRED, service_title, CAUSE_WRITE_TITLE},
    {"service", "number", CONF_REQUIRED, service_number, CAUSE_WRITE_NUMBER},
    {"tunnel", "kind", 0, tunnel_kind, CAUSE_WRITE_KIND},
    {"tunnel", "hub", CONF_REQUIRED | CONF_BOX, tunnel_hub, CAUSE_WRITE_HUB},
    {"tunnel", "hub-id", CONF_BOX, tunnel_hub_id, CAUSE_WRITE_HUB_ID},
    {"tunnel", "ike-proposal", CONF_BOX, tunnel_ike, CAUSE_WRITE_IKE_PROPOSAL},
    {"tunnel", "esp-proposal", CONF_BOX, tunnel_esp, CAUSE_WRITE_ESP_PROPOSAL},
    {"tunnel", "encapsulation", CONF_BOX, tunnel_encapsulation, CAUSE_WRITE_ENCAPSULATION},
    {"tunnel", "remote", CONF_REQUIRED | CONF_BOX | CONF_MANY, tunnel_remote, CAUSE_WRITE_REMOTE},
    {"dns", "resolver", CONF_REQUIRED | CONF_BOX, dns_resolver, CAUSE_WRITE_RESOLVER},
    {"allow", "name", CONF_REQUIRED | CONF_MANY, allow_name, CAUSE_WRITE_ALLOW_NAME},
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

static bool is_ike_or_esp(const struct conf_port *port)
{
    return port->proto == IPPROTO_ESP || (port->proto == IPPROTO_UDP && (port->port == 500 || port->port == 4500));
}

static bool has_udp(const struct conf_rule *rule, uint16_t number)
{
    return find_port(rule, &(struct conf_port){.proto = IPPROTO_UDP, .port = number}) != NULL;
}

/* What stands in [allow] is the PCs' hub here: by its whole name, and by what a tunnel is made of, nothing else. */
static void check_pc_rule(struct conf_parser *p, const struct conf_rule *rule)
{
    if (rule->name[0] == '*')
        conf_report(p->errors, p->file, rule->line, CAUSE_WRITE_PC_NAME, CAUSE_PC_NAME_WILDCARD, rule->name, NULL);
    if (rule->via_line) {
        conf_report(p->errors, p->file, rule->line, CAUSE_WRITE_PC_NAME, CAUSE_PC_NAME_VIA, rule->name, NULL);
        return;
    }
    for (unsigned i = 0; i < rule->port_count; i++)
        if (!is_ike_or_esp(&rule->ports[i])) {
            conf_report(p->errors, p->file, rule->line, CAUSE_WRITE_PC_NAME, CAUSE_PC_NAME_PORT, rule->name, NULL);
            return;
        }
    if (!has_udp(rule, 500) || !has_udp(rule, 4500))
        conf_report(p->errors, p->file, rule->line, CAUSE_WRITE_PC_NAME, CAUSE_PC_NAME_BOTH, rule->name, NULL);
}

/* `kind` may stand behind [allow]: the mistakes there were recorded with what a tunnel of the box's would want. */
static void pc_remedies(struct conf_parser *p)
{
    for (unsigned i = 0; i < p->errors->count && i < CONF_ERRORS_MAX; i++) {
        struct conf_error *e = &p->errors->list[i];
        if (e->remedy == CAUSE_WRITE_ALLOW_NAME && strncmp(e->file, p->file, sizeof e->file - 1) == 0)
            e->remedy = CAUSE_WRITE_PC_NAME;
    }
}

/* The tunnel is the PC's own: the box has no part in it but to let its hub's name and packets through. */
static void pc_end(struct conf_parser *p)
{
    struct conf_service *service = p->service;
    pc_remedies(p);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        bool resolver = keys[i].parse == dns_resolver;
        if (!(keys[i].flags & CONF_BOX) || !conf_key_line(p, i) || (resolver && service->resolver_wan))
            continue;
        conf_report(p->errors, p->file, conf_key_line(p, i), resolver ? CAUSE_WRITE_PC_RESOLVER : CAUSE_TAKE_OUT_OR_BOX,
                    resolver ? CAUSE_PC_RESOLVER : CAUSE_PC_HAS_KEY, keys[i].name, NULL);
    }
    service->resolver_wan = true;
    for (unsigned i = 0; i < service->rule_count; i++)
        check_pc_rule(p, &service->rules[i]);
}

static void refuse_esp(struct conf_parser *p)
{
    const struct conf_service *service = p->service;
    for (unsigned i = 0; i < service->rule_count; i++)
        for (unsigned k = 0; k < service->rules[i].port_count; k++)
            if (service->rules[i].ports[k].proto == IPPROTO_ESP)
                conf_report(p->errors, p->file, service->rules[i].line, CAUSE_WRITE_NO_ESP, CAUSE_ESP_NOT_PC,
                            service->rules[i].name, NULL);
}

/* What raises the tunnel is a question for a name behind it. */
static bool all_on_line(const struct conf_service *service)
{
    for (unsigned i = 0; i < service->rule_count; i++)
        if (!service->rules[i].via_line)
            return false;
    return service->rule_count > 0;
}

static void service_end(struct conf_parser *p)
{
    struct conf_service *service = p->service;
    struct addr hub;
    if (service->by_pc) {
        pc_end(p);
        return;
    }
    refuse_esp(p);
    if (all_on_line(service))
        conf_report(p->errors, p->file, service->rules[0].line, CAUSE_ADD_TUNNEL_NAME, CAUSE_NO_TUNNEL_NAME, NULL);
    if (!conf_seen(p, "tunnel", "hub-id"))
        (void)conf_copy(service->hub_id, sizeof service->hub_id,
                        strlen(service->hub) < sizeof service->hub_id ? service->hub : "");
    if (service->hub[0] && !service->hub_id[0] && !conf_seen(p, "tunnel", "hub-id"))
        conf_fail(p, CAUSE_ADD_HUB_ID, CAUSE_HUB_ID_TOO_LONG, NULL);
    if (service->remote_count == 0)
        return;
    if (!has_ipv4(service))
        conf_fail(p, CAUSE_ADD_IPV4_REMOTE, CAUSE_REMOTE_IPV6_ONLY, NULL);
    bool literal = conf_parse_addr(service->hub, &hub);
    if (literal && service->resolver.family && addr_equal(&hub, &service->resolver)) {
        conf_report(p->errors, p->file, service->resolver_line,
                    conf_carries_all(service) ? CAUSE_WRITE_RESOLVER_BEHIND : CAUSE_WRITE_RESOLVER_OR_WAN,
                    CAUSE_RESOLVER_IS_HUB, NULL);
        return;
    }
    /* What is the registry's is then only learned from answers: they must be the registry's own. */
    if (service->resolver_wan && conf_carries_all(service))
        conf_report(p->errors, p->file, service->resolver_line, CAUSE_WRITE_RESOLVER_BEHIND,
                    CAUSE_RESOLVER_WAN_CARRIES_ALL, NULL);
    if (service->resolver.family && !in_remote(service, &service->resolver))
        conf_fail(p, CAUSE_ADD_RESOLVER_REMOTE, CAUSE_RESOLVER_OUTSIDE, NULL);
    if (literal && !conf_carries_all(service) && in_remote(service, &hub))
        conf_fail(p, CAUSE_CHECK_HUB_REMOTE, CAUSE_HUB_INSIDE, NULL);
}

const struct conf_kind conf_kind_service = {keys, sizeof keys / sizeof keys[0], service_end};

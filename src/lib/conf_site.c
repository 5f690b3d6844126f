/* The keys of a site file. */
#include "conf_parse.h"
#include "zone.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define IDLE_MIN_S 10
#define IDLE_MAX_S (24 * 3600)

static enum cause_code site_name(struct conf_parser *p, const char *value)
{
    return conf_copy(p->site->name, sizeof p->site->name, value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code site_service(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    if (!conf_is_short_name(value))
        return CAUSE_VALUE_NOT_SERVICE_NAME;
    if (strcmp(value, "all") == 0 || strcmp(value, "none") == 0)
        return CAUSE_VALUE_RESERVED_WORD;
    for (unsigned i = 0; i < site->service_count; i++)
        if (strcmp(site->services[i], value) == 0)
            return CAUSE_VALUE_NAMED_TWICE;
    if (site->service_count == CONF_SERVICES_MAX)
        return CAUSE_VALUE_SERVICE_TOO_MANY;
    (void)conf_copy(site->services[site->service_count++], CONF_NAME_MAX, value);
    return CAUSE_NONE;
}

static enum cause_code site_outside(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "closed") == 0)
        p->site->outside = CONF_OUTSIDE_CLOSED;
    else if (strcmp(value, "internet") == 0)
        p->site->outside = CONF_OUTSIDE_INTERNET;
    else
        return CAUSE_VALUE_NOT_CLOSED_INTERNET;
    return CAUSE_NONE;
}

static enum cause_code site_session(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "demand") == 0)
        p->site->start = CONF_START_DEMAND;
    else if (strcmp(value, "always") == 0)
        p->site->start = CONF_START_ALWAYS;
    else
        return CAUSE_VALUE_NOT_DEMAND_ALWAYS;
    return CAUSE_NONE;
}

static enum cause_code site_idle(struct conf_parser *p, const char *value)
{
    uint32_t seconds;
    if (!conf_parse_duration(value, &seconds))
        return CAUSE_VALUE_NOT_TIME;
    if (seconds < IDLE_MIN_S || seconds > IDLE_MAX_S)
        return CAUSE_VALUE_TIME_OUT_OF_RANGE;
    p->site->idle_s = seconds;
    return CAUSE_NONE;
}

static enum cause_code site_timezone(struct conf_parser *p, const char *value)
{
    int minutes;
    if (!zone_parse(value, &minutes))
        return CAUSE_VALUE_NOT_UTC_OFFSET;
    p->site->zone_min = minutes;
    return CAUSE_NONE;
}

static enum cause_code wan_mode(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "dhcp") == 0)
        p->site->wan_mode = CONF_WAN_DHCP;
    else if (strcmp(value, "static") == 0)
        p->site->wan_mode = CONF_WAN_STATIC;
    else
        return CAUSE_VALUE_NOT_DHCP_STATIC;
    return CAUSE_NONE;
}

/* An interface's own address: not the network's address and not its broadcast address (RFC 1122 section 3.2.1.3). */
static enum cause_code interface_wrong(const struct prefix *p, unsigned max_len)
{
    if (p->addr.family != AF_INET)
        return CAUSE_VALUE_NOT_IPV4;
    if (p->len < 8 || p->len > max_len)
        return CAUSE_VALUE_PREFIX_LENGTH_WRONG;
    uint32_t address, host_mask = p->len == 32 ? 0 : UINT32_MAX >> p->len;
    memcpy(&address, p->addr.bytes, sizeof address);
    uint32_t host = ntohl(address) & host_mask;
    if (addr_kind(&p->addr) == ADDR_NO_HOST)
        return CAUSE_VALUE_NOT_INTERFACE_ADDRESS;
    if (p->len < 31 && (host == 0 || host == host_mask))
        return CAUSE_VALUE_NETWORK_END;
    return CAUSE_NONE;
}

static enum cause_code wan_address(struct conf_parser *p, const char *value)
{
    if (!conf_parse_interface(value, &p->site->wan_address))
        return CAUSE_VALUE_NOT_ADDRESS_WITH_LENGTH;
    return interface_wrong(&p->site->wan_address, 32);
}

static enum cause_code wan_gateway(struct conf_parser *p, const char *value)
{
    if (!conf_parse_addr(value, &p->site->wan_gateway) || p->site->wan_gateway.family != AF_INET)
        return CAUSE_VALUE_NOT_IPV4;
    return addr_kind(&p->site->wan_gateway) == ADDR_NO_HOST ? CAUSE_VALUE_NOT_ROUTER : CAUSE_NONE;
}

static enum cause_code wan_mtu(struct conf_parser *p, const char *value)
{
    return conf_parse_number(value, 576, 1500, &p->site->wan_mtu) ? CAUSE_NONE : CAUSE_VALUE_MTU_OUT_OF_RANGE;
}

static enum cause_code wan_dns(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    struct addr a;
    if (!conf_parse_addr(value, &a))
        return CAUSE_VALUE_NOT_ADDRESS;
    if (addr_kind(&a) == ADDR_NO_HOST)
        return CAUSE_VALUE_NOT_DNS_SERVER;
    if (site->wan_dns_count == CONF_ADDRS_MAX)
        return CAUSE_VALUE_SERVER_TOO_MANY;
    site->wan_dns_line[site->wan_dns_count] = p->line;
    site->wan_dns[site->wan_dns_count++] = a;
    return CAUSE_NONE;
}

static enum cause_code wan_ntp(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    if (!conf_is_host(value))
        return CAUSE_VALUE_NOT_HOST;
    if (site->ntp_count == CONF_ADDRS_MAX)
        return CAUSE_VALUE_SERVER_TOO_MANY;
    (void)conf_copy_lower(site->ntp[site->ntp_count++], CONF_FQDN_MAX, value);
    return CAUSE_NONE;
}

static enum cause_code lan_address(struct conf_parser *p, const char *value)
{
    struct prefix own;
    p->site->lan_address = (struct prefix){0}; /* no follow-up mistakes from an invalid address */
    if (!conf_parse_interface(value, &own))
        return CAUSE_VALUE_NOT_ADDRESS_WITH_LENGTH;
    enum cause_code wrong = interface_wrong(&own, 30);
    if (!wrong)
        p->site->lan_address = own;
    return wrong;
}

static enum cause_code lan_dhcp(struct conf_parser *p, const char *value)
{
    char first[INET_ADDRSTRLEN];
    const char *dash = strchr(value, '-');
    struct addr a, b;
    if (strcmp(value, "off") == 0)
        return CAUSE_NONE;
    if (!dash || (size_t)(dash - value) >= sizeof first)
        return CAUSE_VALUE_NOT_RANGE;
    memcpy(first, value, (size_t)(dash - value));
    first[dash - value] = '\0';
    if (!conf_parse_addr(first, &a) || !conf_parse_addr(dash + 1, &b) || a.family != AF_INET || b.family != AF_INET)
        return CAUSE_VALUE_NOT_IPV4_RANGE;
    if (memcmp(a.bytes, b.bytes, 4) > 0)
        return CAUSE_VALUE_RANGE_BACKWARDS;
    p->site->dhcp_first = a;
    p->site->dhcp_last = b;
    return CAUSE_NONE;
}

static enum cause_code lan_private(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    char domain[CONF_FQDN_MAX];
    if (!conf_copy_lower(domain, sizeof domain, value) || !conf_is_fqdn(domain))
        return CAUSE_VALUE_NOT_DOMAIN;
    if (conf_domain_too_wide(domain))
        return CAUSE_VALUE_DOMAIN_TOO_WIDE;
    for (unsigned i = 0; i < site->private_count; i++)
        if (strcmp(site->private_answers[i], domain) == 0)
            return CAUSE_VALUE_ALREADY_THERE;
    if (site->private_count == CONF_PRIVATE_MAX)
        return CAUSE_VALUE_DOMAIN_TOO_MANY;
    (void)conf_copy(site->private_answers[site->private_count++], CONF_FQDN_MAX, domain);
    return CAUSE_NONE;
}

/* Six octets, separated by `:` or `-`; a unicast address, not all zeros. */
static bool parse_mac(const char *text, uint8_t mac[6])
{
    static const uint8_t zero[6];
    static const char digits[] = "0123456789abcdef";
    char separator = strlen(text) == 17 ? text[2] : 0;
    if (separator != ':' && separator != '-')
        return false;
    for (int i = 0; i < 6; i++, text += 3) {
        const char *high = strchr(digits, tolower((unsigned char)text[0]));
        const char *low = strchr(digits, tolower((unsigned char)text[1]));
        if (!high || !low || (i < 5 && text[2] != separator))
            return false;
        mac[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return !(mac[0] & 1) && memcmp(mac, zero, sizeof zero) != 0;
}

/* How the host contradicts an earlier one; adds the earlier one's line number to the cause. */
static enum cause_code host_again(struct conf_parser *p, const struct conf_host *old, const struct conf_host *new)
{
    bool addr = addr_equal(&old->addr, &new->addr), mac = memcmp(old->mac, new->mac, sizeof old->mac) == 0;
    if (!addr && !mac)
        return CAUSE_NONE;
    conf_also(p, 0, CAUSE_NUMBER(old->line));
    if (strcmp(old->service, new->service) != 0 && mac)
        return CAUSE_VALUE_HOST_OF_OTHER_SERVICE;
    return addr && mac ? CAUSE_VALUE_HOST_TWICE : addr ? CAUSE_VALUE_ADDRESS_TWICE : CAUSE_VALUE_MAC_TWICE;
}

/* ADDRESS MAC SERVICE|none. That the address is on the LAN and the service known is checked at the end of the file. */
static enum cause_code hosts_host(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    struct conf_host host = {.line = p->line};
    char address[INET6_ADDRSTRLEN], mac[18], service[CONF_NAME_MAX + 1], rest[2];
    if (sscanf(value, "%45s %17s %32s %1s", address, mac, service, rest) != 3)
        return CAUSE_VALUE_NOT_HOST_LINE;
    if (!conf_parse_addr(address, &host.addr) || host.addr.family != AF_INET)
        return CAUSE_VALUE_HOST_WITHOUT_ADDRESS;
    if (!parse_mac(mac, host.mac))
        return CAUSE_VALUE_HOST_WITHOUT_MAC;
    if (!conf_is_short_name(service))
        return CAUSE_VALUE_HOST_WITHOUT_SERVICE;
    if (strcmp(service, "none") != 0)
        (void)conf_copy(host.service, sizeof host.service, service);
    for (unsigned i = 0; i < site->host_count; i++) {
        enum cause_code wrong = host_again(p, &site->hosts[i], &host);
        if (wrong)
            return wrong;
    }
    if (site->host_count == CONF_HOSTS_MAX)
        return CAUSE_VALUE_HOST_TOO_MANY;
    site->hosts[site->host_count++] = host;
    return CAUSE_NONE;
}

static enum cause_code hosts_others(struct conf_parser *p, const char *value)
{
    if (!conf_is_short_name(value))
        return CAUSE_VALUE_NOT_ALL_NONE_SERVICE;
    p->site->others_line = p->line;
    return conf_copy(p->site->others, sizeof p->site->others, value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

/* HOST, HOST:PORT, or [IPV6]:PORT. */
static enum cause_code enroll_server(struct conf_parser *p, const char *value)
{
    char host[CONF_FQDN_MAX + 2];
    const char *colon = strrchr(value, ':');
    uint32_t port = 443;
    if (value[0] == '[' ? colon && colon[-1] != ']' : colon && strchr(value, ':') != colon)
        colon = NULL; /* the colons are an IPv6 address's own */
    size_t len = colon ? (size_t)(colon - value) : strlen(value);
    if (len >= sizeof host)
        return CAUSE_VALUE_TOO_LONG;
    memcpy(host, value, len);
    host[len] = '\0';
    if (colon && !conf_parse_number(colon + 1, 1, 65535, &port))
        return CAUSE_VALUE_PORT_OUT_OF_RANGE;
    char *bare = host;
    if (host[0] == '[' && len > 1 && host[len - 1] == ']') {
        host[len - 1] = '\0';
        bare++;
    }
    if (!conf_is_host(bare))
        return CAUSE_VALUE_NOT_HOST;
    p->site->est_port = (uint16_t)port;
    return conf_copy_lower(p->site->est_host, sizeof p->site->est_host, bare) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code enroll_label(struct conf_parser *p, const char *value)
{
    size_t len = strlen(value);
    if (strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != len)
        return CAUSE_VALUE_NOT_LABEL;
    return conf_copy(p->site->est_label, sizeof p->site->est_label, value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code enroll_fingerprint(struct conf_parser *p, const char *value)
{
    static const uint8_t zero[32];
    if (!conf_parse_sha256(value, p->site->est_ca_sha256))
        return CAUSE_VALUE_NOT_FINGERPRINT;
    return memcmp(p->site->est_ca_sha256, zero, sizeof zero) == 0 ? CAUSE_VALUE_ALL_ZEROS : CAUSE_NONE;
}

static enum cause_code enroll_server_ca(struct conf_parser *p, const char *value)
{
    static const uint8_t zero[32];
    struct conf_site *site = p->site;
    if (site->est_server_count == CONF_ADDRS_MAX)
        return CAUSE_VALUE_CERTIFICATE_TOO_MANY;
    uint8_t *out = site->est_server_sha256[site->est_server_count];
    if (!conf_parse_sha256(value, out))
        return CAUSE_VALUE_NOT_FINGERPRINT;
    if (memcmp(out, zero, sizeof zero) == 0)
        return CAUSE_VALUE_ALL_ZEROS;
    site->est_server_count++;
    return CAUSE_NONE;
}

static bool is_printable_ascii(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text > 0x7e)
            return false;
    return true;
}

static enum cause_code enroll_username(struct conf_parser *p, const char *value)
{
    /* RFC 7617 section 2: the colon ends the user name. */
    if (!is_printable_ascii(value) || strchr(value, ':'))
        return CAUSE_VALUE_NOT_USER_NAME;
    return conf_copy(p->site->est_user, sizeof p->site->est_user, value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static enum cause_code enroll_password(struct conf_parser *p, const char *value)
{
    if (!is_printable_ascii(value))
        return CAUSE_SECRET_NOT_ASCII;
    if (strlen(value) < 6)
        return CAUSE_SECRET_TOO_SHORT;
    return conf_copy(p->site->est_password, sizeof p->site->est_password, value) ? CAUSE_NONE : CAUSE_SECRET_TOO_LONG;
}

static enum cause_code enroll_device(struct conf_parser *p, const char *value)
{
    size_t len = strlen(value);
    if (strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") != len)
        return CAUSE_VALUE_NOT_DEVICE_NAME;
    return conf_copy(p->site->device, sizeof p->site->device, value) ? CAUSE_NONE : CAUSE_VALUE_TOO_LONG;
}

static const struct conf_key keys[] = {
    {"site", "name", CONF_REQUIRED, site_name, CAUSE_WRITE_SITE_NAME},
    {"site", "service", CONF_REQUIRED | CONF_MANY, site_service, CAUSE_WRITE_SITE_SERVICE},
    {"site", "outside-session", 0, site_outside, CAUSE_WRITE_OUTSIDE_SESSION},
    {"site", "session", 0, site_session, CAUSE_WRITE_SESSION},
    {"site", "idle", 0, site_idle, CAUSE_WRITE_IDLE},
    {"site", "timezone", 0, site_timezone, CAUSE_WRITE_TIMEZONE},
    {"wan", "mode", CONF_REQUIRED, wan_mode, CAUSE_WRITE_WAN_MODE},
    {"wan", "address", 0, wan_address, CAUSE_WRITE_WAN_ADDRESS},
    {"wan", "gateway", 0, wan_gateway, CAUSE_WRITE_WAN_GATEWAY},
    {"wan", "mtu", 0, wan_mtu, CAUSE_WRITE_MTU},
    {"wan", "dns", CONF_MANY, wan_dns, CAUSE_WRITE_WAN_DNS},
    {"wan", "ntp", CONF_MANY, wan_ntp, CAUSE_WRITE_NTP},
    {"lan", "address", 0, lan_address, CAUSE_WRITE_LAN_ADDRESS},
    {"lan", "dhcp", 0, lan_dhcp, CAUSE_WRITE_LAN_DHCP},
    {"lan", "private-answers", CONF_MANY, lan_private, CAUSE_WRITE_PRIVATE_ANSWERS},
    {"hosts", "host", CONF_MANY, hosts_host, CAUSE_WRITE_HOST},
    {"hosts", "others", 0, hosts_others, CAUSE_WRITE_OTHERS},
    {"enroll", "server", CONF_REQUIRED, enroll_server, CAUSE_WRITE_EST_SERVER},
    {"enroll", "label", 0, enroll_label, CAUSE_WRITE_LABEL},
    {"enroll", "ca-fingerprint", CONF_REQUIRED, enroll_fingerprint, CAUSE_WRITE_CA_FINGERPRINT},
    {"enroll", "server-ca", CONF_MANY, enroll_server_ca, CAUSE_WRITE_SERVER_CA},
    {"enroll", "username", CONF_REQUIRED, enroll_username, CAUSE_WRITE_USERNAME},
    {"enroll", "password", CONF_REQUIRED | CONF_SECRET, enroll_password, CAUSE_WRITE_PASSWORD},
    {"enroll", "device", CONF_REQUIRED, enroll_device, CAUSE_WRITE_DEVICE},
};
_Static_assert(sizeof keys / sizeof keys[0] <= CONF_KEYS_MAX, "conf_parser.seen has too few bits");

static void end_wan(struct conf_parser *p)
{
    struct conf_site *site = p->site;
    bool fixed = site->wan_mode == CONF_WAN_STATIC;
    static const char *const needed[] = {"address", "gateway", "dns"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        bool seen = conf_seen(p, "wan", needed[i]);
        if (fixed && !seen)
            conf_fail(p, CAUSE_STATIC_NEEDS, CAUSE_KEY_MISSING, needed[i], "wan", NULL);
        else if (!fixed && seen && strcmp(needed[i], "dns") != 0)
            conf_fail(p, CAUSE_DELETE_OR_STATIC, CAUSE_WAN_KEY_WITH_DHCP, needed[i], NULL);
    }
    if (fixed && !conf_seen(p, "wan", "ntp"))
        conf_fail(p, CAUSE_ADD_NTP, CAUSE_KEY_MISSING, "ntp", "wan", NULL);
    if (fixed && site->wan_gateway.family && site->wan_address.addr.family) {
        if (!prefix_contains(&site->wan_address, &site->wan_gateway))
            conf_fail(p, CAUSE_CHECK_WAN_GATEWAY, CAUSE_GATEWAY_OUTSIDE, NULL);
        else if (addr_equal(&site->wan_gateway, &site->wan_address.addr))
            conf_fail(p, CAUSE_WRITE_ROUTER, CAUSE_GATEWAY_IS_BOX, NULL);
    }
    for (unsigned i = 0; i < site->wan_dns_count; i++) {
        if (addr_equal(&site->wan_dns[i], &site->wan_address.addr) ||
            addr_equal(&site->wan_dns[i], &site->lan_address.addr))
            conf_report(p->errors, p->file, site->wan_dns_line[i], CAUSE_WRITE_LINE_DNS, CAUSE_DNS_IS_BOX, NULL);
        else if (prefix_contains(&site->lan_address, &site->wan_dns[i]))
            conf_report(p->errors, p->file, site->wan_dns_line[i], CAUSE_WRITE_OUTSIDE_DNS, CAUSE_DNS_ON_LAN, NULL);
    }
    if (fixed && site->wan_address.addr.family && prefix_overlaps(&site->wan_address, &site->lan_address))
        conf_fail(p, CAUSE_MOVE_LAN, CAUSE_WAN_OVERLAPS_LAN, NULL);
}

/* The first (network) and last (broadcast) address of an IPv4 prefix. */
static void network_ends(const struct prefix *p, struct addr *first, struct addr *last)
{
    uint32_t address, host_mask = htonl(p->len == 0 ? UINT32_MAX : UINT32_MAX >> p->len);
    memcpy(&address, p->addr.bytes, sizeof address);
    *first = *last = (struct addr){.family = p->addr.family};
    uint32_t low = address & ~host_mask, high = address | host_mask;
    memcpy(first->bytes, &low, sizeof low);
    memcpy(last->bytes, &high, sizeof high);
}

static void end_lan(struct conf_parser *p)
{
    struct conf_site *site = p->site;
    if (!conf_seen(p, "lan", "dhcp")) {
        if (conf_seen(p, "lan", "address")) {
            conf_fail(p, CAUSE_ADD_DHCP, CAUSE_LAN_WITHOUT_DHCP, NULL);
            return;
        }
        (void)conf_parse_addr("192.168.77.100", &site->dhcp_first);
        (void)conf_parse_addr("192.168.77.199", &site->dhcp_last);
    }
    if (!site->dhcp_first.family || !site->lan_address.addr.family)
        return;
    if (!prefix_contains(&site->lan_address, &site->dhcp_first) ||
        !prefix_contains(&site->lan_address, &site->dhcp_last))
        conf_fail(p, CAUSE_WRITE_RANGE_INSIDE, CAUSE_DHCP_OUTSIDE_LAN, NULL);
    else if (memcmp(site->lan_address.addr.bytes, site->dhcp_first.bytes, 4) >= 0 &&
             memcmp(site->lan_address.addr.bytes, site->dhcp_last.bytes, 4) <= 0)
        conf_fail(p, CAUSE_WRITE_RANGE_WITHOUT_BOX, CAUSE_DHCP_HAS_BOX, NULL);
}

static bool names_service(const struct conf_site *site, const char *name)
{
    for (unsigned i = 0; i < site->service_count; i++)
        if (strcmp(site->services[i], name) == 0)
            return true;
    return false;
}

static void end_hosts(struct conf_parser *p)
{
    enum cause_code known = CAUSE_WRITE_KNOWN_SERVICE;
    struct conf_site *site = p->site;
    struct addr first, last;
    bool on_lan = site->lan_address.addr.family != 0;
    network_ends(&site->lan_address, &first, &last);
    for (unsigned i = 0; i < site->host_count; i++) {
        const struct conf_host *h = &site->hosts[i];
        char text[INET6_ADDRSTRLEN];
        (void)addr_text(&h->addr, text, sizeof text);
        if (!on_lan)
            ; /* the LAN's address is invalid: already reported */
        else if (addr_equal(&h->addr, &site->lan_address.addr))
            conf_report(p->errors, p->file, h->line, CAUSE_WRITE_PC_ADDRESS, CAUSE_HOST_IS_BOX, text, NULL);
        else if (!prefix_contains(&site->lan_address, &h->addr) || addr_equal(&h->addr, &first) ||
                 addr_equal(&h->addr, &last))
            conf_report(p->errors, p->file, h->line, CAUSE_WRITE_ADDRESS_INSIDE, CAUSE_HOST_OUTSIDE_LAN, text, NULL);
        if (h->service[0] && !names_service(site, h->service))
            conf_report(p->errors, p->file, h->line, known, CAUSE_HOST_SERVICE_UNKNOWN, h->service, NULL);
    }
    if (!site->others[0])
        (void)conf_copy(site->others, sizeof site->others, "all");
    else if (strcmp(site->others, "all") != 0 && strcmp(site->others, "none") != 0 &&
             !names_service(site, site->others))
        conf_report(p->errors, p->file, site->others_line, known, CAUSE_OTHERS_SERVICE_UNKNOWN, site->others, NULL);
}

static void site_end(struct conf_parser *p)
{
    end_wan(p);
    end_lan(p);
    end_hosts(p);
}

const struct conf_kind conf_kind_site = {keys, sizeof keys / sizeof keys[0], site_end};

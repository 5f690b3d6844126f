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

static const char *site_name(struct conf_parser *p, const char *value)
{
    return conf_copy(p->site->name, sizeof p->site->name, value) ? NULL : "is too long";
}

static const char *site_service(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    if (!conf_is_short_name(value))
        return "is not the short name of a service";
    if (strcmp(value, "all") == 0 || strcmp(value, "none") == 0)
        return "is a word of [hosts] and cannot name a service";
    for (unsigned i = 0; i < site->service_count; i++)
        if (strcmp(site->services[i], value) == 0)
            return "is named twice";
    if (site->service_count == CONF_SERVICES_MAX)
        return "is one service too many";
    (void)conf_copy(site->services[site->service_count++], CONF_NAME_MAX, value);
    return NULL;
}

static const char *site_outside(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "closed") == 0)
        p->site->outside = CONF_OUTSIDE_CLOSED;
    else if (strcmp(value, "internet") == 0)
        p->site->outside = CONF_OUTSIDE_INTERNET;
    else
        return "is neither `closed` nor `internet`";
    return NULL;
}

static const char *site_session(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "demand") == 0)
        p->site->start = CONF_START_DEMAND;
    else if (strcmp(value, "always") == 0)
        p->site->start = CONF_START_ALWAYS;
    else
        return "is neither `demand` nor `always`";
    return NULL;
}

static const char *site_idle(struct conf_parser *p, const char *value)
{
    uint32_t seconds;
    if (!conf_parse_duration(value, &seconds))
        return "is not a time";
    if (seconds < IDLE_MIN_S || seconds > IDLE_MAX_S)
        return "is not between 10 s and 24 h";
    p->site->idle_s = seconds;
    return NULL;
}

static const char *site_timezone(struct conf_parser *p, const char *value)
{
    int minutes;
    if (!zone_parse(value, &minutes))
        return "is not an offset from UTC";
    p->site->zone_min = minutes;
    return NULL;
}

static const char *wan_mode(struct conf_parser *p, const char *value)
{
    if (strcmp(value, "dhcp") == 0)
        p->site->wan_mode = CONF_WAN_DHCP;
    else if (strcmp(value, "static") == 0)
        p->site->wan_mode = CONF_WAN_STATIC;
    else
        return "is neither `dhcp` nor `static`";
    return NULL;
}

/* An interface's own address: not the network's address and not its broadcast address (RFC 1122 section 3.2.1.3). */
static const char *interface_wrong(const struct prefix *p, unsigned max_len)
{
    if (p->addr.family != AF_INET)
        return "is not an IPv4 address";
    if (p->len < 8 || p->len > max_len)
        return "has a prefix length that cannot be right";
    uint32_t address, host_mask = p->len == 32 ? 0 : UINT32_MAX >> p->len;
    memcpy(&address, p->addr.bytes, sizeof address);
    uint32_t host = ntohl(address) & host_mask;
    if (conf_never_remote(&p->addr))
        return "is not an address for an interface";
    if (p->len < 31 && (host == 0 || host == host_mask))
        return "is the network's own or its broadcast address";
    return NULL;
}

static const char *wan_address(struct conf_parser *p, const char *value)
{
    if (!conf_parse_interface(value, &p->site->wan_address))
        return "is not an address with a prefix length";
    return interface_wrong(&p->site->wan_address, 32);
}

static const char *wan_gateway(struct conf_parser *p, const char *value)
{
    if (!conf_parse_addr(value, &p->site->wan_gateway) || p->site->wan_gateway.family != AF_INET)
        return "is not an IPv4 address";
    return conf_never_remote(&p->site->wan_gateway) ? "cannot be a router" : NULL;
}

static const char *wan_mtu(struct conf_parser *p, const char *value)
{
    return conf_parse_number(value, 576, 1500, &p->site->wan_mtu) ? NULL : "is not a number from 576 to 1500";
}

static const char *wan_dns(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    struct addr a;
    if (!conf_parse_addr(value, &a))
        return "is not an address";
    if (conf_never_remote(&a))
        return "cannot be a DNS server";
    if (site->wan_dns_count == CONF_ADDRS_MAX)
        return "is one server too many";
    site->wan_dns_line[site->wan_dns_count] = p->line;
    site->wan_dns[site->wan_dns_count++] = a;
    return NULL;
}

static const char *wan_ntp(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    if (!conf_is_host(value))
        return "is neither a full host name nor an address";
    if (site->ntp_count == CONF_ADDRS_MAX)
        return "is one server too many";
    (void)conf_copy_lower(site->ntp[site->ntp_count++], CONF_FQDN_MAX, value);
    return NULL;
}

static const char *lan_address(struct conf_parser *p, const char *value)
{
    struct prefix own;
    p->site->lan_address = (struct prefix){0}; /* what depends on it is not judged by a wrong one */
    if (!conf_parse_interface(value, &own))
        return "is not an address with a prefix length";
    const char *wrong = interface_wrong(&own, 30);
    if (!wrong)
        p->site->lan_address = own;
    return wrong;
}

static const char *lan_dhcp(struct conf_parser *p, const char *value)
{
    char first[INET_ADDRSTRLEN];
    const char *dash = strchr(value, '-');
    struct addr a, b;
    if (strcmp(value, "off") == 0)
        return NULL;
    if (!dash || (size_t)(dash - value) >= sizeof first)
        return "is not a range of addresses";
    memcpy(first, value, (size_t)(dash - value));
    first[dash - value] = '\0';
    if (!conf_parse_addr(first, &a) || !conf_parse_addr(dash + 1, &b) || a.family != AF_INET || b.family != AF_INET)
        return "is not a range of IPv4 addresses";
    if (memcmp(a.bytes, b.bytes, 4) > 0)
        return "ends before it begins";
    p->site->dhcp_first = a;
    p->site->dhcp_last = b;
    return NULL;
}

static const char *lan_private(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    char domain[CONF_FQDN_MAX];
    if (!conf_copy_lower(domain, sizeof domain, value) || !conf_is_fqdn(domain))
        return "is not a domain of at least two labels";
    if (conf_domain_too_wide(domain))
        return "is too wide: strangers have names below it";
    for (unsigned i = 0; i < site->private_count; i++)
        if (strcmp(site->private_answers[i], domain) == 0)
            return "stands there already";
    if (site->private_count == CONF_PRIVATE_MAX)
        return "is one domain too many";
    (void)conf_copy(site->private_answers[site->private_count++], CONF_FQDN_MAX, domain);
    return NULL;
}

/* Six octets, apart by `:` or `-`; one network card's own: not a group's, not all zeros. */
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

static const char *host_again(const struct conf_host *old, const struct conf_host *new)
{
    static char text[120];
    bool addr = addr_equal(&old->addr, &new->addr), mac = memcmp(old->mac, new->mac, sizeof old->mac) == 0;
    if (!addr && !mac)
        return NULL;
    if (strcmp(old->service, new->service) != 0 && mac)
        (void)snprintf(text, sizeof text, "binds a host that line %u binds to another service: one host, one service",
                       old->line);
    else
        (void)snprintf(text, sizeof text, "has the %s of line %u",
                       addr && mac ? "address and network card"
                       : addr      ? "address"
                                   : "network card",
                       old->line);
    return text;
}

/* ADDRESS MAC SERVICE|none. Whether the address is on the LAN and the service known is seen at the end of the file. */
static const char *hosts_host(struct conf_parser *p, const char *value)
{
    struct conf_site *site = p->site;
    struct conf_host host = {.line = p->line};
    char address[INET6_ADDRSTRLEN], mac[18], service[CONF_NAME_MAX + 1], rest[2];
    if (sscanf(value, "%45s %17s %32s %1s", address, mac, service, rest) != 3)
        return "is not an address, a network card and a service";
    if (!conf_parse_addr(address, &host.addr) || host.addr.family != AF_INET)
        return "does not begin with an IPv4 address";
    if (!parse_mac(mac, host.mac))
        return "has no network card's address (MAC) as its second word";
    if (!conf_is_short_name(service))
        return "has neither a service's short name nor `none` at its end";
    if (strcmp(service, "none") != 0)
        (void)conf_copy(host.service, sizeof host.service, service);
    for (unsigned i = 0; i < site->host_count; i++) {
        const char *wrong = host_again(&site->hosts[i], &host);
        if (wrong)
            return wrong;
    }
    if (site->host_count == CONF_HOSTS_MAX)
        return "is one host too many";
    site->hosts[site->host_count++] = host;
    return NULL;
}

static const char *hosts_others(struct conf_parser *p, const char *value)
{
    if (!conf_is_short_name(value))
        return "is neither `all` nor `none` nor a service's short name";
    p->site->others_line = p->line;
    return conf_copy(p->site->others, sizeof p->site->others, value) ? NULL : "is too long";
}

/* HOST, HOST:PORT, or [IPV6]:PORT. */
static const char *enroll_server(struct conf_parser *p, const char *value)
{
    char host[CONF_FQDN_MAX + 2];
    const char *colon = strrchr(value, ':');
    uint32_t port = 443;
    if (value[0] == '[' ? colon && colon[-1] != ']' : colon && strchr(value, ':') != colon)
        colon = NULL; /* the colons are an IPv6 address's own */
    size_t len = colon ? (size_t)(colon - value) : strlen(value);
    if (len >= sizeof host)
        return "is too long";
    memcpy(host, value, len);
    host[len] = '\0';
    if (colon && !conf_parse_number(colon + 1, 1, 65535, &port))
        return "has a port that is not between 1 and 65535";
    char *bare = host;
    if (host[0] == '[' && len > 1 && host[len - 1] == ']') {
        host[len - 1] = '\0';
        bare++;
    }
    if (!conf_is_host(bare))
        return "is neither a full host name nor an address";
    p->site->est_port = (uint16_t)port;
    return conf_copy_lower(p->site->est_host, sizeof p->site->est_host, bare) ? NULL : "is too long";
}

static const char *enroll_label(struct conf_parser *p, const char *value)
{
    size_t len = strlen(value);
    if (strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != len)
        return "has characters that a label cannot have";
    return conf_copy(p->site->est_label, sizeof p->site->est_label, value) ? NULL : "is too long";
}

static const char *enroll_fingerprint(struct conf_parser *p, const char *value)
{
    static const uint8_t zero[32];
    if (!conf_parse_sha256(value, p->site->est_ca_sha256))
        return "is not a SHA-256 fingerprint";
    return memcmp(p->site->est_ca_sha256, zero, sizeof zero) == 0 ? "is all zeros" : NULL;
}

static const char *enroll_server_ca(struct conf_parser *p, const char *value)
{
    static const uint8_t zero[32];
    struct conf_site *site = p->site;
    if (site->est_server_count == CONF_ADDRS_MAX)
        return "is one certificate too many";
    uint8_t *out = site->est_server_sha256[site->est_server_count];
    if (!conf_parse_sha256(value, out))
        return "is not a SHA-256 fingerprint";
    if (memcmp(out, zero, sizeof zero) == 0)
        return "is all zeros";
    site->est_server_count++;
    return NULL;
}

static bool is_printable_ascii(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text > 0x7e)
            return false;
    return true;
}

static const char *enroll_username(struct conf_parser *p, const char *value)
{
    /* RFC 7617 section 2: the colon ends the user name. */
    if (!is_printable_ascii(value) || strchr(value, ':'))
        return "has characters that a user name cannot have";
    return conf_copy(p->site->est_user, sizeof p->site->est_user, value) ? NULL : "is too long";
}

static const char *enroll_password(struct conf_parser *p, const char *value)
{
    if (!is_printable_ascii(value))
        return "has spaces or characters that are not ASCII";
    if (strlen(value) < 6)
        return "is shorter than 6 characters";
    return conf_copy(p->site->est_password, sizeof p->site->est_password, value) ? NULL : "is too long";
}

static const char *enroll_device(struct conf_parser *p, const char *value)
{
    size_t len = strlen(value);
    if (strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") != len)
        return "has characters other than letters, digits, dot and hyphen";
    return conf_copy(p->site->device, sizeof p->site->device, value) ? NULL : "is too long";
}

static const struct conf_key keys[] = {
    {"site", "name", CONF_REQUIRED, site_name, "Write the site's name as people know it: `name = Example Hospital`."},
    {"site", "service", CONF_REQUIRED | CONF_MANY, site_service,
     "Write the name of a service file without .conf, one a line, at most 8: `service = gtol`."},
    {"site", "outside-session", 0, site_outside,
     "Write `outside-session = closed`, or `internet` if PCs may use the internet when no session is on."},
    {"site", "session", 0, site_session, "Write `session = demand` (a PC's request starts it) or `session = always`."},
    {"site", "idle", 0, site_idle, "Write a number and s, min or h, from 10 s to 24 h: `idle = 10 min`."},
    {"site", "timezone", 0, site_timezone,
     "Write the hours and minutes that the site's clocks are ahead of UTC, from -12:00 to +14:00: `timezone = +09:00`."},
    {"wan", "mode", CONF_REQUIRED, wan_mode, "Write `mode = dhcp` or `mode = static`."},
    {"wan", "address", 0, wan_address,
     "Write the box's own address on the line and its prefix length: `address = 192.168.1.2/24`."},
    {"wan", "gateway", 0, wan_gateway, "Write the router's address: `gateway = 192.168.1.1`."},
    {"wan", "mtu", 0, wan_mtu,
     "Write the largest packet that the line takes, in octets, as its provider says: `mtu = 1454`; or delete the line."},
    {"wan", "dns", CONF_MANY, wan_dns, "Write a DNS server's address, one a line, at most 4: `dns = 192.168.1.1`."},
    {"wan", "ntp", CONF_MANY, wan_ntp,
     "Write a time server's name or address, one a line, at most 4: `ntp = ntp.nict.jp`."},
    {"lan", "address", 0, lan_address,
     "Write the box's own IPv4 address for the PCs and its prefix length: `address = 192.168.77.1/24`."},
    {"lan", "dhcp", 0, lan_dhcp,
     "Write the first and the last address for PCs, `dhcp = 192.168.77.100-192.168.77.199`, or `dhcp = off`."},
    {"lan", "private-answers", CONF_MANY, lan_private,
     "Write a domain of this site's own, one a line, at most 8: `private-answers = hospital.example`."},
    {"hosts", "host", CONF_MANY, hosts_host,
     "Write address, network card and service, one host a line, each host once, at most 64: "
     "`host = 192.168.77.20 02:00:5e:10:00:20 gtol`, or `none` for no service."},
    {"hosts", "others", 0, hosts_others,
     "Write what all other hosts may use: `others = all`, `others = none`, or one service of [site]."},
    {"enroll", "server", CONF_REQUIRED, enroll_server,
     "Write the certificate server's host, and its port if it is not 443: `server = est.example.jp:8443`."},
    {"enroll", "label", 0, enroll_label,
     "Write the label that the centre gave, letters, digits, - and _, at most 31; or delete the line."},
    {"enroll", "ca-fingerprint", CONF_REQUIRED, enroll_fingerprint,
     "Write the SHA-256 fingerprint of the CA certificate that the centre gave: 64 hexadecimal digits, `:` allowed."},
    {"enroll", "server-ca", CONF_MANY, enroll_server_ca,
     "Write the SHA-256 fingerprint of the CA certificate behind the server's own TLS certificate, one a line, at most 4; or "
     "delete the line."},
    {"enroll", "username", CONF_REQUIRED, enroll_username,
     "Write the user name that the centre gave: ASCII without spaces and colons, at most 63."},
    {"enroll", "password", CONF_REQUIRED | CONF_SECRET, enroll_password,
     "Write the one-time password that the centre gave: 6 to 63 ASCII characters without spaces."},
    {"enroll", "device", CONF_REQUIRED, enroll_device,
     "Write the device's name as in its certificate: letters, digits, dot and hyphen, at most 63: `device = box-0001`."},
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
            conf_fail(p, "A line with `mode = static` needs `address`, `gateway` and at least one `dns`.",
                      "`%s` is missing in [wan]", needed[i]);
        else if (!fixed && seen && strcmp(needed[i], "dns") != 0)
            conf_fail(p, "Delete that line, or write `mode = static`.", "`%s` in [wan] contradicts `mode = dhcp`",
                      needed[i]);
    }
    if (fixed && !conf_seen(p, "wan", "ntp"))
        conf_fail(p, "Add a time server: `ntp = ntp.nict.jp`; a line with a fixed address announces none by itself.",
                  "`ntp` is missing in [wan]");
    if (fixed && site->wan_gateway.family && site->wan_address.addr.family) {
        if (!prefix_contains(&site->wan_address, &site->wan_gateway))
            conf_fail(p, "Check `address` and `gateway` in [wan] against what the line's provider gave.",
                      "the gateway is outside the network of the box's address on the line");
        else if (addr_equal(&site->wan_gateway, &site->wan_address.addr))
            conf_fail(p, "Write the router's address as `gateway`.", "the gateway is the box itself");
    }
    for (unsigned i = 0; i < site->wan_dns_count; i++) {
        if (addr_equal(&site->wan_dns[i], &site->wan_address.addr) ||
            addr_equal(&site->wan_dns[i], &site->lan_address.addr))
            conf_report(p->errors, p->file, site->wan_dns_line[i],
                        "Write a DNS server of the line, such as the router's address.",
                        "`dns`: this is the box itself, which would ask itself for ever");
        else if (prefix_contains(&site->lan_address, &site->wan_dns[i]))
            conf_report(p->errors, p->file, site->wan_dns_line[i],
                        "Write a DNS server that is reached over the line; an internal one may ask the box instead.",
                        "`dns`: this is in the network of the PCs, where the box asks nobody");
    }
    if (fixed && site->wan_address.addr.family && prefix_overlaps(&site->wan_address, &site->lan_address))
        conf_fail(p, "Give the PCs another network with `address` in [lan].",
                  "the networks of [wan] and [lan] overlap");
}

/* An IPv4 network's own address and its broadcast address. */
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
            conf_fail(p, "Add the range of addresses for PCs, or `dhcp = off`.",
                      "[lan] has its own `address` but no `dhcp`");
            return;
        }
        (void)conf_parse_addr("192.168.77.100", &site->dhcp_first);
        (void)conf_parse_addr("192.168.77.199", &site->dhcp_last);
    }
    if (!site->dhcp_first.family || !site->lan_address.addr.family)
        return;
    if (!prefix_contains(&site->lan_address, &site->dhcp_first) ||
        !prefix_contains(&site->lan_address, &site->dhcp_last))
        conf_fail(p, "Write a range inside the network of `address` in [lan].",
                  "the addresses for PCs are outside the box's LAN");
    else if (memcmp(site->lan_address.addr.bytes, site->dhcp_first.bytes, 4) >= 0 &&
             memcmp(site->lan_address.addr.bytes, site->dhcp_last.bytes, 4) <= 0)
        conf_fail(p, "Write a range that leaves out the box's own address.",
                  "the addresses for PCs include the box's own");
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
    static const char known[] = "Write a service that [site] names with `service`, or `none`.";
    struct conf_site *site = p->site;
    struct addr first, last;
    bool on_lan = site->lan_address.addr.family != 0;
    network_ends(&site->lan_address, &first, &last);
    for (unsigned i = 0; i < site->host_count; i++) {
        const struct conf_host *h = &site->hosts[i];
        char text[INET6_ADDRSTRLEN];
        (void)addr_text(&h->addr, text, sizeof text);
        if (!on_lan)
            ; /* its own mistake has been told */
        else if (addr_equal(&h->addr, &site->lan_address.addr))
            conf_report(p->errors, p->file, h->line, "Write the PC's address.", "`host`: %s is the box's own address",
                        text);
        else if (!prefix_contains(&site->lan_address, &h->addr) || addr_equal(&h->addr, &first) ||
                 addr_equal(&h->addr, &last))
            conf_report(p->errors, p->file, h->line, "Write an address inside the network of `address` in [lan].",
                        "`host`: %s is no address of a host on the LAN", text);
        if (h->service[0] && !names_service(site, h->service))
            conf_report(p->errors, p->file, h->line, known, "`host`: there is no service `%s` in [site]", h->service);
    }
    if (!site->others[0])
        (void)conf_copy(site->others, sizeof site->others, "all");
    else if (strcmp(site->others, "all") != 0 && strcmp(site->others, "none") != 0 &&
             !names_service(site, site->others))
        conf_report(p->errors, p->file, site->others_line, known, "`others`: there is no service `%s` in [site]",
                    site->others);
}

static void site_end(struct conf_parser *p)
{
    end_wan(p);
    end_lan(p);
    end_hosts(p);
}

const struct conf_kind conf_kind_site = {"site file", keys, sizeof keys / sizeof keys[0], site_end};

/* Loading configuration files, and the checks across files. */
#include "conf_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024)

/* Read a whole file and feed it to the parser. The buffer is static: configuration is read once, by one thread. */
static void feed_file(struct conf_parser *p, const char *path)
{
    static char text[FILE_MAX + 1];
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        conf_report(p->errors, path, 0, CAUSE_PUT_FILE_THERE, CAUSE_FILE_NOT_OPENED, CAUSE_NUMBER(errno), NULL);
        return;
    }
    for (;;) {
        ssize_t n = read(fd, text + len, sizeof text - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            conf_report(p->errors, path, 0, CAUSE_CHECK_STORAGE, CAUSE_FILE_NOT_READ, CAUSE_NUMBER(errno), NULL);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (len > FILE_MAX) {
            conf_report(p->errors, path, 0, CAUSE_NOT_A_SITE_FILE, CAUSE_FILE_TOO_LARGE, NULL);
            len = 0;
            break;
        }
    }
    close(fd);
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (text + at)) : len - at;
        conf_line(p, text + at, n);
        at += n + 1;
    }
}

bool conf_load_site(const char *path, struct conf_site *out, struct conf_errors *errors)
{
    unsigned before = errors->count;
    struct conf_parser p;
    conf_site_begin(&p, path, out, errors);
    feed_file(&p, path);
    /* For an unreadable file report one mistake, not a dozen missing keys. */
    if (p.line > 0 || errors->count == before)
        conf_end(&p);
    return errors->count == before;
}

bool conf_load_service(const char *path, struct conf_service *out, struct conf_errors *errors)
{
    unsigned before = errors->count;
    struct conf_parser p;
    char name[CONF_FQDN_MAX];
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t len = strlen(base);
    if (len > 5 && strcmp(base + len - 5, ".conf") == 0)
        len -= 5;
    (void)snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), base);
    conf_service_begin(&p, path, name, out, errors);
    feed_file(&p, path);
    if (p.line > 0 || errors->count == before)
        conf_end(&p);
    return errors->count == before;
}

/* The first folder that has the file wins: the site's own file overrides the shipped one. */
static void find_service(const char *name, const char *dir1, const char *dir2, char path[PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/%s.conf", dir1, name);
    if (dir2 && access(path, F_OK) < 0)
        (void)snprintf(path, PATH_MAX, "%s/%s.conf", dir2, name);
}

/* Find the first rules of two services that cover the same name: a query for it would be ambiguous. */
static bool any_name_shared(const struct conf_service *a, const struct conf_service *b, const struct conf_rule **in_a,
                            const struct conf_rule **in_b)
{
    for (unsigned j = 0; j < b->rule_count; j++)
        for (unsigned i = 0; i < a->rule_count; i++)
            if (conf_rules_overlap(&a->rules[i], &b->rules[j])) {
                *in_a = &a->rules[i];
                *in_b = &b->rules[j];
                return true;
            }
    return false;
}

/* A hub that carries everything has every address of the others' networks behind it too, and another hub's own. */
static bool all_beside_another(const struct conf_service *a, const struct conf_service *b, const char *path_a,
                               struct conf_errors *errors)
{
    if (!conf_carries_all(a) || (b->remote_count == 0 && !b->by_pc))
        return false;
    conf_report(errors, path_a, a->remote_line, CAUSE_WRITE_NETWORKS, CAUSE_SERVICE_CARRIES_ALL, a->name, b->name,
                NULL);
    return true;
}

static bool networks_overlap(const struct conf_service *a, const struct conf_service *b)
{
    for (unsigned i = 0; i < a->remote_count; i++)
        for (unsigned j = 0; j < b->remote_count; j++)
            if (prefix_overlaps(&a->remote[i], &b->remote[j]))
                return true;
    return false;
}

/* The name of a PC's hub that is the hub of the box's own tunnel too; NULL: there is none. (Addresses are no names.) */
static const struct conf_rule *hub_shared(const struct conf_service *pc, const struct conf_service *box)
{
    for (unsigned i = 0; pc->by_pc && !box->by_pc && i < pc->rule_count; i++)
        if (strcasecmp(pc->rules[i].name, box->hub) == 0)
            return &pc->rules[i];
    return NULL;
}

static void check_hubs(const struct conf_service *pc, const struct conf_service *box, const char *path,
                       struct conf_errors *errors)
{
    const struct conf_rule *rule = hub_shared(pc, box);
    if (rule)
        conf_report(errors, path, rule->line, CAUSE_KEEP_ONE_KIND, CAUSE_HUB_OF_BOX_TOO, rule->name, box->name, NULL);
}

/* A service, and the file that it was read from. */
struct from {
    const struct conf_service *service;
    const char *path;
};

/* Check two services of one site: each packet, name and address must belong to only one of them. */
static void check_pair(struct from one, struct from other, const char *path, struct conf_errors *errors)
{
    const struct conf_service *a = one.service, *b = other.service;
    const struct conf_rule *in_a, *in_b;
    if (a->number && a->number == b->number)
        conf_report(errors, path, 0, CAUSE_RENUMBER_SERVICE, CAUSE_SERVICES_SAME_NUMBER, a->name, b->name,
                    CAUSE_NUMBER(a->number), NULL);
    if (!all_beside_another(a, b, one.path, errors) && !all_beside_another(b, a, other.path, errors) &&
        networks_overlap(a, b))
        conf_report(errors, path, 0, CAUSE_ASK_CENTRES, CAUSE_SERVICES_OVERLAP, a->name, b->name, NULL);
    check_hubs(a, b, one.path, errors);
    check_hubs(b, a, other.path, errors);
    if (any_name_shared(a, b, &in_a, &in_b))
        conf_report(errors, other.path, in_b->line, CAUSE_KEEP_NAME_ONCE,
                    in_a->via_line == in_b->via_line ? CAUSE_NAME_IN_TWO_SERVICES : CAUSE_NAME_TWO_WAYS, in_b->name,
                    a->name, CAUSE_NUMBER(in_a->line), in_a->name, NULL);
}

/* A server of the box's own, by its address: it is asked without the tunnel. (By its name it is not known here.) */
static void check_server(const struct conf_service *service, const struct prefix *remote, const char *host,
                         const char *path, struct conf_errors *errors)
{
    struct addr a;
    if (conf_parse_addr(host, &a) && prefix_contains(remote, &a))
        conf_report(errors, path, 0, CAUSE_WRITE_SERVER_OUTSIDE_TUNNEL, CAUSE_SERVER_BEHIND_HUB, service->name, host,
                    NULL);
}

/* Check a service against the site's own networks: a local address can never be behind the tunnel. */
static void check_local(const struct conf_service *service, const struct conf_site *site, const char *path,
                        const char *service_path, struct conf_errors *errors)
{
    const struct addr *resolver = &service->resolver;
    if (resolver->family &&
        (addr_equal(resolver, &site->lan_address.addr) || addr_equal(resolver, &site->wan_address.addr)))
        conf_report(errors, service_path, service->resolver_line,
                    conf_carries_all(service) ? CAUSE_WRITE_RESOLVER_BEHIND : CAUSE_WRITE_RESOLVER_OR_WAN,
                    CAUSE_RESOLVER_IS_BOX, service->name, NULL);
    struct prefix networks[CONF_PREFIXES_MAX];
    unsigned count = conf_registry(service, networks);
    for (unsigned i = 0; i < count; i++) {
        const struct prefix *remote = &networks[i];
        if (prefix_overlaps(remote, &site->lan_address))
            conf_report(errors, path, 0, CAUSE_MOVE_LAN, CAUSE_REMOTE_OVERLAPS_LAN, service->name, NULL);
        if (site->wan_address.addr.family && prefix_overlaps(remote, &site->wan_address))
            conf_report(errors, path, 0, CAUSE_CHECK_WAN_ADDRESS, CAUSE_REMOTE_OVERLAPS_LINE, service->name, NULL);
        for (unsigned d = 0; d < site->wan_dns_count; d++)
            if (prefix_contains(remote, &site->wan_dns[d]))
                conf_report(errors, path, site->wan_dns_line[d], CAUSE_WRITE_DNS_OUTSIDE_TUNNEL, CAUSE_DNS_BEHIND_HUB,
                            service->name, NULL);
        check_server(service, remote, site->est_host, path, errors);
        for (unsigned n = 0; n < site->ntp_count; n++)
            check_server(service, remote, site->ntp[n], path, errors);
    }
}

bool conf_load_all(const char *site_path, const char *dir1, const char *dir2, struct conf *out,
                   struct conf_errors *errors)
{
    static char paths[CONF_SERVICES_MAX][PATH_MAX];
    unsigned before = errors->count;
    memset(out, 0, sizeof *out);
    (void)conf_load_site(site_path, &out->site, errors);
    for (unsigned i = 0; i < out->site.service_count; i++) {
        find_service(out->site.services[i], dir1, dir2, paths[i]);
        (void)conf_load_service(paths[i], &out->services[i], errors);
        out->service_count++;
        check_local(&out->services[i], &out->site, site_path, paths[i], errors);
        for (unsigned j = 0; j < i; j++)
            check_pair((struct from){&out->services[j], paths[j]}, (struct from){&out->services[i], paths[i]},
                       site_path, errors);
    }
    return errors->count == before;
}

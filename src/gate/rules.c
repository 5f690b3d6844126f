#include "rules.h"
#include "clock.h"
#include "lib/state_file.h"
#include "log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Room reserved for the last line. */
#define TAIL 32

struct page {
    const struct view *view;
    uint64_t now_ms;
    int64_t now_s; /* the same moment, since 1970 */
    size_t len;
    unsigned more;
    char text[RULES_MAX];
};

/* Append a whole line or nothing. */
static bool add(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool add(struct page *p, const char *fmt, ...)
{
    va_list ap;
    size_t room = sizeof p->text - TAIL - p->len;
    va_start(ap, fmt);
    int n = vsnprintf(p->text + p->len, room, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= room)
        return false;
    p->len += (size_t)n;
    return true;
}

static void add_services(struct page *p)
{
    const struct conf *conf = p->view->conf;
    for (unsigned i = 0; i < conf->service_count; i++) {
        const struct conf_service *s = &conf->services[i];
        const struct session_service *v = &p->view->session->services[s->number];
        char hub[INET6_ADDRSTRLEN] = "-";
        if (s->by_pc)
            (void)snprintf(hub, sizeof hub, "pc"); /* the PC's own tunnel */
        else if (v->up && v->tunnel.hub.family)
            (void)addr_text(&v->tunnel.hub, hub, sizeof hub);
        (void)add(p, "service %u %s %s %s %s\n", s->number, v->up ? "up" : "down", s->name, hub, s->title);
    }
}

static void add_hosts(struct page *p)
{
    const struct conf_site *site = &p->view->conf->site;
    for (unsigned i = 0; i < site->host_count; i++) {
        const struct conf_host *h = &site->hosts[i];
        const uint8_t *m = h->mac;
        char text[INET6_ADDRSTRLEN];
        (void)add(p, "host %s %02x:%02x:%02x:%02x:%02x:%02x %s\n", addr_text(&h->addr, text, sizeof text), m[0], m[1],
                  m[2], m[3], m[4], m[5], h->service[0] ? h->service : "none");
    }
    (void)add(p, "others %s\n", site->others);
}

static void ports_text(const struct conf_rule *rule, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < rule->port_count && len < size; i++) {
        const struct conf_port *p = &rule->ports[i];
        const char *comma = i ? "," : "";
        if (p->proto == IPPROTO_ESP)
            len += (size_t)snprintf(out + len, size - len, "%sesp", comma);
        else
            len += (size_t)snprintf(out + len, size - len, "%s%s/%u%s", comma, p->proto == IPPROTO_TCP ? "tcp" : "udp",
                                    p->port, p->tls ? "+tls" : "");
    }
}

static void add_pair(void *user, const struct admit_pair *pair, const char *name)
{
    struct page *p = user;
    const struct admit *a = p->view->admit;
    const struct conf_service *s = admit_service(a, pair->rule);
    const struct conf_rule *rule = admit_rule(a, pair->rule);
    char ports[CONF_PORTS_MAX * 16], addr[INET6_ADDRSTRLEN];
    /* (What is closed now is remembered for a while.) */
    bool before = rule->before && p->view->session->view.mode == MODE_BEFORE;
    if (!before && !p->view->session->services[s->number].up)
        return;
    ports_text(rule, ports, sizeof ports);
    if (!add(p, "open %u %s %s %lld %s %s\n", s->number, name, addr_text(&pair->addr, addr, sizeof addr),
             (long long)p->now_s + (long long)((pair->ends_ms - p->now_ms) / 1000), ports,
             rule->via_line ? "line" : "tunnel"))
        p->more++;
}

void rules_write(const struct view *view)
{
    static struct page p;
    bool configured = view->fault->code == CAUSE_NONE;
    char path[160];
    p.view = view;
    p.len = p.more = 0;
    p.now_s = time(NULL);
    p.now_ms = clock_monotonic_ms();
    (void)add(&p, "version 1\nwritten %lld\nmode %s\n", (long long)p.now_s,
              session_mode_word(configured ? view->session : NULL));
    if (configured) {
        struct msg_mode mode;
        session_mode(view->session, &mode);
        add_services(&p);
        add_hosts(&p);
        if (mode.generation && view->admit->generation == mode.generation)
            admit_each(view->admit, p.now_ms, add_pair, &p);
    }
    if (p.more)
        p.len += (size_t)snprintf(p.text + p.len, sizeof p.text - p.len, "more %u\n", p.more);
    (void)snprintf(path, sizeof path, "%s/gate/rules", view->run);
    if (publish_text(path, p.text, p.len) < 0)
        log_error("cannot write %s: %s", path, strerror(errno));
}

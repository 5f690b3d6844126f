#include "ike_sa.h"
#include "conf_parse.h"
#include "vici.h"

#include <stdlib.h>
#include <string.h>

/* The CHILD_SA being parsed. */
struct child {
    uint32_t id;
    bool carries, exchanged;
    uint64_t in, out;
    unsigned remote_count;
    struct prefix remote[CONF_PREFIXES_MAX];
};

static bool text_of(const struct vici_reader *r, char *out, size_t len)
{
    if (r->value_len >= len || memchr(r->value, 0, r->value_len))
        return false;
    memcpy(out, r->value, r->value_len);
    out[r->value_len] = 0;
    return true;
}

bool ike_sa_vip_fits(const struct ike_sa *sa, const struct prefix *lan)
{
    const struct addr *vips[] = {&sa->vip4, &sa->vip6};
    for (unsigned i = 0; i < 2; i++)
        if (vips[i]->family &&
            (addr_kind(vips[i]) == ADDR_NO_HOST || addr_equal(vips[i], &sa->hub) || prefix_contains(lan, vips[i])))
            return false;
    return true;
}

bool ike_sa_parse_ts(const char *text, struct prefix *out)
{
    char plain[64];
    size_t n = strcspn(text, "[");
    /* A selector narrowed to a protocol or port is less than the prefix; packets without an IPsec policy are dropped
     * by the packet filter, so using the prefix is safe. */
    if (n >= sizeof plain)
        return false;
    memcpy(plain, text, n);
    plain[n] = 0;
    return conf_parse_prefix(plain, out);
}

static void ike_key(struct ike_sa *sa, const char *name, const char *value)
{
    if (!strcmp(name, "uniqueid"))
        sa->ike = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(name, "state")) {
        sa->established = !strcmp(value, "ESTABLISHED") || !strcmp(value, "REKEYING");
        sa->going = !strcmp(value, "DELETING") || !strcmp(value, "DESTROYING") || !strcmp(value, "REKEYED");
    } else if (!strcmp(name, "remote-host") && !conf_parse_addr(value, &sa->hub))
        sa->hub.family = 0;
}

static void ike_item(struct ike_sa *sa, const char *list, const char *value)
{
    struct addr a;
    sa->busy = sa->busy || !strcmp(list, "tasks-active");
    if (strcmp(list, "local-vips") != 0 || !conf_parse_addr(value, &a))
        return;
    *(a.family == AF_INET6 ? &sa->vip6 : &sa->vip4) = a;
}

static void child_key(struct child *c, const char *name, const char *value)
{
    if (!strcmp(name, "uniqueid"))
        c->id = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(name, "state")) /* during a rekey the old SA is still in use */
        c->carries = !strcmp(value, "INSTALLED") || !strcmp(value, "REKEYING");
    else if (!strcmp(name, "dh-group"))
        c->exchanged = true;
    else if (!strcmp(name, "packets-in"))
        c->in = strtoull(value, NULL, 10);
    else if (!strcmp(name, "packets-out"))
        c->out = strtoull(value, NULL, 10);
}

static void child_item(struct child *c, const char *list, const char *value)
{
    if (!strcmp(list, "remote-ts") && c->remote_count < CONF_PREFIXES_MAX &&
        ike_sa_parse_ts(value, &c->remote[c->remote_count]))
        c->remote_count++;
}

static void child_end(struct ike_sa *sa, const struct child *c)
{
    sa->in += c->in;
    sa->out += c->out;
    if (!c->carries || c->id <= sa->child)
        return;
    sa->child = c->id;
    sa->exchanged = c->exchanged;
    sa->remote_count = c->remote_count;
    memcpy(sa->remote, c->remote, sizeof sa->remote);
}

/* Sections nest as: IKE SA (depth 1), child-sas (2), one CHILD_SA (3). */
bool ike_sa_read(const void *data, size_t len, struct ike_sa *out)
{
    struct vici_reader r;
    struct child child = {0};
    char list[64] = "", value[128];
    bool in_children = false;
    int element;
    memset(out, 0, sizeof *out);
    vici_read(&r, data, len);
    while ((element = vici_next(&r)) > 0) {
        switch (element) {
        case VICI_SECTION:
            if (r.depth == 1 && (out->name[0] || strlen(r.name) >= sizeof out->name))
                return false; /* only one IKE_SA per message */
            if (r.depth == 1)
                strcpy(out->name, r.name);
            else if (r.depth == 2)
                in_children = !strcmp(r.name, "child-sas");
            else if (r.depth == 3)
                child = (struct child){0};
            break;
        case VICI_SECTION_END:
            if (r.depth == 2 && in_children)
                child_end(out, &child);
            break;
        case VICI_LIST: strcpy(list, r.name); break;
        case VICI_KV:
        case VICI_ITEM:
            if (!text_of(&r, value, sizeof value))
                break;
            if (r.depth == 1)
                element == VICI_KV ? ike_key(out, r.name, value) : ike_item(out, list, value);
            else if (r.depth == 3 && in_children)
                element == VICI_KV ? child_key(&child, r.name, value) : child_item(&child, list, value);
            break;
        default: break;
        }
    }
    return element == 0 && out->name[0];
}

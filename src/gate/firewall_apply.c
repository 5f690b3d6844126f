/*
 * firewall.h by libnftnl and libmnl: the format of the elements. Transactions are in firewall_batch.c, counters and
 * tracked flows in firewall_flow.c.
 */
#include "firewall.h"
#include "firewall_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

/* Keys of allow_v4 and allow_v6: each part of a concatenation is padded to four octets. */
struct allow_key_v4 {
    uint8_t addr[4];
    uint8_t proto, pad1[3];
    uint16_t port; /* network byte order */
    uint8_t pad2[2];
    uint32_t mark; /* host byte order, like all marks */
};
struct allow_key_v6 {
    uint8_t addr[16];
    uint8_t proto, pad1[3];
    uint16_t port;
    uint8_t pad2[2];
    uint32_t mark;
};
struct esp_key {
    uint8_t addr[4];
    uint32_t mark;
};
_Static_assert(sizeof(struct allow_key_v4) == 16 && sizeof(struct allow_key_v6) == 28, "keys have no other padding");

static uint32_t addr_len(const struct addr *a)
{
    return a->family == AF_INET6 ? 16 : 4;
}

/* Address sets and maps come in pairs; this selects the one for the address's family. */
static const char *of_family(const struct addr *a, const char *v4, const char *v6)
{
    return a->family == AF_INET6 ? v6 : v4;
}

/* chain: the target in a verdict map; NULL: it is a set. */
static void interface_element(struct batch *b, const char *set, const char *interface, const char *chain)
{
    char name[IFNAMSIZ] = {0}; /* the key is the whole array, padded with NUL */
    strncpy(name, interface, sizeof name - 1);
    struct element e = {.key = name, .key_len = sizeof name, .jump = chain};
    batch_add(b, set, &e, 1);
}

/* The mark for new flows. */
static void mark_element(struct batch *b, const char *map, uint32_t mark)
{
    char name[IFNAMSIZ] = "lan0";
    struct element e = {.key = name, .key_len = sizeof name, .data = &mark, .data_len = sizeof mark};
    batch_add(b, map, &e, 1);
}

static void live_element(struct batch *b, const char *set, uint32_t mark)
{
    struct element e = {.key = &mark, .key_len = sizeof mark};
    batch_add(b, set, &e, 1);
}

/* The generation, and its other forms: flows whose ClientHello is not checked or not answered yet, on the line … */
static void generation_elements(struct batch *b, const struct firewall_view *view)
{
    uint32_t asking = view->generation | FIREWALL_MARK_ASKING;
    live_element(b, "live", view->generation);
    live_element(b, "asking", asking);
    live_element(b, "agreed", view->generation | FIREWALL_MARK_AGREED);
    live_element(b, "datagrams", view->generation | FIREWALL_MARK_DATAGRAM);
    live_element(b, "line_flows", view->generation | FIREWALL_MARK_LINE);
    live_element(b, "line_flows", asking | FIREWALL_MARK_LINE);
    live_element(b, "line_flows", view->generation | FIREWALL_MARK_AGREED | FIREWALL_MARK_LINE);
    live_element(b, "line_flows", view->generation | FIREWALL_MARK_DATAGRAM | FIREWALL_MARK_LINE);
    mark_element(b, "generation", view->generation);
    if (!view->tls_waits)
        mark_element(b, "asking_generation", asking);
}

int firewall_asking(uint32_t generation)
{
    struct batch *b = batch_begin();
    batch_flush(b, "asking_generation");
    if (generation)
        mark_element(b, "asking_generation", generation | FIREWALL_MARK_ASKING);
    return batch_commit(b);
}

static void tunnel_elements(struct batch *b, const struct firewall_tunnel *t)
{
    uint32_t mark = service_mark(t->service, t->by_pc);
    struct element up = {.key = &mark, .key_len = sizeof mark};
    batch_add(b, "up", &up, 1);
    const struct addr *vips[] = {&t->vip4, &t->vip6};
    for (unsigned i = 0; i < 2; i++) {
        if (!vips[i]->family)
            continue;
        struct element e = {.key = &mark,
                            .key_len = sizeof mark,
                            .data = vips[i]->bytes,
                            .data_len = addr_len(vips[i])};
        batch_add(b, of_family(vips[i], "vip_v4", "vip_v6"), &e, 1);
    }
    if (t->hub.family) {
        struct element e = {.key = t->hub.bytes, .key_len = addr_len(&t->hub)};
        batch_add(b, of_family(&t->hub, "hubs_v4", "hubs_v6"), &e, 1);
    }
}

/* The first address after the prefix; false: the prefix extends to the end of the address space. */
static bool prefix_end(const struct prefix *p, uint8_t end[16])
{
    memcpy(end, p->addr.bytes, 16);
    if (p->len == 0)
        return false;
    unsigned step = 1u << (7 - (p->len - 1) % 8);
    for (int i = (p->len - 1) / 8; i >= 0; i--) {
        unsigned sum = end[i] + step;
        end[i] = (uint8_t)sum;
        if (sum < 256)
            return true;
        step = 1;
    }
    return false;
}

/*
 * The registry's prefixes and addresses, and the service of each. Existing ones are left untouched: if an interval is
 * deleted and added in one transaction, look-ups miss it for a moment (its old, inactive element hides the new one
 * until it is removed from the tree), and in `internet` packets to its addresses would leave in clear. For the same
 * reason no two overlap: a new one before or after another hides nothing.
 */
static void interval_elements(struct batch *b, const struct addr *first, const uint8_t *behind, uint32_t mark)
{
    /* An interval is two elements: its start, with the data, and the first address after it. */
    struct element e[2] = {
        {.key = first->bytes, .key_len = addr_len(first), .data = &mark, .data_len = sizeof mark},
        {.key = behind, .key_len = addr_len(first), .interval_end = true},
    };
    batch_add(b, of_family(first, "tunnel_v4", "tunnel_v6"), e, behind ? 2 : 1);
}

/* (Of a hub that carries everything the file says nothing: firewall_range.) */
static void registry_elements(struct batch *b, const struct conf_service *services, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < services[i].remote_count && !conf_carries_all(&services[i]); j++) {
            const struct prefix *p = &services[i].remote[j];
            uint8_t end[16];
            interval_elements(b, &p->addr, prefix_end(p, end) ? end : NULL, services[i].number);
        }
}

static void known_elements(struct batch *b, const struct firewall_range *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct prefix last = {list[i].last, list[i].last.family == AF_INET6 ? 128 : 32};
        uint8_t end[16];
        interval_elements(b, &list[i].first, prefix_end(&last, end) ? end : NULL, list[i].service);
    }
}

int firewall_apply(const struct firewall_view *view)
{
    static const char *const emptied[] = {"mode",    "generation", "live",      "asking_generation",
                                          "asking",  "agreed",     "datagrams", "line_flows",
                                          "dns_ask", "up",         "vip_v4",    "vip_v6",
                                          "hubs_v4", "hubs_v6"};
    static const char *const admitted[] = {"allow_v4", "allow_v6", "esp_v4", "tls_v4", "tls_v6"};
    static const char *const chains[][2] = {
        [MODE_CLOSED] = {"closed", "closed"},
        [MODE_INTERNET] = {"internet", "internet_in"},
        [MODE_SESSION] = {"session", "session_in"},
        [MODE_BEFORE] = {"before", "closed"}, /* (what comes back to a name on the line is judged by its own mark) */
    };
    struct batch *b = batch_begin();
    for (size_t i = 0; i < sizeof emptied / sizeof emptied[0]; i++)
        batch_flush(b, emptied[i]);
    for (size_t i = 0; !view->keep_allow && i < sizeof admitted / sizeof admitted[0]; i++)
        batch_flush(b, admitted[i]);
    interface_element(b, "mode", "lan0", chains[view->mode][0]);
    interface_element(b, "mode", "wan0", chains[view->mode][1]);
    if (view->names_outside)
        interface_element(b, "dns_ask", "wan0", NULL);
    if (view->generation)
        generation_elements(b, view);
    for (unsigned i = 0; i < view->tunnel_count; i++)
        tunnel_elements(b, &view->tunnels[i]);
    if (view->registry)
        registry_elements(b, view->registry, view->registry_count);
    known_elements(b, view->known, view->known_count);
    return batch_commit(b);
}

int firewall_closed(void)
{
    return firewall_apply(&(struct firewall_view){.mode = MODE_CLOSED});
}

int firewall_registry(const struct conf_service *services, unsigned count)
{
    struct batch *b = batch_begin();
    registry_elements(b, services, count);
    return batch_commit(b);
}

int firewall_known(const struct firewall_range *list, unsigned count)
{
    if (count > FIREWALL_KNOWN_MAX) {
        errno = E2BIG;
        return -1;
    }
    struct batch *b = batch_begin();
    known_elements(b, list, count);
    return batch_commit(b);
}

int firewall_resolvers(const struct addr *addrs, unsigned count)
{
    struct batch *b = batch_begin();
    batch_flush(b, "resolvers_v4");
    batch_flush(b, "resolvers_v6");
    for (unsigned i = 0; i < count && i < FIREWALL_RESOLVERS_MAX; i++) {
        struct element e = {.key = addrs[i].bytes, .key_len = addr_len(&addrs[i])};
        batch_add(b, of_family(&addrs[i], "resolvers_v4", "resolvers_v6"), &e, 1);
    }
    return batch_commit(b);
}

/* Add those of list that belong to this set, in one message. */
static void allow_into(struct batch *b, const struct firewall_allow *list, unsigned count, bool v6, bool tls)
{
    static const char *const sets[2][2] = {{"allow_v4", "tls_v4"}, {"allow_v6", "tls_v6"}};
    static struct element elements[FIREWALL_BATCH_MAX];
    static struct allow_key_v4 keys4[FIREWALL_BATCH_MAX];
    static struct allow_key_v6 keys6[FIREWALL_BATCH_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct firewall_allow *a = &list[i];
        uint32_t mark = service_mark(a->service, a->by_pc);
        if ((a->addr.family == AF_INET6) != v6 || a->tls != tls || a->proto == IPPROTO_ESP)
            continue;
        keys4[n] = (struct allow_key_v4){.proto = a->proto, .port = htons(a->port), .mark = mark};
        keys6[n] = (struct allow_key_v6){.proto = a->proto, .port = htons(a->port), .mark = mark};
        memcpy(keys4[n].addr, a->addr.bytes, sizeof keys4[n].addr);
        memcpy(keys6[n].addr, a->addr.bytes, sizeof keys6[n].addr);
        elements[n] = (struct element){.key = v6 ? (void *)&keys6[n] : &keys4[n],
                                       .key_len = v6 ? sizeof keys6[n] : sizeof keys4[n],
                                       .timeout_ms = (uint64_t)a->timeout_s * 1000};
        n++;
    }
    if (n > 0)
        batch_add(b, sets[v6][tls], elements, n);
}

static void pc_hub(struct batch *b, const struct firewall_allow *a)
{
    uint32_t mark = service_mark(a->service, true);
    struct element hub = {.key = a->addr.bytes,
                          .key_len = addr_len(&a->addr),
                          .data = &mark,
                          .data_len = sizeof mark,
                          .timeout_ms = (uint64_t)a->timeout_s * 1000};
    batch_add(b, "pc_hubs", &hub, 1);
}

/* Of PCs' own tunnels: ESP, and whose hub each address is from now on. */
static void allow_pc(struct batch *b, const struct firewall_allow *a)
{
    struct esp_key key = {.mark = service_mark(a->service, true)};
    memcpy(key.addr, a->addr.bytes, sizeof key.addr);
    struct element esp = {.key = &key, .key_len = sizeof key, .timeout_ms = (uint64_t)a->timeout_s * 1000};
    if (a->proto == IPPROTO_ESP)
        batch_add(b, "esp_v4", &esp, 1);
    pc_hub(b, a);
}

static void revoke_pc(struct batch *b, const struct firewall_allow *a)
{
    struct allow_key_v4 port = {.proto = a->proto, .port = htons(a->port), .mark = service_mark(a->service, true)};
    struct esp_key esp = {.mark = port.mark};
    memcpy(port.addr, a->addr.bytes, sizeof port.addr);
    memcpy(esp.addr, a->addr.bytes, sizeof esp.addr);
    struct element passes = {.key = &port, .key_len = sizeof port}, hub = {.key = port.addr, .key_len = 4};
    if (a->proto == IPPROTO_ESP)
        passes = (struct element){.key = &esp, .key_len = sizeof esp};
    batch_remove(b, a->proto == IPPROTO_ESP ? "esp_v4" : "allow_v4", &passes, 1);
    batch_remove(b, "pc_hubs", &hub, 1);
}

int firewall_pc_revoke(const struct firewall_allow *list, unsigned count)
{
    struct batch *b = batch_begin();
    for (unsigned i = 0; i < count; i++)
        revoke_pc(b, &list[i]);
    return batch_commit(b);
}

int firewall_pc_hubs(const struct firewall_allow *list, unsigned count)
{
    if (count > FIREWALL_PC_HUBS_MAX) {
        errno = E2BIG;
        return -1;
    }
    /* Two transactions: elements that are being deleted still count against the size. */
    struct batch *b = batch_begin();
    batch_flush(b, "pc_hubs");
    if (batch_commit(b) < 0)
        return -1;
    for (unsigned done = 0; done < count; done += FIREWALL_BATCH_MAX) {
        b = batch_begin();
        for (unsigned i = done; i < count && i < done + FIREWALL_BATCH_MAX; i++)
            pc_hub(b, &list[i]);
        if (batch_commit(b) < 0)
            return -1;
    }
    return 0;
}

int firewall_allow(const struct firewall_allow *list, unsigned count)
{
    if (count > FIREWALL_BATCH_MAX) {
        errno = E2BIG;
        return -1;
    }
    struct batch *b = batch_begin();
    for (unsigned i = 0; i < 4; i++)
        allow_into(b, list, count, i & 1, i & 2);
    for (unsigned i = 0; i < count; i++)
        if (list[i].by_pc && list[i].addr.family == AF_INET)
            allow_pc(b, &list[i]);
    return batch_commit(b);
}

int firewall_open(void)
{
    return batch_open();
}

void firewall_close(void)
{
    batch_close();
}

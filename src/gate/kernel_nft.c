/* kernel.h by libnftnl and libmnl: what the elements look like. The transactions themselves: kernel_batch.c. */
#include "kernel.h"
#include "kernel_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/object.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/if.h>
#include <string.h>

/* Keys of allow_v4 and allow_v6: each part of a concatenation begins at a multiple of four octets. */
struct allow_key_v4 {
    uint8_t addr[4];
    uint8_t proto, pad1[3];
    uint16_t port; /* network byte order */
    uint8_t pad2[2];
    uint32_t mark; /* host byte order, as marks are everywhere */
};
struct allow_key_v6 {
    uint8_t addr[16];
    uint8_t proto, pad1[3];
    uint16_t port;
    uint8_t pad2[2];
    uint32_t mark;
};
_Static_assert(sizeof(struct allow_key_v4) == 16 && sizeof(struct allow_key_v6) == 28, "keys have no other padding");

static uint32_t addr_len(const struct addr *a)
{
    return a->family == AF_INET6 ? 16 : 4;
}

/* Address sets and maps come in pairs; this picks the one for the address's family. */
static const char *of_family(const struct addr *a, const char *v4, const char *v6)
{
    return a->family == AF_INET6 ? v6 : v4;
}

static void mode_element(struct batch *b, const char *interface, const char *chain)
{
    char name[IFNAMSIZ] = {0}; /* the key is the whole array, padded with NUL */
    strncpy(name, interface, sizeof name - 1);
    struct element e = {.key = name, .key_len = sizeof name, .jump = chain};
    batch_add(b, "mode", &e, 1);
}

static void generation_element(struct batch *b, uint32_t generation)
{
    char name[IFNAMSIZ] = "lan0";
    struct element e = {.key = name, .key_len = sizeof name, .data = &generation, .data_len = sizeof generation};
    batch_add(b, "generation", &e, 1);
    struct element live = {.key = &generation, .key_len = sizeof generation};
    batch_add(b, "live", &live, 1);
}

static void tunnel_elements(struct batch *b, const struct kernel_tunnel *t)
{
    uint32_t mark = t->service;
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

int kernel_set(const struct kernel_view *view)
{
    static const char *const emptied[] = {"mode", "generation", "live", "vip_v4", "vip_v6", "hubs_v4", "hubs_v6"};
    static const char *const chains[][2] = {
        [MODE_CLOSED] = {"closed", "closed"},
        [MODE_INTERNET] = {"internet", "internet_in"},
        [MODE_SESSION] = {"session", "session_in"},
    };
    struct batch *b = batch_begin();
    for (size_t i = 0; i < sizeof emptied / sizeof emptied[0]; i++)
        batch_flush(b, emptied[i]);
    if (!view->keep_allow) {
        batch_flush(b, "allow_v4");
        batch_flush(b, "allow_v6");
    }
    mode_element(b, "lan0", chains[view->mode][0]);
    mode_element(b, "wan0", chains[view->mode][1]);
    if (view->generation)
        generation_element(b, view->generation);
    for (unsigned i = 0; i < view->tunnel_count; i++)
        tunnel_elements(b, &view->tunnels[i]);
    return batch_commit(b);
}

int kernel_closed(void)
{
    return kernel_set(&(struct kernel_view){.mode = MODE_CLOSED});
}

/* First address after the prefix; false when the prefix reaches the end of the address space. */
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

int kernel_registry(const struct conf_service *services, unsigned count)
{
    struct batch *b = batch_begin();
    batch_flush(b, "tunnel_v4");
    batch_flush(b, "tunnel_v6");
    for (unsigned i = 0; i < count; i++) {
        uint32_t mark = services[i].number;
        for (unsigned j = 0; j < services[i].remote_count; j++) {
            const struct prefix *p = &services[i].remote[j];
            uint8_t end[16];
            /* An interval is two elements: where it begins, with the data, and the first address behind it. */
            struct element e[2] = {
                {.key = p->addr.bytes, .key_len = addr_len(&p->addr), .data = &mark, .data_len = sizeof mark},
                {.key = end, .key_len = addr_len(&p->addr), .interval_end = true},
            };
            batch_add(b, of_family(&p->addr, "tunnel_v4", "tunnel_v6"), e, prefix_end(p, end) ? 2 : 1);
        }
    }
    return batch_commit(b);
}

int kernel_resolvers(const struct addr *addrs, unsigned count)
{
    struct batch *b = batch_begin();
    batch_flush(b, "resolvers_v4");
    batch_flush(b, "resolvers_v6");
    for (unsigned i = 0; i < count && i < KERNEL_RESOLVERS_MAX; i++) {
        struct element e = {.key = addrs[i].bytes, .key_len = addr_len(&addrs[i])};
        batch_add(b, of_family(&addrs[i], "resolvers_v4", "resolvers_v6"), &e, 1);
    }
    return batch_commit(b);
}

int kernel_allow(const struct kernel_allow *list, unsigned count)
{
    if (count > KERNEL_ALLOW_MAX) {
        errno = E2BIG;
        return -1;
    }
    struct batch *b = batch_begin();
    for (unsigned i = 0; i < count; i++) {
        const struct kernel_allow *a = &list[i];
        struct allow_key_v4 v4 = {.proto = a->proto, .port = htons(a->port), .mark = a->service};
        struct allow_key_v6 v6 = {.proto = a->proto, .port = htons(a->port), .mark = a->service};
        memcpy(v4.addr, a->addr.bytes, sizeof v4.addr);
        memcpy(v6.addr, a->addr.bytes, sizeof v6.addr);
        bool is_v6 = a->addr.family == AF_INET6;
        struct element e = {.key = is_v6 ? (void *)&v6 : &v4,
                            .key_len = is_v6 ? sizeof v6 : sizeof v4,
                            .timeout_ms = (uint64_t)a->timeout_s * 1000};
        batch_add(b, is_v6 ? "allow_v6" : "allow_v4", &e, 1);
    }
    return batch_commit(b);
}

/* Reasons that concern what LAN hosts want or strangers try; not the box's own odds and ends (output, DHCP noise). */
static bool is_blocked(const char *name)
{
    static const char *const names[] = {"dropped_clear",          "dropped_wrong_tunnel", "dropped_path",
                                        "dropped_old_flow",       "dropped_closed",       "dropped_not_listed",
                                        "dropped_tunnel_outside", "dropped_wan_in",       "dropped_input_lan"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static int counter_cb(const struct nlmsghdr *nlh, void *data)
{
    struct kernel_counters *out = data;
    struct nftnl_obj *o = nftnl_obj_alloc();
    if (!o)
        return MNL_CB_ERROR;
    if (nftnl_obj_nlmsg_parse(nlh, o) == 0 && nftnl_obj_get_u32(o, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER) {
        const char *name = nftnl_obj_get_str(o, NFTNL_OBJ_NAME);
        uint64_t packets = nftnl_obj_get_u64(o, NFTNL_OBJ_CTR_PKTS);
        if (!strcmp(name, "session_out"))
            out->session_out = packets;
        else if (!strcmp(name, "session_in"))
            out->session_in = packets;
        else if (is_blocked(name))
            out->blocked += packets;
    }
    nftnl_obj_free(o);
    return MNL_CB_OK;
}

int kernel_counters(struct kernel_counters *out)
{
    char buf[512];
    struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETOBJ, NFPROTO_INET, NLM_F_DUMP, batch_seq());
    mnl_attr_put_strz(nlh, NFTA_OBJ_TABLE, BATCH_TABLE);
    mnl_attr_put_u32(nlh, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
    memset(out, 0, sizeof *out);
    return batch_ask(nlh, counter_cb, out);
}

int kernel_forget(uint32_t generation)
{
    char buf[256];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    nlh->nlmsg_seq = batch_seq();
    struct nfgenmsg *nfg = mnl_nlmsg_put_extra_header(nlh, sizeof *nfg);
    nfg->nfgen_family = AF_UNSPEC;
    nfg->version = NFNETLINK_V0;
    mnl_attr_put_u32(nlh, CTA_MARK, htonl(generation));
    mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(0xffffffff));
    return batch_ask(nlh, NULL, NULL);
}

int kernel_open(void)
{
    return batch_open();
}

void kernel_close(void)
{
    batch_close();
}

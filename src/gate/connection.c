#include "connection.h"
#include "proposal.h"

#include <stdio.h>
#include <string.h>

static void add_ts(struct vici_buf *to, const struct conf_service *s)
{
    char text[INET6_ADDRSTRLEN];
    vici_list(to, "remote_ts");
    for (unsigned i = 0; i < s->remote_count; i++) {
        char item[INET6_ADDRSTRLEN + 4];
        int n =
            snprintf(item, sizeof item, "%s/%u", addr_text(&s->remote[i].addr, text, sizeof text), s->remote[i].len);
        vici_item(to, item, (size_t)n);
    }
    vici_list_end(to);
    vici_list(to, "local_ts");
    vici_item(to, "dynamic", 7);
    vici_list_end(to);
}

static void add_list(struct vici_buf *to, const char *name, const char *item)
{
    vici_list(to, name);
    vici_item(to, item, strlen(item));
    vici_list_end(to);
}

/* Each proposal of a list is an item of its own. */
static void add_proposals(struct vici_buf *to, const char *list)
{
    char one[PROPOSAL_MAX];
    while (proposal_next(&list, one))
        vici_item(to, one, strlen(one));
}

/*
 * For ESP each is offered once more without its key exchange, behind all that have one. A hub that wants none
 * (libreswan's `pfs=no`, an `esp_proposals` without a group) refuses the others whenever the tunnel needs new keys; in
 * IKE_AUTH it makes no difference. It is the hub that chooses, under IKE's own protection: nobody on the way can.
 */
static void add_esp_proposals(struct vici_buf *to, const char *list)
{
    char one[PROPOSAL_MAX], bare[PROPOSAL_MAX];
    vici_list(to, "esp_proposals");
    add_proposals(to, list);
    while (proposal_next(&list, one))
        if (proposal_without_exchange(one, bare))
            vici_item(to, bare, strlen(bare));
    vici_list_end(to);
}

static bool has_family(const struct conf_service *s, int family)
{
    for (unsigned i = 0; i < s->remote_count; i++)
        if (s->remote[i].addr.family == family)
            return true;
    return false;
}

/*
 * Who we are: the subject of our certificate, octet by octet. Written as text charon would read it anew, and there are
 * subjects that do not come out the same, or not at all: commas, other alphabets, empty parts. One that is too long for
 * that it takes out of the certificate.
 */
static void add_identity(struct vici_buf *to, const struct state_watch_certificate *own)
{
    if (strlen(own->identity) <= CONNECTION_ID_DIGITS_MAX)
        vici_kvf(to, "id", "asn1dn:#%s", own->identity);
    else
        add_list(to, "certs", own->pem);
}

void connection_build(struct vici_buf *to, const struct conf_service *s, const struct state_watch_certificate *own)
{
    vici_begin(to);
    vici_section(to, s->name);
    vici_kvf(to, "version", "2");
    add_list(to, "remote_addrs", s->hub);
    vici_list(to, "proposals");
    add_proposals(to, s->ike_proposal);
    vici_list_end(to);
    vici_list(to, "vips");
    if (has_family(s, AF_INET))
        vici_item(to, "0.0.0.0", 7);
    if (has_family(s, AF_INET6))
        vici_item(to, "::", 2);
    vici_list_end(to);
    vici_kvf(to, "encap", s->force_encap ? "yes" : "no");
    vici_kvf(to, "mobike", "no");
    vici_kvf(to, "dpd_delay", "15s");
    vici_kvf(to, "keyingtries", "1");
    vici_kvf(to, "unique", "replace");
    vici_kvf(to, "send_cert", "always");
    vici_kvf(to, "rekey_time", "4h");
    /* How long before its end a hub's authentication lifetime (RFC 4478) is met by a new one. The default, a tenth of
     * the re-key time, is longer than the whole lifetime that some hubs ask for: we would begin again at once for
     * ever. */
    vici_kvf(to, "over_time", "30s");
    vici_section(to, "local");
    vici_kvf(to, "auth", "pubkey");
    add_identity(to, own);
    vici_section_end(to);
    vici_section(to, "remote");
    vici_kvf(to, "auth", "pubkey");
    vici_kvf(to, "id", "%s", s->hub_id);
    vici_section_end(to);
    vici_section(to, "children");
    vici_section(to, s->name);
    vici_kvf(to, "reqid", "%u", s->number);
    add_ts(to, s);
    add_esp_proposals(to, s->esp_proposal);
    vici_kvf(to, "start_action", "none");
    vici_kvf(to, "close_action", "none");
    vici_kvf(to, "dpd_action", "clear");
    vici_kvf(to, "rekey_time", "1h");
    vici_section_end(to);
    vici_section_end(to);
    vici_section_end(to);
}

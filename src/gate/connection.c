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

/* Each proposal of a list is a separate item. */
static void add_proposals(struct vici_buf *to, const char *list)
{
    char one[PROPOSAL_MAX];
    while (proposal_next(&list, one))
        vici_item(to, one, strlen(one));
}

/*
 * For ESP each is offered again without its key exchange, after all that have one. A hub without PFS (libreswan's
 * `pfs=no`, an `esp_proposals` without a group) refuses the others at every rekey; in IKE_AUTH it makes no
 * difference. Only the hub can choose it: IKE is protected against attackers on the path.
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
 * Our identity: the subject of our certificate, as DER. charon would have to parse a text form, and some subjects do
 * not survive that: commas, other alphabets, empty parts. If the DER is too long, charon takes it from the
 * certificate.
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
    /* How long before the end of a hub's authentication lifetime (RFC 4478) to reauthenticate. The default, a tenth
     * of the rekey time, exceeds the whole lifetime of some hubs: we would reauthenticate in an endless loop. */
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

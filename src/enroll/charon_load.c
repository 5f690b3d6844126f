#include "charon_load.h"

#include "keys.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define RETRY_S 1    /* charon does not run: it is being restarted */
#define REFUSED_S 15 /* charon has refused: perhaps a plugin was not loaded yet */

/* Static: large and rarely used; untouched pages take no memory. */
static struct vici_buf message;
static char text[STORE_FILE_MAX];

void charon_load_init(struct charon_load *l, const char *path, const struct store *store)
{
    memset(l, 0, sizeof *l);
    l->path = path;
    l->store = store;
    l->wanted = true;
}

void charon_load_again(struct charon_load *l)
{
    l->wanted = true;
    l->loaded = false;
    l->next_s = 0;
}

static void on_reply(void *user, const uint8_t *data, size_t len)
{
    struct charon_load *l = user;
    char value[160], line[CAUSE_LINE_MAX];
    if (l->waiting > 0)
        l->waiting--;
    if (!data) {
        l->refused++;
    } else if (!vici_get(data, len, "success", value, sizeof value) || strcmp(value, "yes") != 0) {
        l->refused++;
        if (vici_get(data, len, "errmsg", value, sizeof value))
            cause_set(&l->fault, CAUSE_VPN_REFUSES_CERT, value, NULL);
    }
    if (l->waiting > 0 || !l->vici)
        return;
    l->loaded = l->refused == 0;
    if (l->loaded) {
        cause_set(&l->fault, CAUSE_NONE, NULL);
        log_info("generation %u is loaded into charon", l->store->current);
    } else {
        log_warn("charon did not take generation %u: %s", l->store->current, cause_line(&l->fault, line));
        l->wanted = true;
    }
}

static bool request(struct charon_load *l, const char *command)
{
    bool sent = vici_request(l->vici, command, &message, on_reply, l) == 0;
    explicit_bzero(message.data, message.len);
    l->waiting += sent ? 1 : 0;
    return sent;
}

static bool request_cert(struct charon_load *l, const char *pem, size_t len, const char *flag)
{
    vici_begin(&message);
    vici_kvf(&message, "type", "X509");
    vici_kvf(&message, "flag", "%s", flag);
    vici_kv(&message, "data", pem, len);
    return request(l, "load-cert");
}

static bool request_file(struct charon_load *l, const char *file, const char *flag)
{
    long len = store_read(l->store, file, text, sizeof text);
    return len > 0 && request_cert(l, text, (size_t)len, flag);
}

/* Intermediates, one certificate per message. The file is optional. */
static bool request_chain(struct charon_load *l)
{
    long len = store_read(l->store, "chain.pem", text, sizeof text);
    if (len < 0)
        return errno == ENOENT;
    static uint8_t der[KEYS_CERT_MAX];
    size_t der_len;
    for (unsigned i = 0; (der_len = keys_to_der(text, (size_t)len, i, der, sizeof der)) > 0; i++)
        if (!request_cert(l, (const char *)der, der_len, "NONE"))
            return false;
    return true;
}

static bool request_key(struct charon_load *l)
{
    long len = store_read(l->store, "key.pem", text, sizeof text);
    if (len <= 0)
        return false;
    vici_begin(&message);
    vici_kvf(&message, "type", "any");
    vici_kv(&message, "data", text, (size_t)len);
    explicit_bzero(text, (size_t)len);
    return request(l, "load-key");
}

static void drop(struct charon_load *l, int64_t mono)
{
    struct vici *vici = l->vici;
    l->vici = NULL; /* tells the callbacks made by vici_close that these are not replies */
    vici_close(vici);
    l->waiting = 0;
    l->loaded = false;
    l->wanted = true;
    l->next_s = mono + RETRY_S;
}

static void charon_load_all(struct charon_load *l, int64_t mono)
{
    l->wanted = false;
    l->loaded = false;
    l->refused = 0;
    l->next_s = mono + REFUSED_S;
    vici_begin(&message);
    if (request(l, "clear-creds") && request_file(l, "ca.pem", "CA") && request_chain(l) &&
        request_file(l, "cert.pem", "NONE") && request_key(l))
        return;
    log_warn("the certificate cannot be handed to charon: %s", strerror(errno));
    cause_set(&l->fault, CAUSE_VPN_NO_CERT, CAUSE_NUMBER(errno), NULL);
    drop(l, mono);
    l->next_s = mono + REFUSED_S;
}

void charon_load_tick(struct charon_load *l, int64_t mono)
{
    if (!l->wanted || l->waiting > 0 || mono < l->next_s || l->store->current == 0)
        return;
    if (!l->vici)
        l->vici = vici_open(l->path, NULL, NULL);
    if (!l->vici) {
        if (l->away != errno) /* log each error once: charon may be down for a while */
            log_warn("charon cannot be reached at %s: %s", l->path, strerror(errno));
        l->away = errno;
        l->next_s = mono + RETRY_S;
        return;
    }
    l->away = 0;
    charon_load_all(l, mono);
}

int charon_load_fd(const struct charon_load *l, short *events)
{
    *events = (short)(POLLIN | (l->vici && vici_wants_write(l->vici) ? POLLOUT : 0));
    return l->vici ? vici_fd(l->vici) : -1;
}

void charon_load_process(struct charon_load *l, int64_t mono)
{
    if (l->vici && vici_process(l->vici) < 0) {
        log_warn("charon is gone");
        drop(l, mono);
    }
}

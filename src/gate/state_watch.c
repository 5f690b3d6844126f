#include "state_watch.h"
#include "lib/state_file.h"
#include "sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void state_watch_init(struct state_watch_file *f, const char *run, const char *name)
{
    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s/%s", run, name);
}

bool state_watch_changed(struct state_watch_file *f)
{
    struct stat st = {0};
    if (lstat(f->path, &st) < 0)
        memset(&st, 0, sizeof st);
    if (st.st_ino == f->inode && st.st_mtim.tv_sec == f->changed.tv_sec && st.st_mtim.tv_nsec == f->changed.tv_nsec)
        return false;
    f->inode = st.st_ino;
    f->changed = st.st_mtim;
    return true;
}

static void read_addr(const char *text, const char *key, struct addr *out)
{
    char value[INET6_ADDRSTRLEN];
    if (!state_file_get(text, key, value, sizeof value) || !conf_parse_addr(value, out))
        out->family = 0;
}

static void read_list(const char *text, const char *key, struct addr *list, unsigned *count)
{
    char value[256], *rest;
    if (!state_file_get(text, key, value, sizeof value))
        return;
    for (char *word = strtok_r(value, " ", &rest); word && *count < CONF_ADDRS_MAX; word = strtok_r(NULL, " ", &rest))
        if (conf_parse_addr(word, &list[*count]))
            (*count)++;
}

void state_watch_read_wan(const struct state_watch_file *f, struct state_watch_wan *out)
{
    char text[STATE_FILE_MAX], value[8];
    memset(out, 0, sizeof *out);
    if (state_file_read(f->path, UID_WAN, text, sizeof text) < 0)
        return;
    out->up = state_file_get(text, "link", value, sizeof value) && !strcmp(value, "up");
    read_addr(text, "address", &out->address);
    read_addr(text, "gateway", &out->gateway);
    if (state_file_get(text, "prefix", value, sizeof value))
        out->network = (struct prefix){out->address, (uint8_t)atoi(value)};
    read_list(text, "dns", out->dns, &out->dns_count);
    read_list(text, "ntp", out->ntp, &out->ntp_count);
}

void state_watch_read_certificate(const struct state_watch_file *f, struct state_watch_certificate *out)
{
    char text[STATE_FILE_MAX], value[8], path[sizeof f->path + 16];
    memset(out, 0, sizeof *out);
    if (state_file_read(f->path, UID_ENROLL, text, sizeof text) < 0)
        return;
    out->loaded = state_file_get(text, "loaded", value, sizeof value) && !strcmp(value, "yes");
    state_file_get(text, "identity", out->identity, sizeof out->identity);
    snprintf(path, sizeof path, "%s.cert.pem", f->path);
    if (state_file_read(path, UID_ENROLL, out->pem, sizeof out->pem) < 0)
        out->pem[0] = '\0';
}

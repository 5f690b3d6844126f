#include "state_watch.h"
#include "lib/state_file.h"
#include "sandbox.h"

#include <stdio.h>
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

void state_watch_read_wan(const struct state_watch_file *f, struct state_watch_wan *out)
{
    char text[STATE_FILE_MAX], value[256], *rest;
    memset(out, 0, sizeof *out);
    if (state_file_read(f->path, UID_WAN, text, sizeof text) < 0)
        return;
    out->up = state_file_get(text, "link", value, sizeof value) && !strcmp(value, "up");
    if (state_file_get(text, "address", value, sizeof value) && !conf_parse_addr(value, &out->address))
        out->address.family = 0;
    if (!state_file_get(text, "dns", value, sizeof value))
        return;
    for (char *word = strtok_r(value, " ", &rest); word && out->dns_count < CONF_ADDRS_MAX;
         word = strtok_r(NULL, " ", &rest))
        if (conf_parse_addr(word, &out->dns[out->dns_count]))
            out->dns_count++;
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

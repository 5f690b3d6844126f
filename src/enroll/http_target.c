/* Redirects: followed only on the same server (RFC 7030 section 3.2.1: another one needs the user's consent). */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Match `https://HOST[:PORT]` with the configured server. Returns the path after it; NULL: another server. */
static const char *same_origin(const char *location, const char *host, uint16_t port)
{
    char bracketed[300], with_port[sizeof bracketed + 8];
    const char *at = location + strlen("https://");
    size_t len = strcspn(at, "/?#");
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(bracketed, sizeof bracketed, "%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "");
    (void)snprintf(with_port, sizeof with_port, "%s:%u", bracketed, port);
    if (len == strlen(with_port) && strncasecmp(at, with_port, len) == 0)
        return at + len;
    if (port == 443 && len == strlen(bracketed) && strncasecmp(at, bracketed, len) == 0)
        return at + len;
    return NULL;
}

bool http_target(const char *location, const char *host, uint16_t port, char *path, size_t size)
{
    const char *at = location;
    if (strncasecmp(location, "https://", strlen("https://")) == 0)
        at = same_origin(location, host, port);
    if (!at || at[0] != '/' || at[1] == '/') /* `//other/path` names another server */
        return false;
    size_t len = strcspn(at, "#");
    if (len >= size)
        return false;
    for (size_t i = 0; i < len; i++)
        if (at[i] <= ' ' || at[i] > '~' || at[i] == '\\')
            return false;
    memcpy(path, at, len);
    path[len] = '\0';
    return true;
}

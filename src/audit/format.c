#include "format.h"
#include "sandbox.h"
#include "text.h"
#include "zone.h"

#include <stdio.h>
#include <string.h>

const char *format_program(uid_t uid, char *buf, size_t size)
{
    static const struct {
        uid_t uid;
        const char *name;
    } programs[] = {{0, "system"},           {UID_GATE, "gate"},     {UID_DNS, "dns"},
                    {UID_SNI, "sni"},        {UID_ENROLL, "enroll"}, {UID_ENROLL_NET, "enroll-net"},
                    {UID_STATUS, "console"}, {UID_AUDIT, "audit"},   {UID_CLOCK, "clock"},
                    {UID_WAN, "wan"}};
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (programs[i].uid == uid)
            return programs[i].name;
    (void)snprintf(buf, size, "uid-%u", (unsigned)uid);
    return buf;
}

/* A dotted name: [a-z0-9-] and dots, not at its ends. */
static bool is_event(const char *text, size_t len)
{
    if (len == 0 || len > 40 || text[0] == '.' || text[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", text[i]) || text[i] == '\0')
            return false;
    return true;
}

size_t format_line(char *out, size_t size, time_t when, uint64_t number, const char *program, const char *text,
                   size_t len)
{
    char stamp[ZONE_TEXT_MAX];
    const char *space = memchr(text, ' ', len);
    size_t event = space ? (size_t)(space - text) : len;
    int head = snprintf(out, size, "%s %06llu %s %s", zone_stamp(when, stamp), (unsigned long long)number, program,
                        is_event(text, event) ? "" : "malformed ");
    if (head < 0 || (size_t)head + 2 > size)
        return 0;
    size_t used = (size_t)head;
    used += text_escape(out + used, size - used - 1, text, len);
    out[used++] = '\n';
    out[used] = '\0';
    return used;
}

bool format_number(const char *line, size_t len, uint64_t *number)
{
    const size_t stamp = zone_read(line, (unsigned)len, NULL); /* one of an earlier version ends with Z */
    uint64_t n = 0;
    size_t at = stamp + 1;
    if (stamp == 0 || len < at || line[stamp] != ' ')
        return false;
    for (; at < len && line[at] >= '0' && line[at] <= '9' && at < stamp + 18; at++)
        n = n * 10 + (uint64_t)(line[at] - '0');
    if (at < stamp + 1 + 6 || at == len || line[at] != ' ')
        return false;
    *number = n;
    return true;
}

#include "zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EARLIEST_MIN (-12 * 60)
#define LATEST_MIN (14 * 60)

static int zone = ZONE_DEFAULT_MIN;

/* A `0` in the pattern matches any digit, any other character itself. */
static bool looks_like(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
            return false;
    return true;
}

static int two(const char *digits)
{
    return (digits[0] - '0') * 10 + digits[1] - '0';
}

/* Read sign, hours and minutes; ignores the rest of the text. */
static bool read_offset(const char *text, int *minutes)
{
    if ((text[0] != '+' && text[0] != '-') || !looks_like(text + 1, "00:00"))
        return false;
    int size = two(text + 1) * 60 + two(text + 4);
    *minutes = text[0] == '-' ? -size : size;
    return two(text + 4) < 60 && (size > 0 || text[0] == '+') && *minutes >= EARLIEST_MIN && *minutes <= LATEST_MIN;
}

bool zone_parse(const char *text, int *minutes)
{
    return strlen(text) == strlen("+09:00") && read_offset(text, minutes) && *minutes % 15 == 0;
}

void zone_set(int minutes)
{
    zone = minutes;
}

char *zone_offset(char out[ZONE_TEXT_MAX])
{
    (void)snprintf(out, ZONE_TEXT_MAX, "%c%02d:%02d", zone < 0 ? '-' : '+', abs(zone) / 60, abs(zone) % 60);
    return out;
}

/* Broken-down time in the site's zone. Zeros for a time out of range. */
static struct tm local_time(int64_t when)
{
    const int64_t far = INT64_C(1) << 55; /* about a thousand million years: the sums below cannot overflow */
    struct tm tm;
    time_t local = when > far || when < -far ? (time_t)far : (time_t)(when + zone * 60);
    if (!gmtime_r(&local, &tm) || tm.tm_year > 9999)
        tm = (struct tm){.tm_year = -1900, .tm_mon = -1};
    return tm;
}

char *zone_stamp(int64_t when, char out[ZONE_TEXT_MAX])
{
    char offset[ZONE_TEXT_MAX];
    struct tm tm = local_time(when);
    (void)snprintf(out, ZONE_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%.6s", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, zone_offset(offset));
    return out;
}

char *zone_minute(int64_t when, char out[ZONE_TEXT_MAX])
{
    char offset[ZONE_TEXT_MAX];
    struct tm tm = local_time(when);
    (void)snprintf(out, ZONE_TEXT_MAX, "%04d-%02d-%02d %02d:%02d %.6s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                   tm.tm_hour, tm.tm_min, zone_offset(offset));
    return out;
}

char *zone_second(int64_t when, char out[ZONE_TEXT_MAX])
{
    char offset[ZONE_TEXT_MAX];
    struct tm tm = local_time(when);
    (void)snprintf(out, ZONE_TEXT_MAX, "%02d:%02d:%02d %.6s", tm.tm_hour, tm.tm_min, tm.tm_sec, zone_offset(offset));
    return out;
}

unsigned zone_read(const char *text, unsigned len, int64_t *when)
{
    static const char pattern[] = "0000-00-00T00:00:00";
    char copy[sizeof "2026-11-21T17:30:00+09:00"] = "";
    const unsigned clock = sizeof pattern - 1;
    int minutes = 0;
    memcpy(copy, text, len < sizeof copy - 1 ? len : sizeof copy - 1);
    if (!looks_like(copy, pattern) || (copy[clock] != 'Z' && !read_offset(copy + clock, &minutes)))
        return 0;
    struct tm tm = {.tm_year = two(copy) * 100 + two(copy + 2) - 1900,
                    .tm_mon = two(copy + 5) - 1,
                    .tm_mday = two(copy + 8),
                    .tm_hour = two(copy + 11),
                    .tm_min = two(copy + 14),
                    .tm_sec = two(copy + 17)};
    if (when)
        *when = (int64_t)timegm(&tm) - minutes * 60;
    return copy[clock] == 'Z' ? clock + 1 : (unsigned)sizeof copy - 1;
}

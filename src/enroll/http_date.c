/* HTTP dates and Retry-After (RFC 9110 sections 5.6.7 and 10.2.3). Without strptime, which depends on the locale. */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* Exactly `count` digits; a leading space stands for 0 where asctime has it. */
static bool take_number(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        char c = **at;
        if (c == ' ' && i == 0 && count == 2)
            c = '0';
        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (c - '0');
    }
    return true;
}

static bool take_text(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

static bool take_month(const char **at, int *out)
{
    for (*out = 0; *out < 12; (*out)++)
        if (take_text(at, months[*out]))
            return true;
    return false;
}

static bool take_time(const char **at, struct tm *t)
{
    return take_number(at, 2, &t->tm_hour) && take_text(at, ":") && take_number(at, 2, &t->tm_min) &&
           take_text(at, ":") && take_number(at, 2, &t->tm_sec);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool imf_fixdate(const char *at, struct tm *t)
{
    int year;
    if (!take_number(&at, 2, &t->tm_mday) || !take_text(&at, " ") || !take_month(&at, &t->tm_mon) ||
        !take_text(&at, " ") || !take_number(&at, 4, &year) || !take_text(&at, " ") || !take_time(&at, t) ||
        strcmp(at, " GMT") != 0)
        return false;
    t->tm_year = year - 1900;
    return true;
}

/* Sunday, 06-Nov-94 08:49:37 GMT: a year more than 50 years ahead means the past century (RFC 9110 section 5.6.7) */
static bool rfc850_date(const char *at, int64_t now, struct tm *t)
{
    int year;
    time_t seconds = (time_t)now;
    struct tm today;
    if (!take_number(&at, 2, &t->tm_mday) || !take_text(&at, "-") || !take_month(&at, &t->tm_mon) ||
        !take_text(&at, "-") || !take_number(&at, 2, &year) || !take_text(&at, " ") || !take_time(&at, t) ||
        strcmp(at, " GMT") != 0 || !gmtime_r(&seconds, &today))
        return false;
    year += today.tm_year - today.tm_year % 100;
    t->tm_year = year > today.tm_year + 50 ? year - 100 : year;
    return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool asctime_date(const char *at, struct tm *t)
{
    int year;
    if (!take_month(&at, &t->tm_mon) || !take_text(&at, " ") || !take_number(&at, 2, &t->tm_mday) ||
        !take_text(&at, " ") || !take_time(&at, t) || !take_text(&at, " ") || !take_number(&at, 4, &year) || *at)
        return false;
    t->tm_year = year - 1900;
    return true;
}

bool http_date(const char *text, int64_t now, int64_t *out)
{
    struct tm t = {0};
    const char *comma = strstr(text, ", ");
    bool read;
    if (comma)
        read = imf_fixdate(comma + 2, &t) || rfc850_date(comma + 2, now, &t);
    else
        read = strlen(text) > 4 && text[3] == ' ' && asctime_date(text + 4, &t);
    if (!read || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 60)
        return false;
    *out = timegm(&t);
    return true;
}

bool retry_after(const char *value, const char *date, int64_t now, uint32_t *seconds)
{
    size_t digits = strspn(value, "0123456789");
    int64_t wait, until, from;
    if (digits > 0 && value[digits] == 0) {
        wait = digits > 9 ? RETRY_AFTER_MAX : strtol(value, NULL, 10);
    } else {
        if (!http_date(value, now, &until))
            return false;
        if (!http_date(date, now, &from))
            from = now;
        wait = until - from;
    }
    if (wait < 0)
        wait = 0;
    *seconds = wait > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (uint32_t)wait;
    return true;
}

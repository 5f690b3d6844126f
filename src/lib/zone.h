/*
 * Times for people: in the site's time zone, always with the offset from UTC. The zone is a fixed offset ([site]
 * timezone; default: Japan's), because the box has no tz database.
 */
#ifndef SEKISHO_ZONE_H
#define SEKISHO_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#define ZONE_DEFAULT_MIN (9 * 60) /* minutes ahead of UTC: Japan */
#define ZONE_TEXT_MAX 48          /* any of these texts, with NUL */

/* `+09:00`: sign, hours, minutes in quarters; from -12:00 to +14:00. False for any other text. */
bool zone_parse(const char *text, int *minutes);

/* Set the zone for all further calls in this process. */
void zone_set(int minutes);
/* The same, read from a site file, even one with mistakes elsewhere; the default if it cannot be read. */
void zone_of_site(const char *path);

/* All return out. A time out of range becomes zeros. */
char *zone_offset(char out[ZONE_TEXT_MAX]);                /* +09:00 */
char *zone_stamp(int64_t when, char out[ZONE_TEXT_MAX]);   /* 2026-11-21T17:30:00+09:00 (RFC 3339) */
char *zone_minute(int64_t when, char out[ZONE_TEXT_MAX]);  /* 2026-11-21 17:30 +09:00 */
char *zone_second(int64_t when, char out[ZONE_TEXT_MAX]);  /* 17:30:05 +09:00 */

/*
 * Parse the RFC 3339 time at the start of text, in the form the box writes (whole seconds, `Z` or an offset). Returns
 * its length, 0 if there is none. when may be NULL.
 */
unsigned zone_read(const char *text, unsigned len, int64_t *when);

#endif

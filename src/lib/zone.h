/*
 * Times as people read them: in the site's zone, its offset from UTC always beside them. The zone is a fixed offset
 * ([site] timezone; Japan's where nothing is said): the box has no table of the world's clock changes.
 */
#ifndef SEKISHO_ZONE_H
#define SEKISHO_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#define ZONE_DEFAULT_MIN (9 * 60) /* minutes ahead of UTC: Japan */
#define ZONE_TEXT_MAX 48          /* any of these texts, with NUL */

/* `+09:00`: sign, hours, minutes in quarters; from -12:00 to +14:00. False for any other text. */
bool zone_parse(const char *text, int *minutes);

/* For all that this process writes from now on. */
void zone_set(int minutes);
/* The same out of a site file, also of one that has mistakes elsewhere; the default where it cannot be read. */
void zone_of_site(const char *path);

/* All return out. A time that no calendar has becomes zeros. */
char *zone_offset(char out[ZONE_TEXT_MAX]);                /* +09:00 */
char *zone_stamp(int64_t when, char out[ZONE_TEXT_MAX]);   /* 2026-11-21T17:30:00+09:00 (RFC 3339) */
char *zone_minute(int64_t when, char out[ZONE_TEXT_MAX]);  /* 2026-11-21 17:30 +09:00 */
char *zone_second(int64_t when, char out[ZONE_TEXT_MAX]);  /* 17:30:05 +09:00 */

/*
 * The length of the RFC 3339 time, as this box writes them (whole seconds, `Z` or an offset), that text begins with;
 * 0: it begins with none. *when may be NULL.
 */
unsigned zone_read(const char *text, unsigned len, int64_t *when);

#endif

/* `sekisho version`: the version, and on the box also the image. */
#include "json.h"
#include "ops.h"
#include "state_file.h"
#include "zone.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* Build time of the image in seconds since 1970; 0: no image. */
static long long built(const char *root)
{
    char path[PATH_MAX], text[32];
    (void)snprintf(path, sizeof path, "%s/etc/sekisho/build-time", root);
    return state_file_read(path, 0, text, sizeof text) == 0 ? strtoll(text, NULL, 10) : 0;
}

int op_version(const struct ops_args *args)
{
    char made[ZONE_TEXT_MAX];
    long long when = built(args->root);
    if (args->json) {
        struct json j = {0};
        json_open(&j, NULL, '{');
        json_text(&j, "version", SEKISHO_VERSION);
        if (when > 0)
            json_time(&j, "built", when);
        json_close(&j, '}');
        json_end();
        return EXIT_GOOD;
    }
    (void)printf("Sekisho %s\n", SEKISHO_VERSION);
    if (when > 0)
        (void)printf("  Image made / イメージ作成: %s\n", zone_minute(when, made));
    return EXIT_GOOD;
}

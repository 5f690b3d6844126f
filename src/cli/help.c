/* `sekisho help [TOPIC]`: the list of commands, or one of the image's man pages as text (docs/man). */
#include "ops.h"
#include "state_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PAGE_MAX (64 * 1024)

/* The name of a page, not a path: this command can read no other files. */
static bool is_topic(const char *word)
{
    return word[0] != '.' && word[strspn(word, "abcdefghijklmnopqrstuvwxyz.")] == '\0';
}

int op_help(const struct ops_args *args)
{
    static char text[PAGE_MAX];
    char path[PATH_MAX];
    const char *topic = args->file_count > 0 ? args->files[0] : NULL;
    if (!topic) {
        args->usage(args->console);
        return EXIT_GOOD;
    }
    (void)snprintf(path, sizeof path, "%s/usr/share/sekisho/help/%s", args->root, topic);
    if (!is_topic(topic) || state_file_read(path, 0, text, sizeof text) < 0)
        return ops_answer(args, EXIT_USAGE, "There is no such page. The box has: sekisho, site.conf, service.conf.",
                          "そのページはありません。sekisho、site.conf、service.conf があります。");
    (void)fputs(text, stdout);
    return EXIT_GOOD;
}

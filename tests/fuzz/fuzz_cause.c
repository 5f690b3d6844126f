/* Fuzz target: causes from state files and messages: an accepted one has a sentence, and survives a round trip. */
#include "cause_text.h"
#include "must.h"

#include <stdlib.h>
#include <string.h>

static void use(const struct cause *c)
{
    char line[CAUSE_LINE_MAX], text[CAUSE_TEXT_MAX];
    struct cause back, outer;
    MUST(cause_valid(c));
    if (*cause_line(c, line))
        MUST(cause_parse(line, &back) && cause_equal(c, &back));
    for (int lang = CAUSE_EN; lang <= CAUSE_JA; lang++)
        for (int part = CAUSE_WRONG; part <= CAUSE_DO; part++) {
            MUST(strlen(cause_sentence(c, lang, part, text)) < sizeof text);
            for (const char *at = text; *at; at++)
                MUST((unsigned char)*at >= ' ' && *at != 0x7f);
        }
    cause_because(&outer, CAUSE_TUNNEL_FAILED, c, "lab", NULL);
    MUST(cause_valid(&outer) && outer.code != CAUSE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[1024] = "";
    struct cause c = {0};
    memcpy(text, data, size < sizeof text ? size : sizeof text - 1);
    if (cause_parse(text, &c))
        use(&c);
    else
        MUST(c.code == CAUSE_NONE);
    cause_set(&c, (enum cause_code)(size % CAUSE_CODES), text, text, text, text, text, NULL);
    use(&c);
    memcpy(&c, data, size < sizeof c ? size : sizeof c);
    if (cause_valid(&c))
        use(&c);
    return 0;
}

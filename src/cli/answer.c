/* The answers of commands: a sentence or a cause, in the requested form and language. */
#include "cause_text.h"
#include "json.h"
#include "ops.h"

#include <stdio.h>

int ops_answer(const struct ops_args *args, int status, const char *en, const char *ja)
{
    if (args->json) {
        struct json j = {0};
        json_open(&j, NULL, '{');
        json_bool(&j, "ok", status == EXIT_GOOD);
        json_text(&j, "text", en);
        json_text(&j, "text_ja", ja ? ja : en);
        json_close(&j, '}');
        json_end();
        return status;
    }
    if (args->lang != LANG_JA || !ja)
        (void)printf("%s\n", en);
    if (args->lang != LANG_EN && ja)
        (void)printf("%s\n", ja);
    return status;
}

/* Print what is wrong and, if there is any advice, what to do. */
int ops_answer_cause(const struct ops_args *args, int status, const struct cause *cause)
{
    char en[CAUSE_TEXT_MAX], ja[CAUSE_TEXT_MAX], do_en[CAUSE_TEXT_MAX], do_ja[CAUSE_TEXT_MAX];
    (void)cause_sentence(cause, CAUSE_EN, CAUSE_WRONG, en);
    (void)cause_sentence(cause, CAUSE_JA, CAUSE_WRONG, ja);
    (void)cause_sentence(cause, CAUSE_EN, CAUSE_DO, do_en);
    (void)cause_sentence(cause, CAUSE_JA, CAUSE_DO, do_ja);
    if (!args->json) {
        (void)ops_answer(args, status, en, ja);
        return *do_en ? ops_answer(args, status, do_en, do_ja) : status;
    }
    struct json j = {0};
    json_open(&j, NULL, '{');
    json_bool(&j, "ok", status == EXIT_GOOD);
    json_text(&j, "text", en);
    json_text(&j, "text_ja", ja);
    if (*do_en) {
        json_text(&j, "action", do_en);
        json_text(&j, "action_ja", do_ja);
    }
    json_cause(&j, "cause", cause);
    json_close(&j, '}');
    json_end();
    return status;
}

/* `sekisho explain`: the sentence of a cause from the log, a state file or a script. */
#include "ops.h"

#include <stdio.h>
#include <string.h>

int op_explain(const struct ops_args *args)
{
    char line[CAUSE_LINE_MAX] = "";
    struct cause cause;
    for (unsigned i = 0; i < args->file_count; i++) {
        size_t len = strlen(line);
        (void)snprintf(line + len, sizeof line - len, "%s%s", i ? " " : "", args->files[i]);
    }
    if (!cause_parse(line, &cause))
        return ops_answer(
            args, EXIT_USAGE,
            "That is no cause, or its values are not in order. Type it as it stands in the log, with its "
            "values.",
            "その原因コードはないか、値が正しくありません。記録の原因コードを、値も含めてそのまま入力してください。");
    return ops_answer_cause(args, EXIT_GOOD, &cause);
}

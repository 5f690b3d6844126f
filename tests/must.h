/* What has to be so in a fuzz target or a fake world, whatever came in: else it says what was not so, and aborts. */
#ifndef SEKISHO_TESTS_MUST_H
#define SEKISHO_TESTS_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif

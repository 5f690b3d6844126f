/*
 * What the box's programs say about mistakes and faults, in Japanese. The programs speak English only (struct conf_error,
 * `fault` and `reason` in the state files); their sentences are known, so they are translated where people read them.
 * tests/unit/lib_japanese_test.py sees to it that no sentence is missing here.
 */
#ifndef SEKISHO_JAPANESE_H
#define SEKISHO_JAPANESE_H

#include <stdbool.h>
#include <stddef.h>

#define JAPANESE_MAX 512 /* octets that any translation fits into, with NUL */

/*
 * The sentence as UTF-8, without its final mark; false (out is then ""): nobody of ours says this. Names, addresses,
 * numbers and the words of other programs in it stay as they are.
 */
bool japanese(const char *english, char *out, size_t size);

/*
 * The tables, ended by NULL. In English %s is any text; in Japanese %1 is the first of these, =1 its translation (there
 * must be one), ~1 its translation or else itself.
 */
struct japanese_sentence {
    const char *en, *ja;
};
extern const struct japanese_sentence japanese_conf[]; /* the configuration parser */
extern const struct japanese_sentence japanese_box[]; /* gate and enroll: faults, reasons, answers to commands */

#endif

/*
 * A QEMU plugin (TCG): counts the instructions that the machine executes, per block.
 *
 *   -plugin build/bench/counter.so,socket=PATH
 *
 * A client that connects to PATH and sends a line gets one: `total` the number since the start; `dump FILE` the same,
 * and writes for each block of the kernel "ADDRESS INSTRUCTIONS EXECUTED" to FILE.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The part of QEMU's plugin interface used here; Debian ships no header for it. */
#define EXPORT __attribute__((visibility("default")))
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;
enum { ADD_U64 = 0 };
extern struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op, qemu_plugin_u64 entry,
                                                              uint64_t value);
extern uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);
EXPORT int qemu_plugin_version = 3;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

#define BLOCKS (1U << 18) /* of the kernel; further blocks are counted in the total only */
#define KERNEL 0xffffffff80000000ULL

static struct qemu_plugin_scoreboard *counts; /* [0] instructions; then the executions of each block */
static struct block {
    uint64_t address;
    size_t instructions;
} blocks[BLOCKS];

static size_t place_of(uint64_t address, size_t instructions)
{
    size_t at = (size_t)((address ^ (address >> 13)) * 0x9e3779b97f4a7c15ULL >> 46);
    for (size_t i = 0; i < 64; i++, at = (at + 1) % BLOCKS) {
        struct block *b = &blocks[at];
        if (b->address == 0) {
            *b = (struct block){address, instructions};
            return at;
        }
        if (b->address == address && b->instructions == instructions)
            return at;
    }
    return BLOCKS;
}

static qemu_plugin_u64 entry(size_t at)
{
    return (qemu_plugin_u64){counts, at * sizeof(uint64_t)};
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    uint64_t address = qemu_plugin_tb_vaddr(tb);
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD_U64, entry(0), n);
    size_t at = address >= KERNEL ? place_of(address, n) : BLOCKS;
    if (at < BLOCKS)
        qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD_U64, entry(1 + at), 1);
}

static void dump(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return;
    for (size_t i = 0; i < BLOCKS; i++)
        if (blocks[i].address)
            fprintf(f, "%" PRIx64 " %zu %" PRIu64 "\n", blocks[i].address, blocks[i].instructions,
                    qemu_plugin_u64_sum(entry(1 + i)));
    fclose(f);
}

static void *answer(void *listener)
{
    int fd = (int)(intptr_t)listener;
    for (;;) {
        int c = accept(fd, NULL, NULL);
        char line[256] = "";
        ssize_t n = c < 0 ? -1 : read(c, line, sizeof line - 1);
        if (n > 0) {
            line[strcspn(line, "\n")] = '\0';
            if (strncmp(line, "dump ", 5) == 0)
                dump(line + 5);
            dprintf(c, "%" PRIu64 "\n", qemu_plugin_u64_sum(entry(0)));
        }
        if (c >= 0)
            close(c);
    }
    return NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (argc != 1 || strncmp(argv[0], "socket=", 7) != 0 || strlen(argv[0] + 7) >= sizeof a.sun_path)
        return -1;
    memcpy(a.sun_path, argv[0] + 7, strlen(argv[0] + 7) + 1);
    counts = qemu_plugin_scoreboard_new((1 + BLOCKS) * sizeof(uint64_t));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(a.sun_path);
    pthread_t thread;
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4) != 0 ||
        pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd) != 0)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}

/*
 * probe: the leak counter's two programs.
 *
 *   probe send -i INTERFACE -g MAC -k KINDS -o PAGE -r RATE      sends numbered probes until it is killed
 *   probe count -i INTERFACE -o PAGE -n NUMBERS -t NET/LEN -f FIRST -l LAST
 *                                                               counts those received (kinds FIRST to LAST)
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void die(const char *what)
{
    if (errno)
        fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    else
        fprintf(stderr, "probe: %s\n", what);
    exit(1);
}

void *map_file(const char *path, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        die(path);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        die(path);
    close(fd);
    return page;
}

void tag_write(uint8_t at[TAG_LEN], const struct tag *tag)
{
    char text[TAG_LEN + 1];
    snprintf(text, sizeof text, TAG_MAGIC "%02u%020llu", tag->kind % 100, (unsigned long long)tag->number);
    memcpy(at, text, TAG_LEN);
}

static bool digits(const uint8_t *text, unsigned count, uint64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text[i] - '0');
    }
    return true;
}

bool tag_find(const uint8_t *data, size_t len, size_t *at, struct tag *out)
{
    while (*at < len) {
        const uint8_t *found = memmem(data + *at, len - *at, TAG_MAGIC, TAG_MAGIC_LEN);
        if (!found)
            break;
        size_t start = (size_t)(found - data);
        uint64_t kind;
        *at = start + TAG_MAGIC_LEN;
        if (len - start >= TAG_LEN && digits(found + TAG_MAGIC_LEN, 2, &kind) &&
            digits(found + TAG_MAGIC_LEN + 2, 20, &out->number)) {
            out->kind = (unsigned)kind;
            *at = start + TAG_LEN;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "send") == 0)
        return probe_send(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "count") == 0)
        return probe_count(argc - 1, argv + 1);
    fprintf(stderr, "usage: probe send -i INTERFACE -g MAC -k KINDS -o PAGE -r RATE\n"
                    "       probe count -i INTERFACE -o PAGE -n NUMBERS -t NET/LEN -f FIRST -l LAST\n");
    return 2;
}

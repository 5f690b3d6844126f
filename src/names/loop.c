#include "loop.h"

#include <sys/epoll.h>
#include <time.h>

bool loop_watch(int epoll, int fd, uint32_t token)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = token};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

uint64_t loop_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#include "loop.h"

#include <sys/epoll.h>
#include <time.h>

bool loop_watch_for(int epoll, int fd, uint32_t token, bool first, bool writing)
{
    struct epoll_event e = {.events = writing ? EPOLLOUT : EPOLLIN, .data.u32 = token};
    return epoll_ctl(epoll, first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) == 0;
}

bool loop_watch(int epoll, int fd, uint32_t token)
{
    return loop_watch_for(epoll, fd, token, true, false);
}

uint64_t loop_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

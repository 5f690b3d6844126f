#include "loop.h"

#include <sys/epoll.h>

bool loop_watch_for(int epoll, int fd, uint32_t token, bool first, bool writing)
{
    struct epoll_event e = {.events = writing ? EPOLLOUT : EPOLLIN, .data.u32 = token};
    return epoll_ctl(epoll, first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) == 0;
}

bool loop_watch(int epoll, int fd, uint32_t token)
{
    return loop_watch_for(epoll, fd, token, true, false);
}

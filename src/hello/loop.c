#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>

bool loop_watch(int epoll, int fd, enum loop_token token, bool readable, bool writable)
{
    struct epoll_event e = {.events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0), .data.u32 = token};
    return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e) == 0 ||
           (errno == ENOENT && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

/*
 * Dropping privileges. Every function succeeds or ends the process (log_fatal), so that no daemon ever runs with more
 * privileges than intended.
 */
#ifndef SEKISHO_SANDBOX_H
#define SEKISHO_SANDBOX_H

#include <stdint.h>

/* uids of rootfs/overlay/etc/passwd; gid = uid. */
enum sandbox_uid {
    UID_SEKISHO = 600, /* group of those who may read state */
    UID_GATE = 601,
    UID_DNS = 602,
    UID_SNI = 603,
    UID_ENROLL = 604,
    UID_ENROLL_NET = 605,
    UID_STATUS = 606,
    UID_AUDIT = 607,
    UID_CLOCK = 608,
    UID_NTP = 609, /* clock's network part */
    UID_VICI = 610, /* group: may connect to charon's VICI socket */
    UID_WAN = 612,
    UID_LAN = 613,
    UID_DHCP = 614 /* wan's network part, the DHCP client */
};

/* chroot to /var/empty, which must be owned by root and not writable by anyone else. Needs root. */
void sandbox_empty_root(void);

/*
 * Become uid (gid = uid) with the given supplementary groups, keep exactly the capabilities in the mask (1 << CAP_…),
 * clear the bounding and ambient sets, set no_new_privs and non-dumpable, and verify that root cannot be regained.
 */
void sandbox_user(uint32_t uid, const uint32_t *groups, unsigned group_count, uint64_t caps);

/*
 * seccomp: allow only the named system calls (libseccomp names, NULL-terminated) in addition to the base set that every
 * program needs (memory, read/write/sendmsg/recvmsg/close on open descriptors, poll/epoll/timerfd/signalfd, time,
 * futex, exit). Any other call kills the process.
 */
void sandbox_syscalls(const char *const *extra);

/*
 * The same without the send* calls, for a program that holds a packet socket: write() takes no address, so it can send
 * only on the interface that the socket is bound to.
 */
void sandbox_mute(const char *const *extra);

/* Allow these calls too in a libseccomp filter of one's own; one that this architecture does not have is left out. */
void sandbox_allow(void *filter, const char *const *names);

#endif

/* Giving up privileges. Every function ends in success or a fatal exit: a daemon never runs with more than it asked for. */
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
    UID_NTP = 609, /* asks time servers for it */
    UID_VICI = 610, /* group of those who may speak to charon */
    UID_WAN = 612,
    UID_LAN = 613,
    UID_DHCP = 614 /* the line's DHCP client */
};

/* chroot to the empty, root-owned folder /var/empty. Needs root. */
void sandbox_empty_root(void);

/*
 * Become uid/gid with the given supplementary groups, keep exactly the capabilities in the mask (1 << CAP_…), clear the
 * bounding and ambient sets, set no_new_privs and non-dumpable, and check that root cannot come back.
 */
void sandbox_user(uint32_t uid, const uint32_t *groups, unsigned group_count, uint64_t caps);

/*
 * seccomp: allow only the named system calls (libseccomp names, NULL-terminated) on top of the base set that every
 * program needs (memory, read/write/sendmsg/recvmsg/close on open descriptors, poll/epoll/timerfd/signalfd, time, futex,
 * exit). A refused call kills the process.
 */
void sandbox_syscalls(const char *const *extra);

/*
 * The same for a program that holds a packet socket: it can send with write() only, which takes no address, so it reaches
 * no other card than the one that the socket was bound to.
 */
void sandbox_mute(const char *const *extra);

#endif

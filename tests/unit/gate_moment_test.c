/*
 * The moment of a change of the ruleset, while the LAN keeps sending. A transaction is prepared element by element
 * before it takes effect as a whole, and look-ups meanwhile must not miss elements that are still in force.
 */
#include "gate_firewall_fixture.h"

#include <signal.h>
#include <sys/prctl.h>

#define PORT 443
#define CHANGES 1500
/* Each run has its own: two may go on side by side (scripts/unit). */
static char events[64];

static pid_t flood(const char *addr)
{
    int fd = bound(PC_NS, SOCK_DGRAM, PC, 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            send_to(fd, addr, PORT);
        }
    }
    close(fd);
    return pid;
}

static unsigned arrived(int fd)
{
    char buf[64];
    unsigned n = 0;
    while (recv(fd, buf, sizeof buf, 0) > 0)
        n++;
    return n;
}

/*
 * Each view of gate's brings the registry's prefixes, for nothing opens without them. In `internet` all else may
 * pass.
 */
static void the_registry_is_never_in_clear(void **state)
{
    (void)state;
    static struct conf_service service = {.number = 1, .remote_count = 1};
    assert_true(conf_parse_prefix("10.20.0.0/16", &service.remote[0]));
    struct firewall_view v = {.mode = MODE_INTERNET, .generation = 700, .registry = &service, .registry_count = 1};
    int registry = bound(WAN_NS, SOCK_DGRAM, REGISTRY, PORT), server = bound(WAN_NS, SOCK_DGRAM, SERVER, PORT);
    assert_int_equal(firewall_apply(&v), 0);
    pid_t to_registry = flood(REGISTRY), to_server = flood(SERVER);
    unsigned leaked = 0, passed = 0;
    assert_true(readable(server)); /* (on a busy machine all changes can be over before the first packet) */
    for (unsigned i = 0; i < CHANGES; i++) {
        v.generation++;
        assert_int_equal(firewall_apply(&v), 0);
        leaked += arrived(registry);
        passed += arrived(server);
    }
    kill(to_registry, SIGKILL);
    kill(to_server, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_true(passed > 0); /* the flood is one, and the mode lets pass what is no registry's */
    assert_true(counter("dropped_tunnel_outside") > 0);
    assert_int_equal(counter("dropped_clear"), 0); /* that would be the second line, and the same set */
    assert_int_equal(leaked + arrived(registry), 0);
    close(registry);
    close(server);
}

/*
 * What is learned of a registry whose hub carries everything is added while packets go on: before, behind and between what
 * is known. None of it hides what is known already.
 */
static void what_is_learned_hides_nothing(void **state)
{
    (void)state;
    static struct firewall_range all[FIREWALL_KNOWN_MAX];
    unsigned leaked = 0, passed = 0, count = 1;
    all[0].service = 1;
    assert_int_equal(system("nft flush map inet sekisho tunnel_v4"), 0);
    assert_true(conf_parse_addr(REGISTRY, &all[0].first));
    all[0].last = all[0].first;
    struct firewall_view v = {.mode = MODE_INTERNET, .generation = 50000, .known = all, .known_count = 1};
    int registry = bound(WAN_NS, SOCK_DGRAM, REGISTRY, PORT), server = bound(WAN_NS, SOCK_DGRAM, SERVER, PORT);
    assert_int_equal(firewall_apply(&v), 0);
    pid_t to_registry = flood(REGISTRY), to_server = flood(SERVER);
    assert_true(readable(server));
    while (count < FIREWALL_KNOWN_MAX) {
        struct firewall_range *next = &all[count++];
        uint32_t of_registry;
        *next = all[0];
        memcpy(&of_registry, all[0].first.bytes, 4); /* the nearest first, below and above in turns */
        uint32_t ip = htonl(ntohl(of_registry) + (count % 2 ? count / 2 : -(count / 2)));
        memcpy(next->first.bytes, &ip, 4);
        memcpy(next->last.bytes, &ip, 4);
        assert_int_equal(firewall_known(next, 1), 0);
        leaked += arrived(registry);
        passed += arrived(server);
    }
    kill(to_registry, SIGKILL);
    kill(to_server, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    assert_true(passed > 0);
    assert_int_equal(leaked + arrived(registry), 0);
    close(registry);
    close(server);
    assert_int_equal(system("nft flush map inet sekisho tunnel_v4"), 0);
}

static unsigned told_of(const char *what)
{
    char line[1024];
    unsigned n = 0;
    FILE *f = fopen(events, "r");
    while (f && fgets(line, sizeof line, f))
        n += strstr(line, what) != NULL;
    if (f)
        fclose(f);
    return n;
}

/*
 * An interval is not deleted and added anew in one transaction: until the old elements are taken out of the tree, a
 * search that comes upon one of them first does not find the new one behind it (Linux 6.12, nft_set_rbtree.c). With
 * one processor a packet is handled whole in that moment, past both lines.
 */
static void the_prefixes_are_left_where_they_are(void **state)
{
    (void)state;
    static struct conf_service service = {.number = 1, .remote_count = 1};
    assert_true(conf_parse_prefix("10.20.0.0/16", &service.remote[0]));
    struct firewall_view v = {.mode = MODE_INTERNET, .generation = 9000, .registry = &service, .registry_count = 1};
    assert_int_equal(firewall_apply(&v), 0);
    char listen_to[128];
    snprintf(events, sizeof events, "build/unit/gate_moment.events.%d", getpid());
    snprintf(listen_to, sizeof listen_to, "exec stdbuf -oL nft monitor elements >%s", events);
    pid_t monitor = fork();
    if (monitor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("sh", "sh", "-c", listen_to, (char *)NULL);
        _exit(127);
    }
    for (unsigned waited = 0; told_of("delete element inet sekisho mode") == 0 && waited < SURELY_MS;
         waited += 50) { /* until it listens */
        v.generation++;
        assert_int_equal(firewall_apply(&v), 0);
        usleep(50000);
    }
    kill(monitor, SIGKILL);
    waitpid(monitor, NULL, 0);
    assert_true(told_of("delete element inet sekisho mode") > 0);
    assert_int_equal(told_of("tunnel_v4"), 0);
    unlink(events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registry_is_never_in_clear),
        cmocka_unit_test(what_is_learned_hides_nothing),
        cmocka_unit_test(the_prefixes_are_left_where_they_are),
    };
    return cmocka_run_group_tests_name("gate_moment", tests, build, NULL);
}

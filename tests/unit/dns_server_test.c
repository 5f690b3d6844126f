/*
 * The clients' side over real sockets on loopback: UDP batches, TCP framing, bounds, silence before the list is
 * complete.
 */
#include "dns_fixture.h"
#include "tokens.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

static struct world w;
static struct server server;
static int epoll, udp, tcp; /* epoll's; the box's sockets, which the server owns */
static struct sockaddr_in udp_at, tcp_at;

static void on_reply(struct world *world, const struct client *to, const uint8_t *data, size_t len)
{
    (void)world;
    server_reply(&server, to, data, len);
}

static int box_socket(int type, struct sockaddr_in *at)
{
    int one = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof(*at);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    MUST(fd >= 0 && bind(fd, (struct sockaddr *)at, len) == 0 && getsockname(fd, (struct sockaddr *)at, &len) == 0);
    if (type == SOCK_STREAM)
        MUST(listen(fd, 16) == 0);
    else
        MUST(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) == 0);
    return fd;
}

static int setup(void **state)
{
    (void)state;
    world_start(&w);
    w.on_reply = on_reply;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    server_init(&server, epoll, &w.q);
    udp = box_socket(SOCK_DGRAM, &udp_at);
    tcp = box_socket(SOCK_STREAM, &tcp_at);
    MUST(server_listen(&server, IPPROTO_UDP, udp) && server_listen(&server, IPPROTO_TCP, tcp));
    server_open(&server);
    world_mode(&w, MODE_SESSION, 1, 0, 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++)
        if (server.tcp[i].fd >= 0)
            close(server.tcp[i].fd);
    close(udp);
    close(tcp);
    close(epoll);
    return 0;
}

static int client_socket_at(int type, const struct sockaddr_in *to, unsigned address)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    MUST(fd >= 0 && bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0);
    MUST(connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0);
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

static int client_socket(int type, const struct sockaddr_in *to)
{
    return client_socket_at(type, to, INADDR_LOOPBACK);
}

/* Handle epoll's events until there are none. */
static void turn(void)
{
    struct epoll_event e;
    for (unsigned guard = 0; epoll_wait(epoll, &e, 1, 20) == 1; guard++) {
        MUST(guard < 1000);
        if (LOOP_KIND(e.data.u32) == LOOP_LAN)
            server_lan_ready(&server, w.now, LOOP_INDEX(e.data.u32));
        else
            server_tcp_ready(&server, w.now, LOOP_INDEX(e.data.u32));
        server_tick(&server, w.now);
    }
}

static void frame(int fd, const struct wire *m)
{
    uint8_t size[2] = {(uint8_t)(m->len >> 8), (uint8_t)m->len};
    MUST(send(fd, size, 2, MSG_NOSIGNAL) == 2 && send(fd, m->data, m->len, MSG_NOSIGNAL) == (ssize_t)m->len);
}

/* One framed answer. False: there is none, whole. */
static bool unframe(int fd, struct seen *s)
{
    uint8_t size[2], data[DNS_MSG_MAX];
    if (recv(fd, size, 2, 0) != 2)
        return false;
    size_t len = (size_t)(size[0] << 8 | size[1]);
    return len <= sizeof(data) && recv(fd, data, len, 0) == (ssize_t)len && see(data, len, s);
}

static bool closed(int fd)
{
    uint8_t c;
    ssize_t n = recv(fd, &c, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void question(struct wire *m, uint16_t id, const char *name)
{
    wire_begin(m, id, 0x0100, name, DNS_A);
}

static void test_udp_now_and_later(void **state)
{
    (void)state;
    struct wire m;
    uint8_t in[DNS_MSG_MAX];
    struct seen s;
    int a = client_socket(SOCK_DGRAM, &udp_at), b = client_socket(SOCK_DGRAM, &udp_at);
    question(&m, 1, REGISTRY_NAME);
    MUST(send(a, m.data, m.len, 0) == (ssize_t)m.len);
    question(&m, 2, UNLISTED_NAME);
    MUST(send(b, m.data, m.len, 0) == (ssize_t)m.len);
    turn();
    assert_int_equal(recv(a, in, sizeof(in), 0), -1);
    assert_true(see(in, (size_t)recv(b, in, sizeof(in), 0), &s)); /* from the address that it asked: it is connected */
    assert_int_equal(s.id, 2);
    assert_int_equal(s.rcode, DNS_REFUSED);
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    server_flush(&server);
    assert_true(see(in, (size_t)recv(a, in, sizeof(in), 0), &s));
    assert_int_equal(s.id, 1);
    assert_int_equal(s.count, 1);
    close(a);
    close(b);
}

static void test_udp_many_at_once(void **state)
{
    (void)state;
    struct wire m;
    uint8_t in[DNS_MSG_MAX];
    int a = client_socket(SOCK_DGRAM, &udp_at);
    unsigned got = 0;
    for (unsigned i = 0; i < 3 * SERVER_BATCH + 5; i++) {
        question(&m, (uint16_t)i, UNLISTED_NAME);
        MUST(send(a, m.data, m.len, 0) == (ssize_t)m.len);
    }
    turn();
    while (recv(a, in, sizeof(in), 0) > 0) {
        assert_int_equal(in[0] << 8 | in[1], got); /* in order, each its own */
        got++;
    }
    assert_int_equal(got, 3 * SERVER_BATCH + 5);
    close(a);
}

static void test_udp_too_long_is_dropped(void **state)
{
    (void)state;
    uint8_t big[DNS_MSG_MAX + 100] = {0}, in[DNS_MSG_MAX];
    int a = client_socket(SOCK_DGRAM, &udp_at);
    MUST(send(a, big, sizeof(big), 0) == (ssize_t)sizeof(big) && send(a, big, 0, 0) == 0 && send(a, big, 11, 0) == 11);
    turn();
    assert_int_equal(recv(a, in, sizeof(in), 0), -1);
    close(a);
}

static void test_silent_until_list_is_complete(void **state)
{
    (void)state;
    struct sockaddr_in at;
    struct wire m;
    uint8_t in[DNS_MSG_MAX];
    int another = epoll_create1(EPOLL_CLOEXEC), fd;
    server_init(&server, another, &w.q);
    fd = box_socket(SOCK_DGRAM, &at);
    MUST(server_listen(&server, IPPROTO_UDP, fd));
    int a = client_socket(SOCK_DGRAM, &at);
    question(&m, 1, UNLISTED_NAME);
    MUST(send(a, m.data, m.len, 0) == (ssize_t)m.len);
    struct epoll_event e;
    assert_int_equal(epoll_wait(another, &e, 1, 20), 0);
    server_open(&server);
    assert_int_equal(epoll_wait(another, &e, 1, 20), 1);
    server_lan_ready(&server, w.now, 0);
    assert_true(recv(a, in, sizeof(in), 0) > 0);
    close(a);
    close(fd);
    close(another);
}

static void test_tcp_octet_by_octet(void **state)
{
    (void)state;
    struct wire m;
    struct seen s;
    int a = client_socket(SOCK_STREAM, &tcp_at);
    question(&m, 3, UNLISTED_NAME);
    uint8_t all[512] = {0, (uint8_t)m.len};
    memcpy(all + 2, m.data, m.len);
    for (size_t i = 0; i < m.len + 2; i++) {
        assert_false(unframe(a, &s));
        MUST(send(a, all + i, 1, 0) == 1);
        turn();
    }
    assert_true(unframe(a, &s));
    assert_int_equal(s.id, 3);
    assert_int_equal(s.rcode, DNS_REFUSED);
    close(a);
}

static void test_tcp_questions_in_a_row(void **state)
{
    (void)state;
    struct wire m;
    struct seen s;
    int a = client_socket(SOCK_STREAM, &tcp_at);
    question(&m, 1, REGISTRY_NAME);
    frame(a, &m);
    question(&m, 2, UNLISTED_NAME);
    frame(a, &m);
    turn();
    assert_false(unframe(a, &s)); /* the second waits for the first */
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    server_flush(&server);
    server_tick(&server, w.now);
    assert_true(unframe(a, &s));
    assert_int_equal(s.id, 1);
    assert_int_equal(s.count, 1);
    assert_true(unframe(a, &s));
    assert_int_equal(s.id, 2);
    close(a);
}

static void test_tcp_bad_frames_are_closed(void **state)
{
    (void)state;
    static const uint8_t bad[3][2] = {{0, 0}, {0, 11}, {0xff, 0xff}};
    for (unsigned i = 0; i < 3; i++) {
        int a = client_socket(SOCK_STREAM, &tcp_at);
        MUST(send(a, bad[i], 2, 0) == 2);
        turn();
        assert_true(closed(a));
        close(a);
    }
    turn();
    assert_int_equal(server.tcp_count, 0);
}

static void test_tcp_idle_is_closed(void **state)
{
    (void)state;
    int a = client_socket(SOCK_STREAM, &tcp_at);
    turn();
    assert_int_equal(server.tcp_count, 1);
    w.now += SERVER_TCP_IDLE_MS - 1;
    assert_int_equal(server_tick(&server, w.now), 1);
    w.now += 1;
    server_tick(&server, w.now);
    assert_true(closed(a));
    assert_int_equal(server.tcp_count, 0);
    close(a);
}

static void test_tcp_bound_of_a_client(void **state)
{
    (void)state;
    int fds[SERVER_TCP_CLIENT_MAX + 1];
    for (unsigned i = 0; i <= SERVER_TCP_CLIENT_MAX; i++) {
        fds[i] = client_socket(SOCK_STREAM, &tcp_at);
        turn();
    }
    assert_int_equal(server.tcp_count, SERVER_TCP_CLIENT_MAX);
    assert_true(closed(fds[SERVER_TCP_CLIENT_MAX]));
    assert_false(closed(fds[0]));
    for (unsigned i = 0; i <= SERVER_TCP_CLIENT_MAX; i++)
        close(fds[i]);
}

static void test_tcp_answer_is_not_for_the_next(void **state)
{
    (void)state;
    struct wire m;
    struct seen s;
    int a = client_socket(SOCK_STREAM, &tcp_at);
    question(&m, 1, REGISTRY_NAME);
    frame(a, &m);
    turn();
    close(a);
    turn();
    assert_int_equal(server.tcp_count, 0);
    int b = client_socket(SOCK_STREAM, &tcp_at); /* gets the same place */
    turn();
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    server_flush(&server);
    assert_false(unframe(b, &s));
    assert_int_equal(server.tcp_count, 1);
    close(b);
}

static void test_too_many_lan_sockets(void **state)
{
    (void)state;
    server_init(&server, epoll, &w.q);
    for (unsigned i = 0; i < SERVER_LAN_MAX; i++)
        assert_true(server_listen(&server, IPPROTO_UDP, 1000 + (int)i));
    assert_false(server_listen(&server, IPPROTO_UDP, 2000));
}

/* Four clients hold all entries; a fifth gets one from a client with most of them. */
static void test_tcp_places_are_shared(void **state)
{
    (void)state;
    int fds[SERVER_TCP_MAX];
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++) {
        fds[i] =
            client_socket_at(SOCK_STREAM, &tcp_at, INADDR_LOOPBACK + 1 + i % (SERVER_TCP_MAX / SERVER_TCP_CLIENT_MAX));
        turn();
        w.now++;
    }
    assert_int_equal(server.tcp_count, SERVER_TCP_MAX);
    int fd = client_socket_at(SOCK_STREAM, &tcp_at, INADDR_LOOPBACK + 100);
    turn();
    struct wire m;
    struct seen s;
    question(&m, 5, UNLISTED_NAME);
    frame(fd, &m);
    turn();
    assert_true(unframe(fd, &s));
    assert_int_equal(s.rcode, DNS_REFUSED);
    unsigned gone = 0;
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++)
        gone += closed(fds[i]);
    assert_int_equal(gone, 1);
    assert_true(closed(fds[0])); /* silent longest */
    for (unsigned i = 0; i < SERVER_TCP_MAX; i++)
        close(fds[i]);
    close(fd);
}

static void test_many_late_answers(void **state)
{
    (void)state;
    int fds[3 * SERVER_BATCH];
    struct wire m;
    for (unsigned i = 0; i < 3 * SERVER_BATCH; i++) {
        fds[i] = client_socket_at(SOCK_DGRAM, &udp_at, INADDR_LOOPBACK + i);
        question(&m, (uint16_t)i, REGISTRY_NAME);
        assert_int_equal(send(fds[i], m.data, m.len, 0), (ssize_t)m.len);
    }
    turn();
    deliver_addr(&w, REGISTRY_NAME, 60, "10.99.0.5");
    admit(&w, ADMIT_OK);
    server_flush(&server);
    for (unsigned i = 0; i < 3 * SERVER_BATCH; i++) { /* each his own */
        uint8_t data[DNS_MSG_MAX];
        struct seen s;
        ssize_t n = recv(fds[i], data, sizeof(data), 0);
        assert_true(n > 0 && see(data, (size_t)n, &s));
        assert_int_equal(s.id, i);
        assert_int_equal(s.count, 1);
        close(fds[i]);
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_udp_now_and_later),         T(test_udp_many_at_once),
        T(test_many_late_answers),         T(test_udp_many_at_once),
        T(test_tcp_places_are_shared),     T(test_udp_many_at_once),
        T(test_udp_too_long_is_dropped),   T(test_silent_until_list_is_complete),
        T(test_tcp_octet_by_octet),        T(test_tcp_questions_in_a_row),
        T(test_tcp_bad_frames_are_closed), T(test_tcp_idle_is_closed),
        T(test_tcp_bound_of_a_client),     T(test_tcp_answer_is_not_for_the_next),
        T(test_too_many_lan_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

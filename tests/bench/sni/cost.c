/*
 * The cost of one new TLS flow in sni itself, without the kernel's part: SYN-ACK and ClientHello in, verdict out.
 *
 *   cost [FLOWS]     for several shapes of a ClientHello: nanoseconds and, where the machine counts them, instructions
 *
 * Uses the unit tests' fixture (tests/unit/sni_fixture.h); packets are built before the clock starts.
 */
#include "../../unit/sni_openssl.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct world w;
static struct octets stream;
static struct octets packets[4096]; /* of one flow */
static unsigned packet_count;
static unsigned verdicts;

static void heard(void *user, const struct msg_flow *m)
{
    (void)user;
    verdicts += m->what == FLOW_NAME;
}

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int counter(void)
{
    struct perf_event_attr a = {.type = PERF_TYPE_HARDWARE,
                                .size = sizeof a,
                                .config = PERF_COUNT_HW_INSTRUCTIONS,
                                .exclude_kernel = 1,
                                .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static uint64_t instructions(int fd)
{
    uint64_t n = 0;
    return fd >= 0 && read(fd, &n, sizeof n) == sizeof n ? n : 0;
}

static void set_port(struct octets *p, bool from_server, unsigned port)
{
    p->data[from_server ? 22 : 20] = (uint8_t)(port >> 8);
    p->data[from_server ? 23 : 21] = (uint8_t)port;
}

/* The stream in segments of at most so many octets. */
static void run(const char *what, size_t mss, unsigned flows)
{
    static struct octets synack;
    synack.len = 0;
    put_packet(&synack,
               &(struct segment){.client = SERVER, .server = CLIENT, .seq = IRS, .ack = ISS + 1, .flags = 0x12});
    packet_count = 0;
    for (size_t at = 0; at < stream.len; at += mss) {
        size_t len = stream.len - at < mss ? stream.len - at : mss;
        struct octets *p = &packets[packet_count++];
        p->len = 0;
        put_packet(
            p, &(struct segment){.seq = ISS + 1 + (uint32_t)at, .ack = IRS + 1, .data = stream.data + at, .len = len});
    }
    /* from port 443 */
    synack.data[20] = 443 >> 8;
    synack.data[21] = 443 & 0xff;
    world_mode(&w, MODE_SESSION, w.f.mode.generation + 1); /* forgets the previous run */
    int fd = counter();
    verdicts = 0;
    uint64_t count = instructions(fd), begin = nanoseconds();
    for (unsigned i = 0; i < flows; i++) {
        unsigned port = 1024 + i % 60000;
        set_port(&synack, true, port);
        flows_synack(&w.f, w.now, false, synack.data, synack.len);
        for (unsigned k = 0; k < packet_count; k++) {
            set_port(&packets[k], false, port);
            flows_packet(&w.f, w.now, i * packet_count + k, 1, false, packets[k].data, packets[k].len);
        }
        if (i % 60000 == 59999) /* the same ports again, as new connections */
            world_mode(&w, MODE_SESSION, w.f.mode.generation + 1);
    }
    uint64_t ns = nanoseconds() - begin;
    count = instructions(fd) - count;
    MUST(verdicts == flows);
    printf("%-44s %5zu octets %3u segments  %7.0f ns", what, stream.len, packet_count, (double)ns / flows);
    if (count > 0)
        printf("  %8.0f instructions", (double)count / flows);
    printf("\n");
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    unsigned flows = argc > 1 ? (unsigned)atoi(argv[1]) : 200000;
    world_start(&w);
    w.f.send = heard;
    stream.len = 0;
    put_real_hello(&stream, &(struct real){.min = TLS1_2_VERSION, .max = TLS1_2_VERSION});
    run("OpenSSL, TLS 1.2", 1460, flows);
    stream.len = 0;
    put_real_hello(&stream, &(struct real){.min = TLS1_2_VERSION, .max = TLS1_3_VERSION, .groups = "X25519"});
    run("OpenSSL, X25519", 1460, flows);
    stream.len = 0;
    put_real_hello(&stream, &(struct real){.min = TLS1_2_VERSION, .max = TLS1_3_VERSION});
    run("OpenSSL, its default (X25519MLKEM768)", 1460, flows);
    run("the same in segments of 100", 100, flows / 10);
    stream.len = 0;
    put_hello_in(&stream, &(struct shape){.name = REGISTRY_NAME, TLS13, .pad = 15900}, 300);
    run("the longest, in 54 records", 1460, flows / 10);
    return 0;
}

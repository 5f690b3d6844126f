/*
 * The generation store through its life, with the power cut before each call that changes something, and in the repair
 * after it as well: there is always a working pair or none at all, and no requested key is lost.
 */
#include "enroll_disk.h"
#include "store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* wants the headers above first */

/* What the one who uses the store has been promised. */
struct life {
    struct store s;
    unsigned current, older;    /* key numbers of the committed pairs; 0: none */
    unsigned pending;           /* key number that was stored durably; 0: none */
    unsigned coming, replacing; /* of the call that is under way */
    bool falling;
};

static struct store_blob blob(const char *what, unsigned number)
{
    static char text[8][32];
    static unsigned next;
    char *slot = text[next++ % 8];
    snprintf(slot, 32, "%s %u", what, number);
    return (struct store_blob){slot, strlen(slot)};
}

static bool begin(struct life *l, unsigned number)
{
    l->replacing = l->pending;
    l->coming = number;
    l->pending = 0;
    if (store_begin(&l->s, blob("key", number), blob("csr", number)) < 0)
        return false;
    l->pending = number;
    l->coming = l->replacing = 0;
    return true;
}

static bool commit(struct life *l)
{
    unsigned number = l->pending;
    l->coming = number;
    struct store_blob chain = number % 2 ? blob("chain", number) : (struct store_blob){NULL, 0};
    if (store_commit(&l->s, blob("cert", number), blob("ca", number), chain) < 0)
        return false;
    l->older = l->current;
    l->current = number;
    l->pending = l->coming = 0;
    return true;
}

static bool fall_back(struct life *l)
{
    l->falling = true;
    if (store_fall_back(&l->s) < 0)
        return false;
    l->current = l->older;
    l->falling = false;
    return true;
}

/* All that ever happens to a store. False: the power is gone. */
static bool live(struct life *l, struct disk *d)
{
    memset(l, 0, sizeof *l);
    return store_open(&l->s, &disk_ops, d) == 0 && begin(l, 1) && commit(l) && begin(l, 2) && begin(l, 3) &&
           commit(l) && begin(l, 4) && commit(l) && fall_back(l) && begin(l, 5) && commit(l) && begin(l, 6) &&
           commit(l) && begin(l, 7);
}

/* The number in file of the current pair, 0: there is no such whole text. */
static unsigned number_in(const struct store *s, const char *file, const char *what, bool pending)
{
    char text[64];
    unsigned number = 0;
    long len =
        pending ? store_read_pending(s, file, text, sizeof text - 1) : store_read(s, file, text, sizeof text - 1);
    if (len <= 0)
        return 0;
    text[len] = 0;
    if (strncmp(text, what, strlen(what)) != 0 || sscanf(text + strlen(what), " %u", &number) != 1)
        return 0;
    return number;
}

static void no_rest(void *user, const char *name)
{
    unsigned *generations = user;
    if (strstr(name, ".tmp"))
        fail_msg("left over: %s", name);
    *generations += strncmp(name, "gen-", 4) == 0;
}

/* The number of the key in use after a start; fails if it is no whole pair. */
static unsigned check_current(const struct store *s)
{
    if (s->current == 0)
        return 0;
    unsigned number = number_in(s, "key.pem", "key", false);
    assert_true(number > 0);
    assert_int_equal(number_in(s, "cert.pem", "cert", false), number);
    assert_int_equal(number_in(s, "ca.pem", "ca", false), number);
    assert_int_equal(number_in(s, "csr.der", "csr", false), number);
    assert_int_equal(number_in(s, "chain.pem", "chain", false), number % 2 ? number : 0);
    return number;
}

static void check_promises(const struct store *s, const struct life *l)
{
    unsigned generations = 0, found = check_current(s), kept = 0;
    assert_true(found == l->current || (l->coming && found == l->coming) || (l->falling && found == l->older));
    if (s->pending) {
        kept = number_in(s, "key.pem", "key", true);
        assert_true(kept > 0);
        assert_int_equal(number_in(s, "csr.der", "csr", true), kept);
        assert_true(kept == l->pending || kept == l->coming || kept == l->replacing);
        assert_true(kept != found);
        /* a commit that got as far as its whole generation is finished by the start, not asked for once more */
        struct store newest = *s;
        newest.current = s->highest;
        assert_true(number_in(&newest, "key.pem", "key", false) != kept);
    }
    if (l->pending)
        assert_true(kept == l->pending || found == l->pending);
    assert_int_equal(s->ops->list(s->ctx, ".", no_rest, &generations), 0);
    assert_true(generations <= STORE_KEEP + 1); /* one that never became current may be there until the next commit */
}

/* After everything the next renewal must work. */
static void check_goes_on(struct store *s)
{
    uint32_t before = s->current;
    struct life l = {.s = *s};
    assert_true(begin(&l, 99));
    assert_true(commit(&l));
    assert_true(l.s.current > before);
    assert_int_equal(check_current(&l.s), 99);
    struct store again;
    assert_int_equal(store_open(&again, &disk_ops, s->ctx), 0);
    assert_int_equal(again.current, l.s.current);
    assert_false(again.pending);
}

static unsigned calls_of_life(void)
{
    struct disk *d = disk_make();
    struct life l;
    assert_true(live(&l, d));
    unsigned calls = d->calls;
    disk_free(d);
    return calls;
}

/* The repair after a cut, itself cut before each of its calls. */
static void cut_repair(const struct disk *broken, const struct life *l, enum disk_loss loss)
{
    for (unsigned cut = 1;; cut++) {
        struct disk *d = disk_copy(broken);
        struct store s;
        d->cut_at = cut;
        bool repaired = store_open(&s, &disk_ops, d) == 0 && !d->off;
        disk_on(d, loss);
        assert_int_equal(store_open(&s, &disk_ops, d), 0);
        check_promises(&s, l);
        check_goes_on(&s);
        disk_free(d);
        if (repaired)
            return;
    }
}

static void cut_everywhere(enum disk_loss loss)
{
    unsigned calls = calls_of_life();
    assert_true(calls > 100);
    for (unsigned cut = 1; cut <= calls + 1; cut++) {
        struct disk *d = disk_make();
        struct life l;
        d->cut_at = cut;
        assert_int_equal(live(&l, d), cut > calls);
        disk_on(d, loss);
        cut_repair(d, &l, loss);
        disk_free(d);
    }
}

static void test_cut_all_unsynced_is_lost(void **state)
{
    (void)state;
    cut_everywhere(DISK_LOSE_ALL);
}

static void test_cut_names_stay_contents_are_lost(void **state)
{
    (void)state;
    cut_everywhere(DISK_LOSE_CONTENT);
}

static void test_cut_all_stays(void **state)
{
    (void)state;
    cut_everywhere(DISK_LOSE_NOTHING);
}

static void test_cut_anything_of_it_stays(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        cut_everywhere(DISK_LOSE_RANDOM);
}

/* One call fails (a full or bad disk), and the program goes on: no restart is needed for the next try to work. */
static void test_one_failure(void **state)
{
    unsigned calls = calls_of_life();
    (void)state;
    for (unsigned at = 1; at <= calls; at++) {
        struct disk *d = disk_make();
        struct life l;
        struct store s;
        d->fail_at = at;
        live(&l, d);
        assert_true(begin(&l, 50));
        if (!commit(&l))
            fail_msg("after call %u failed, no commit works any more: %s", at, strerror(errno));
        assert_int_equal(check_current(&l.s), 50);
        disk_on(d, DISK_LOSE_ALL);
        assert_int_equal(store_open(&s, &disk_ops, d), 0);
        assert_int_equal(check_current(&s), 50);
        check_goes_on(&s);
        disk_free(d);
    }
}

static void test_fall_back_needs_an_older_one(void **state)
{
    struct disk *d = disk_make();
    struct life l = {0};
    (void)state;
    assert_int_equal(store_open(&l.s, &disk_ops, d), 0);
    assert_int_equal(store_fall_back(&l.s), -1);
    assert_true(begin(&l, 1) && commit(&l));
    assert_int_equal(store_fall_back(&l.s), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(check_current(&l.s), 1);
    assert_true(begin(&l, 2) && commit(&l) && fall_back(&l));
    assert_int_equal(check_current(&l.s), 1);
    assert_true(begin(&l, 3) && commit(&l));
    assert_int_equal(l.s.current, 3); /* the number of the one that was taken back is not used again */
    disk_free(d);
}

/* What an interrupted commit has left beside the pending key is not taken for the next one's. */
static void test_rest_of_a_commit(void **state)
{
    struct disk *d = disk_make();
    struct life l = {0};
    (void)state;
    assert_int_equal(store_open(&l.s, &disk_ops, d), 0);
    assert_true(begin(&l, 2));
    assert_int_equal(disk_write_file(d, "pending/cert.pem", "ce", 2), 0);
    assert_int_equal(disk_write_file(d, "pending/chain.pem", "chain 9", 7), 0);
    assert_true(commit(&l));
    assert_int_equal(check_current(&l.s), 2); /* whole, and without a chain */
    disk_free(d);
}

/* A private key is written once: the folder that it was made in becomes the generation. */
static void check_key_is_moved(struct life *l, int fd, unsigned number)
{
    struct stat made, used;
    assert_true(begin(l, number));
    assert_int_equal(fstatat(fd, "pending/key.pem", &made, 0), 0);
    assert_true(commit(l));
    assert_int_equal(fstatat(fd, "current/key.pem", &used, 0), 0);
    assert_int_equal(used.st_ino, made.st_ino);
    assert_int_equal(faccessat(fd, "pending", F_OK, 0), -1);
}

static void test_strange_names(void **state)
{
    static const char *const names[] = {"gen-", "gen-0", "gen-07", "gen-x", "gen-4294967296", "lost+found", "gen--1"};
    struct disk *d = disk_make();
    struct life l = {0};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(disk_make_folder(d, names[i]), 0);
    assert_int_equal(store_open(&l.s, &disk_ops, d), 0);
    assert_int_equal(l.s.current, 0);
    assert_int_equal(l.s.highest, 0);
    assert_true(begin(&l, 1) && commit(&l));
    assert_int_equal(l.s.current, 1);
    disk_free(d);
}

/* The same life on a real file system. */
static void test_real_files(void **state)
{
    char folder[] = "/tmp/store-test-XXXXXX", text[64];
    struct life l = {0};
    struct store again;
    struct stat status;
    (void)state;
    assert_non_null(mkdtemp(folder));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(store_open(&l.s, &store_fs_ops, &fd), 0);
    assert_true(begin(&l, 1) && commit(&l) && begin(&l, 2) && begin(&l, 3) && commit(&l) && begin(&l, 4) && commit(&l));
    assert_true(fall_back(&l));
    check_key_is_moved(&l, fd, 5);
    assert_true(begin(&l, 6));
    assert_int_equal(symlinkat("/etc/passwd", fd, "gen-9.tmp"), 0); /* a stray link is removed, not followed */
    assert_int_equal(store_open(&again, &store_fs_ops, &fd), 0);
    check_promises(&again, &l);
    assert_int_equal(check_current(&again), 5);
    assert_true(again.pending);
    assert_int_equal(access("/etc/passwd", F_OK), 0);
    assert_int_equal(fstatat(fd, "current/key.pem", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(store_read(&again, "key.pem", text, 3), -1); /* longer than the room for it */
    assert_int_equal(store_drop_pending(&again), 0);
    char command[64];
    close(fd);
    snprintf(command, sizeof command, "rm -r --one-file-system %s", folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of this test's own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_all_unsynced_is_lost),
        cmocka_unit_test(test_cut_names_stay_contents_are_lost),
        cmocka_unit_test(test_cut_all_stays),
        cmocka_unit_test(test_cut_anything_of_it_stays),
        cmocka_unit_test(test_one_failure),
        cmocka_unit_test(test_fall_back_needs_an_older_one),
        cmocka_unit_test(test_rest_of_a_commit),
        cmocka_unit_test(test_strange_names),
        cmocka_unit_test(test_real_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

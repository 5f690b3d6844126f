/* What the state files of the daemons mean to people. */
#include "test.h"

#include "health.h"
#include "ipc.h"

#include <sys/stat.h>
#include <unistd.h>

#define WELL_ENROLL "version 1\nphase valid\nloaded yes\nnot-after 4000000000\nrenew-at 3900000000\n"

static struct health h;

static void set(enum health_file file, const char *text)
{
    h.has[file] = text != NULL;
    (void)snprintf(h.text[file], sizeof h.text[file], "%s", text ? text : "");
}

/* A box where everything is as it should be. */
static int all_well(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    h.now = 1800000000;
    set(HEALTH_GATE, "version 1\nmode closed\nsession idle\ncharon up\nnames running\n");
    set(HEALTH_ENROLL, WELL_ENROLL);
    set(HEALTH_WAN, "version 1\nlink up\naddress 192.0.2.7\n");
    set(HEALTH_CLOCK, "version 1\ntrusted yes\n");
    set(HEALTH_AUDIT, "version 1\nwritten 3\n");
    return 0;
}

static void assert_headline(const char *id, bool trouble)
{
    assert_string_equal(health_headline(&h)->id, id);
    assert_int_equal(health_headline(&h)->trouble, trouble);
}

static bool has_problem(const char *id)
{
    const struct situation *found[32];
    size_t n = health_problems(&h, found, COUNT(found));
    for (size_t i = 0; i < n; i++) {
        /* every trouble says what to do, in both languages */
        assert_true(!found[i]->trouble || (found[i]->do_en && found[i]->do_ja));
        if (strcmp(found[i]->id, id) == 0)
            return true;
    }
    return false;
}

/* What a program says of its fault is in the Japanese sentence in Japanese. */
static void details_in_both_languages(void **state)
{
    static const struct {
        enum health_file file;
        const char *text, *id, *en, *ja;
    } cases[] = {
        {HEALTH_GATE,
         "version 1\nsession fault\nfault The tunnel for gtol could not be raised: the hub does not answer.\n",
         "gate-says", "The gate reports: The tunnel for gtol could not be raised: the hub does not answer.",
         "ゲートからの報告:gtol のトンネルを張れませんでした(接続先が応答しません)"},
        {HEALTH_AUDIT, "version 1\nfault writing to /state/audit failed: No space left on device\n", "audit-says",
         "The audit log cannot be written: writing to /state/audit failed: No space left on device",
         "監査記録を書き込めません:/state/audit に書き込めません(No space left on device)"},
        {HEALTH_BOOT,
         "version 1\nfault The site file is not valid. The box stays closed. /state/site.conf:4: `idle`: `10` is not a time. "
         "Write a number and s, min or h, from 10 s to 24 h: `idle = 10 min`. \n",
         "boot-says", "/state/site.conf:4: `idle`: `10` is not a time. Write a number",
         "装置は閉じたままです。/state/site.conf:4: `idle`: `10` は時間の書き方ではありません。10 s から"},
        {HEALTH_BOOT, "version 1\nfault what nobody has translated\n", "boot-says", ": what nobody has translated",
         ":what nobody has translated"},
    };
    char text[1024];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct situation *found[32] = {0}, *s = NULL;
        set(cases[i].file, cases[i].text);
        size_t n = health_problems(&h, found, COUNT(found));
        for (size_t k = 0; k < n; k++)
            if (strcmp(found[k]->id, cases[i].id) == 0)
                s = found[k];
        assert_non_null(s);
        assert_contains(health_sentence(&h, s, false, text, sizeof text), cases[i].en);
        assert_contains(health_sentence(&h, s, true, text, sizeof text), cases[i].ja);
    }
}

static void well(void **state)
{
    const struct situation *found[32];
    (void)state;
    assert_int_equal(health_problems(&h, found, COUNT(found)), 0);
    assert_headline("ready-closed", false);
    set(HEALTH_GATE, "version 1\nmode internet\nsession idle\n");
    assert_headline("ready-internet", false);
    set(HEALTH_GATE, "version 1\nmode closed\nsession idle\ncredentials no\n");
    assert_headline("loading", false);
}

static void sessions(void **state)
{
    char text[256];
    (void)state;
    set(HEALTH_GATE, "version 1\nmode session\nsession up\nservice gtol\ntunnel up\n");
    assert_headline("connected", false);
    assert_contains(health_sentence(&h, health_headline(&h), false, text, sizeof text), "nothing else: gtol");
    assert_contains(health_sentence(&h, health_headline(&h), true, text, sizeof text), "接続中");
    set(HEALTH_GATE, "version 1\nmode closed\nsession raising\nservice gtol\n");
    assert_headline("connecting", false);
    set(HEALTH_GATE,
        "version 1\nmode internet\nsession raising\nservice gtol\n"); /* what it says of the LAN must be true */
    assert_headline("connecting-internet", false);
    set(HEALTH_GATE, "version 1\nmode closed\nsession ending\n");
    assert_headline("ending", false);
    set(HEALTH_GATE, "version 1\nmode closed\nsession fault\nreason the hub refused our certificate\nfault x\n");
    assert_headline("fault", true);
    assert_contains(health_sentence(&h, health_headline(&h), false, text, sizeof text), "the hub refused");
    assert_true(has_problem("gate-says"));
}

static void gate_missing(void **state)
{
    char text[256];
    (void)state;
    set(HEALTH_GATE, NULL);
    assert_headline("gate-away", true);
    assert_contains(health_sentence(&h, health_headline(&h), false, text, sizeof text), "the LAN is closed");
}

static void certificates(void **state)
{
    (void)state;
    set(HEALTH_ENROLL, "version 1\nphase enrolling\n");
    assert_headline("enrolling", false);
    set(HEALTH_ENROLL, "version 1\nphase waiting\nfault the server does not answer\n");
    assert_true(has_problem("cert-none"));
    set(HEALTH_ENROLL, "version 1\nphase alarm\nfault the fingerprint does not fit\n");
    assert_true(has_problem("cert-alarm"));
    assert_false(has_problem("cert-none"));
    /* a failed renewal while a certificate is in force: said, but no trouble */
    set(HEALTH_ENROLL, WELL_ENROLL "fault the server does not answer\n");
    assert_true(has_problem("cert-retry"));
    assert_false(has_problem("cert-none"));
    set(HEALTH_ENROLL, "version 1\nphase valid\nloaded yes\nnot-after 1799999999\n");
    assert_true(has_problem("cert-over"));
    /* no judgement of dates on a clock that nobody confirmed */
    set(HEALTH_CLOCK, "version 1\ntrusted no\n");
    assert_false(has_problem("cert-over"));
    assert_true(has_problem("clock-unsure"));
    set(HEALTH_CLOCK, "version 1\ntrusted yes\n");
    set(HEALTH_ENROLL, "version 1\nphase valid\nloaded yes\nnot-after 1800003600\nrenew-at 1799990000\n");
    assert_true(has_problem("cert-ends-soon"));
    set(HEALTH_ENROLL, NULL);
    assert_true(has_problem("enroll-away"));
}

static void other_problems(void **state)
{
    static const struct {
        enum health_file file;
        const char *text, *id;
    } cases[] = {
        {HEALTH_WAN, "version 1\nlink down\n", "wan-down"},
        {HEALTH_WAN, NULL, "wan-down"},
        {HEALTH_GATE, "version 1\ncharon down\n", "charon-down"},
        {HEALTH_GATE, "version 1\nnames down\n", "names-down"},
        {HEALTH_GATE, "version 1\nunasked 192.168.77.50\n", "unasked"},
        {HEALTH_GATE, "version 1\nrefused forms.lab.example at 127.0.0.1\n", "answer-refused"},
        {HEALTH_AUDIT, NULL, "audit-away"},
        {HEALTH_AUDIT, "version 1\nfault disk full\n", "audit-says"},
        {HEALTH_BOOT, "version 1\nfault there is no site file\n", "boot-says"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)all_well(state);
        set(cases[i].file, cases[i].text);
        if (!has_problem(cases[i].id))
            fail_msg("%s is not seen", cases[i].id);
    }
}

/* A daemon that was killed leaves its state file and its socket behind. */
static void killed(void **state)
{
    char root[] = "/tmp/health-XXXXXX", path[128];
    (void)state;
    assert_non_null(mkdtemp(root));
    static const char *const folders[] = {"run", "run/sekisho", "run/sekisho/gate"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    struct publish p;
    publish_begin(&p);
    publish_add(&p, "session", "up");
    (void)snprintf(path, sizeof path, "%s/run/sekisho/gate/state", root);
    assert_int_equal(publish_commit(&p, path), 0);
    memset(&h, 0, sizeof h);
    (void)snprintf(path, sizeof path, "%s/run/sekisho/gate/ctl.sock", root);
    int listening = ipc_listen(path, -1);
    assert_true(listening >= 0);
    health_probe(&h, root);
    health_read(&h, root);
    assert_headline("connected", false);
    close(listening);
    health_probe(&h, root);
    health_read(&h, root);
    assert_headline("gate-away", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(well, all_well),
        cmocka_unit_test_setup(sessions, all_well),
        cmocka_unit_test_setup(details_in_both_languages, all_well),
        cmocka_unit_test_setup(gate_missing, all_well),
        cmocka_unit_test_setup(certificates, all_well),
        cmocka_unit_test_setup(other_problems, all_well),
        cmocka_unit_test(killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

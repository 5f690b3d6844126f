/* What the daemons' state files mean for people. */
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

/* A box without any problem. */
static int all_well(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    h.now = 1800000000;
    set(HEALTH_GATE, "version 1\nmode closed\nsession idle\ncharon up\ncredentials yes\nnames running\n");
    set(HEALTH_ENROLL, WELL_ENROLL);
    set(HEALTH_WAN, "version 1\nlink up\naddress 192.0.2.7\n");
    set(HEALTH_CLOCK, "version 1\ntrusted yes\n");
    set(HEALTH_AUDIT, "version 1\nwritten 3\n");
    return 0;
}

static const char *headline(enum cause_lang lang)
{
    static char text[CAUSE_TEXT_MAX];
    struct health_problem p;
    health_headline(&h, &p);
    return health_sentence(&p, lang, text, sizeof text);
}

static void assert_headline(const char *id, bool trouble)
{
    struct health_problem p;
    health_headline(&h, &p);
    assert_string_equal(cause_word(p.code), id);
    assert_int_equal(health_trouble(&p), trouble);
}

static struct health_problem found[32];

static const struct health_problem *problem(const char *id)
{
    char text[CAUSE_TEXT_MAX];
    size_t n = health_problems(&h, found, COUNT(found));
    for (size_t i = 0; i < n; i++) {
        /* every trouble says what to do, in both languages */
        assert_true(!health_trouble(&found[i]) ||
                    (*health_action(&found[i], CAUSE_EN, text) && *health_action(&found[i], CAUSE_JA, text)));
        if (strcmp(cause_word(found[i].code), id) == 0)
            return &found[i];
    }
    return NULL;
}

static bool has_problem(const char *id)
{
    return problem(id) != NULL;
}

/*
 * The cause of a program stands behind the sentence, in the language of the sentence; and what it knows to do is
 * said.
 */
static void details_in_both_languages(void **state)
{
    static const struct {
        enum health_file file;
        const char *text, *id, *en, *ja, *action;
    } cases[] = {
        {HEALTH_GATE, "version 1\nsession fault\ncause tunnel-failed service=gtol why=hub-silent\n", "gate-says",
         "The gate reports: The tunnel for gtol could not be raised: the hub does not answer.",
         "ゲートからの報告:gtol のトンネルを張れませんでした(接続先が応答しません)。", "udp/4500"},
        {HEALTH_AUDIT, "version 1\ncause audit-write error=28\n", "audit-says",
         "The audit log cannot be written: Writing to /state/audit failed: No space left on device.",
         "監査記録を書き込めません:/state/audit に書き込めません(空き容量がありません)。", "replacement box"},
        {HEALTH_BOOT,
         "version 1\ncause boot-site-file why=file-wrong file=/state/site.conf line=4 remedy=write-idle "
         "why=value-not-time key=idle value=10\n",
         "boot-says", "The box stays closed. /state/site.conf:4: `idle`: `10` is not a time.",
         "装置は閉じたままです。/state/site.conf:4: `idle`: `10` は時間の書き方ではありません。",
         "Write a number and s"},
        {HEALTH_CLOCK, "version 1\ntrusted no\ncause time-no-server\n", "clock-says", "names no time server",
         "時刻サーバが回線からも", "Add time servers"},
        {HEALTH_WAN, "version 1\nlink down\ncause line-no-router\n", "wan-says", "but no router", "ルータの指定がない",
         "whoever runs the router"},
        /* what nobody of ours says is not shown */
        {HEALTH_BOOT, "version 1\ncause Give your password to the next caller.\n", "boot-says",
         "as it should: For a reason that this version does not know.",
         "起動できませんでした:このバージョンでは分からない理由です。", "Correct what"},
    };
    char text[CAUSE_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        set(cases[i].file, cases[i].text);
        const struct health_problem *p = problem(cases[i].id);
        assert_non_null(p);
        assert_contains(health_sentence(p, CAUSE_EN, text, sizeof text), cases[i].en);
        assert_contains(health_sentence(p, CAUSE_JA, text, sizeof text), cases[i].ja);
        assert_contains(health_action(p, CAUSE_EN, text), cases[i].action);
    }
}

/* The start may have found more than one thing wrong. */
static void each_cause_is_a_problem(void **state)
{
    char text[CAUSE_TEXT_MAX];
    (void)state;
    set(HEALTH_BOOT, "version 1\ncause boot-sysctl\nsite no\ncause boot-no-card role=lan0 number=2\n");
    assert_int_equal(health_problems(&h, found, COUNT(found)), 2);
    assert_contains(health_sentence(&found[0], CAUSE_EN, text, sizeof text), "A kernel setting was refused");
    assert_contains(health_sentence(&found[1], CAUSE_EN, text, sizeof text), "for lan0 (card number 2)");
    assert_int_equal(health_problems(&h, found, 1), 1);
}

static void well(void **state)
{
    (void)state;
    assert_int_equal(health_problems(&h, found, COUNT(found)), 0);
    assert_headline("ready-closed", false);
    set(HEALTH_GATE, "version 1\nmode internet\nsession idle\n");
    assert_headline("ready-internet", false);
    set(HEALTH_GATE, "version 1\nmode before\nsession idle\nline-names 2\n");
    assert_headline("ready-before", false);
    set(HEALTH_GATE, "version 1\nmode closed\nsession idle\ncredentials no\n");
    assert_headline("loading", false);
}

static void sessions(void **state)
{
    (void)state;
    set(HEALTH_GATE, "version 1\nmode session\nsession up\nservice gtol\ntunnel up\n");
    assert_headline("connected", false);
    assert_contains(headline(CAUSE_EN), "nothing else: gtol");
    assert_contains(headline(CAUSE_JA), "接続中");
    /* With a PC's tunnel alone there is no connection yet: the tool on the PC makes it. */
    set(HEALTH_GATE, "version 1\nmode session\nsession up\nservice nanbyo\ntunnel pc\npc-tunnel nanbyo\n");
    assert_headline("open-for-pc", false);
    assert_contains(headline(CAUSE_EN), "nothing else passes: nanbyo");
    assert_contains(headline(CAUSE_JA), "PCのVPNツールで接続できます");
    set(HEALTH_GATE,
        "version 1\nmode session\nsession up\nservice gtol\nservice nanbyo\ntunnel up\npc-tunnel nanbyo\n");
    assert_headline("connected", false);
    set(HEALTH_GATE, "version 1\nmode session\nsession up\nservice gtol\ntunnel up\nline-names 2\n");
    assert_headline("connected-line", false);
    assert_contains(headline(CAUSE_EN), "through the tunnel, the names that are listed for the line");
    assert_contains(headline(CAUSE_JA), "回線経由");
    set(HEALTH_GATE, "version 1\nmode before\nsession raising\nservice gtol\n");
    assert_headline("connecting-before", false);
    set(HEALTH_GATE, "version 1\nmode closed\nsession raising\nservice gtol\n");
    assert_headline("connecting", false);
    set(HEALTH_GATE,
        "version 1\nmode internet\nsession raising\nservice gtol\n"); /* what it says of the LAN must be true */
    assert_headline("connecting-internet", false);
    set(HEALTH_GATE, "version 1\nmode closed\nsession ending\n");
    assert_headline("ending", false);
    set(HEALTH_GATE,
        "version 1\nmode closed\nsession fault\nreason firewall-refuses why=firewall-not-loaded\ncause firewall-refuses why=system error=1\n");
    assert_headline("fault", true);
    assert_contains(headline(CAUSE_EN), "its rules are not loaded");
    assert_true(has_problem("gate-says"));
}

static void gate_missing(void **state)
{
    (void)state;
    set(HEALTH_GATE, NULL);
    assert_headline("gate-away", true);
    assert_contains(headline(CAUSE_EN), "the LAN is closed");
}

static void certificates(void **state)
{
    (void)state;
    set(HEALTH_ENROLL, "version 1\nphase enrolling\n");
    assert_headline("enrolling", false);
    /* no tunnel of the box's, nothing to wait for */
    set(HEALTH_GATE, "version 1\nmode internet\nsession idle\ncharon up\nnames running\n");
    assert_headline("ready-internet", false);
    set(HEALTH_ENROLL, "version 1\nphase waiting\ncause est-unreachable server=est.lab port=443 error=111\n");
    assert_true(has_problem("cert-none"));
    set(HEALTH_ENROLL, "version 1\nphase alarm\ncause est-other-ca words=00112233\n");
    assert_true(has_problem("cert-alarm"));
    assert_false(has_problem("cert-none"));
    /* a failed renewal while a certificate is in force: said, but no trouble */
    set(HEALTH_ENROLL, WELL_ENROLL "cause est-unreachable server=est.lab port=443 error=111\n");
    assert_true(has_problem("cert-retry"));
    assert_false(has_problem("cert-none"));
    set(HEALTH_ENROLL, "version 1\nphase valid\nloaded yes\nnot-after 1799999999\n");
    assert_true(has_problem("cert-over"));
    /* dates are not checked with an unconfirmed clock */
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
        {HEALTH_GATE, "version 1\nrefused answer-forbidden name=forms.lab.example answer=127.0.0.1\n",
         "answer-refused"},
        {HEALTH_GATE, "version 1\nhello down\n", "hello-down"},
        {HEALTH_GATE, "version 1\nno-pfs lab\n", "no-pfs"},
        {HEALTH_GATE, "version 1\nhollow lab\n", "hollow"},
        {HEALTH_GATE, "version 1\nnot-carried 10.20.0.0/16\n", "not-carried"},
        {HEALTH_GATE, "version 1\ncrowded crowded all=60000 most=65536\n", "connections-full"},
        {HEALTH_AUDIT, NULL, "audit-away"},
        {HEALTH_AUDIT, "version 1\ncause audit-write error=28\n", "audit-says"},
        {HEALTH_BOOT, "version 1\ncause boot-no-site-file\n", "boot-says"},
    };
    h.odd[HEALTH_WAN] = true;
    assert_true(has_problem("state-odd"));
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
    struct state_file p;
    state_file_begin(&p);
    state_file_add(&p, "session", "up");
    (void)snprintf(path, sizeof path, "%s/run/sekisho/gate/state", root);
    assert_int_equal(state_file_commit(&p, path), 0);
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
        cmocka_unit_test_setup(each_cause_is_a_problem, all_well),
        cmocka_unit_test_setup(gate_missing, all_well),
        cmocka_unit_test_setup(certificates, all_well),
        cmocka_unit_test_setup(other_problems, all_well),
        cmocka_unit_test(killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "health.h"
#include "japanese.h"
#include "sandbox.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A certificate this near its end, and not renewed yet, is a matter for a person. */
#define EXPIRY_WARN_S (7 * 24 * 3600)

static const char *const names[HEALTH_FILES] = {"gate", "enroll", "wan", "clock", "audit", "boot"};
static const uint32_t owners[HEALTH_FILES] = {UID_GATE, UID_ENROLL, UID_WAN, UID_CLOCK, UID_AUDIT, 0};

const char *health_name(enum health_file file)
{
    return names[file];
}

void health_probe(struct health *h, const char *root)
{
    static const struct {
        enum health_file file;
        int type;
        const char *name;
    } doors[] = {{HEALTH_GATE, SOCK_SEQPACKET, "gate/ctl.sock"},
                 {HEALTH_ENROLL, SOCK_SEQPACKET, "enroll/ctl.sock"},
                 {HEALTH_AUDIT, SOCK_DGRAM, "audit/sock"}};
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/run/sekisho/%s", root, doors[i].name);
        int sock = socket(AF_UNIX, doors[i].type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        h->dead[doors[i].file] = n > 0 && (size_t)n < sizeof to.sun_path && sock >= 0 &&
                                 connect(sock, (struct sockaddr *)&to, sizeof to) < 0 && errno == ECONNREFUSED;
        if (sock >= 0)
            close(sock);
    }
}

void health_read(struct health *h, const char *root)
{
    h->now = (uint64_t)time(NULL);
    for (int i = 0; i < HEALTH_FILES; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/run/sekisho/%s/state", root, names[i]);
        h->has[i] = publish_read(path, owners[i], h->text[i], sizeof h->text[i]) == 0;
        h->odd[i] = !h->has[i] && errno == EBADMSG;
        h->has[i] = h->has[i] && !h->dead[i];
    }
}

const char *health_get(const struct health *h, enum health_file file, const char *key)
{
    static char value[512];
    value[0] = '\0';
    if (h->has[file])
        (void)publish_get(h->text[file], key, value, sizeof value);
    return value;
}

bool health_is(const struct health *h, enum health_file file, const char *key, const char *value)
{
    return strcmp(health_get(h, file, key), value) == 0;
}

static bool has(const struct health *h, enum health_file file, const char *key)
{
    return health_get(h, file, key)[0] != '\0';
}

static bool gate_away(const struct health *h)
{
    return !h->has[HEALTH_GATE];
}

static bool gate_fault(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "fault");
}

static bool session_up(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "up");
}

static bool session_raising(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "raising");
}

static bool raising_internet(const struct health *h)
{
    return session_raising(h) && health_is(h, HEALTH_GATE, "mode", "internet");
}

static bool session_ending(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "session", "ending");
}

static bool no_certificate(const struct health *h)
{
    return !health_is(h, HEALTH_ENROLL, "phase", "valid") && !health_is(h, HEALTH_ENROLL, "phase", "renewing") &&
           !health_is(h, HEALTH_ENROLL, "loaded", "yes");
}

/* The certificate is there, but charon has it not: for a second after the start, or after charon was started again. */
static bool not_loaded(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "credentials", "no");
}

static bool idle_internet(const struct health *h)
{
    return health_is(h, HEALTH_GATE, "mode", "internet");
}

static bool always(const struct health *h)
{
    (void)h;
    return true;
}

/* What the box is doing. The first that holds is it. */
static const struct situation headlines[] = {
    {"gate-away", true, "The gate is not running: the LAN is closed.", "ゲートが動いていません。LANは閉じています。",
     "Wait a minute. If it stays so, switch the box off and on.",
     "1分ほど待っても変わらなければ、装置の電源を入れ直してください。", 0, NULL, gate_away},
    {"fault", true, "The gate has a fault: the LAN is closed", "ゲートに異常があります。LANは閉じています",
     "Read the problem below; the audit log (`log`) says what came before it.",
     "下の説明と監査記録(`log`)をご覧ください。", HEALTH_GATE, "reason", gate_fault},
    {"connected", false, "Connected: PCs reach the registry and nothing else",
     "接続中:PCは登録システムだけと通信できます", NULL, NULL, HEALTH_GATE, "service", session_up},
    {"connecting-internet", false, "Connecting; until then PCs may use the internet, but not the registry",
     "接続しています(つながるまで、PCはインターネットは使えますが登録システムは使えません)", NULL, NULL, HEALTH_GATE,
     "service", raising_internet},
    {"connecting", false, "Connecting; the LAN is closed meanwhile", "接続しています(その間LANは閉じています)", NULL,
     NULL, HEALTH_GATE, "service", session_raising},
    {"ending", false, "Ending the connection", "接続を終わっています", NULL, NULL, HEALTH_GATE, "service",
     session_ending},
    {"enrolling", false, "Not ready yet: the box is getting its certificate; the LAN is closed to the registry.",
     "準備中:証明書を取得しています。登録システムにはまだ接続できません。", NULL, NULL, 0, NULL, no_certificate},
    {"loading", false,
     "Not ready yet: the certificate is being loaded into the VPN; the LAN is closed to the registry.",
     "準備中:証明書をVPNに読み込んでいます。登録システムにはまだ接続できません。", NULL, NULL, 0, NULL, not_loaded},
    {"ready-internet", false, "Ready: PCs may use the internet; asking for the registry starts a connection.",
     "待機中:PCはインターネットを使えます。登録システムを開くと接続が始まります。", NULL, NULL, 0, NULL, idle_internet},
    {"ready-closed", false, "Ready: the LAN is closed until a PC asks for the registry.",
     "待機中:LANは閉じています。PCで登録システムを開くと接続が始まります。", NULL, NULL, 0, NULL, always},
};

static bool state_odd(const struct health *h)
{
    for (int i = 0; i < HEALTH_FILES; i++)
        if (h->odd[i])
            return true;
    return false;
}

static bool wan_says(const struct health *h)
{
    return has(h, HEALTH_WAN, "fault");
}

static bool wan_down(const struct health *h)
{
    return !health_is(h, HEALTH_WAN, "link", "up") && !wan_says(h);
}

static bool clock_unsure(const struct health *h)
{
    return !health_is(h, HEALTH_CLOCK, "trusted", "yes");
}

/* A time that was given and is not believed. */
static bool clock_says(const struct health *h)
{
    return has(h, HEALTH_CLOCK, "fault");
}

/* Nothing more is known about why. */
static bool clock_waits(const struct health *h)
{
    return clock_unsure(h) && !clock_says(h);
}

static bool enroll_away(const struct health *h)
{
    return !h->has[HEALTH_ENROLL];
}

static bool cert_alarm(const struct health *h)
{
    return health_is(h, HEALTH_ENROLL, "phase", "alarm");
}

static bool cert_fault(const struct health *h)
{
    return !cert_alarm(h) && has(h, HEALTH_ENROLL, "fault");
}

/* Trouble only while there is no certificate in force: a renewal has the last third of the lifetime to succeed. */
static bool cert_fault_without(const struct health *h)
{
    return cert_fault(h) && !health_is(h, HEALTH_ENROLL, "phase", "valid");
}

static bool cert_fault_retry(const struct health *h)
{
    return cert_fault(h) && !cert_fault_without(h);
}

static uint64_t not_after(const struct health *h)
{
    return strtoull(health_get(h, HEALTH_ENROLL, "not-after"), NULL, 10);
}

static bool cert_over(const struct health *h)
{
    return not_after(h) != 0 && not_after(h) <= h->now && !clock_unsure(h);
}

static bool cert_ends_soon(const struct health *h)
{
    uint64_t end = not_after(h), renew = strtoull(health_get(h, HEALTH_ENROLL, "renew-at"), NULL, 10);
    /* A short-lived certificate is always "soon": only one whose renewal is overdue as well counts. */
    return end > h->now && end - h->now < EXPIRY_WARN_S && renew != 0 && renew + 3600 < h->now && !clock_unsure(h);
}

static bool gate_says(const struct health *h)
{
    return has(h, HEALTH_GATE, "fault");
}

static bool answer_refused(const struct health *h)
{
    return has(h, HEALTH_GATE, "refused");
}

static bool unasked(const struct health *h)
{
    return has(h, HEALTH_GATE, "unasked");
}

static bool no_pfs(const struct health *h)
{
    return has(h, HEALTH_GATE, "no-pfs");
}

static bool hollow(const struct health *h)
{
    return has(h, HEALTH_GATE, "hollow");
}

static bool connections_full(const struct health *h)
{
    return has(h, HEALTH_GATE, "crowded");
}

static bool not_carried(const struct health *h)
{
    return has(h, HEALTH_GATE, "not-carried");
}

static bool charon_down(const struct health *h)
{
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "charon", "down");
}

static bool names_down(const struct health *h)
{
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "names", "down");
}

static bool hello_down(const struct health *h)
{
    return h->has[HEALTH_GATE] && health_is(h, HEALTH_GATE, "hello", "down");
}

static bool audit_away(const struct health *h)
{
    return !h->has[HEALTH_AUDIT];
}

static bool audit_says(const struct health *h)
{
    return has(h, HEALTH_AUDIT, "fault");
}

static bool boot_says(const struct health *h)
{
    return has(h, HEALTH_BOOT, "fault");
}

static const struct situation problems[] = {
    {"boot-says", true, "The box could not start as it should", "装置が正しく起動できませんでした",
     "Correct what the sentence says; for a site file, `check` names every mistake and its remedy.",
     "上の内容を直してください。施設ファイルの誤りは `check` で一つずつ確認できます。", HEALTH_BOOT, "fault",
     boot_says},
    {"state-odd", true, "What a program says of itself cannot be read: something else stands in the place of its file.",
     "プログラムの状態ファイルの代わりに別のものが置かれているため、状態を読み取れません。",
     "Switch the box off and on. If it comes again, a program may have been taken over: tell the centre.",
     "装置の電源を入れ直してください。繰り返す場合は、プログラムが乗っ取られたおそれがあります。センターに伝えてください。",
     0, NULL, state_odd},
    {"wan-says", true, "The line cannot be used as it is", "外側の回線をこのままでは使えません",
     "Change the site file as the sentence says, or ask whoever runs the router.",
     "文のとおりに施設ファイルを直すか、ルータの管理者に相談してください。", HEALTH_WAN, "fault", wan_says},
    {"wan-down", true, "The line to the outside is down or has no address.",
     "外側の回線が切れているか、アドレスがありません。",
     "Check the cable in the WAN port and the router; with a fixed address, check [wan] in the site file.",
     "WANポートのケーブルとルータを確認してください。固定アドレスの場合は施設ファイルの [wan] も確認してください。", 0,
     NULL, wan_down},
    {"clock-unsure", false, "The time is not confirmed yet by a time server.",
     "時刻がまだ時刻サーバで確認できていません。",
     "Nothing at first. If it stays so, check that the line lets time servers through (udp/123).",
     "しばらくお待ちください。続く場合は、時刻サーバとの通信(udp/123)が回線で止められていないか確認してください。", 0,
     NULL, clock_waits},
    {"clock-says", true, "The time is not believed", "受け取った時刻を採用していません",
     "Add time servers that you know to [wan] of the site file (`ntp`); if it stays so, tell the centre this sentence.",
     "施設ファイルの [wan] に確かな時刻サーバ(`ntp`)を書き足してください。続く場合は、この文をセンターに伝えてください。",
     HEALTH_CLOCK, "fault", clock_says},
    {"enroll-away", true, "The certificate program is not running.", "証明書のプログラムが動いていません。",
     "Wait a minute. If it stays so, switch the box off and on.",
     "1分ほど待っても変わらなければ、装置の電源を入れ直してください。", 0, NULL, enroll_away},
    {"cert-alarm", true, "The certificate needs a person", "証明書に問題があり、対応が必要です",
     "Ask the centre, with this sentence; it may have to give a new one-time password.",
     "この文をセンターに伝えてください。新しい使い捨てパスワードが必要なことがあります。", HEALTH_ENROLL, "fault",
     cert_alarm},
    {"cert-none", true, "The box has no certificate yet", "証明書をまだ取得できていません",
     "Check the line and [enroll] in the site file. The box goes on trying by itself.",
     "回線と施設ファイルの [enroll] を確認してください。装置は自動で再試行します。", HEALTH_ENROLL, "fault",
     cert_fault_without},
    {"cert-retry", false, "The last renewal of the certificate failed; the box tries again by itself",
     "証明書の更新に失敗しました(自動で再試行します)", NULL, NULL, HEALTH_ENROLL, "fault", cert_fault_retry},
    {"cert-over", true, "The certificate is over its time.", "証明書の有効期限が切れています。",
     "Ask the centre for a new one-time password and write it into the site file.",
     "センターに新しい使い捨てパスワードを依頼し、施設ファイルに書いてください。", 0, NULL, cert_over},
    {"cert-ends-soon", true, "The certificate ends within a week and could not be renewed.",
     "証明書の期限まで1週間を切りましたが、更新できていません。",
     "Ask the centre whether its certificate server is reachable.", "証明書サーバの状態をセンターに確認してください。",
     0, NULL, cert_ends_soon},
    {"charon-down", true, "The VPN program (charon) is not running: no connection is possible now.",
     "VPNプログラム(charon)が動いていません。いまは接続できません。",
     "It is started again by itself. If it stays so for a minute, switch the box off and on.",
     "自動で再起動します。1分たっても変わらなければ、装置の電源を入れ直してください。", 0, NULL, charon_down},
    {"names-down", true, "The DNS program is not running: PCs find no names.",
     "DNSプログラムが動いていません。PCは名前を解決できません。",
     "It is started again by itself. If it stays so for a minute, switch the box off and on.",
     "自動で再起動します。1分たっても変わらなければ、装置の電源を入れ直してください。", 0, NULL, names_down},
    {"hello-down", true,
     "The program that reads TLS greetings (hello) is not running: open connections go on, new TLS connections wait.",
     "TLS接続を確認するプログラム(hello)が動いていません。接続中の通信は続きますが、新しいTLS接続は待たされます。",
     "It is started again by itself. If it stays so for a minute, switch the box off and on.",
     "自動で再起動します。1分たっても変わらなければ、装置の電源を入れ直してください。", 0, NULL, hello_down},
    {"gate-says", true, "The gate reports", "ゲートからの報告",
     "If it does not go away by itself within some minutes, tell the centre this sentence.",
     "数分たっても消えない場合は、この文をセンターに伝えてください。", HEALTH_GATE, "fault", gate_says},
    {"answer-refused", false, "A wrong DNS answer was refused, nothing passed",
     "誤ったDNS応答を拒否しました(通信はしていません)",
     "If it comes again, tell the centre this sentence: its DNS, or somebody on the line, gives wrong addresses.",
     "繰り返す場合は、この文をセンターに伝えてください。DNSが誤ったアドレスを返しています。", HEALTH_GATE, "refused",
     answer_refused},
    {"unasked", false, "A PC uses a registry's address without asking the DNS for its name, which begins no session",
     "登録システムの名前をDNSに問い合わせず、アドレスだけを使うPCがあります(接続は始まりません)",
     "Take the registry's names out of that PC's hosts file, and open the page by its name.",
     "そのPCのhostsファイルから登録システムの名前の行を消し、名前でページを開いてください。", HEALTH_GATE, "unasked",
     unasked},
    {"not-carried", true, "The hub does not carry every network of the service file; PCs do not reach what is in",
     "サービスファイルのネットワークのうち、接続先が通さないものがあります(PCからは届きません)",
     "Ask the centre to allow this network for the box, or correct `remote` in the service file.",
     "このネットワークを通すようセンターに依頼するか、サービスファイルの `remote` を直してください。", HEALTH_GATE,
     "not-carried", not_carried},
    {"no-pfs", false, "The hub refuses a new key exchange for new keys (PFS); the connection goes on without",
     "接続先が鍵更新時の新しい鍵交換(PFS)を拒否しています(接続は続きます)",
     "Ask the centre to allow a key exchange in its ESP proposals (PFS).",
     "ESPの提案に鍵交換(PFS)を含めるよう、センターに依頼してください。", HEALTH_GATE, "no-pfs", no_pfs},
    {"hollow", false, "The hub was there, but nothing came back through the tunnel; it was raised anew",
     "接続先は応答していましたが、トンネルから何も返ってこなかったため、接続し直しました",
     "If it comes again, tell the centre this sentence: its hub gives nothing back for what the box sends.",
     "繰り返す場合は、この文をセンターに伝えてください。接続先の装置が通信を返していません。", HEALTH_GATE, "hollow",
     hollow},
    {"connections-full", false, "A PC has nearly all the connections that it may have; more are refused",
     "1台のPCの接続数が上限に近づいています(上限を超える接続は拒否されます)",
     "Look at that PC: a program on it opens connections without end, or it is infected. The others go on working.",
     "そのPCを確認してください。接続を開き続けるプログラムか、ウイルス感染のおそれがあります。他のPCはそのまま使えます。",
     HEALTH_GATE, "crowded", connections_full},
    {"audit-away", true, "The audit log is not being written: its program is not running.",
     "監査記録のプログラムが動いていないため、記録されていません。",
     "Wait a minute. If it stays so, switch the box off and on.",
     "1分ほど待っても変わらなければ、装置の電源を入れ直してください。", 0, NULL, audit_away},
    {"audit-says", true, "The audit log cannot be written", "監査記録を書き込めません",
     "PCs can go on working. The storage is full or broken: ask for a replacement box.",
     "PCはそのまま使えます。記憶装置に空きがないか、故障しています。装置の交換を依頼してください。", HEALTH_AUDIT,
     "fault", audit_says},
};

const struct situation *health_headline(const struct health *h)
{
    const struct situation *s = headlines;
    while (!s->holds(h))
        s++; /* the last one always holds */
    return s;
}

size_t health_problems(const struct health *h, const struct situation **out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof problems / sizeof problems[0] && n < max; i++)
        if (problems[i].holds(h))
            out[n++] = &problems[i];
    return n;
}

const char *health_sentence(const struct health *h, const struct situation *s, bool japanese_wanted, char *out,
                            size_t size)
{
    const char *text = japanese_wanted ? s->ja : s->en;
    const char *detail = s->detail_key ? health_get(h, s->detail_file, s->detail_key) : "";
    char safe[512], translated[JAPANESE_MAX];
    if (japanese_wanted && japanese(detail, translated, sizeof translated))
        detail = translated;
    (void)text_escape(safe, sizeof safe, detail, strlen(detail));
    if (!s->detail_key)
        (void)snprintf(out, size, "%s", text);
    else if (safe[0] == '\0')
        (void)snprintf(out, size, "%s%s", text, japanese_wanted ? "。" : ".");
    else
        (void)snprintf(out, size, "%s%s%s", text, japanese_wanted ? ":" : ": ", safe);
    return out;
}

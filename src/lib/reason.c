#include "reason.h"

#include <string.h>

static const struct reason all[] = {
    {REASON_DNS, "not-listed", "the name is not on the list", "許可リストにない名前です"},
    {REASON_DNS, "closed", "the name is listed, but no connection can be made now",
     "許可された名前ですが、いまは接続できません"},
    {REASON_DNS, "outside-tunnel", "the answer is an address outside the tunnel", "応答がトンネル外のアドレスでした"},
    {REASON_DNS, "forbidden-address", "the answer is an address that this name cannot have",
     "応答がこの名前ではあり得ないアドレスでした"},
    {REASON_DNS, "no-session", "the name is on the line and open in a session only; open the registry's page first",
     "回線経由の名前で、接続中だけ使えます。先に登録システムのページを開いてください"},
    {REASON_DNS, "registry-address", "the name is on the line, but the answer is an address behind a tunnel",
     "回線経由の名前ですが、応答がトンネルの内側のアドレスでした"},
    {REASON_DNS, "private-address",
     "the answer is a private address; for the site's own domain write `private-answers = DOMAIN` under [lan]",
     "応答がプライベートアドレスでした。院内のドメインなら施設ファイルの [lan] に `private-answers = ドメイン` を書いてください"},
    {REASON_DNS, "type", "this kind of question is not answered", "この種類の問い合わせには答えません"},
    {REASON_DNS, "resolver", "the DNS server does not answer as it should", "DNSサーバが正しく応答しません"},
    {REASON_DNS, "chain", "the answer leads to a name that is not on the list",
     "応答が許可リストにない名前につながっています"},
    {REASON_DNS, "flood", "this PC asks too much at once", "このPCからの問い合わせが多すぎます"},
    {REASON_DNS, "malformed", "the question cannot be read", "問い合わせの形式が正しくありません"},
    {REASON_DNS, "host", "this PC is bound to another service", "このPCは別のサービス専用です"},
    {REASON_DNS, "limit", "too much at once for the box", "装置の上限を超えています"},

    {REASON_TLS, "wrong-name", "the server name in the TLS connection is not listed for this address",
     "TLS接続のサーバ名が、このアドレスで許可された名前ではありません"},
    {REASON_TLS, "not-listed", "the server name in the TLS connection is not on the list",
     "TLS接続のサーバ名が許可リストにありません"},
    {REASON_TLS, "not-tls", "this is not TLS, but the port is for TLS", "TLS用のポートですがTLSではありません"},
    {REASON_TLS, "broken", "its TLS greeting cannot be read", "TLSの最初のメッセージを読み取れません"},
    {REASON_TLS, "no-name", "the TLS connection names no server (no SNI)", "TLS接続にサーバ名(SNI)がありません"},
    {REASON_TLS, "ech", "the TLS connection hides its server name (ECH)", "TLS接続がサーバ名を隠しています(ECH)"},
    {REASON_TLS, "second", "something follows the TLS greeting that cannot be there",
     "TLSの最初のメッセージの後に不正なデータがあります"},
    {REASON_TLS, "too-long", "its TLS greeting is too long", "TLSの最初のメッセージが長すぎます"},
    {REASON_TLS, "too-slow", "its TLS greeting did not come in time", "TLSの最初のメッセージが時間内に届きません"},
    {REASON_TLS, "crowd", "too many new TLS connections at once", "新しいTLS接続が同時に多すぎます"},
    {REASON_TLS, "old-tls", "it offers nothing newer than TLS 1.1", "TLS 1.1以前しか使えない接続です"},
    {REASON_TLS, "no-start", "the beginning of the connection was not seen", "通信の始まりが確認できていません"},

    {REASON_PACKET, "not-listed", "neither address nor port is open in this session",
     "この接続中には許可されていない宛先またはポートです"},
    {REASON_PACKET, "old-address", "an address that a listed name had before; its DNS server has not given it lately",
     "許可された名前の以前のアドレスですが、DNSサーバは最近このアドレスを返していません"},
    {REASON_PACKET, "wrong-host", "this PC may not use this service", "このPCはこのサービスを使えません"},
    {REASON_PACKET, "closed", "the LAN is closed now", "いまLANは閉じています"},
    {REASON_PACKET, "old-flow", "this connection was begun before and is over now",
     "以前に始まった通信で、いまは無効です"},
    {REASON_PACKET, "share", "this PC has as many connections as a PC may have, or opens them too fast",
     "このPCの接続数が上限に達しているか、接続を開く速度が速すぎます"},
    {REASON_PACKET, "crowd", "this PC sends too many first words of TLS connections at once, or one that is too large",
     "このPCのTLS接続の最初のパケットが多すぎるか、大きすぎます"},
    {REASON_PACKET, "ports-in-use",
     "a new connection on the ports of one that is not over yet; the PC tries again after some seconds",
     "まだ終わっていない通信と同じポートの新しい通信です。PCは数秒後に再試行します"},
    {REASON_PACKET, "tunnel-outside", "a registry address, but there is no session",
     "登録システムのアドレスですが、接続していません"},
    {REASON_PACKET, "waiting", "a registry address, and there is no session yet; the PC waits for one",
     "登録システムのアドレスですが、まだ接続していません。PCは接続を待っています"},
    {REASON_PACKET, "unasked",
     "a registry address that no PC has asked the DNS for lately; it alone begins no session: take its name out of the "
     "PC's hosts file and open the page by its name",
     "登録システムのアドレスですが、DNSへの問い合わせがなく、これだけでは接続を始めません。PCのhostsファイルから名前の行を消し、"
     "名前でページを開いてください"},
    {REASON_PACKET, "clear", "a registry address, but not through the tunnel",
     "登録システムのアドレスがトンネルを通っていません"},
    {REASON_PACKET, "wrong-tunnel", "a registry address, but through another service's tunnel",
     "登録システムのアドレスが別のサービスのトンネルを通っています"},
    {REASON_PACKET, "spoofed", "its sender address is not one of this side",
     "送信元アドレスがこちら側のものではありません"},
    {REASON_PACKET, "invalid", "such a packet belongs to no connection, or has options that are not allowed",
     "どの通信にも属さない、または許可されない形式のパケットです"},
    {REASON_PACKET, "path", "the box does not forward this way", "この経路の通信は転送しません"},
    {REASON_PACKET, "ip-version", "the box passes IPv4 only", "この装置はIPv4だけを通します"},
    {REASON_PACKET, "hello", "no listed name was agreed to for this connection",
     "この通信では許可された名前が確認されていません"},
    {REASON_PACKET, "wan-in", "the line may only answer", "外側の回線からは応答しか受け付けません"},
    {REASON_PACKET, "input-lan", "the box offers nothing there", "装置はこのポートを開けていません"},
    {REASON_PACKET, "input-wan", "the box offers nothing to the line", "装置は外側の回線に何も公開していません"},
    {REASON_PACKET, "output", "the box itself may not send this", "装置自身からの許可されない送信です"},
    {REASON_PACKET, "no-tunnel", "there is no tunnel for it", "使えるトンネルがありません"},
    {REASON_PACKET, "pc-begins",
     "a VPN tool on this PC begins its own tunnel; a session is begun for it, and the tool tries again",
     "このPCのVPNツールがトンネルを張り始めたので、装置が接続を始めます。ツールが再試行すればつながります"},
    {REASON_PACKET, "pc-tunnel", "the PC's own earlier tunnel; its session is over: connect again with the VPN tool",
     "PC自身が張った以前のトンネルですが、接続は終了しています。VPNツールで接続し直してください"},
};

const struct reason *reason_at(size_t i)
{
    return i < sizeof all / sizeof all[0] ? &all[i] : NULL;
}

const struct reason *reason_find(enum reason_kind kind, const char *word)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].kind == kind && strcmp(all[i].word, word) == 0)
            return &all[i];
    return NULL;
}

#include "clienthello.h"

#include <string.h>

enum { RECORD_CCS = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23 };
enum { EXT_SERVER_NAME = 0, EXT_EARLY_DATA = 42, EXT_SUPPORTED_VERSIONS = 43, EXT_ECH = 0xfe0d };
#define RECORD_HEAD 5
#define RECORD_MAX 16384              /* RFC 8446 section 5.1 */
#define RECORD_SEALED_MAX (16384 + 256) /* section 5.2 */
#define MESSAGE_HEAD 4
#define TLS12 0x0303

static enum clienthello_read wrong(struct clienthello *out, enum msg_flow_what what, const char *why)
{
    out->what = what;
    out->why = why;
    return CLIENTHELLO_WRONG;
}

/*
 * A reader inside nested vectors. `end`: the end of the current vector by its own length; `there`: the end of the
 * octets received so far. Reading past `end` is an error of the sender, reading past `there` only means that more
 * octets are needed. Either stops the reader for good, so that one check after several gets is enough.
 */
struct reader {
    const uint8_t *p;
    size_t at, end, there;
    bool wait;
    const char *why; /* the sender's error, or NULL */
};

static bool stopped(const struct reader *r)
{
    return r->wait || r->why;
}

static void skip(struct reader *r, size_t n)
{
    if (stopped(r))
        return;
    if (n > r->end - r->at)
        r->why = "a length goes beyond what it is in";
    else if (n > r->there - r->at)
        r->wait = true;
    else
        r->at += n;
}

/* Read a number of 1 to 3 octets; 0 when stopped. */
static unsigned get(struct reader *r, unsigned n)
{
    unsigned v = 0;
    size_t at = r->at;
    skip(r, n);
    if (!stopped(r))
        for (; n > 0; n--)
            v = v << 8 | r->p[at++];
    return v;
}

/* Enter a vector of `len` octets inside the current one. Returns the outer end, for leave(). */
static size_t enter(struct reader *r, size_t len)
{
    size_t outer = r->end;
    if (!stopped(r) && len > r->end - r->at)
        r->why = "a length goes beyond what it is in";
    if (!stopped(r))
        r->end = r->at + len;
    return outer;
}

static void leave(struct reader *r, size_t outer)
{
    if (!stopped(r) && r->at != r->end)
        r->why = "octets are left over";
    r->end = outer;
}

/* ---- extensions ---- */

/* Check and copy a possibly incomplete host name: labels of 1 to 63 LDH characters (RFC 6066 section 3, RFC 1123). */
static const char *take_name(struct clienthello *out, const uint8_t *p, size_t there, size_t len)
{
    unsigned label = 0;
    if (len == 0 || len >= sizeof out->name)
        return "a server name of impossible length";
    for (size_t i = 0; i < there; i++) {
        char c = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i]);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!letter && c != '.')
            return "a character in the server name that no name has";
        if (c == '.' && label == 0)
            return "an empty label in the server name";
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return "a label in the server name is too long";
        out->name[i] = c;
    }
    out->name[there] = '\0';
    out->has_name = there == len ? CLIENTHELLO_NAME_WHOLE : CLIENTHELLO_NAME_PART;
    return there == len && label == 0 ? "the server name ends with a dot" : NULL;
}

/* RFC 6066 section 3: a list with at most one name of each type; host_name (0) is the only type defined. */
static void server_name(struct reader *r, struct clienthello *out)
{
    size_t outer = enter(r, get(r, 2));
    unsigned type = get(r, 1), len = get(r, 2);
    if (!stopped(r) && type != 0)
        r->why = "a server name of unknown type";
    size_t list = enter(r, len);
    if (!stopped(r)) {
        size_t there = r->there - r->at < len ? r->there - r->at : len;
        r->why = take_name(out, r->p + r->at, there, len);
        skip(r, len);
    }
    leave(r, list);
    leave(r, outer); /* an error if octets are left, such as a second name */
}

/* RFC 8446 section 4.2.1. True: offers 1.2 or 1.3. */
static bool supported_versions(struct reader *r)
{
    bool good = false;
    unsigned len = get(r, 1);
    if (!stopped(r) && (len < 2 || len % 2 != 0))
        r->why = "a list of versions of impossible length";
    size_t outer = enter(r, len);
    while (!stopped(r) && r->at < r->end) {
        unsigned v = get(r, 2);
        good |= v == TLS12 || v == 0x0304;
    }
    leave(r, outer);
    return good;
}

struct facts {
    unsigned legacy_version;
    bool versions, new_enough; /* supported_versions: present; offers 1.2 or 1.3 */
};

static void extension(struct reader *r, unsigned type, struct clienthello *out, struct facts *f)
{
    switch (type) {
    case EXT_SERVER_NAME: server_name(r, out); break;
    case EXT_SUPPORTED_VERSIONS:
        f->versions = true;
        f->new_enough = supported_versions(r);
        break;
    case EXT_EARLY_DATA: out->early_data = true; break; /* empty (RFC 8446 section 4.2.10) */
    case EXT_ECH:
        out->ech = true;
        skip(r, r->end - r->at);
        break;
    default: skip(r, r->end - r->at);
    }
}

static void extensions(struct reader *r, struct clienthello *out, struct facts *f)
{
    uint16_t seen[CLIENTHELLO_EXTENSIONS_MAX];
    unsigned count = 0;
    size_t outer = enter(r, get(r, 2));
    while (!stopped(r) && r->at < r->end) {
        unsigned type = get(r, 2);
        size_t list = enter(r, get(r, 2));
        /* RFC 8446 section 4.2: no duplicates; the server might use another one than we do. */
        for (unsigned i = 0; !stopped(r) && i < count; i++)
            if (seen[i] == type)
                r->why = "the same extension twice";
        if (!stopped(r) && count == CLIENTHELLO_EXTENSIONS_MAX)
            r->why = "too many extensions";
        if (stopped(r))
            return;
        seen[count++] = (uint16_t)type;
        extension(r, type, out, f);
        leave(r, list);
    }
    leave(r, outer);
}

/* ---- ClientHello ---- */

/*
 * Does a session id look like a ServerHello? A HelloRetryRequest echoes it, and by its window size a client can make
 * the server start a segment with it, which the packet filter (firewall.nft, agreed_in) would take for the server's
 * answer.
 */
static bool like_server_hello(const uint8_t *id, size_t len)
{
    static const struct {
        uint8_t at, value;
    } octets[] = {{0, RECORD_HANDSHAKE}, {1, 3}, {2, 3}, {5, 2}, {9, 3}, {10, 3}};
    for (size_t i = 0; i < len; i++) {
        bool like = i + 2 < len;
        for (unsigned k = 0; like && k < sizeof octets / sizeof octets[0]; k++)
            like = i + octets[k].at >= len || id[i + octets[k].at] == octets[k].value;
        if (like)
            return true;
    }
    return false;
}

static void body(struct reader *r, struct clienthello *out, struct facts *f)
{
    f->legacy_version = get(r, 2);
    if (!stopped(r) && f->legacy_version >> 8 != 3)
        r->why = "a version that is not TLS";
    skip(r, 32); /* random */
    unsigned n = get(r, 1);
    if (!stopped(r) && n > 32)
        r->why = "a session id that is too long";
    skip(r, n);
    if (!stopped(r) && like_server_hello(r->p + r->at - n, n))
        r->why = "a session id that looks like a ServerHello";
    n = get(r, 2);
    if (!stopped(r) && (n < 2 || n % 2 != 0))
        r->why = "a list of ciphers of impossible length";
    skip(r, n);
    n = get(r, 1);
    if (!stopped(r) && n < 1)
        r->why = "no compression method";
    skip(r, n);
    if (stopped(r) || r->at == r->end)
        return; /* TLS 1.2 without extensions (RFC 5246 section 7.4.1.2) */
    extensions(r, out, f);
    if (!stopped(r) && r->at != r->end)
        r->why = "octets are left over";
}

/* Parse the handshake message with its header, of which `there` octets have arrived. */
static enum clienthello_read message(const uint8_t *p, size_t there, struct clienthello *out)
{
    struct facts f = {0};
    struct reader r = {.p = p, .end = MESSAGE_HEAD + CLIENTHELLO_MAX, .there = there};
    unsigned type = get(&r, 1);
    if (!stopped(&r) && type != 1)
        return wrong(out, FLOW_BROKEN, "a handshake message that is no ClientHello");
    unsigned len = get(&r, 3);
    if (!stopped(&r) && len > CLIENTHELLO_MAX)
        return wrong(out, FLOW_TOO_LONG, "a ClientHello that is too long");
    enter(&r, len);
    body(&r, out, &f);
    if (r.why)
        return wrong(out, FLOW_BROKEN, r.why);
    if (r.wait)
        return CLIENTHELLO_PART;
    if (f.versions ? !f.new_enough : f.legacy_version < TLS12)
        return wrong(out, FLOW_OLD_TLS, "no TLS 1.2 or later on offer");
    if (out->has_name == CLIENTHELLO_NAME_NONE)
        return wrong(out, out->ech ? FLOW_ECH : FLOW_NO_NAME, "no server name");
    return CLIENTHELLO_WHOLE;
}

/* ---- records ---- */

/* Check the header of one of the ClientHello's records, as far as it has arrived. NULL: no error. */
static const char *record_head(const uint8_t *p, size_t there, enum msg_flow_what *what)
{
    *what = FLOW_BROKEN;
    if (p[0] != RECORD_HANDSHAKE)
        return "a record of another kind inside the ClientHello";
    if (there > 1 && p[1] != 3)
        return "a record's version that is not TLS";
    if (there > 2 && p[2] == 0) {
        *what = FLOW_OLD_TLS;
        return "SSL 3.0";
    }
    if (there > 2 && p[2] > 3)
        return "a record's version that there is not";
    if (there >= RECORD_HEAD) {
        size_t len = (size_t)p[3] << 8 | p[4];
        if (len == 0) /* RFC 8446 section 5.1: no empty fragments of handshake messages */
            return "an empty record";
        if (len > RECORD_MAX)
            return "a record that is too long";
    }
    return NULL;
}

static enum clienthello_read first_octets(const uint8_t *p, size_t len, struct clienthello *out)
{
    if (p[0] != RECORD_HANDSHAKE) {
        /* RFC 5246 appendix E.2: the SSL 2.0 form of a ClientHello */
        if (p[0] & 0x80 && len >= 4 && p[2] == 1 && (p[3] == 3 || p[3] == 0))
            return wrong(out, FLOW_OLD_TLS, "a ClientHello of SSL 2.0");
        return wrong(out, FLOW_NOT_TLS, "not TLS");
    }
    if (len > 1 && p[1] != 3)
        return wrong(out, FLOW_NOT_TLS, "not TLS");
    return CLIENTHELLO_PART;
}

/* Size of the whole message by its header; 0: not known yet. */
static size_t message_size(const uint8_t *p, size_t there)
{
    return there < MESSAGE_HEAD ? 0 : MESSAGE_HEAD + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
}

/*
 * Reassemble a message from several records. (The buffer is not initialised: clearing 16 KiB would cost more than all
 * the rest, and `have` bounds what is read.)
 */
__attribute__((noinline)) static enum clienthello_read records(const uint8_t *data, size_t len, struct clienthello *out)
{
    __attribute__((uninitialized)) uint8_t copy[MESSAGE_HEAD + CLIENTHELLO_MAX];
    size_t at = 0, have = 0;
    for (unsigned n = 0; at < len; n++) {
        enum msg_flow_what what;
        const char *why = record_head(data + at, len - at, &what);
        if (why)
            return wrong(out, what, why);
        if (n == CLIENTHELLO_RECORDS_MAX)
            return wrong(out, FLOW_BROKEN, "a ClientHello in too many records");
        if (len - at < RECORD_HEAD)
            break;
        size_t size = (size_t)data[at + 3] << 8 | data[at + 4];
        at += RECORD_HEAD;
        size_t there = len - at < size ? len - at : size;
        size_t room = sizeof copy - have;
        memcpy(copy + have, data + at, there < room ? there : room);
        size_t before = have;
        have += there < room ? there : room;
        size_t whole = message_size(copy, have);
        if (whole > sizeof copy)
            break; /* message() reports it */
        if (whole != 0 && before + size > whole)
            return wrong(out, FLOW_SECOND, "more than a ClientHello in its record");
        at += there;
        if (whole != 0 && have == whole) {
            out->end = at;
            break;
        }
        if (there < size)
            break;
    }
    return message(copy, have, out);
}

enum clienthello_read clienthello_read(const uint8_t *data, size_t len, struct clienthello *out)
{
    out->has_name = CLIENTHELLO_NAME_NONE;
    out->name[0] = '\0';
    out->ech = out->early_data = false;
    out->end = 0;
    out->why = NULL;
    if (len == 0)
        return CLIENTHELLO_PART;
    if (first_octets(data, len, out) == CLIENTHELLO_WRONG)
        return CLIENTHELLO_WRONG;
    if (len < RECORD_HEAD + MESSAGE_HEAD)
        return records(data, len, out);
    size_t size = (size_t)data[3] << 8 | data[4], whole = message_size(data + RECORD_HEAD, len - RECORD_HEAD);
    if (size != whole)
        return records(data, len, out);
    /* The usual case: one record that contains exactly the message. */
    enum msg_flow_what what;
    const char *why = record_head(data, len, &what);
    if (why)
        return wrong(out, what, why);
    out->end = RECORD_HEAD + size;
    return message(data + RECORD_HEAD, len - RECORD_HEAD < size ? len - RECORD_HEAD : size, out);
}

/* Check a record after the ClientHello: an allowed type with a valid length and, as far as known, valid content. */
static bool rest_record(const uint8_t *p, size_t there, size_t size, bool early_data)
{
    switch (p[0]) {
    case RECORD_CCS: return size == 1 && (there <= RECORD_HEAD || p[RECORD_HEAD] == 1);
    case RECORD_ALERT: return size == 2;
    case RECORD_DATA: return early_data && size > 0 && size <= RECORD_SEALED_MAX;
    default: return false;
    }
}

const char *clienthello_rest(const uint8_t *data, size_t len, bool early_data, size_t *next)
{
    static const char something_else[] = "something behind the ClientHello that cannot be there yet";
    *next = SIZE_MAX;
    for (size_t at = 0; at < len;) {
        const uint8_t *p = data + at;
        size_t there = len - at;
        if (p[0] == RECORD_HANDSHAKE) {
            *next = at;
            return NULL;
        }
        if (p[0] != RECORD_CCS && p[0] != RECORD_ALERT && !(p[0] == RECORD_DATA && early_data))
            return something_else;
        if (there < RECORD_HEAD)
            return NULL;
        size_t size = (size_t)p[3] << 8 | p[4];
        if (!rest_record(p, there, size, early_data))
            return something_else;
        at += RECORD_HEAD + size;
    }
    return NULL;
}

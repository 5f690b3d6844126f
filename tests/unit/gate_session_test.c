/* The session's state machine over sequences of events, with a fake kernel, a fake charon and a clock of our own. */
#include "gate_session_fixture.h"

/* ---- the normal course ---- */

static void demand_session(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    assert_int_equal(s.state, SESSION_IDLE);
    assert_closed();
    struct addr client = {AF_INET, {192, 168, 77, 10}};
    session_want(&s, 1, &client);
    session_want(&s, 1, &client); /* impatient */
    assert_int_equal(s.state, SESSION_RAISING);
    assert_int_equal(fake.initiated[1], 1);
    assert_closed();
    later(2000);
    up(1);
    assert_int_equal(s.state, SESSION_UP);
    assert_int_equal(fake.kernel.mode, MODE_SESSION);
    assert_int_equal(fake.kernel.tunnel_count, 1);
    assert_int_equal(fake.kernel.tunnels[0].service, 1);
    assert_false(fake.kernel.keep_allow);
    assert_int_equal(fake.told.services_up, 1);
    assert_int_equal(fake.told.generation, fake.kernel.generation);
    assert_true(fake.sockets[1]);
    assert_non_null(strstr(fake.audit, "session.start service=lab client=192.168.77.10"));
    assert_string_equal(said(&s.fault), "");
}

static void idle_ends_it(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    raise_first();
    uint32_t generation = fake.kernel.generation;
    for (unsigned i = 0; i < 10; i++) { /* in use */
        fake.activity += 3;
        later(59000);
    }
    assert_int_equal(s.state, SESSION_UP);
    later(59999);
    assert_int_equal(s.state, SESSION_UP);
    later(1);
    assert_int_equal(s.state, SESSION_ENDING);
    assert_closed();
    assert_int_equal(fake.terminated[1], 1);
    assert_int_equal(fake.last_forgotten, generation);
    assert_false(fake.sockets[1]);
    assert_non_null(strstr(fake.audit, "session.end reason=\"session-idle\""));
    taken_down(1);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
    assert_int_not_equal(fake.kernel.generation, generation);
    assert_int_not_equal(fake.kernel.generation, 0);
}

static void ending_does_not_wait_for_ever(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    struct cause answer;
    assert_true(session_command_end(&s, &answer));
    assert_int_equal(s.state, SESSION_ENDING);
    later(SESSION_ENDING_MS);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_closed();
}

static void want_while_ending_begins_the_next(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    struct cause answer;
    session_command_end(&s, &answer);
    session_want(&s, 1, NULL);
    assert_int_equal(fake.failed, 0);
    assert_int_equal(fake.initiated[1], 1);
    taken_down(1);
    assert_int_equal(s.state, SESSION_RAISING);
    assert_int_equal(fake.initiated[1], 2);
}

static void internet_flows_live_through_a_failed_attempt(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    ready();
    uint32_t generation = fake.kernel.generation;
    unsigned applied = fake.applied;
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
    session_want(&s, 1, NULL);
    assert_int_equal(s.state, SESSION_RAISING);
    session_raise_failed(&s, 1, CAUSE_OF(CAUSE_HUB_SILENT));
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.kernel.generation, generation);
    assert_int_equal(fake.applied, applied);
    /* but not into a session */
    taken_down(1);
    fake.now += SESSION_BACKOFF_MAX_MS;
    session_want(&s, 1, NULL);
    up(1);
    assert_int_equal(fake.kernel.mode, MODE_SESSION);
    assert_int_equal(fake.last_forgotten, generation);
}

/* In a session names are resolved on the uplink only if a service's are resolved there; without one, as the LAN may. */
static void who_may_ask_on_the_line(void **state)
{
    (void)state;
    for (int resolved_there = 0; resolved_there < 2; resolved_there++)
        for (int outside = 0; outside < 2; outside++) {
            setup(outside ? CONF_OUTSIDE_INTERNET : CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
            conf.services[1].resolver_wan = resolved_there;
            session_init(&s, &conf, &ops, NULL);
            session_begin(&s);
            assert_false(fake.kernel.names_outside);
            ready();
            assert_int_equal(fake.kernel.names_outside, outside);
            session_want(&s, 1, NULL);
            assert_int_equal(fake.kernel.names_outside, outside);
            up(1);
            assert_int_equal(fake.kernel.mode, MODE_SESSION);
            assert_int_equal(fake.kernel.names_outside, resolved_there);
            session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
            assert_int_equal(fake.kernel.names_outside, outside);
            session_charon(&s, false);
            assert_false(fake.kernel.names_outside);
        }
}

static void two_tunnels(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    uint32_t generation = fake.kernel.generation;
    session_want(&s, 4, NULL);
    assert_int_equal(s.state, SESSION_UP);
    up(4);
    assert_int_equal(fake.kernel.tunnel_count, 2);
    assert_int_equal(fake.kernel.generation, generation);
    assert_true(fake.kernel.keep_allow);
    assert_int_equal(fake.told.services_up, 1 | 8);
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
    assert_int_equal(s.state, SESSION_UP);
    assert_int_equal(fake.kernel.tunnel_count, 1);
    assert_int_equal(fake.kernel.tunnels[0].service, 4);
    assert_int_equal(fake.told.services_up, 8);
    assert_false(fake.sockets[1]);
    session_tunnel_down(&s, 4, CAUSE_OF(CAUSE_HUB_CLOSED));
    assert_int_equal(s.state, SESSION_IDLE);
    assert_closed();
}

static void always(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_ALWAYS);
    ready();
    later(500);
    assert_int_equal(fake.initiated[1], 1);
    assert_int_equal(fake.initiated[4], 1);
    up(1);
    up(4);
    later(10 * 60000); /* no idle clock */
    assert_int_equal(s.state, SESSION_UP);
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
    later(500);
    assert_int_equal(fake.initiated[1], 1); /* the rest of it first */
    taken_down(1);
    later(500);
    assert_int_equal(fake.initiated[1], 2);
    session_raise_failed(&s, 1, CAUSE_OF(CAUSE_HUB_SILENT));
    taken_down(1);
    later(500);
    assert_int_equal(fake.initiated[1], 2); /* waits a little */
    later(SESSION_BACKOFF_MIN_MS);
    assert_int_equal(fake.initiated[1], 3);
}

/* ---- failures: each ends closed, each says why ---- */

static void charon_dies(void **state)
{
    (void)state;
    for (int outside = 0; outside < 2; outside++) {
        setup(outside ? CONF_OUTSIDE_INTERNET : CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
        raise_first();
        session_charon(&s, false);
        assert_int_equal(s.state, SESSION_STARTING);
        assert_closed();
        assert_false(fake.sockets[1]);
        assert_non_null(strstr(said(&s.fault), "charon"));
        assert_non_null(strstr(fake.audit, "session.end"));
        session_want(&s, 1, NULL);
        assert_int_equal(fake.failed, 0); /* it may be back in a moment */
        later(SESSION_GRACE_MS);
        assert_int_equal(fake.failed, 1);
        assert_int_equal(fake.initiated[1], 1);
        session_charon(&s, true);
        assert_int_equal(s.state, SESSION_IDLE);
        assert_string_equal(said(&s.fault), "");
        session_want(&s, 1, NULL);
        assert_int_equal(fake.initiated[1], 2);
    }
}

static void charon_hangs(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    session_charon_hangs(&s); /* it was not there yet: nothing that anybody does not know */
    assert_string_equal(said(&s.fault), "");
    raise_first();
    session_charon_hangs(&s);
    assert_int_equal(s.state, SESSION_STARTING);
    assert_closed();
    assert_non_null(strstr(said(&s.fault), "(charon) does not answer"));
    assert_int_equal(s.last_end.code, CAUSE_CHARON_HANGS);
    assert_non_null(strstr(fake.audit, "fault charon-hangs"));
    session_charon(&s, false); /* and then it was ended */
    assert_non_null(strstr(said(&s.fault), "does not answer"));
    session_charon(&s, true);
    assert_string_equal(said(&s.fault), "");
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
}

static void charon_dies_while_the_lan_is_open(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    ready();
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
    session_charon(&s, false);
    assert_closed();
}

static void no_certificate_no_attempt(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    session_charon(&s, true);
    session_wan(&s, true, false);
    later(SESSION_GRACE_MS);
    session_want(&s, 4, NULL);
    assert_int_equal(fake.initiated[4], 0);
    assert_int_equal(fake.failed, 8);
    assert_non_null(strstr(said(&s.fault), "certificate"));
    session_credentials(&s, true);
    session_want(&s, 4, NULL);
    assert_int_equal(fake.initiated[4], 1);
}

/* Everything is just starting: a wish waits a little, then is fulfilled, or refused. */
static void wish_at_the_start(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    session_wan(&s, true, false);
    session_want(&s, 1, NULL);
    later(1000);
    session_charon(&s, true);
    session_want(&s, 1, NULL);
    later(1000);
    assert_int_equal(fake.failed, 0);
    assert_int_equal(fake.initiated[1], 0);
    session_credentials(&s, true);
    assert_int_equal(fake.initiated[1], 1);
    assert_int_equal(s.state, SESSION_RAISING);

    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    session_wan(&s, true, false);
    session_charon(&s, true);
    session_want(&s, 1, NULL);
    later(SESSION_GRACE_MS - 1);
    assert_int_equal(fake.failed, 0);
    later(1);
    assert_int_equal(fake.failed, 1);
    assert_non_null(strstr(said(&s.fault), "certificate"));
    fake.failed = 0;
    session_credentials(&s, true); /* too late for that one */
    assert_int_equal(fake.initiated[1], 0);
}

static void back_off_doubles_and_ends_with_success(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    uint64_t wait = SESSION_BACKOFF_MIN_MS;
    for (unsigned i = 0; i < 8; i++) {
        session_want(&s, 1, NULL);
        assert_int_equal(fake.initiated[1], i + 1);
        session_raise_failed(&s, 1, CAUSE_OF(CAUSE_HUB_REFUSES_CERT));
        assert_int_equal(s.state, SESSION_IDLE);
        assert_int_equal(fake.failed, 1);
        assert_non_null(strstr(said(&s.fault), "refuses our certificate"));
        taken_down(1);
        fake.failed = 0;
        fake.now += wait - 1;
        session_want(&s, 1, NULL); /* too early: refused at once */
        assert_int_equal(fake.initiated[1], i + 1);
        assert_int_equal(fake.failed, 1);
        fake.now += 1;
        wait = wait * 2 < SESSION_BACKOFF_MAX_MS ? wait * 2 : SESSION_BACKOFF_MAX_MS;
    }
    session_want(&s, 1, NULL);
    up(1);
    assert_string_equal(said(&s.fault), "");
    fake.failed = 0;
    session_tunnel_down(&s, 1, CAUSE_OF(CAUSE_HUB_CLOSED));
    session_want(&s, 1, NULL);
    assert_int_equal(fake.failed, 0);
    taken_down(1);
    assert_int_equal(s.state, SESSION_RAISING);
}

static void raise_time_out(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    session_want(&s, 1, NULL);
    later(SESSION_RAISE_MS);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.terminated[1], 1);
    assert_int_equal(fake.failed, 1);
    up(1); /* too late: not kept, and it is on its way already */
    assert_int_equal(fake.terminated[1], 1);
    assert_closed();
    taken_down(1);
    up(1);
    assert_int_equal(fake.terminated[1], 2);
    assert_closed();
}

static void charon_takes_no_command(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    fake.charon_refuses = true;
    session_want(&s, 1, NULL);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.failed, 1);
    struct cause answer;
    assert_false(session_command_start(&s, 0, &answer));
}

static void kernel_refuses(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    session_want(&s, 1, NULL);
    fake.kernel_refuses = true;
    up(1);
    assert_int_equal(s.state, SESSION_FAULT);
    assert_int_equal(fake.terminated[1], 1);
    assert_closed();
    assert_non_null(strstr(said(&s.fault), "rules are not loaded"));
    session_want(&s, 1, NULL);
    assert_int_equal(fake.initiated[1], 1);
    for (unsigned i = 0; i < 10; i++)
        later(SESSION_FAULT_MS);
    assert_int_equal(s.state, SESSION_FAULT);
    session_charon(&s, false); /* is remembered, changes nothing now */
    session_charon(&s, true);
    fake.kernel_refuses = false;
    later(SESSION_FAULT_MS);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_closed();
    assert_string_equal(said(&s.fault), "");
}

/* What passes when the kernel does not even close is what did before: the internet. Then others must close. */
static void kernel_refuses_to_close(void **state)
{
    (void)state;
    for (unsigned refused = 1; refused <= 2; refused++) {
        setup(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
        ready();
        session_want(&s, 1, NULL);
        fake.refuse_next = refused; /* the session; and that the LAN is closed instead */
        up(1);
        assert_int_equal(s.state, SESSION_FAULT);
        assert_int_equal(fake.kernel.mode, refused == 1 ? MODE_CLOSED : MODE_INTERNET);
        assert_int_equal(fake.helpless, refused == 2);
        assert_int_equal(fake.told.mode, MODE_CLOSED);
    }
}

static void kernel_refuses_to_leave_a_session(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_INTERNET, CONF_START_DEMAND);
    raise_first();
    fake.kernel_refuses = true;
    struct cause answer;
    session_command_end(&s, &answer);
    assert_int_equal(s.state, SESSION_FAULT);
    assert_int_equal(fake.told.mode, MODE_CLOSED); /* whatever the kernel does, no name is answered */
    assert_int_equal(fake.terminated[1], 1); /* and there is no tunnel to use */
    fake.kernel_refuses = false;
    later(SESSION_FAULT_MS);
    assert_int_equal(fake.kernel.mode, MODE_INTERNET);
}

static void line_lost_and_moved(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    raise_first();
    session_wan(&s, false, false);
    assert_int_equal(s.state, SESSION_UP); /* DPD decides */
    session_wan(&s, true, false);
    assert_int_equal(s.state, SESSION_UP);
    session_wan(&s, true, true);
    assert_int_equal(s.state, SESSION_ENDING);
    assert_closed();
    taken_down(1);
    session_wan(&s, false, false);
    session_want(&s, 1, NULL);
    assert_int_equal(fake.failed, 1);
    assert_non_null(strstr(said(&s.fault), "line is down"));
}

static void tunnel_nobody_asked_for(void **state)
{
    (void)state;
    setup(CONF_OUTSIDE_CLOSED, CONF_START_DEMAND);
    ready();
    up(1);
    assert_int_equal(s.state, SESSION_IDLE);
    assert_int_equal(fake.terminated[1], 1);
    assert_closed();
    session_want(&s, 3, NULL); /* no such service */
    session_want(&s, 0, NULL);
    session_want(&s, 200, NULL);
    assert_int_equal(s.state, SESSION_IDLE);
}

/* What these tests have made the session tell, all together. The last of them. */
static void every_cause_was_told(void **state)
{
    static const enum cause_code all[] = {CAUSE_GATE_STARTED,     CAUSE_FIREWALL_REFUSES,   CAUSE_FIREWALL_NOT_LOADED,
                                          CAUSE_FIREWALL_AGAIN,   CAUSE_VPN_NOT_YET,        CAUSE_VPN_READY,
                                          CAUSE_VPN_GONE,         CAUSE_VPN_HANGS,          CAUSE_CHARON_GONE,
                                          CAUSE_CHARON_HANGS,     CAUSE_VPN_REFUSES,        CAUSE_NO_CERTIFICATE,
                                          CAUSE_LINE_DOWN,        CAUSE_LINE_MOVED,         CAUSE_SESSION_OVER,
                                          CAUSE_SESSION_IDLE,     CAUSE_SESSION_BY_COMMAND, CAUSE_SESSION_ENDED,
                                          CAUSE_SESSION_ALWAYS,   CAUSE_ASKED_BY,           CAUSE_ASKED_BY_LAN,
                                          CAUSE_TUNNEL_UP,        CAUSE_TUNNEL_RENEWED,     CAUSE_TUNNEL_GONE,
                                          CAUSE_TUNNEL_FAILED,    CAUSE_HUB_LATE,           CAUSE_HUB_CLOSED,
                                          CAUSE_HUB_GIVES_NOTHING};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!raised[all[i]])
            fail_msg("%s was not told", cause_word(all[i]));
}

/* It goes, or comes; one that comes has nothing left (charon.c sees to it). */
static void any_charon(void)
{
    bool comes = !s.charon;
    if (!comes && rand() % 4 != 0)
        return;
    memset(fake.has_ike_sa, 0, sizeof fake.has_ike_sa);
    memset(fake.going, 0, sizeof fake.going);
    session_charon(&s, comes);
}

static void any_event(void)
{
    struct cause answer;
    uint8_t service = rand() & 1 ? 1 : 4;
    switch (rand() % 23) {
    case 0: any_charon(); break;
    case 1: session_credentials(&s, rand() % 8 != 0); break;
    case 2: session_wan(&s, rand() % 8 != 0, rand() % 4 == 0); break;
    case 3:
    case 4:
    case 5: session_want(&s, service, NULL); break;
    case 6:
    case 7:
    case 8:
        if (s.charon)
            up(service);
        break;
    case 9: session_tunnel_down(&s, service, CAUSE_OF(CAUSE_HUB_CLOSED)); break;
    case 10: session_raise_failed(&s, service, CAUSE_OF(CAUSE_HUB_BUSY)); break;
    case 11: session_command_start(&s, 0, &answer); break;
    case 12:
        if (rand() % 4 == 0)
            session_command_end(&s, &answer);
        break;
    case 13: fake.kernel_refuses = rand() % 8 == 0; break;
    case 14: fake.charon_refuses = rand() % 8 == 0; break;
    case 15:
        if (fake.has_ike_sa[service] && !s.services[service].raising)
            session_left_over(&s, service);
        break;
    case 16:
    case 17:
    case 18: taken_down(service); break;
    case 19:
        for (unsigned i = 0; i <= BLACKHOLE_CHECKS; i++)
            session_carried(&s, service, &(struct blackhole_counts){.child = 1, .out = BLACKHOLE_SENT_MIN * i});
        break;
    default:
        /* charon needs less time for that than it is given */
        taken_down(1);
        taken_down(4);
        later((uint64_t)(rand() % 70000));
        break;
    }
}

/* What must hold after every event, unless the kernel refuses (then what it does is its own affair). */
static void assert_consistent(void)
{
    assert_int_equal(fake.kernel.mode == MODE_SESSION, s.state == SESSION_UP);
    if (s.state == SESSION_STARTING || s.state == SESSION_ENDING || !s.charon)
        assert_int_equal(fake.kernel.mode, MODE_CLOSED);
    if (fake.kernel.mode == MODE_INTERNET)
        assert_int_equal(conf.site.outside, CONF_OUTSIDE_INTERNET);
    assert_int_equal(fake.kernel.generation == 0, fake.kernel.mode == MODE_CLOSED);
    assert_int_equal(fake.kernel.tunnel_count > 0, fake.kernel.mode == MODE_SESSION);
    assert_int_equal(fake.told.mode, fake.kernel.mode);
    assert_int_equal(fake.told.services_up != 0, s.state == SESSION_UP);
    assert_int_equal(fake.sockets[1], s.services[1].up);
    assert_int_equal(fake.sockets[4], s.services[4].up);
    for (unsigned n = 1; n <= 4; n++)
        if (s.charon && fake.has_ike_sa[n] && !fake.going[n])
            assert_true(s.services[n].up || s.services[n].raising);
}

/* A hundred thousand events in any order. */
static void any_order(void **state)
{
    (void)state;
    unsigned seen = 0;
    srand(20261121);
    for (int round = 0; round < 200; round++) {
        setup(round & 1 ? CONF_OUTSIDE_INTERNET : CONF_OUTSIDE_CLOSED,
              round & 2 ? CONF_START_ALWAYS : CONF_START_DEMAND);
        for (int i = 0; i < 500; i++) {
            enum session_state before = s.state;
            uint32_t generation = fake.kernel.generation;
            enum msg_mode_kind mode = fake.kernel.mode;
            any_event();
            seen |= 1u << s.state;
            if (!s.charon || s.state == SESSION_FAULT)
                assert_int_equal(fake.told.mode, MODE_CLOSED);
            if (s.state == SESSION_FAULT)
                continue;
            assert_consistent();
            /* No number lives through a change of mode. */
            if (before != SESSION_FAULT && generation && mode != fake.kernel.mode)
                assert_int_not_equal(generation, fake.kernel.generation);
        }
    }
    assert_int_equal(seen, (1u << SESSION_STATES) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demand_session),
        cmocka_unit_test(idle_ends_it),
        cmocka_unit_test(ending_does_not_wait_for_ever),
        cmocka_unit_test(want_while_ending_begins_the_next),
        cmocka_unit_test(internet_flows_live_through_a_failed_attempt),
        cmocka_unit_test(who_may_ask_on_the_line),
        cmocka_unit_test(two_tunnels),
        cmocka_unit_test(always),
        cmocka_unit_test(charon_dies),
        cmocka_unit_test(charon_hangs),
        cmocka_unit_test(charon_dies_while_the_lan_is_open),
        cmocka_unit_test(no_certificate_no_attempt),
        cmocka_unit_test(wish_at_the_start),
        cmocka_unit_test(back_off_doubles_and_ends_with_success),
        cmocka_unit_test(raise_time_out),
        cmocka_unit_test(charon_takes_no_command),
        cmocka_unit_test(kernel_refuses),
        cmocka_unit_test(kernel_refuses_to_close),
        cmocka_unit_test(kernel_refuses_to_leave_a_session),
        cmocka_unit_test(line_lost_and_moved),
        cmocka_unit_test(tunnel_nobody_asked_for),
        cmocka_unit_test(any_order),
        cmocka_unit_test(every_cause_was_told),
    };
    return cmocka_run_group_tests_name("gate_session", tests, NULL, NULL);
}

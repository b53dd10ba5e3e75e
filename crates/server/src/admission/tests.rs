//! Limits that are reached, what gives way then, and that all is given back.

use proptest::prelude::*;
use std::time::Duration;

use super::undecided::{CROWD, FAIR_TIME};
use super::*;

const LIMITS: AdmissionLimits = AdmissionLimits {
    connections_total: Some(5),
    connections_per_ip: Some(2),
    connections_per_64: Some(3),
    handshakes: None,
    udp_sessions_per_ip: Some(2),
    counts_loopback: false,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn each_limit_is_named_and_given_back() {
    let admission = Admission::new(LIMITS);
    let first = admission.admit(ip("192.0.2.1"), Instant::now()).unwrap();
    let _second = admission.admit(ip("::ffff:192.0.2.1"), Instant::now()).unwrap();
    assert_eq!(admission.admit(ip("192.0.2.1"), Instant::now()).unwrap_err(), AdmissionRefusal::PerIp(2));
    let _other = admission.admit(ip("192.0.2.2"), Instant::now()).unwrap();
    drop(first);
    let _again = admission.admit(ip("192.0.2.1"), Instant::now()).unwrap();
    let _v6 = admission.admit(ip("2001:db8::1"), Instant::now()).unwrap();
    let _loopback = admission.admit(ip("::1"), Instant::now()).unwrap();
    assert_eq!(admission.admit(ip("2001:db8::2"), Instant::now()).unwrap_err(), AdmissionRefusal::Total(5));
    assert_eq!(admission.connections(), 5);
    assert_eq!(AdmissionRefusal::Total(5).to_string(), "limits.connections_total (5) reached");
}

#[test]
fn ipv6_is_counted_by_its_network() {
    let admission = Admission::new(LIMITS);
    let permits: Vec<Permit> = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"]
        .map(|text| admission.admit(ip(text), Instant::now()).unwrap())
        .into();
    assert_eq!(admission.admit(ip("2001:db8::4"), Instant::now()).unwrap_err(), AdmissionRefusal::Per64(3));
    admission.admit(ip("2001:db8:0:1::1"), Instant::now()).unwrap();
    drop(permits);
    assert!(admission.shared.counts().by_origin.is_empty());
}

#[test]
fn loopback_is_exempt_unless_it_is_to_be_counted() {
    let exempt = Admission::new(LIMITS);
    let counted = Admission::new(AdmissionLimits { counts_loopback: true, ..LIMITS });
    for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        let permits: Vec<_> = (0..5).map(|_| exempt.admit(ip(text), Instant::now()).unwrap()).collect();
        assert_eq!(exempt.admit(ip(text), Instant::now()).unwrap_err(), AdmissionRefusal::Total(5));
        drop(permits);
        let results: Vec<_> = (0..5).map(|_| counted.admit(ip(text), Instant::now())).collect();
        assert!(results.iter().any(Result::is_err), "{text}");
    }
}

fn has_to_go(permit: &Permit) -> bool {
    permit.notice().poll(&std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
}

fn undecided(max: u32) -> Admission {
    Admission::new(AdmissionLimits { handshakes: Some(max), ..AdmissionLimits::default() })
}

#[test]
fn a_handshake_counts_until_it_is_finished_or_dropped() {
    let admission = undecided(2);
    let mut first = admission.admit(ip("192.0.2.1"), Instant::now()).unwrap();
    let second = admission.admit(ip("192.0.2.1"), Instant::now()).unwrap();
    assert_eq!(admission.handshakes(), 2);
    first.finish_handshake();
    first.finish_handshake();
    assert_eq!(admission.handshakes(), 1);
    drop(second);
    assert_eq!((admission.handshakes(), admission.connections()), (0, 1));
    let notice = first.notice();
    first.resume_handshake(ip("192.0.2.1"), &notice, Instant::now());
    first.resume_handshake(ip("192.0.2.1"), &notice, Instant::now());
    assert_eq!(admission.handshakes(), 1);
    drop(first);
    assert_eq!((admission.handshakes(), admission.connections()), (0, 0));
}

#[test]
fn who_never_says_what_it_speaks_gives_way_and_nobody_else() {
    let admission = undecided(4);
    let start = Instant::now();
    let mut honest = admission.admit(ip("192.0.2.1"), start).unwrap();
    let attackers: Vec<Permit> = (0..3).map(|_| admission.admit(ip("203.0.113.1"), start).unwrap()).collect();
    // At the limit, and one past it: all are there until they have had their time.
    let late = admission.admit(ip("203.0.113.1"), start + FAIR_TIME / 2).unwrap();
    assert_eq!(admission.handshakes(), 5);
    let mut newcomer = admission.admit(ip("192.0.2.2"), start + FAIR_TIME).unwrap();
    assert_eq!(admission.handshakes(), 4, "two gave way to one, so that there are as many as there may be");
    assert!(has_to_go(&attackers[0]));
    assert!(has_to_go(&attackers[1]));
    assert_eq!([&attackers[2], &late, &honest].map(has_to_go), [false; 3]);
    honest.finish_handshake();
    newcomer.finish_handshake();
    // Who gave way is counted no more, and is there until its socket is closed.
    assert_eq!((admission.handshakes(), admission.connections()), (2, 6));
    drop(attackers);
    assert_eq!((admission.handshakes(), admission.connections()), (1, 3));
}

#[test]
fn a_herd_that_is_quick_is_let_in_whole() {
    let admission = undecided(4);
    let start = Instant::now();
    let mut herd: Vec<Permit> =
        (0..4 * CROWD).map(|_| admission.admit(ip("192.0.2.1"), start + FAIR_TIME / 2).unwrap()).collect();
    assert_eq!(admission.handshakes(), 4 * CROWD as usize, "nobody gave way");
    herd.iter_mut().for_each(Permit::finish_handshake);
    assert_eq!((admission.handshakes(), admission.connections()), (0, 4 * CROWD));
}

#[test]
fn a_full_server_does_not_wait_for_those_who_say_nothing() {
    let admission = Admission::new(AdmissionLimits { connections_total: Some(2), ..AdmissionLimits::default() });
    let start = Instant::now();
    let mut talker = admission.admit(ip("192.0.2.1"), start).unwrap();
    talker.finish_handshake();
    let silent = admission.admit(ip("192.0.2.1"), start).unwrap();
    assert!(admission.admit(ip("192.0.2.2"), start).is_err());
    assert_eq!(admission.handshakes(), 1, "it has its time");
    assert!(admission.admit(ip("192.0.2.2"), start + FAIR_TIME).is_err(), "its place is not free yet");
    assert!(has_to_go(&silent));
    drop(silent);
    assert!(admission.admit(ip("192.0.2.2"), start + FAIR_TIME).is_ok());
}

#[test]
fn udp_sessions_of_an_address_have_a_limit_of_their_own_and_count_for_the_whole() {
    let admission = Admission::new(LIMITS);
    let begin = |from: &str| admission.admit_datagrams(ip(from), Instant::now());
    let ports = [begin("127.0.0.1").unwrap(), begin("::ffff:127.0.0.1").unwrap()];
    assert_eq!(begin("127.0.0.1").unwrap_err(), AdmissionRefusal::UdpPerIp(2), "loopback is no exception");
    let _streams: Vec<Permit> = (0..2).map(|_| admission.admit(ip("192.0.2.1"), Instant::now()).unwrap()).collect();
    let _v6 = begin("2001:db8::1").unwrap();
    assert_eq!((admission.connections(), admission.handshakes()), (5, 2), "they have no handshake");
    assert_eq!(begin("192.0.2.1").unwrap_err(), AdmissionRefusal::Total(5));
    drop(ports);
    assert!(begin("127.0.0.1").is_ok());
    assert_eq!(AdmissionRefusal::UdpPerIp(2).limit(), "udp_sessions_per_ip");
}

#[test]
fn a_proxied_connection_is_counted_where_its_client_is() {
    let admission = Admission::new(LIMITS);
    let mut permits: Vec<Permit> =
        (0..3).map(|_| admission.admit_proxy(ip("192.0.2.9"), Instant::now()).unwrap()).collect();
    permits[0].locate(ip("192.0.2.1")).unwrap();
    permits[1].locate(ip("192.0.2.1")).unwrap();
    permits[1].locate(ip("192.0.2.1")).unwrap();
    let refusal = permits[2].locate(ip("192.0.2.1")).unwrap_err();
    assert_eq!(refusal, AdmissionRefusal::PerIp(2));
    permits[1].locate(ip("192.0.2.2")).unwrap();
    permits[2].locate(ip("192.0.2.1")).unwrap();
    drop(permits);
    assert!(admission.shared.counts().by_origin.is_empty());
    assert_eq!(admission.connections(), 0);
}

proptest! {
    #[test]
    fn whatever_comes_and_goes_all_is_given_back(
        steps in prop::collection::vec((0_u8..4, 0_u8..6), 0..200),
    ) {
        let admission = Admission::new(LIMITS);
        let mut permits: Vec<Permit> = Vec::new();
        for (step, which) in steps {
            let from = [
                "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "127.0.0.1", "::1",
            ][usize::from(which)];
            let at = usize::from(which) % permits.len().max(1);
            match step {
                0 => permits.extend(admission.admit(ip(from), Instant::now())),
                1 => permits.extend(admission.admit_proxy(ip("192.0.2.9"), Instant::now())),
                2 => if let Some(permit) = permits.get_mut(at) {
                    permit.finish_handshake();
                    let _ = permit.locate(ip(from));
                },
                _ => if at < permits.len() {
                    permits.swap_remove(at);
                },
            }
            prop_assert_eq!(admission.connections() as usize, permits.len());
            prop_assert!(permits.len() <= 5);
            for (origin, count) in &admission.shared.counts().by_origin {
                let max = match origin { Origin::V4(_) => 2, Origin::V6Net(_) => 3 };
                prop_assert!((1..=max).contains(count));
            }
        }
        permits.clear();
        prop_assert_eq!((admission.connections(), admission.handshakes()), (0, 0));
        prop_assert!(admission.shared.counts().by_origin.is_empty());
    }
}

#[test]
fn one_line_a_second_and_the_number_of_the_others() {
    let mut limiter = LogLimiter::new(Duration::from_secs(1));
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let said: Vec<_> = [0, 1, 999, 1000, 1500, 5000, 5001].map(|m| limiter.note(at(m))).into();
    assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1), None]);
}

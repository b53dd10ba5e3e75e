//! The load generator against a server that is right in every dialect, and against one that is wrong on purpose.

mod support;

use std::time::Duration;

use support::{Fault, Protocol};
use switchboard_bench::load::{Dialect, Generator, OPENED_AT_ONCE, Pace, Setup};

const RECEIVERS: usize = 8;
const TEXT_BYTES: usize = 64;

fn generator(protocol: Protocol, fault: Fault, senders: usize) -> Generator {
    let dialect = match protocol {
        Protocol::TcpText => Dialect::Text,
        Protocol::TcpJson => Dialect::Json,
        Protocol::WsJson => Dialect::WebSocketJson,
    };
    let patience = Duration::from_millis(if fault == Fault::None { 30_000 } else { 3_000 });
    let setup = Setup {
        dialect,
        receivers: RECEIVERS,
        senders,
        rooms: 1,
        further_rooms: 0,
        is_encrypted: false,
        opened_at_once: OPENED_AT_ONCE,
        text_bytes: TEXT_BYTES,
        patience,
    };
    let mut generator = Generator::new(support::start(protocol, fault), setup).unwrap();
    generator.open().unwrap();
    generator
}

#[test]
fn every_delivery_is_counted_in_every_dialect() {
    for (protocol, frame_bytes) in [
        (Protocol::TcpText, "<guest-0> \n".len()),
        (Protocol::TcpJson, "{\"seq\":1,\"type\":\"message\",\"room\":\"lobby\",\"text\":\"\"}\n".len()),
        (Protocol::WsJson, "{\"seq\":1,\"type\":\"message\",\"room\":\"lobby\",\"text\":\"\"}".len() + 2),
    ] {
        let mut generator = generator(protocol, Fault::None, 1);
        generator.warm_up().unwrap();
        for (pace, messages) in [(Pace::Window(1), 20), (Pace::Window(16), 100), (Pace::Rate(500.0), 50)] {
            let outcome = generator.run(pace, messages, Duration::MAX).unwrap();
            assert_eq!(outcome.messages, u64::from(messages), "{protocol:?} {pace:?}");
            assert_eq!(outcome.deliveries, u64::from(messages) * RECEIVERS as u64, "{protocol:?} {pace:?}");
            assert_eq!(outcome.latency.count(), outcome.deliveries);
            assert!(outcome.latency.quantile(0.5) > 0);
            assert_eq!(outcome.unasked, 0);
            assert_eq!(outcome.frame_bytes, (frame_bytes + TEXT_BYTES) as f64, "{protocol:?} {pace:?}");
        }
    }
}

#[test]
fn a_phase_is_cut_short_after_its_longest_time_and_loses_nothing() {
    let mut generator = generator(Protocol::TcpText, Fault::None, 1);
    generator.warm_up().unwrap();
    let outcome = generator.run(Pace::Window(4), u32::MAX, Duration::from_millis(200)).unwrap();
    assert!(outcome.elapsed >= Duration::from_millis(200), "{:?}", outcome.elapsed);
    assert!((1..u64::from(u32::MAX)).contains(&outcome.messages));
    assert_eq!(outcome.deliveries, outcome.messages * RECEIVERS as u64);
}

#[test]
fn a_fixed_rate_is_kept() {
    let mut generator = generator(Protocol::TcpText, Fault::None, 1);
    generator.warm_up().unwrap();
    let outcome = generator.run(Pace::Rate(100.0), 21, Duration::MAX).unwrap();
    assert!(outcome.elapsed >= Duration::from_millis(200), "{:?}", outcome.elapsed);
}

#[test]
fn senders_hear_each_other_but_not_themselves() {
    let mut generator = generator(Protocol::TcpJson, Fault::None, 3);
    generator.warm_up().unwrap();
    let outcome = generator.run(Pace::Window(6), 60, Duration::MAX).unwrap();
    assert_eq!(outcome.deliveries, 60 * (RECEIVERS as u64 + 2));
}

#[test]
fn loss_doubling_and_silence_end_the_run_and_say_what_happened() {
    for (fault, window, reason) in [
        (Fault::Lose, 4, "got message 71 of sender 0, but 70 had to come next"),
        (Fault::Double, 4, "got message 70 of sender 0, but 71 had to come next"),
        (Fault::Stop, 4, "message 70 of sender 0 is missing at 1 of 8 connections"),
    ] {
        let mut generator = generator(Protocol::TcpText, fault, 1);
        generator.warm_up().unwrap();
        let error = format!("{:#}", generator.run(Pace::Window(window), 50, Duration::MAX).unwrap_err());
        assert!(error.contains(reason), "{fault:?}: {error}");
    }
}

//! The order of the layers, and every kind of value in each of them.

use std::ffi::OsString;

use super::super::*;
use super::load;

#[test]
fn later_layers_override_earlier_ones() {
    let file = "[limits]\nnick_chars = 20\nroom_chars = 20\ntopic_chars = 20\nmessage_burst = 20";
    let variables = [
        ("SWITCHBOARD_LIMITS__ROOM_CHARS", "21"),
        ("switchboard_limits__topic_chars", "21"),
        ("Switchboard_Limits__Message_Burst", "21"),
    ];
    let set = ["limits.topic_chars=22", "limits.topic_chars=23", "limits.message_burst = 23", "log.level=warn"];
    let flags = [("--log-level", "log.level", FlagValue::Text("debug".to_owned()))];
    let config = load(file, &variables, &set, &flags).unwrap();
    let Limits { nick_chars, room_chars, topic_chars, message_burst, .. } = config.limits;
    assert_eq!([nick_chars, room_chars, topic_chars, message_burst], [20, 21, 23, 23]);
    assert_eq!(config.log.level, LogLevel::Debug);
}

#[test]
fn every_kind_of_value_is_read_from_the_file() {
    let config = load(
        r#"
        text.style = "address"
        [server]
        shards = 2
        data_dir = "data"
        listen = ["12345", "http://[::1]:80"]
        lan = true
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [auth]
        join_code = "sesame"
        [store]
        retention = "90d"
        free_min = 1048576
        [log]
        messages = false
        [udp.tokens.garage]
        token = "0123456789"
        room = "sensors"
        [limits]
        rooms_total = 0
        messages_per_second = 0
        outbox_bytes = "2MiB"
        idle_timeout = "1h"
        "#,
        &[],
        &[],
        &[],
    )
    .unwrap();
    let mut expected = Config::default();
    expected.text.style = TextStyle::Address;
    expected.server.shards = 2;
    expected.server.data_dir = Some("data".into());
    expected.server.listen = vec!["12345".parse().unwrap(), "http://[::1]:80".parse().unwrap()];
    expected.server.lan = true;
    expected.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    expected.auth.join_code = Some(Secret::new("sesame"));
    expected.store.retention = Some(Millis::days(90));
    expected.store.free_min = Some(Bytes::mib(1));
    expected.log.messages = Some(false);
    let token = UdpToken { token: Secret::new("0123456789"), room: "sensors".to_owned() };
    expected.udp.tokens.insert("garage".to_owned(), token);
    expected.limits.rooms_total = None;
    expected.limits.messages_per_second = None;
    expected.limits.outbox_bytes = Bytes::mib(2);
    expected.limits.idle_timeout = Some(Millis::hours(1));
    assert_eq!(config, expected);
}

#[test]
fn plain_text_needs_no_quotes_or_brackets() {
    let set = [
        "server.listen=12345, udp://[::1]:9",
        "rooms.auto_join=[\"a\", \"b,c\"]",
        "text.welcome=\"Hi = hello, {nick}!\"",
        "auth.join_code=1234",
        "store.retention=",
        "store.free_min=0",
        "limits.line_bytes=40000",
        "limits.idle_timeout=0",
        "server.ephemeral=true",
        "udp.tokens={ garage = { token = \"0123456789\", room = \"r\" } }",
    ];
    let config = load("", &[("SWITCHBOARD_STORE__RETENTION", "90d")], &set, &[]).unwrap();
    let mut expected = Config::default();
    expected.server.listen = vec!["12345".parse().unwrap(), "udp://[::1]:9".parse().unwrap()];
    expected.rooms.auto_join = vec!["a".to_owned(), "b,c".to_owned()];
    expected.text.welcome = "Hi = hello, {nick}!".to_owned();
    expected.auth.join_code = Some(Secret::new("1234"));
    expected.store.free_min = None;
    expected.limits.line_bytes = Bytes(40_000);
    expected.server.ephemeral = true;
    let token = UdpToken { token: Secret::new("0123456789"), room: "r".to_owned() };
    expected.udp.tokens.insert("garage".to_owned(), token);
    assert_eq!(config, expected);
}

#[test]
fn empty_values_take_an_optional_setting_away() {
    let file = "[auth]\njoin_code = \"x\"\n[server]\ndata_dir = \"d\"\n[log]\nmessages = true";
    let variables = [("SWITCHBOARD_AUTH__JOIN_CODE", ""), ("SWITCHBOARD_SERVER__DATA_DIR", "")];
    let config = load(file, &variables, &[], &[]).unwrap();
    assert_eq!((config.auth.join_code, config.server.data_dir, config.log.messages), (None, None, Some(true)));
}

#[test]
fn the_port_variable_counts_only_where_nobody_named_a_listener() {
    let listen = |text: &str| vec![text.parse::<Listen>().unwrap()];
    let flag = [("--listen", "server.listen", FlagValue::List(vec!["4".to_owned()]))];
    for (file, variables, flags, expected) in [
        ("", &[("PORT", "3")][..], &[][..], listen("3")),
        ("[server]\nlisten = []", &[("PORT", "3")], &[], listen("3")),
        ("[server]\nlisten = [\"2\"]", &[("PORT", "3")], &[], listen("2")),
        ("", &[("PORT", "3")], &flag, listen("4")),
        ("", &[("PORT", "nonsense")], &flag, listen("4")),
        ("", &[("PORT", "")], &[], vec![]),
    ] {
        assert_eq!(load(file, variables, &[], flags).unwrap().server.listen, expected, "{file} {flags:?}");
    }
    assert_eq!(
        load("", &[("PORT", "tcp://10.0.0.1:80")], &[], &[]),
        Err("PORT: must be a port, 0 to 65535, not \"tcp://10.0.0.1:80\"".to_owned())
    );
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let variables =
        [("SWITCHBOARD_SERVICE_HOST", "10.0.0.1"), ("SWITCHBOARD_PORT", "tcp://10.0.0.1:80"), ("PATH__X", "")];
    assert_eq!(load("", &variables, &[], &[]), Ok(Config::default()));
}

#[test]
fn no_debug_output_shows_a_secret() {
    let set = ["auth.join_code=hush".to_owned(), "udp.tokens={a={token=\"hushhush\",room=\"r\"}}".to_owned()];
    let variable = (OsString::from("SWITCHBOARD_AUTH__JOIN_CODE"), OsString::from("hush"));
    let layers = Layers::default().set(set).environment([variable]);
    let config = Config::load(&layers).unwrap();
    let shown = format!("{layers:?} {config:?}");
    assert!(shown.contains("auth.join_code") && shown.contains("[secret]"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn every_setting_is_described() {
    for section in SECTIONS {
        assert!(section.doc.trim().ends_with('.'), "{}", section.name);
        for setting in section.settings {
            let doc = setting.doc.trim();
            assert!(doc.ends_with('.') && doc.len() > 10, "{}: {doc}", setting.path());
            assert!(setting.unit.is_some() == (setting.kind == Kind::Number), "{}", setting.path());
        }
    }
}

#[test]
fn recovery_is_a_word_or_a_time() {
    for (text, expected) in [
        ("false", Recovery::Asked),
        ("true", Recovery::All(Millis::minutes(2))),
        ("0s", Recovery::Asked),
        ("0", Recovery::Asked),
        ("5m", Recovery::All(Millis::minutes(5))),
        ("\"90s\"", Recovery::All(Millis::seconds(90))),
        ("24h", Recovery::All(Millis::hours(24))),
    ] {
        let config = load("", &[], &[&format!("socketio.recovery={text}")], &[]).unwrap();
        assert_eq!(config.socketio.recovery, expected, "{text}");
    }
    let config = load("[socketio]\nrecovery = true", &[("SWITCHBOARD_SOCKETIO__RECOVERY", "30s")], &[], &[]).unwrap();
    assert_eq!(config.socketio.recovery, Recovery::All(Millis::seconds(30)));
    assert_eq!(Config::default().socketio.recovery, Recovery::Asked);
}

//! Every error, with its exact words and its place.

use std::ffi::OsString;

use super::super::*;
use super::load;

#[test]
fn problems_in_the_file_name_line_and_column() {
    for (file, expected) in [
        ("[limits]\nmesage_chars = 1", "FILE:2:1: unknown key limits.mesage_chars; did you mean limits.message_chars?"),
        ("[limits]\n  colour = 1", "FILE:2:3: unknown key limits.colour"),
        ("[text]\nretention = 1", "FILE:2:1: unknown key text.retention; did you mean store.retention?"),
        ("limits.colour = 1", "FILE:1:8: unknown key limits.colour"),
        ("limits = { nick_chars = 20, colour = 1 }", "FILE:1:29: unknown key limits.colour"),
        ("listen = []", "FILE:1:1: unknown key listen; did you mean server.listen?"),
        ("\n[limit]\nnick_chars = 1", "FILE:2:2: unknown section [limit]; did you mean [limits]?"),
        ("[banana]", "FILE:1:2: unknown section [banana]"),
        ("[\"a\\nb\"]", "FILE:1:2: unknown section [a\\nb]"),
        ("limits.\"a\\nb\" = 1", "FILE:1:8: unknown key limits.a\\nb"),
        ("limits = 5", "FILE:1:1: limits is a section: write [limits] and its keys below it"),
        ("[[limits]]\nnick_chars = 20", "FILE:1:3: limits is a section: write [limits] and its keys below it"),
        ("[limits]\nnick_chars = \"20\"", "FILE:2:14: limits.nick_chars must be a whole number, not \"20\""),
        ("[limits]\nnick_chars = 20.5", "FILE:2:14: limits.nick_chars must be a whole number, not 20.5"),
        ("[limits]\nnick_chars = 0", "FILE:2:14: limits.nick_chars must be 16 to 64, not 0"),
        ("[limits]\nnick_chars = -1", "FILE:2:14: limits.nick_chars must not be negative, but is -1"),
        ("[limits]\nnick_chars = 4294967296", "FILE:2:14: limits.nick_chars is too large: 4294967296"),
        ("[limits]\nnick_chars.x = 1", "FILE:2:1: limits.nick_chars must be a whole number, not a table"),
        (
            "[limits]\nrooms_total = 200000000",
            "FILE:2:15: limits.rooms_total must be 0 for none, or 1 to 100000000, not 200000000",
        ),
        ("[limits]\nheader_timeout = 30", "FILE:2:18: limits.header_timeout needs a unit: 30ms, 30s, 30m, 30h or 30d"),
        ("[limits]\nheader_timeout = \"0s\"", "FILE:2:18: limits.header_timeout must be 100ms to 10m, not 0s"),
        (
            "[limits]\nheader_timeout = true",
            "FILE:2:18: limits.header_timeout must be a duration such as \"30s\", not true",
        ),
        ("[limits]\nheader_bytes = \"64KB\"", "FILE:2:16: limits.header_bytes must not be \"64KB\": write 64KiB"),
        ("[limits]\nheader_bytes = []", "FILE:2:16: limits.header_bytes must be a size such as \"64KiB\", not a list"),
        ("[limits]\nheader_bytes = 5", "FILE:2:16: limits.header_bytes must be 8KiB to 1MiB, not 5B"),
        ("[server]\nlan = 1", "FILE:2:7: server.lan must be true or false, not 1"),
        ("[server]\ndata_dir = 1", "FILE:2:12: server.data_dir must be a path in quotes, not 1"),
        (
            "[server]\nlisten = \"1\"",
            "FILE:2:10: server.listen must be a list in brackets, such as [\"...\"], not \"1\"",
        ),
        ("[server]\nlisten = [\"1\", 2]", "FILE:2:16: server.listen must hold texts in quotes, not 2"),
        ("[server]\nlisten = [\"1\",\n  \"::1\"]", "FILE:3:3: server.listen needs a port: [::1]:12345"),
        (
            "[server]\ntrusted_proxies = [\"10.0.0.0/40\"]",
            "FILE:2:20: server.trusted_proxies must hold networks such as \"10.0.0.0/8\" or \"::1\", not \"10.0.0.0/40\"",
        ),
        (
            "[text]\nstyle = \"fancy\"",
            "FILE:2:9: text.style must be \"named\", \"address\" or \"plain\", not \"fancy\"",
        ),
        ("[text]\nwelcome = 1979-05-27", "FILE:2:11: text.welcome must be text in quotes, not 1979-05-27"),
        ("[text]\nwelcome = \"grüß\"", "FILE:2:11: text.welcome must be one line of ASCII, without 'ü'"),
        (
            "[text]\nwelcome = \"{nick} {name}\"",
            "FILE:2:11: text.welcome may hold {nick}, {room} and {help} in braces, not \"{name}\"",
        ),
        ("[auth]\njoin_code = 1234", "FILE:2:13: auth.join_code must be text in quotes, not of the type integer"),
        ("[auth]\njoin_code = \"open sesame\"", "FILE:2:13: auth.join_code must be one word, without spaces"),
        (
            "[http]\nhosts = [\"https://example.org\"]",
            "FILE:2:9: http.hosts must hold host names such as \"chat.example.org\" or addresses such as \"192.0.2.1\", not \"https://example.org\"",
        ),
        (
            "[http]\norigins = [\"http://[::1]:80\", \"null\", \"app://x\", \"example.org\"]",
            "FILE:2:11: http.origins must hold origins such as \"https://www.example.org\", not \"example.org\"",
        ),
        (
            "[http]\nstatic_dir = \"/nowhere/at/all\"",
            "FILE:2:14: http.static_dir must be a folder, not /nowhere/at/all: there is none",
        ),
        (
            "[http]\nsocketio_client = \"/dev/null\"",
            "FILE:2:19: http.socketio_client must be a folder, not /dev/null: that is a file",
        ),
        ("[rooms]\nauto_join = [\"\"]", "FILE:2:13: rooms.auto_join must name rooms, which \"\" does not"),
        ("udp.tokens = 1", "FILE:1:14: udp.tokens must be a table of NAME = { token = \"...\", room = \"...\" }"),
        ("[udp.tokens.a]\ntoken = \"0123456789\"", "FILE:1:1: udp.tokens needs the field a.room"),
        (
            "[udp.tokens.a]\ntoken = \"0123456789\"\nroom = \"r\"\nrom = 1",
            "FILE:4:1: udp.tokens has the unknown field a.rom: a token has token and room",
        ),
        (
            "[udp.tokens.a]\ntoken = 5\nroom = \"r\"",
            "FILE:2:9: udp.tokens a.token must be text in quotes, not of the type integer",
        ),
        ("[socketio]\nrecovery = \"25h\"", "FILE:2:12: socketio.recovery must be 1s to 24h, not 25h"),
        ("[socketio]\nrecovery = 5", "FILE:2:12: socketio.recovery needs a unit: 5ms, 5s, 5m, 5h or 5d"),
        ("[socketio]\nrecovery = []", "FILE:2:12: socketio.recovery must be true, false or a duration, not a list"),
        ("[limits]\nnick_chars = 20\nnick_chars = 21", "FILE:3:1: duplicate key"),
        ("[limits", "FILE:1:8: unclosed table, expected `]`"),
    ] {
        assert_eq!(load(file, &[], &[], &[]), Err(expected.to_owned()), "{file}");
    }
}

#[test]
fn columns_count_characters() {
    let error = load("[text]\nwelcome = \"é\" # é\n\"é\" = 1", &[], &[], &[]).unwrap_err();
    assert_eq!(
        error, "FILE:2:11: text.welcome must be one line of ASCII, without 'é'\nFILE:3:1: unknown key text.é",
        "every problem has its line"
    );
    let error = load("text = { welcome = \"ok\", \"ééé\" = 1, x = 2 }", &[], &[], &[]).unwrap_err();
    assert_eq!(error, "FILE:1:26: unknown key text.ééé\nFILE:1:37: unknown key text.x");
}

#[test]
fn unreadable_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none.toml");
    let error = Config::load(&Layers::default().file(Some(missing.clone()))).unwrap_err().to_string();
    assert_eq!(error, format!("{}: cannot be read: No such file or directory (os error 2)", missing.display()));
    let latin1 = directory.path().join("latin1.toml");
    std::fs::write(&latin1, b"# gr\xfc\xdfe").unwrap();
    let error = Config::load(&Layers::default().file(Some(latin1.clone()))).unwrap_err().to_string();
    assert_eq!(error, format!("{}: is not UTF-8 text", latin1.display()));
}

#[test]
fn problems_elsewhere_name_the_variable_the_text_or_the_flag() {
    let variables = [
        ("SWITCHBOARD_LIMITS__NICK_CHARS", "many"),
        ("switchboard_limits__nick_char", "20"),
        ("SWITCHBOARD_UDP__TOKENS__GARAGE", "x"),
        ("SWITCHBOARD_UDP__TOKENS", "hush"),
    ];
    let set = [
        "limits.nick_chars",
        "limits.nick_chars=7",
        "limit.nick_chars=7",
        "nonsense=7",
        "auth.join_cod=hush",
        "auth.join_code=hush hush",
        "server.listen=[12345",
        "udp.tokens.garage.token=hush",
    ];
    let flags = [
        ("--listen", "server.listen", FlagValue::List(vec!["1".to_owned(), "here".to_owned()])),
        ("--lan", "server.lan", FlagValue::On),
    ];
    let error = load("", &variables, &set, &flags).unwrap_err();
    let expected = [
        "SWITCHBOARD_LIMITS__NICK_CHARS: must be a whole number, not \"many\"",
        "SWITCHBOARD_UDP__TOKENS: must be an inline table, such as { garage = { token = \"...\", room = \"...\" } }",
        "SWITCHBOARD_UDP__TOKENS__GARAGE: udp.tokens can only be set as a whole",
        "switchboard_limits__nick_char: unknown key limits.nick_char; did you mean limits.nick_chars?",
        "--set limits.nick_chars: must be SECTION.KEY=VALUE, as in limits.messages_per_second=5",
        "--set limits.nick_chars=7: must be 16 to 64, not 7",
        "--set limit.nick_chars=...: unknown key limit.nick_chars; did you mean limits.nick_chars?",
        "--set nonsense=...: unknown key nonsense",
        "--set auth.join_cod=...: unknown key auth.join_cod; did you mean auth.join_code?",
        "--set auth.join_code=...: must be one word, without spaces",
        "--set server.listen=[12345: is not a TOML list: \"[12345\"",
        "--set udp.tokens.garage.token=...: udp.tokens can only be set as a whole",
        "--listen: must be ADDRESS:PORT or PORT, as in 0.0.0.0:12345, [::1]:12345 or 12345, not \"here\"",
    ];
    assert_eq!(error.lines().collect::<Vec<_>>(), expected);
}

#[cfg(unix)]
#[test]
fn variables_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let variable = (OsString::from("SWITCHBOARD_TEXT__WELCOME"), OsString::from_vec(vec![0xff]));
    let error = Config::load(&Layers::default().environment([variable])).unwrap_err();
    assert_eq!(error.to_string(), "SWITCHBOARD_TEXT__WELCOME: is not UTF-8 text");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (set, expected) in [
        (&["tls.cert=c"][..], "tls.key must be set, because tls.cert is"),
        (&["tls.key=k"], "tls.cert must be set, because tls.key is"),
        (
            &["tls.cert=c", "tls.key=k", "tls.self_signed=true"],
            "tls.self_signed must be false, because tls.cert is set",
        ),
        (
            &["server.proxy_protocol=true"],
            "server.trusted_proxies must name the proxies, because server.proxy_protocol is true",
        ),
        (
            &["rooms.auto_join=a,b", "limits.rooms_per_session=1"],
            "rooms.auto_join must name at most 1 rooms (limits.rooms_per_session)",
        ),
        (
            &["rooms.auto_join=lounge", "limits.room_chars=5"],
            "rooms.auto_join names a room of 6 characters, more than limits.room_chars (5)",
        ),
        (
            &["limits.message_chars=10000"],
            "limits.line_bytes must be at least 40512B (for limits.message_chars characters of four bytes), not 32KiB",
        ),
        (
            &["limits.frame_bytes=16KiB"],
            "limits.frame_bytes must be at least 16896B (for limits.message_chars characters of four bytes), not 16KiB",
        ),
        (
            &["limits.outbox_bytes=64KiB"],
            "limits.outbox_bytes must be at least 128KiB (twice limits.line_bytes and frame_bytes), not 64KiB",
        ),
        (
            &["limits.gate_bytes=32KiB"],
            "limits.gate_bytes must be at least 64KiB (as much as limits.line_bytes and frame_bytes), not 32KiB",
        ),
        (
            &["limits.frame_bytes=256KiB", "limits.batch_bytes=64KiB"],
            "limits.batch_bytes must be at least 256KiB (as much as limits.line_bytes and frame_bytes), not 64KiB",
        ),
        (
            &["limits.outboxes_total_bytes=1MiB", "limits.outbox_bytes=2MiB"],
            "limits.outboxes_total_bytes must be at least 2MiB (one limits.outbox_bytes), not 1MiB",
        ),
        (
            &["udp.tokens={a={token=\"0123456789\",room=\"r\"},b={token=\"0123456789\",room=\"r\"}}"],
            "--set udp.tokens=...: b.token must differ from every other token",
        ),
        (
            &["udp.tokens={a={token=\"short\",room=\"r\"}}"],
            "--set udp.tokens=...: a.token must be 8 to 128 visible ASCII characters",
        ),
    ] {
        assert_eq!(load("", &[], set, &[]), Err(expected.to_owned()), "{set:?}");
    }
}

#[test]
fn a_configuration_made_in_code_is_held_to_the_same_rules() {
    let mut config = Config::default();
    assert_eq!(config.validate(), Ok(()));
    config.limits.nick_chars = 0;
    config.text.welcome = "a\nb".to_owned();
    let expected = "text.welcome must be one line of ASCII, without '\\n'\nlimits.nick_chars must be 16 to 64, not 0";
    assert_eq!(config.validate().unwrap_err().to_string(), expected);
}

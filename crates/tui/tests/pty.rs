//! The whole program on a terminal, with a real server.

#[path = "support/pty.rs"]
mod pty;

use pty::{Pty, command};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use switchboard_e2e::{Json, Line, Server, ServerOptions, Signal, binary};
use tempfile::TempDir;

/// A terminal with a client of this server on it, in a home of its own.
fn client(server: &Server, home: &Path, more: &[&str]) -> Pty {
    let url = format!("tcp://{}", server.address());
    let mut arguments = vec!["chat", &url, "--nick", "ada"];
    arguments.extend(more);
    Pty::start(command(&binary(), home, &arguments), 80, 24)
}

/// A server, and a client that is in the lobby.
fn in_lobby() -> (Server, TempDir, Pty) {
    let server = Server::start(ServerOptions::ephemeral().set("limits.messages_per_second=0"));
    let home = TempDir::new().expect("a directory");
    let pty = client(&server, home.path(), &[]);
    pty.shows("connected to tcp://");
    (server, home, pty)
}

fn signal(pty: &Pty, signal: Signal) {
    let id = pty.child.process_id().and_then(|id| rustix::process::Pid::from_raw(id as i32)).expect("it runs");
    rustix::process::kill_process(id, signal).expect("it runs");
}

/// The terminal is as a shell left it.
#[track_caller]
fn is_restored(pty: &Pty) {
    pty.until("a restored screen", |seen| {
        let screen = seen.parser.screen();
        !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
    });
    assert!(pty.is_cooked(), "the terminal echoes again");
}

#[test]
fn people_talk() {
    let (server, _home, mut pty) = in_lobby();
    let (mut bob, _) = Json::hello("bob", server.address());
    pty.shows("bob joined");
    bob.say("good morning");
    pty.shows("bob │ good morning  ·tcp");
    pty.press("hello bob\r");
    assert_eq!(bob.message("hello bob")["from"]["nick"], "ada");
    pty.shows("ada │ hello bob");
    pty.hides("sending");
    pty.press("/join dev\r");
    pty.shows("dev");
    pty.until("the room dev", |seen| pty::rows(seen).starts_with("dev"));
    bob.say("ada: are you there?");
    pty.shows("lobby 1@1");
    pty.press("\x1ba");
    pty.shows("bob ┃ ada: are you there?");
    pty.press("/quit\r");
    assert_eq!(pty.end(), 0);
    is_restored(&pty);
}

#[test]
fn a_cut_loses_nothing_and_doubles_nothing() {
    let data = TempDir::new().expect("a directory");
    let home = TempDir::new().expect("a directory");
    let options = || ServerOptions::stored(data.path());
    let server = Server::start(options());
    let address = server.address();
    let mut pty = client(&server, home.path(), &[]);
    pty.shows("connected to tcp://");
    pty.press("before\r");
    // As long as it is not stored, its row says so.
    pty.shows("│ before");
    pty.hides("sending");
    server.kill();
    pty.shows("offline");
    pty.press("first while away\r");
    pty.press("second while away\r");
    pty.shows("│ second while away");
    pty.shows("2 to send");
    let server = Server::start(options().listen(&address.to_string()));
    pty.press("\x0c");
    pty.shows("connected again");
    pty.hides("waits for the connection");
    pty.hides("sending");
    let screen = pty.screen();
    let places: Vec<_> =
        ["before", "first while away", "second while away"].iter().map(|text| screen.find(text)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{screen}");
    let texts = history(&server);
    assert_eq!(texts, ["before", "first while away", "second while away"]);
}

/// All that the lobby has.
fn history(server: &Server) -> Vec<String> {
    let (mut reader, _) = Json::hello("reader", server.address());
    let answer = reader.request(serde_json::json!({"type": "history", "room": "lobby"}));
    let events = answer["events"].as_array().expect("events");
    events.iter().filter_map(|event| event["text"].as_str().map(str::to_owned)).collect()
}

#[test]
fn what_was_not_sent_survives_the_client() {
    let data = TempDir::new().expect("a directory");
    let home = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let address = server.address();
    let mut pty = client(&server, home.path(), &[]);
    pty.shows("connected to tcp://");
    server.kill();
    pty.shows("offline");
    pty.press("remember me\r");
    pty.shows("1 to send");
    signal(&pty, Signal::KILL);
    pty.end();
    let kept = fs::read_dir(home.path().join("state/switchboard")).expect("a directory").flatten();
    let modes: Vec<_> = kept.map(|entry| entry.metadata().expect("a file").permissions().mode() & 0o777).collect();
    assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
    let server = Server::start(ServerOptions::stored(data.path()).listen(&address.to_string()));
    let pty = client(&server, home.path(), &[]);
    pty.shows("ada │ remember me");
    pty.hides("sending");
    assert_eq!(history(&server), ["remember me"]);
    let left = fs::read_dir(home.path().join("state/switchboard")).expect("a directory").count();
    assert_eq!(left, 0, "nothing waits any more");
}

#[test]
fn a_signal_restores_the_terminal() {
    for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (_server, _home, mut pty) = in_lobby();
        signal(&pty, number);
        assert_eq!(pty.end(), code);
        is_restored(&pty);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_client() {
    let (server, _home, mut pty) = in_lobby();
    let (mut bob, _) = Json::hello("bob", server.address());
    pty.shows("bob joined");
    pty.hang_up();
    pty.end();
    assert_eq!(bob.event("left")["from"]["nick"], "ada", "it said goodbye");
}

#[test]
#[ignore = "runs on the terminal of the test below"]
fn panics_on_a_screen() {
    let _screen = switchboard_tui::terminal::Screen::take(true).expect("a terminal");
    panic!("the words of a panic");
}

#[test]
fn a_panic_restores_the_terminal_and_can_be_read() {
    let home = TempDir::new().expect("a directory");
    let itself = std::env::current_exe().expect("this test");
    let arguments = ["--exact", "panics_on_a_screen", "--ignored", "--nocapture"];
    let mut pty = Pty::start(command(&itself, home.path(), &arguments), 80, 24);
    assert_ne!(pty.end(), 0);
    is_restored(&pty);
    pty.until("the panic", |seen| String::from_utf8_lossy(&seen.output).contains("the words of a panic"));
}

#[test]
fn ctrl_z_goes_to_the_shell_and_back() {
    let server = Server::start(ServerOptions::ephemeral());
    let home = TempDir::new().expect("a directory");
    let script = format!(
        "set -m; '{}' chat tcp://{}; echo in the shell; fg >/dev/null; echo over",
        binary().display(),
        server.address()
    );
    let mut pty = Pty::start(command(Path::new("sh"), home.path(), &["-c", &script]), 80, 24);
    pty.shows("connected to tcp://");
    pty.press("half a th\x1a");
    pty.until("the screen again", |seen| String::from_utf8_lossy(&seen.output).contains("in the shell"));
    pty.shows("› half a th");
    pty.press("ought\r");
    pty.shows("│ half a thought");
    pty.press("\x03\x03");
    pty.shows("over");
    is_restored(&pty);
}

#[test]
fn the_editor_writes_and_the_bare_text_is_shown() {
    let server = Server::start(ServerOptions::ephemeral());
    let home = TempDir::new().expect("a directory");
    let editor = home.path().join("editor");
    fs::write(&editor, "#!/bin/sh\nprintf '%s\\nand more' \"$(cat \"$1\")\" > \"$1\"\n").expect("a file");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).expect("a file");
    let mut command = command(&binary(), home.path(), &["chat", &format!("tcp://{}", server.address())]);
    command.env("EDITOR", &editor);
    let mut pty = Pty::start(command, 80, 24);
    pty.shows("connected to tcp://");
    pty.press("some text\x18\x05");
    pty.shows("  and more");
    pty.press("\r");
    pty.shows("│ and more");
    let long = "x".repeat(200);
    pty.press(&long);
    pty.press("\r");
    pty.shows("│ xxx");
    pty.hides("sending");
    pty.press("\x1b[15~");
    pty.shows("any key goes back");
    assert!(pty.screen().contains(&format!("\n{}\n", "x".repeat(80))), "{}", pty.screen());
    pty.press("x");
    pty.shows("│ and more");
}

#[test]
fn a_paste_is_asked_about_and_the_window_resized() {
    let (server, _home, mut pty) = in_lobby();
    let (mut bob, _) = Json::hello("bob", server.address());
    pty.press("\x1b[200~one\rtwo\r\x1b[201~");
    pty.shows("Paste 2 lines?");
    pty.press("\r");
    pty.shows("› one");
    for (width, height) in [(40, 10), (120, 40), (20, 4), (80, 24)] {
        pty.resize(width, height);
    }
    pty.shows("› one");
    pty.press("\r");
    pty.shows("│ one");
    bob.message("one\ntwo");
}

#[test]
fn hostile_bytes_do_nothing() {
    let (server, _home, pty) = in_lobby();
    let mut evil = Line::named("evil", server.address());
    evil.say("before \x1b]0;pwned\x07\x1b[2J\u{9b}31m\u{202e}after");
    let (mut json, _) = Json::hello("sly", server.address());
    json.say("json \u{1b}]0;pwned\u{7}\u{1b}[2J\u{202e}after");
    pty.shows("before ]0;pwned[2J31mafter");
    pty.shows("json ]0;pwned[2Jafter");
    let output = pty.seen().output.clone();
    let output = String::from_utf8_lossy(&output);
    assert!(!output.contains("\x1b]0;pwned") && !output.contains('\u{202e}'));
}

#[test]
fn an_unknown_certificate_is_refused_until_it_is_trusted() {
    let data = TempDir::new().expect("a directory");
    let home = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()).arg("--tls-self-signed"));
    let url = format!("tls://{}", server.address());
    let start = || Pty::start(command(&binary(), home.path(), &["chat", &url]), 100, 24);
    let mut pty = start();
    pty.shows("/trust");
    assert!(pty.screen().contains("its SHA-256 is"));
    pty.press("/trust\r");
    pty.shows("connected to tls://");
    pty.press("/quit\r");
    assert_eq!(pty.end(), 0);
    let pty = start();
    pty.shows("connected to tls://");
}

#[test]
fn a_join_code_is_given_in_the_client() {
    let server = Server::start(ServerOptions::ephemeral().set("auth.join_code=sesame"));
    let home = TempDir::new().expect("a directory");
    let mut pty = client(&server, home.path(), &[]);
    pty.shows("/pass CODE gives the join code");
    pty.press("/pass sesame\r");
    pty.shows("connected to tcp://");
    pty.press("open\r");
    pty.shows("ada │ open");
    pty.hides("sending");
}

#[test]
fn one_goes_from_server_to_server() {
    let (here, there) = (Server::start(ServerOptions::ephemeral()), Server::start(ServerOptions::ephemeral()));
    let home = TempDir::new().expect("a directory");
    let directory = home.path().join("config/switchboard");
    fs::create_dir_all(&directory).expect("a directory");
    let profiles = format!("[profiles.there]\nurl = \"tcp://{}\"\nnick = \"grace\"\n", there.address());
    fs::write(directory.join("client.toml"), profiles).expect("a file");
    let mut pty = client(&here, home.path(), &[]);
    pty.shows("connected to tcp://");
    let (mut bob, _) = Json::hello("bob", here.address());
    pty.shows("bob joined");
    pty.press("/server nowhere\r");
    pty.shows("there is no profile `nowhere`");
    pty.press("/server there\r");
    pty.shows(&format!("connected to tcp://{} as grace", there.address()));
    assert_eq!(bob.event("left")["from"]["nick"], "ada");
}

#[test]
fn the_configuration_names_servers_and_keys() {
    let server = Server::start(ServerOptions::ephemeral());
    let home = TempDir::new().expect("a directory");
    let directory = home.path().join("config/switchboard");
    fs::create_dir_all(&directory).expect("a directory");
    let write = |text: &str| fs::write(directory.join("client.toml"), text).expect("a file");
    write(&format!(
        "profile = \"here\"\n[profiles.here]\nurl = \"tcp://{}\"\nnick = \"grace\"\n[keys]\nquit = \"f12\"\n",
        server.address()
    ));
    let start = |arguments: &[&str]| Pty::start(command(&binary(), home.path(), arguments), 80, 24);
    let mut pty = start(&["chat"]);
    pty.shows("as grace");
    pty.press("\x1b[24~");
    assert_eq!(pty.end(), 0);
    write("[look]\ncolour = true\n");
    let mut pty = start(&["chat"]);
    assert_eq!(pty.end(), 2);
    pty.until("the place of the error", |seen| String::from_utf8_lossy(&seen.output).contains("line 2, column 1"));
    write("");
    let mut pty = start(&["chat", "--profile", "none"]);
    assert_eq!(pty.end(), 2);
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let server = Server::start(ServerOptions::ephemeral());
    let home = TempDir::new().expect("a directory");
    let url = format!("tcp://{}", server.address());
    let mut dumb = command(&binary(), home.path(), &["chat", &url]);
    dumb.env("TERM", "dumb");
    for command in [dumb, command(&binary(), home.path(), &["chat", &url, "--plain"])] {
        let mut pty = Pty::start(command, 80, 24);
        pty.shows("-- ");
        pty.press("/quit\r");
        assert_eq!(pty.end(), 0);
        assert!(!pty.seen().output.contains(&0x1b), "no escape sequences");
    }
}

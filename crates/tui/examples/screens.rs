//! Pictures for the documents: the real client on a terminal, with a real server and people, as SVG.
//!
//! `cargo run -p switchboard-tui --example screens` writes them to `docs/`. It needs the binary of the same profile.

#[path = "../tests/support/pty.rs"]
mod pty;

use pty::{Pty, command};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use switchboard_e2e::{Json, Line, Server, ServerOptions, WebSocket, binary};
use vt100::{Cell, Color};

const WIDTH: u16 = 120;
const HEIGHT: u16 = 26;

/// The size of a cell, and the space around all of them, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 12.0;

const TEXT: &str = "#d8dee9";
const DIM: &str = "#7b8494";
const BACKGROUND: &str = "#12161c";

fn main() -> std::io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let data = tempfile::tempdir()?;
    let home = tempfile::tempdir()?;
    let server = Server::start(ServerOptions::stored(data.path()).listen("0").arg("--allow-plaintext"));
    let address = server.address();
    let (mut bob, mut carol) = people_talk(&server);
    let mut client = command(&binary(), home.path(), &["chat", &format!("tcp://{address}"), "--nick", "ada"]);
    client.env("COLORTERM", "truecolor");
    let mut pty = Pty::start(client, WIDTH, HEIGHT);
    pty.shows("connected to tcp://");
    pty.shows("warm in there");
    for room in ["dev", "garden"] {
        pty.press(&format!("/join {room}\r"));
        pty.until("the room", |seen| pty::rows(seen).starts_with(room));
    }
    request(&mut carol, json!({"type": "join", "room": "dev"}));
    request(&mut carol, json!({"type": "message", "room": "dev", "text": "ada, the build is green"}));
    request(&mut carol, json!({"type": "message", "to": "ada", "text": "tea?"}));
    pty.shows("@carol");
    pty.press("\x1bk");
    pty.shows("Go to:");
    pty.press("lob\r");
    pty.until("the lobby", |seen| pty::rows(seen).starts_with("lobby"));
    bob.say("ada: and you are in a terminal?");
    pty.shows("in a terminal?");
    pty.press("yes, with `switchboard chat`\r");
    pty.shows("ada │ yes, with");
    pty.hides("sending");
    bob.say("https://example.org/kettle has *the* picture");
    pty.shows("picture");
    pty.press("thank you, now I");
    pty.shows("› thank you, now I");
    pty.hides("connected to");
    std::fs::write(docs.join("terminal.svg"), picture(&pty))?;

    pty.press("\x15\x1bs");
    pty.shows("Search this room:");
    pty.press("kettle");
    pty.shows("Search this room: kettle");
    pty.until("what was found", |seen| pty::rows(seen).contains("has anyone seen the kettle?"));
    pty.hides("searching");
    std::fs::write(docs.join("terminal-search.svg"), picture(&pty))?;

    pty.press("\x1b");
    pty.hides("Search this room");
    drop((bob, carol));
    server.kill();
    pty.shows("offline");
    pty.press("I can go on writing\r");
    pty.shows("1 to send");
    std::fs::write(docs.join("terminal-offline.svg"), picture(&pty))
}

/// What is there before: people by every socket. Two of them stay.
fn people_talk(server: &Server) -> (Line, WebSocket) {
    let address = server.address();
    let mut bob = Line::named("bob", address);
    let mut carol = WebSocket::connect("carol", address, "/ws?protocol=json");
    request(&mut carol, json!({"type": "hello", "nick": "carol"}));
    request(&mut carol, json!({"type": "topic", "room": "lobby", "text": "every socket, one room: tea at five"}));
    let (mut dave, _) = Json::hello("dave", address);
    let say =
        |carol: &mut WebSocket, text: &str| request(carol, json!({"type": "message", "room": "lobby", "text": text}));
    say(&mut carol, "good morning from a browser");
    bob.say("good morning from nc");
    dave.message("good morning from nc");
    say(&mut carol, "has anyone seen the kettle?");
    dave.say("it is in the kitchen, on the second shelf from the top, behind the tea that nobody drinks");
    let sensor = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    sensor.connect(address).expect("a socket");
    for datagram in [r#"{"type":"hello","nick":"greenhouse"}"#, r#"{"type":"message","text":"21.5 °C"}"#] {
        sensor.send(datagram.as_bytes()).expect("a socket");
    }
    dave.message("21.5 °C");
    say(&mut carol, "warm in there");
    (bob, carol)
}

/// Asks, and waits for the answer.
fn request(socket: &mut WebSocket, mut object: Value) {
    let reference = format!("r{}", socket.heard().len());
    object["ref"] = json!(reference);
    socket.say(&object.to_string());
    let answer = socket.expect(&format!("\"ref\":\"{reference}\""));
    assert!(!answer.contains("\"type\":\"error\""), "{answer}");
}

/// The screen as SVG: a row is a text, a run of cells in one style is a span of it.
fn picture(pty: &Pty) -> String {
    let seen = pty.seen();
    let screen = seen.parser.screen();
    let (width, height) = (f64::from(WIDTH) * CELL.0 + 2.0 * MARGIN, f64::from(HEIGHT) * CELL.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"The terminal client of Switchboard\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"14\" \
         fill=\"{TEXT}\">\n"
    );
    for row in 0..HEIGHT {
        let mut column = 0;
        while column < WIDTH {
            let Some(first) = screen.cell(row, column) else { break };
            let style = style(first);
            let start = column;
            let mut text = String::new();
            while let Some(cell) = screen.cell(row, column).filter(|cell| self::style(cell) == style) {
                if !cell.is_wide_continuation() {
                    text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                }
                column += 1;
            }
            run(&mut svg, row, start, column - start, &text, &style);
        }
    }
    if !screen.hide_cursor() {
        let (row, column) = screen.cursor_position();
        let (x, y) = (MARGIN + f64::from(column) * CELL.0, MARGIN + f64::from(row) * CELL.1);
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" opacity=\"0.7\"/>",
            CELL.0, CELL.1
        );
    }
    svg + "</g>\n</svg>\n"
}

#[derive(PartialEq)]
struct Style {
    colour: String,
    background: Option<String>,
    bold: bool,
    italic: bool,
    underlined: bool,
}

fn style(cell: &Cell) -> Style {
    let colour = match cell.fgcolor() {
        Color::Default if cell.dim() => DIM.to_owned(),
        Color::Default => TEXT.to_owned(),
        colour => hex(colour),
    };
    let (colour, background) = if cell.inverse() { (BACKGROUND.to_owned(), Some(colour)) } else { (colour, None) };
    Style { colour, background, bold: cell.bold(), italic: cell.italic(), underlined: cell.underline() }
}

fn hex(colour: Color) -> String {
    match colour {
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
        // The client was told that it has 24 bits.
        Color::Idx(_) | Color::Default => TEXT.to_owned(),
    }
}

fn run(svg: &mut String, row: u16, column: u16, columns: u16, text: &str, style: &Style) {
    let (x, y) = (MARGIN + f64::from(column) * CELL.0, MARGIN + f64::from(row) * CELL.1);
    let width = f64::from(columns) * CELL.0;
    if let Some(background) = &style.background {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{background}\"/>",
            CELL.1
        );
    }
    // Spaces around need not be drawn, and those within are not to be folded.
    let ahead = text.chars().take_while(|letter| *letter == ' ').count();
    let behind = text.chars().rev().take_while(|letter| *letter == ' ').count();
    let Some(drawn) = usize::from(columns).checked_sub(ahead + behind).filter(|drawn| *drawn > 0) else { return };
    let (x, width) = (x + ahead as f64 * CELL.0, drawn as f64 * CELL.0);
    let mut more = String::new();
    for (is, attribute) in [
        (style.bold, " font-weight=\"bold\""),
        (style.italic, " font-style=\"italic\""),
        (style.underlined, " text-decoration=\"underline\""),
    ] {
        if is {
            more += attribute;
        }
    }
    let text =
        text.trim_matches(' ').replace(' ', "\u{a0}").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let baseline = y + CELL.1 * 0.75;
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{baseline:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{more}>{text}</text>",
        style.colour
    );
}

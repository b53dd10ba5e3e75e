//! The parts around the messages: topic, rooms, members, the status line, the text being written.

use super::text::{Row, Span, cut, pad, written};
use super::{Drawn, PROMPT, line, rooms_shown, rows};
use crate::keys::Action;
use crate::model::overlay::Overlay;
use crate::model::room::{Kind, Room};
use crate::model::{Link, Model, Target};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

/// A message that waits longer than this for its acknowledgement is worth a word, in milliseconds.
const LAG_MS: u64 = 1_000;

pub(super) fn topic(model: &Model, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    let (room, palette) = (model.room(), model.settings.palette);
    if area.is_empty() {
        return;
    }
    let about = match room.kind {
        Kind::Server => model.address.clone(),
        Kind::Room => room.topic.clone(),
        Kind::Private => "private, and not stored".to_owned(),
    };
    let name = Span::new(room.name.clone(), palette.accent().add_modifier(Modifier::BOLD));
    let room_left = usize::from(area.width).saturating_sub(name.width() + 2);
    let mut row = vec![name, Span::plain("  ")];
    row.extend(super::text::inline(&cut(&about, room_left), palette.dim(), palette.dim()));
    line(&row, area, buffer, drawn);
}

pub(super) fn rooms(model: &Model, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    let width = usize::from(area.width);
    let list: Vec<Row> = model.rooms.iter().map(|room| room_row(model, room, width)).collect();
    let current = model.rooms.iter().position(|room| room.id == model.current).unwrap_or(0);
    let height = usize::from(area.height);
    // The current room is always among those that fit.
    let first = (current + 1).saturating_sub(height);
    rows(&list[first.min(list.len())..], area, false, buffer, drawn);
}

fn room_row(model: &Model, room: &Room, width: usize) -> Row {
    let palette = model.settings.palette;
    let failed = room.pending.iter().any(|pending| pending.failed.is_some());
    let count = match (room.mentions, room.unread) {
        _ if failed => " ✗".to_owned(),
        (0, 0) => String::new(),
        (0, unread) => format!(" {unread}"),
        (mentions, unread) => format!(" {unread} @{mentions}"),
    };
    let style = match (room.id == model.current, room.unread > 0, room.kind, room.joined) {
        (true, ..) => palette.accent().add_modifier(Modifier::BOLD),
        (_, true, ..) => Style::new().add_modifier(Modifier::BOLD),
        (_, _, Kind::Room, false) | (_, _, Kind::Server, _) => palette.dim(),
        (_, _, Kind::Room | Kind::Private, _) => Style::new(),
    };
    let sign = if room.id == model.current { "›" } else { " " };
    let name =
        pad(&format!("{sign}{}", shown_name(room)), width.saturating_sub(Span::plain(count.as_str()).width()), false);
    vec![Span::new(name, style).to(Target::Room(room.id)), Span::new(count, palette.accent()).to(Target::Room(room.id))]
}

fn shown_name(room: &Room) -> String {
    match room.kind {
        Kind::Server | Kind::Room => room.name.clone(),
        Kind::Private => format!("@{}", room.name),
    }
}

pub(super) fn members(model: &Model, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    if area.is_empty() {
        return;
    }
    let (room, palette) = (model.room(), model.settings.palette);
    let width = usize::from(area.width);
    let mut list: Vec<Row> = vec![vec![Span::new(format!("{} here", room.count), palette.dim())]];
    let fit = usize::from(area.height).saturating_sub(2);
    for nick in room.members.values().take(fit) {
        let style = if *nick == model.me { Style::new().add_modifier(Modifier::BOLD) } else { palette.nick(nick) };
        list.push(vec![Span::new(cut(nick, width), style).to(Target::Member(nick.clone()))]);
    }
    let more = room.members.len().saturating_sub(fit);
    if more > 0 {
        list.push(vec![Span::new(format!("and {more} more"), palette.dim())]);
    }
    rows(&list, area, false, buffer, drawn);
}

pub(super) fn status(model: &Model, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    if area.is_empty() {
        return;
    }
    let keys = keys_now(model);
    let keys_width: usize = keys.iter().map(Span::width).sum();
    let row = state(model);
    let end = line(&row, area, buffer, drawn);
    let start = area.right().saturating_sub(u16::try_from(keys_width).unwrap_or(u16::MAX));
    // The state is more important than the keys.
    if start > end {
        line(&keys, Rect::new(start, area.y, area.right() - start, 1), buffer, drawn);
    }
}

/// The connection, and what happens.
fn state(model: &Model) -> Row {
    let (palette, room) = (model.settings.palette, model.room());
    let dim = palette.dim();
    let mut parts: Vec<Span> = Vec::new();
    match &model.link {
        Link::Connecting => parts.push(Span::new(format!("connecting to {}", model.address), palette.accent())),
        Link::Online => parts.push(Span::new(model.me.clone(), dim)),
        Link::Offline { why, retry_at } => {
            let seconds = retry_at.saturating_sub(model.now).div_ceil(1_000);
            let again = if seconds == 0 { "connecting".to_owned() } else { format!("again in {seconds} s") };
            parts.push(Span::new(format!("offline, {again}: {why}"), palette.bad()));
        }
        Link::Ended { why, .. } => parts.push(Span::new(format!("not connected: {why}"), palette.bad())),
    }
    let waiting = model.rooms.iter().flat_map(|room| &room.pending).filter(|pending| pending.failed.is_none()).count();
    if waiting > 0 && model.link != Link::Online {
        parts.insert(0, Span::new(format!("{waiting} to send"), palette.accent()));
    }
    if let Some((words, _)) = &model.flash {
        parts.insert(0, Span::new(words.clone(), palette.accent()));
    }
    if let Some(lag) = model.lag().filter(|lag| *lag >= LAG_MS) {
        parts.insert(0, Span::new(format!("lag {}.{} s", lag / 1_000, lag % 1_000 / 100), palette.bad()));
    }
    if room.scroll.is_some() {
        let below = room.items().saturating_sub(room.bottom() + 1);
        parts.push(Span::new(format!("↓ {below} below"), palette.accent()).to(Target::Action(Action::Latest)));
    }
    match room.typing.iter().map(|(nick, _)| nick.as_str()).collect::<Vec<_>>().as_slice() {
        [] => {}
        [one] => parts.push(Span::new(format!("{one} is writing"), dim)),
        [one, two] => parts.push(Span::new(format!("{one} and {two} are writing"), dim)),
        several => parts.push(Span::new(format!("{} are writing", several.len()), dim)),
    }
    if !rooms_shown(model) {
        let mut hot: Vec<&Room> =
            model.rooms.iter().filter(|room| room.unread > 0 && room.id != model.current).collect();
        hot.sort_by_key(|room| room.mentions == 0);
        for room in hot.into_iter().take(5) {
            let mentions = if room.mentions > 0 { format!("@{}", room.mentions) } else { String::new() };
            let text = format!("{} {}{mentions}", shown_name(room), room.unread);
            parts.push(Span::new(text, palette.accent()).to(Target::Room(room.id)));
        }
    }
    if model.settings.mouse {
        parts.push(Span::new("Shift+drag selects text", dim));
    }
    let mut row = Vec::new();
    for part in parts {
        if !row.is_empty() {
            row.push(Span::plain("  "));
        }
        row.push(part);
    }
    row
}

/// The keys that are valid now, from the bindings as they are.
fn keys_now(model: &Model) -> Row {
    let actions: &[(Action, &str)] = match (&model.overlay, &model.link) {
        (Some(Overlay::Help(_)), _) => &[(Action::Cancel, "close")],
        (Some(Overlay::List(_)), _) => &[(Action::Send, "open"), (Action::Cancel, "close")],
        (Some(Overlay::Recall { .. }), _) => {
            &[(Action::HistorySearch, "older"), (Action::Send, "take"), (Action::Cancel, "close")]
        }
        (Some(Overlay::Paste(_)), _) => &[],
        (None, _) if model.prefix.is_some() => &[(Action::Editor, "editor"), (Action::Undo, "undo")],
        (None, _) if model.completion.is_some() => &[(Action::Complete, "next"), (Action::Cancel, "close")],
        (None, _) if model.room().scroll.is_some() => &[(Action::Latest, "latest"), (Action::Help, "help")],
        (None, Link::Offline { .. }) => &[(Action::Redraw, "connect now"), (Action::Help, "help")],
        (None, _) if model.rooms.iter().any(|room| room.unread > 0 && room.id != model.current) => {
            &[(Action::NextUnread, "unread"), (Action::Switch, "rooms"), (Action::Help, "help")]
        }
        (None, Link::Connecting | Link::Online | Link::Ended { .. }) => {
            &[(Action::Switch, "rooms"), (Action::Help, "help")]
        }
    };
    let mut row = Vec::new();
    for (action, word) in actions {
        let Some(key) = model.bindings.keys_of(*action).into_iter().next() else { continue };
        row.push(Span::plain("  "));
        row.push(Span::plain(spoken(&key)).to(Target::Action(*action)));
        row.push(Span::new(format!(" {word}"), model.settings.palette.dim()).to(Target::Action(*action)));
    }
    row
}

/// `alt+k` as people write it: `Alt+K`.
pub(super) fn spoken(keys: &str) -> String {
    let part = |part: &str| match part.chars().next() {
        Some(first) => first.to_uppercase().chain(part.chars().skip(1)).collect::<String>(),
        None => String::new(),
    };
    keys.split(' ').map(|key| key.split('+').map(part).collect::<Vec<_>>().join("+")).collect::<Vec<_>>().join(" ")
}

pub(super) fn input(model: &Model, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    if area.is_empty() {
        return;
    }
    let palette = model.settings.palette;
    match &model.overlay {
        Some(Overlay::Paste(text)) => {
            let count = text.lines().count();
            let question = format!("Paste {count} lines?  Enter: as one  l: one by one  e: edit  Esc: no");
            line(&vec![Span::new(question, palette.accent())], area, buffer, drawn);
            return;
        }
        Some(Overlay::Recall { query, found }) => {
            let row = vec![Span::new(format!("said before: {query}"), palette.accent())];
            let end = line(&row, area, buffer, drawn);
            drawn.cursor = Some(Position::new(end.min(area.right().saturating_sub(1)), area.y));
            let hit = model.recalled_line(*found).replace('\n', " ");
            let rest = Rect::new(end, area.y, area.right().saturating_sub(end), 1);
            line(&vec![Span::new(format!("  {hit}"), palette.dim())], rest, buffer, drawn);
            return;
        }
        Some(Overlay::Help(_) | Overlay::List(_)) | None => {}
    }
    let editor = model.editor();
    let columns = usize::from(area.width.saturating_sub(PROMPT));
    let (lines, (row, column)) = written(editor.text(), editor.cursor(), columns);
    let height = usize::from(area.height);
    let first = (row + 1).saturating_sub(height);
    for (number, (text, y)) in lines.iter().skip(first).zip(area.y..area.bottom()).enumerate() {
        let sign = if first + number == 0 { "› " } else { "  " };
        let spans = vec![Span::new(sign, palette.accent()), Span::plain(text.as_str())];
        line(&spans, Rect::new(area.x, y, area.width, 1), buffer, drawn);
    }
    let x = area.x + PROMPT + u16::try_from(column).unwrap_or(0);
    let y = area.y + u16::try_from(row - first).unwrap_or(0);
    drawn.cursor = Some(Position::new(x.min(area.right().saturating_sub(1)), y));
}

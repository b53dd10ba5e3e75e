//! The messages: each item as lines of the screen, and those that are on it now.

use super::text::{Row, Span, cut, inline, pad, wrap};
use super::{Layout, layout};
use crate::clock;
use crate::model::room::{Item, Room};
use crate::model::timeline::{Body, Said, Via};
use crate::model::{Link, Model, Target};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

/// Columns of text below which the time is not shown.
const TIME_FROM: u16 = 56;

/// Where the messages are.
#[must_use]
pub fn area(model: &Model) -> Rect {
    let Layout { messages, .. } = layout(model);
    messages
}

/// The rows on the screen, top to bottom; fewer than fit when there are no more.
#[must_use]
pub fn visible(model: &Model) -> Vec<Row> {
    let height = usize::from(area(model).height);
    let room = model.room();
    let mut rows: Vec<Row> = Vec::new();
    if room.items() == 0 {
        let hint = if room.joined { "Nothing was said here yet." } else { "" };
        return vec![vec![Span::new(hint, model.settings.palette.dim())]];
    }
    let mut index = room.bottom();
    let mut hidden = room.scroll.map_or(0, |scroll| scroll.hidden);
    loop {
        let mut block = block(model, index);
        block.truncate(block.len().saturating_sub(hidden).max(1));
        hidden = 0;
        block.append(&mut rows);
        rows = block;
        if rows.len() >= height || index == 0 {
            break;
        }
        index -= 1;
    }
    rows.split_off(rows.len().saturating_sub(height))
}

/// An item as rows: what stands before it, then it.
#[must_use]
pub fn block(model: &Model, index: usize) -> Vec<Row> {
    let room = model.room();
    let width = area(model).width;
    let mut rows = before(model, room, index, width);
    if let Some(item) = room.item(index) {
        rows.extend(lines(model, room, index, item, width));
    }
    rows
}

/// The text alone, for the terminal to wrap and select.
#[must_use]
pub fn bare(model: &Model) -> Vec<String> {
    let room = model.room();
    let height = usize::from(model.size.1).saturating_sub(2);
    let end = (room.bottom() + 1).min(room.items());
    let items = (end.saturating_sub(height)..end).filter_map(|index| room.item(index));
    items
        .flat_map(|item| match item {
            Item::Entry(entry) => match &entry.body {
                Body::Message(said) if said.action => vec![format!("* {} {}", said.nick, said.text)],
                Body::Message(said) => format!("{}: {}", said.nick, said.text).lines().map(str::to_owned).collect(),
                Body::Topic { text, .. } => vec![format!("topic: {text}")],
                Body::Presence(_) | Body::Notice(_) => Vec::new(),
            },
            Item::Pending(pending) => format!("{}: {}", model.me, pending.text).lines().map(str::to_owned).collect(),
        })
        .collect()
}

/// The lines between this item and the one before it.
fn before(model: &Model, room: &Room, index: usize, width: u16) -> Vec<Row> {
    let palette = model.settings.palette;
    let mut rows = Vec::new();
    let line = |words: &str, style: Style| {
        let words = format!("── {words} ");
        let rest = usize::from(width).saturating_sub(Span::plain(words.as_str()).width());
        vec![Span::new(words, style), Span::new("─".repeat(rest), palette.dim())]
    };
    if room.timeline.hole_before(index).is_some() {
        let words = if model.link == Link::Online {
            "earlier messages are on their way"
        } else {
            "earlier messages: not connected"
        };
        rows.push(line(words, palette.dim()));
    }
    let zone = &model.settings.zone;
    let day = |index: usize| time(room, index).map(|time| clock::minute(time, zone).div_euclid(24 * 60));
    let here = day(index);
    if here.is_some() && (index == 0 || here != day(index - 1)) && model.settings.columns {
        rows.push(line(&clock::day(here.unwrap_or_default() * 24 * 60), palette.dim()));
    }
    if let Some(marker) = room.marker {
        let first = room.place(index) > marker && (index == 0 || room.place(index - 1) <= marker);
        if first && index < room.timeline.len() {
            rows.push(line("unread", palette.accent()));
        }
    }
    rows
}

fn time(room: &Room, index: usize) -> Option<i64> {
    match room.item(index)? {
        Item::Entry(entry) => Some(entry.time),
        Item::Pending(pending) => Some(pending.since as i64),
    }
}

/// The item's own lines: time and nick in their columns, the text beside them.
fn lines(model: &Model, room: &Room, index: usize, item: Item<'_>, width: u16) -> Vec<Row> {
    let palette = model.settings.palette;
    let (nick, nick_style, spans) = parts(model, room, index, item);
    let loud = matches!(item, Item::Entry(entry) if matches!(&entry.body, Body::Message(said) if said.mention)
        || room.found == Some(entry.key));
    let bar = if loud { palette.accent().add_modifier(Modifier::BOLD) } else { palette.dim() };
    let (first, rest) = if model.settings.columns {
        let time_width = if width >= TIME_FROM { 6 } else { 0 };
        let nick_width = usize::from(model.settings.nick_width.min(width / 4));
        let minute = time(room, index).map(|time| clock::minute(time, &model.settings.zone));
        let before = index.checked_sub(1).and_then(|index| time(room, index));
        let same = before.map(|time| clock::minute(time, &model.settings.zone)) == minute;
        let shown = minute.filter(|_| !same).map(clock::hour_and_minute).unwrap_or_default();
        let bar = Span::new(if loud { " ┃ " } else { " │ " }, bar);
        let nick = cut(&nick, nick_width);
        let mut nick_span = Span::new(nick, nick_style);
        let space = Span::plain(" ".repeat(nick_width.saturating_sub(nick_span.width())));
        if let Item::Entry(entry) = item
            && let Body::Message(said) = &entry.body
            && !said.own
        {
            nick_span = nick_span.to(Target::Member(said.nick.to_string()));
        }
        (
            vec![Span::new(pad(&shown, time_width, false), palette.dim()), space, nick_span, bar.clone()],
            vec![Span::plain(" ".repeat(time_width + nick_width)), bar],
        )
    } else {
        (vec![Span::new(format!("{nick} "), nick_style)], vec![Span::plain("  ")])
    };
    let columns = |row: &Row| row.iter().map(Span::width).sum::<usize>();
    let text_width = usize::from(width).saturating_sub(columns(&first).max(columns(&rest)));
    let mut rows = Vec::new();
    for line in spans {
        for mut part in wrap(&line, text_width) {
            let mut row = if rows.is_empty() { first.clone() } else { rest.clone() };
            row.append(&mut part);
            rows.push(row);
        }
    }
    rows
}

/// What stands in the column of nicks, how, and the lines of text beside it.
fn parts(model: &Model, room: &Room, index: usize, item: Item<'_>) -> (String, Style, Vec<Vec<Span>>) {
    let palette = model.settings.palette;
    let dim = palette.dim();
    let lines = |text: &str, style: Style| {
        text.split('\n').map(|line| inline(line, style, palette.accent())).collect::<Vec<_>>()
    };
    let server = |spans: Vec<Vec<Span>>| ("--".to_owned(), dim, spans);
    match item {
        Item::Entry(entry) => match &entry.body {
            Body::Message(said) => {
                let style = if said.own { Style::new().add_modifier(Modifier::BOLD) } else { palette.nick(&said.nick) };
                let style = if said.mention { style.add_modifier(Modifier::REVERSED) } else { style };
                let mut spans = lines(&said.text, Style::new());
                if model.settings.via && shows_via(room, index, said) {
                    let via = Span::new(format!("  ·{}", said.via.as_str()), dim);
                    spans.last_mut().into_iter().for_each(|line| line.push(via.clone()));
                }
                if said.action {
                    spans
                        .first_mut()
                        .into_iter()
                        .for_each(|line| line.insert(0, Span::new(format!("{} ", said.nick), style)));
                    return ("*".to_owned(), style, spans);
                }
                (said.nick.to_string(), style, spans)
            }
            Body::Topic { nick, text } if text.is_empty() => {
                server(vec![vec![Span::new(format!("{nick} cleared the topic"), dim)]])
            }
            Body::Topic { nick, text } => server(lines(&format!("{nick} set the topic: {text}"), dim)),
            Body::Presence(presence) => server(vec![vec![Span::new(presence.line(), dim)]]),
            Body::Notice(text) => server(lines(text, dim)),
        },
        Item::Pending(pending) => {
            let mut spans = lines(&pending.text, dim);
            let state = match &pending.failed {
                Some(why) => Span::new(format!("  ✗ not sent: {why}"), palette.bad()),
                None if model.link == Link::Online => Span::new("  … sending", dim),
                None => Span::new("  … waits for the connection", dim),
            };
            spans.last_mut().into_iter().for_each(|line| line.push(state.clone()));
            if pending.action {
                spans.first_mut().into_iter().for_each(|line| line.insert(0, Span::new(format!("{} ", model.me), dim)));
                return ("*".to_owned(), dim, spans);
            }
            (model.me.clone(), dim, spans)
        }
    }
}

/// The socket is told where it changes: not twice in a row for the same person.
fn shows_via(room: &Room, index: usize, said: &Said) -> bool {
    let before = index.checked_sub(1).and_then(|index| room.timeline.get(index)).map(|entry| &entry.body);
    let same = matches!(before, Some(Body::Message(before)) if before.nick == said.nick && before.via == said.via);
    said.via != Via::Other && !same
}

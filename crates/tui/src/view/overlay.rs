//! What lies over the messages: the help, lists to choose from, the candidates of a completion.

use super::panes::spoken;
use super::text::{Row, Span, cut, pad};
use super::{Drawn, Layout, line};
use crate::keys::{Action, Group};
use crate::model::overlay::{List, Overlay};
use crate::model::{COMMANDS, Completion, Model, Target};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

/// Rows of candidates.
const CANDIDATES: u16 = 8;

/// Columns for the keys in the help.
const KEYS_WIDTH: usize = 26;

pub(super) fn draw(model: &Model, layout: Layout, buffer: &mut Buffer, drawn: &mut Drawn) {
    let area = Rect::new(0, 0, model.size.0, layout.status.y.max(layout.messages.bottom())).intersection(buffer.area);
    match &model.overlay {
        Some(Overlay::Help(top)) => {
            clear(area, buffer, drawn);
            let rows = help(model);
            super::rows(&rows[(*top).min(rows.len())..], area, false, buffer, drawn);
        }
        Some(Overlay::List(list)) => {
            clear(area, buffer, drawn);
            draw_list(model, list, area, buffer, drawn);
        }
        Some(Overlay::Paste(text)) => draw_paste(model, text, layout, buffer, drawn),
        Some(Overlay::Recall { .. }) => {}
        None => {
            if let Some(completion) = &model.completion {
                draw_candidates(model, completion, area, buffer, drawn);
            }
        }
    }
}

/// Empties a part of the screen, and takes its clicks away.
fn clear(area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
        }
    }
    drawn.regions.retain(|(region, _)| !region.intersects(area));
}

fn draw_list(model: &Model, list: &List, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    let palette = model.settings.palette;
    let at = |y: u16| Rect::new(area.x, area.y + y, area.width, 1);
    let title = format!("{}: ", list.title());
    let words = vec![Span::new(title, palette.accent().add_modifier(Modifier::BOLD)), Span::plain(list.words.text())];
    let before: usize = words[0].width() + Span::plain(&list.words.text()[..list.words.cursor()]).width();
    line(&words, at(0), buffer, drawn);
    let x = u16::try_from(before).unwrap_or(0).min(area.width.saturating_sub(1));
    drawn.cursor = Some(Position::new(area.x + x, area.y));
    if area.height < 2 {
        return;
    }
    if let Some(state) = &list.state {
        line(&vec![Span::new(format!("  {state}"), palette.dim())], at(1), buffer, drawn);
    }
    let height = usize::from(area.height - 1);
    let first = (list.chosen + 1).saturating_sub(height);
    let width = usize::from(area.width);
    let labels = (first..list.shown.len()).take(height).filter_map(|shown| list.row(shown));
    let label_width = labels.map(|row| Span::plain(row.label.as_str()).width()).max().unwrap_or(0).min(width / 2);
    for (shown, y) in (first..list.shown.len()).zip(1..area.height) {
        let Some(row) = list.row(shown) else { continue };
        let style = if shown == list.chosen { palette.chosen() } else { Style::new() };
        let sign = if shown == list.chosen { '›' } else { ' ' };
        let label = pad(&row.label, label_width, false);
        let text = pad(&format!("{sign} {label}  {}", row.detail), width, false);
        line(&vec![Span::new(text, style).to(Target::Row(shown))], at(y), buffer, drawn);
    }
}

/// The first lines of what would be pasted, above the question.
fn draw_paste(model: &Model, text: &str, layout: Layout, buffer: &mut Buffer, drawn: &mut Drawn) {
    let palette = model.settings.palette;
    let count = text.lines().count();
    let height = layout.messages.height.min(8).min(u16::try_from(count).unwrap_or(8).saturating_add(1));
    let area = Rect::new(0, layout.messages.bottom() - height, model.size.0, height);
    clear(area, buffer, drawn);
    let lines = text.lines().map(|line| switchboard_client::clean::line(line).into_owned());
    let room = usize::from(height).saturating_sub(1);
    let fit = if count > room { room.saturating_sub(1) } else { room };
    let width = usize::from(area.width);
    let mut rows: Vec<Row> = vec![vec![Span::new("─".repeat(width), palette.dim())]];
    rows.extend(lines.take(fit).map(|line| vec![Span::plain(cut(&format!("  {line}"), width))]));
    if count > fit {
        rows.push(vec![Span::new(format!("  and {} more", count - fit), palette.dim())]);
    }
    super::rows(&rows, area, false, buffer, drawn);
}

fn draw_candidates(model: &Model, completion: &Completion, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) {
    let palette = model.settings.palette;
    let count = u16::try_from(completion.candidates.len()).unwrap_or(u16::MAX);
    let height = count.min(CANDIDATES).min(area.height);
    let popup = Rect::new(area.x, area.bottom() - height, area.width, height);
    clear(popup, buffer, drawn);
    let first = completion.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(usize::from(height)));
    let labels = completion.candidates.iter().skip(first).take(usize::from(height));
    let label_width = labels.map(|candidate| Span::plain(candidate.label.as_str()).width()).max().unwrap_or(0);
    for ((index, candidate), y) in completion.candidates.iter().enumerate().skip(first).zip(popup.y..popup.bottom()) {
        let style = if completion.chosen == Some(index) { palette.chosen() } else { Style::new() };
        let label = Span::new(format!("  {}", pad(&candidate.label, label_width, false)), style);
        let row = vec![label.to(Target::Candidate(index)), Span::new(format!("  {}", candidate.help), palette.dim())];
        line(&row, Rect::new(popup.x, y, popup.width, 1), buffer, drawn);
    }
}

/// The help: every key and every command, from their tables.
#[must_use]
pub fn help(model: &Model) -> Vec<Row> {
    let palette = model.settings.palette;
    let title = |text: &str| vec![Span::new(text.to_owned(), palette.accent().add_modifier(Modifier::BOLD))];
    let row = |left: &str, right: &str| {
        let left = Span::plain(format!("  {}", pad(left, KEYS_WIDTH, false)));
        vec![left, Span::new(right.to_owned(), palette.dim())]
    };
    let mut rows = Vec::new();
    for group in Group::ALL {
        rows.push(title(group.title()));
        for action in Action::ALL.iter().filter(|action| action.group() == group) {
            let keys: Vec<String> = model.bindings.keys_of(*action).iter().map(|keys| spoken(keys)).collect();
            if !keys.is_empty() {
                rows.push(row(&keys.join(", "), action.help()));
            }
        }
        if group == Group::Rooms {
            rows.push(row("Alt+1 ... Alt+9", "go to a room by its place in the list"));
        }
        rows.push(Vec::new());
    }
    rows.push(title("Commands"));
    for command in COMMANDS {
        rows.push(row(format!("/{} {}", command.word, command.usage).trim_end(), command.help));
    }
    rows.push(row("//TEXT", "say a line that begins with a slash"));
    rows
}

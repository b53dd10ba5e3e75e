//! The screen, as a pure function of the model: what is where, and what a click there means.

pub mod messages;
pub mod overlay;
mod panes;
pub mod text;

use crate::model::room::Kind;
use crate::model::{Model, Target};
use crate::settings::Show;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use text::Row;

/// The smallest screen that is drawn as it should be.
pub const SMALLEST: (u16, u16) = (40, 10);

const ROOMS_WIDTH: u16 = 18;
const MEMBERS_WIDTH: u16 = 16;

/// Columns from which the panes are shown by themselves.
const ROOMS_FROM: u16 = 96;
const MEMBERS_FROM: u16 = 120;

/// Columns before the text being written.
const PROMPT: u16 = 2;

/// Where everything is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub topic: Rect,
    pub rooms: Rect,
    pub messages: Rect,
    pub members: Rect,
    pub status: Rect,
    pub input: Rect,
}

/// What was drawn, besides the cells.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// What a click means, topmost last.
    pub regions: Vec<(Rect, Target)>,
    pub cursor: Option<Position>,
}

impl Drawn {
    /// What a click on this cell means.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<&Target> {
        let position = Position::new(column, row);
        self.regions.iter().rev().find(|(area, _)| area.contains(position)).map(|(_, target)| target)
    }
}

/// Draws everything.
pub fn draw(model: &Model, buffer: &mut Buffer) -> Drawn {
    let mut drawn = Drawn::default();
    let layout = layout(model);
    if buffer.area.is_empty() {
        return drawn;
    }
    panes::topic(model, layout.topic, buffer, &mut drawn);
    panes::rooms(model, layout.rooms, buffer, &mut drawn);
    panes::members(model, layout.members, buffer, &mut drawn);
    rows(&messages::visible(model), layout.messages, true, buffer, &mut drawn);
    panes::status(model, layout.status, buffer, &mut drawn);
    panes::input(model, layout.input, buffer, &mut drawn);
    overlay::draw(model, layout, buffer, &mut drawn);
    drawn
}

/// Where everything is on a screen of the model's size.
#[must_use]
pub fn layout(model: &Model) -> Layout {
    let (width, height) = model.size;
    let mut left = height;
    let mut take = |wanted: u16, least_left: u16| {
        let taken = if left > least_left { wanted.min(left - least_left) } else { 0 };
        left -= taken;
        taken
    };
    let columns = usize::from(width.saturating_sub(PROMPT));
    let lines = text::written(model.editor().text(), model.editor().cursor(), columns).0.len();
    let input = take(u16::try_from(lines).unwrap_or(u16::MAX).clamp(1, (height / 3).max(1)), 0);
    let status = take(u16::from(model.settings.status), 2);
    let topic = take(u16::from(model.settings.topic), 4);
    let rooms = if rooms_shown(model) { ROOMS_WIDTH } else { 0 };
    let members = if members_shown(model) { MEMBERS_WIDTH } else { 0 };
    let gap = |pane: u16| if pane > 0 { pane + 1 } else { 0 };
    let middle = width.saturating_sub(gap(rooms) + gap(members));
    Layout {
        topic: Rect::new(0, 0, width, topic),
        rooms: Rect::new(0, topic, rooms, left),
        messages: Rect::new(gap(rooms), topic, middle, left),
        members: Rect::new(width.saturating_sub(members), topic, members, left),
        status: Rect::new(0, topic + left, width, status),
        input: Rect::new(0, topic + left + status, width, input),
    }
}

/// Whether the rooms are on the screen.
#[must_use]
pub fn rooms_shown(model: &Model) -> bool {
    fits(model, model.settings.rooms, ROOMS_FROM)
}

/// Whether the members are on the screen.
#[must_use]
pub fn members_shown(model: &Model) -> bool {
    model.room().kind == Kind::Room && fits(model, model.settings.members, MEMBERS_FROM)
}

fn fits(model: &Model, show: Show, from: u16) -> bool {
    match show {
        Show::Auto => model.size.0 >= from,
        Show::On => model.size.0 >= SMALLEST.0 + ROOMS_WIDTH,
        Show::Off => false,
    }
}

/// The window's title: what waits, and where one is.
#[must_use]
pub fn title(model: &Model) -> String {
    let mentions: usize = model.rooms.iter().map(|room| room.mentions).sum();
    let unread: usize = model.rooms.iter().map(|room| room.unread).sum();
    let waiting = match (mentions, unread) {
        (0, 0) => String::new(),
        (0, unread) => format!("({unread}) "),
        (mentions, _) => format!("({mentions}!) "),
    };
    let room = model.room();
    let place = if room.kind == Kind::Server { &model.address } else { &room.name };
    format!("{waiting}{place} - switchboard")
}

/// Draws rows, from the bottom of the area up if there are fewer than fit.
fn rows(rows: &[Row], area: Rect, at_bottom: bool, buffer: &mut Buffer, drawn: &mut Drawn) {
    let free = usize::from(area.height).saturating_sub(rows.len());
    let first = if at_bottom { u16::try_from(free).unwrap_or(0) } else { 0 };
    for (row, y) in rows.iter().zip(area.y + first..area.bottom()) {
        line(row, Rect::new(area.x, y, area.width, 1), buffer, drawn);
    }
}

/// Draws one row, cut at the area's edge; the column behind it.
fn line(row: &Row, area: Rect, buffer: &mut Buffer, drawn: &mut Drawn) -> u16 {
    let mut x = area.x;
    for span in row {
        let room = usize::from(area.right().saturating_sub(x));
        let (end, _) = buffer.set_stringn(x, area.y, &span.text, room, span.style);
        if let Some(target) = &span.target {
            drawn.regions.push((Rect::new(x, area.y, end - x, 1), target.clone()));
        }
        x = end;
    }
    x
}

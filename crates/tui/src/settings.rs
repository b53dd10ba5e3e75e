//! What can be set about the looks and the notices.

use crate::colours::{Depth, Palette};
use jiff::tz::TimeZone;

/// When a part of the screen is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Show {
    /// When there is space.
    #[default]
    Auto,
    On,
    Off,
}

/// How the desktop is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Desktop {
    #[default]
    Off,
    /// OSC 9: iTerm2, Windows Terminal, Ghostty, WezTerm, kitty.
    Osc9,
    /// OSC 777: urxvt, foot, VTE, Ghostty.
    Osc777,
}

/// The settings.
#[derive(Clone, Debug)]
pub struct Settings {
    pub palette: Palette,
    pub zone: TimeZone,
    /// Columns for nicks.
    pub nick_width: u16,
    pub rooms: Show,
    pub members: Show,
    pub topic: bool,
    pub status: bool,
    /// Times and the column of nicks.
    pub columns: bool,
    /// By which socket a message came.
    pub via: bool,
    pub mouse: bool,
    pub bell: bool,
    pub desktop: Desktop,
    /// Words that count as a mention, beside the own nick.
    pub words: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            palette: Palette { depth: Depth::None },
            zone: TimeZone::UTC,
            nick_width: 12,
            rooms: Show::Auto,
            members: Show::Auto,
            topic: true,
            status: true,
            columns: true,
            via: true,
            mouse: false,
            bell: true,
            desktop: Desktop::Off,
            words: Vec::new(),
        }
    }
}

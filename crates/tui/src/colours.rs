//! Colours: how many the terminal has, the few that the screen uses, and one for each nick that stays the same.

use ratatui::style::{Color, Modifier, Style};

/// How many colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None at all: bold, dim, underlined and reversed text only ([no-color.org](https://no-color.org)).
    None,
    /// The sixteen that every terminal's owner has chosen.
    Sixteen,
    /// The cube of 256.
    Cube,
    /// 24 bits.
    True,
}

impl Depth {
    /// What the environment says; `variable` looks one up.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        let many = variable("COLORTERM").unwrap_or_default();
        if is_set("NO_COLOR") || term.starts_with("vt") {
            Self::None
        } else if many == "truecolor" || many == "24bit" || term.ends_with("-direct") {
            Self::True
        } else if term.contains("256") {
            Self::Cube
        } else {
            Self::Sixteen
        }
    }
}

/// The screen's styles. There is one accent; all else is the terminal's own text, dim or bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    pub depth: Depth,
}

/// The luminance (WCAG 2, relative) that stands out equally from black and from white, by 4.6 to 1: the terminal's
/// background is not known.
const LUMINANCE: f64 = 0.18;

impl Palette {
    /// What wants attention: mentions, unread counts, the current room.
    #[must_use]
    pub fn accent(&self) -> Style {
        match self.depth {
            Depth::None => Style::new().add_modifier(Modifier::BOLD),
            Depth::Sixteen => Style::new().fg(Color::Cyan),
            Depth::Cube => Style::new().fg(Color::Indexed(nearest(hue(200.0)))),
            Depth::True => Style::new().fg(rgb(hue(200.0))),
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn bad(&self) -> Style {
        match self.depth {
            Depth::None => Style::new().add_modifier(Modifier::BOLD),
            Depth::Sixteen => Style::new().fg(Color::Red),
            Depth::Cube => Style::new().fg(Color::Indexed(nearest(hue(0.0)))),
            Depth::True => Style::new().fg(rgb(hue(0.0))),
        }
    }

    /// Metadata: times, counts, the server's words.
    #[must_use]
    pub fn dim(&self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What is chosen in a list.
    #[must_use]
    pub fn chosen(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A nick's own: the same for the same nick, in either case of its letters, on every day.
    #[must_use]
    pub fn nick(&self, nick: &str) -> Style {
        let hash = hash(nick);
        match self.depth {
            Depth::None => Style::new().add_modifier(Modifier::BOLD),
            Depth::Sixteen => {
                const NAMED: [Color; 5] = [Color::Green, Color::Magenta, Color::Cyan, Color::Red, Color::Yellow];
                Style::new().fg(NAMED[hash as usize % NAMED.len()])
            }
            Depth::Cube => Style::new().fg(Color::Indexed(nearest(hue(nick_hue(hash))))),
            Depth::True => Style::new().fg(rgb(hue(nick_hue(hash)))),
        }
    }
}

/// FNV-1a: short, and the same on every machine and in every version.
fn hash(nick: &str) -> u32 {
    nick.to_lowercase().bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Twenty-four hues are told apart; more are not.
fn nick_hue(hash: u32) -> f64 {
    f64::from((hash ^ (hash >> 15)) % 24) * 15.0
}

/// The colour of a hue (in degrees) that has [`LUMINANCE`].
fn hue(degrees: f64) -> [u8; 3] {
    let (mut dark, mut light) = (0.0, 1.0);
    for _ in 0..16 {
        let middle = f64::midpoint(dark, light);
        if luminance(hsl(degrees, middle)) < LUMINANCE { dark = middle } else { light = middle }
    }
    hsl(degrees, light)
}

fn rgb([red, green, blue]: [u8; 3]) -> Color {
    Color::Rgb(red, green, blue)
}

/// A colour of the cube of 256 near enough in luminance and hue.
fn nearest(wanted: [u8; 3]) -> u8 {
    let distance = |index: &u8| {
        let have = cube(*index);
        let parts = have.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - f64::from(b)).powi(2)).sum::<f64>();
        parts + (luminance(have) - LUMINANCE).abs() * 200_000.0
    };
    (16..=231).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(7)
}

/// The colour that an index of the cube stands for.
fn cube(index: u8) -> [u8; 3] {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let index = usize::from(index.saturating_sub(16));
    [STEPS[index / 36 % 6], STEPS[index / 6 % 6], STEPS[index % 6]]
}

/// Saturation is fixed: bright enough to differ, calm enough to read.
fn hsl(degrees: f64, lightness: f64) -> [u8; 3] {
    let reach = 0.65 * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|offset| {
        let turn = (offset + degrees / 30.0) % 12.0;
        let part = lightness - reach * (turn - 3.0).min(9.0 - turn).clamp(-1.0, 1.0);
        (part * 255.0).round() as u8
    })
}

fn luminance(colour: [u8; 3]) -> f64 {
    let linear = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_nick_stands_out_from_black_and_from_white() {
        for degrees in (0..360).step_by(15) {
            let colour = hue(f64::from(degrees));
            for (background, least) in [(0.0, 4.4), (1.0, 4.4)] {
                assert!(contrast(luminance(colour), background) >= least, "{degrees} degrees: {colour:?}");
            }
            let index = nearest(colour);
            for background in [0.0, 1.0] {
                assert!(contrast(luminance(cube(index)), background) >= 3.3, "{degrees} degrees: index {index}");
            }
        }
    }

    #[test]
    fn a_nick_keeps_its_colour_and_others_have_others() {
        let palette = Palette { depth: Depth::True };
        assert_eq!(palette.nick("Ada"), palette.nick("ada"));
        let colours: std::collections::HashSet<_> = (0..100).map(|n| palette.nick(&format!("guest-{n}")).fg).collect();
        assert!(colours.len() >= 20, "{}", colours.len());
        assert_eq!(Palette { depth: Depth::None }.nick("ada").fg, None);
    }

    #[test]
    fn the_environment_decides_how_many_colours() {
        for (variables, depth) in [
            (&[("TERM", "xterm")][..], Depth::Sixteen),
            (&[("TERM", "xterm-256color")], Depth::Cube),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::True),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Depth::None),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Depth::Cube),
            (&[("TERM", "vt100")], Depth::None),
        ] {
            let look =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Depth::of(look), depth, "{variables:?}");
        }
    }
}

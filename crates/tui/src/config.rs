//! The client's configuration: `client.toml`, where a word that means nothing is an error with its line and column.

use crate::colours::{Depth, Palette};
use crate::keys::{Action, Bindings};
use crate::settings::{Desktop, Settings, Show};
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};
use switchboard_client::Login;
use toml::Spanned;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The profile to use where the command line names no server.
    profile: Option<String>,
    /// The nick where neither the command line nor the profile has one.
    nick: Option<String>,
    look: Look,
    notify: Notify,
    keys: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Look {
    colours: Colours,
    time_zone: Option<Spanned<String>>,
    nick_width: Option<Spanned<u16>>,
    rooms: Show,
    members: Show,
    topic: Option<bool>,
    status: Option<bool>,
    columns: Option<bool>,
    via: Option<bool>,
    mouse: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Colours {
    #[default]
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "none")]
    None,
    #[serde(rename = "16")]
    Sixteen,
    #[serde(rename = "256")]
    Cube,
    #[serde(rename = "true")]
    True,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Notify {
    bell: Option<bool>,
    desktop: Desktop,
    words: Vec<String>,
}

/// A server, and who one is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    url: String,
    nick: Option<String>,
    room: Option<String>,
    pass: Option<String>,
    fingerprint: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    #[error("{}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
    /// The words have the line and the column.
    #[error("{}: {}", .0.display(), .1)]
    Wrong(PathBuf, String),
    #[error("there is no profile `{}` in {}", .0, .1.display())]
    NoProfile(String, PathBuf),
}

/// Where the file is: `$XDG_CONFIG_HOME/switchboard/client.toml`, or below `~/.config`.
pub fn path(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").unwrap_or_default().join(".config");
    absolute("XDG_CONFIG_HOME").unwrap_or_else(home).join("switchboard").join("client.toml")
}

/// Reads the file; a missing one is an empty one.
///
/// # Errors
/// [`BadConfig`]: it cannot be read, or something in it means nothing.
pub fn load(path: &Path) -> Result<Config, BadConfig> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map_err(|why| BadConfig::Wrong(path.to_owned(), why)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(error) => Err(BadConfig::Unreadable(path.to_owned(), error)),
    }
}

/// Reads a configuration and checks all of it.
///
/// # Errors
/// What is wrong, with its line and column.
pub fn parse(text: &str) -> Result<Config, String> {
    let at = |span: Option<Range<usize>>, what: &str| match span {
        Some(span) => {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!("line {line}, column {column}: {what}")
        }
        None => what.to_owned(),
    };
    let config: Config = toml::from_str(text).map_err(|error| at(error.span(), error.message()))?;
    config.bindings().map_err(|(span, what)| at(Some(span), &what))?;
    if let Some(zone) = &config.look.time_zone {
        TimeZone::get(zone.get_ref()).map_err(|_| at(Some(zone.span()), "there is no such time zone"))?;
    }
    if let Some(width) = config.look.nick_width.as_ref().filter(|width| !(1..=32).contains(width.get_ref())) {
        return Err(at(Some(width.span()), "a column of nicks has 1 to 32 columns"));
    }
    Ok(config)
}

impl Config {
    /// The looks and notices; the environment decides about colours where the file does not.
    #[must_use]
    pub fn settings(&self, variable: impl Fn(&str) -> Option<String>) -> Settings {
        let (look, plain) = (&self.look, Settings::default());
        let depth = match look.colours {
            Colours::Auto => Depth::of(variable),
            Colours::None => Depth::None,
            Colours::Sixteen => Depth::Sixteen,
            Colours::Cube => Depth::Cube,
            Colours::True => Depth::True,
        };
        let zone = look.time_zone.as_ref().and_then(|zone| TimeZone::get(zone.get_ref()).ok());
        Settings {
            palette: Palette { depth },
            zone: zone.unwrap_or_else(TimeZone::system),
            nick_width: look.nick_width.as_ref().map_or(plain.nick_width, |width| *width.get_ref()),
            rooms: look.rooms,
            members: look.members,
            topic: look.topic.unwrap_or(plain.topic),
            status: look.status.unwrap_or(plain.status),
            columns: look.columns.unwrap_or(plain.columns),
            via: look.via.unwrap_or(plain.via),
            mouse: look.mouse.unwrap_or(plain.mouse),
            bell: self.notify.bell.unwrap_or(plain.bell),
            desktop: self.notify.desktop,
            words: self.notify.words.clone(),
        }
    }

    /// The keys: the usual ones, with the file's changes.
    ///
    /// # Errors
    /// The place of a word that is no action or no key, and what is wrong with it. A configuration that was
    /// [parsed](parse) has none.
    pub fn bindings(&self) -> Result<Bindings, (Range<usize>, String)> {
        let mut bindings = Bindings::default();
        for (name, keys) in &self.keys {
            let wrong = |what: String| (keys.span(), what);
            let action: Action = name
                .get_ref()
                .parse()
                .map_err(|()| (name.span(), format!("there is no action `{}`", name.get_ref())))?;
            let words: Vec<&str> = match keys.get_ref() {
                toml::Value::String(keys) => vec![keys],
                toml::Value::Array(several) => several
                    .iter()
                    .map(toml::Value::as_str)
                    .collect::<Option<_>>()
                    .ok_or_else(|| wrong("keys are strings".to_owned()))?,
                _ => return Err(wrong("keys are a string or a list of strings".to_owned())),
            };
            let keys = words.into_iter().map(Bindings::parse).collect::<Result<Vec<_>, _>>();
            bindings.bind(action, keys.map_err(|error| wrong(error.to_string()))?);
        }
        Ok(bindings)
    }

    /// Where to connect to: what the command line says, then the profile, then the top of the file.
    ///
    /// # Errors
    /// [`BadConfig::NoProfile`].
    pub fn login(&self, typed: Login, profile: Option<&str>, path: &Path) -> Result<Login, BadConfig> {
        let name = profile.or(if typed.url.is_none() { self.profile.as_deref() } else { None });
        let profile = match name {
            Some(name) => self
                .profiles
                .get(name)
                .cloned()
                .ok_or_else(|| BadConfig::NoProfile(name.to_owned(), path.to_owned()))?,
            None => Profile::default(),
        };
        Ok(Login {
            url: typed.url.or(name.map(|_| profile.url)),
            fingerprint: typed.fingerprint.or(profile.fingerprint),
            nick: typed.nick.or(profile.nick).or_else(|| self.nick.clone()),
            room: typed.room.or(profile.room),
            pass: typed.pass.or(profile.pass),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_nothing_is_an_error_with_its_place() {
        for (text, error) in [
            ("[look]\nrooms = \"of\"", "line 2, column 9: "),
            ("[look]\n  colour = 1", "line 2, column 3: unknown field `colour`"),
            ("nick = 1", "line 1, column 8: "),
            ("[keys]\nhlep = \"f1\"", "line 2, column 1: there is no action `hlep`"),
            ("[keys]\nhelp = \"f99\"", "line 2, column 8: `f99` is no key"),
            ("[keys]\nhelp = 1", "line 2, column 8: keys are a string or a list of strings"),
            ("[look]\ntime_zone = \"Mars/Base\"", "line 2, column 13: there is no such time zone"),
            ("[look]\nnick_width = 0", "line 2, column 14: a column of nicks"),
            ("[profiles.x]\nnick = \"a\"", "line 1, column 1: missing field `url`"),
            ("=", "line 1, column 1: "),
        ] {
            let found = parse(text).map(|_| ()).unwrap_err();
            assert!(found.starts_with(error), "{text:?}: {found}");
        }
    }

    #[test]
    fn the_command_line_goes_before_the_profile_and_the_profile_before_the_file() {
        let text = "profile = \"home\"\nnick = \"top\"\n[profiles.home]\nurl = \"tls://h\"\nroom = \"den\"\n\
                    [profiles.work]\nurl = \"wss://w\"\nnick = \"ada\"";
        let config = parse(text).unwrap();
        let login = |typed: Login, profile| config.login(typed, profile, Path::new("f")).unwrap();
        let home = login(Login::default(), None);
        assert_eq!(
            (home.url.as_deref(), home.nick.as_deref(), home.room.as_deref()),
            (Some("tls://h"), Some("top"), Some("den"))
        );
        let work = login(Login { room: Some("x".to_owned()), ..Login::default() }, Some("work"));
        assert_eq!(
            (work.url.as_deref(), work.nick.as_deref(), work.room.as_deref()),
            (Some("wss://w"), Some("ada"), Some("x"))
        );
        let typed = login(Login { url: Some("a:1".to_owned()), ..Login::default() }, None);
        assert_eq!((typed.url.as_deref(), typed.room), (Some("a:1"), None));
        let error = config.login(Login::default(), Some("none"), Path::new("f")).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "there is no profile `none` in f");
    }

    #[test]
    fn the_documents_say_what_is_so() {
        let text = include_str!("../../../docs/terminal.md");
        let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        parse(example).unwrap();
        for action in Action::ALL {
            assert!(text.contains(&format!("`{}`", action.name())), "{}", action.name());
        }
    }

    #[test]
    fn keys_and_looks_are_taken() {
        let config = parse(
            "[keys]\nswitch = [\"ctrl+o\", \"ctrl+x b\"]\n[look]\ncolours = \"256\"\nmouse = true\nrooms = \"off\"",
        )
        .unwrap();
        assert_eq!(config.bindings().unwrap().keys_of(Action::Switch), ["ctrl+o", "ctrl+x b"]);
        let settings = config.settings(|_| None);
        assert_eq!((settings.palette.depth, settings.mouse, settings.rooms), (Depth::Cube, true, Show::Off));
    }
}

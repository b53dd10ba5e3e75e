//! From layers to a configuration: every problem of every layer is collected, with its place.

use std::ffi::OsStr;
use std::path::Path;

use toml_edit::{Item, Key, TableLike};

use super::define::Setting;
use super::error::{ConfigError, Place, Problem};
use super::layers::{Flag, FlagValue, Layers, PREFIX, SEPARATOR};
use super::rules;
use super::settings::{Config, SECTIONS};
use super::suggest::{closest_section, closest_setting};
use super::units::excerpt;
use super::value::{Kind, Misfit, item_of_text};

impl Config {
    /// The configuration that these layers make: each overrides the ones below it, setting by setting.
    ///
    /// # Errors
    /// All problems of all layers; where the layers have none, all rules that their result breaks.
    pub fn load(layers: &Layers) -> Result<Self, ConfigError> {
        let mut loader = Loader { config: Self::default(), problems: Vec::new() };
        if let Some(path) = &layers.file {
            loader.file(path);
        }
        for (name, value) in &layers.environment {
            loader.variable(name, value);
        }
        for text in &layers.set {
            loader.set(text);
        }
        for flag in &layers.flags {
            loader.flag(flag);
        }
        // PORT is the platform's wish, not the operator's: it counts only where no layer named a listener.
        if let Some(port) = layers.port.as_ref().filter(|_| loader.config.server.listen.is_empty()) {
            loader.port(port);
        }
        let Loader { config, problems } = loader;
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        config.validate()?;
        Ok(config)
    }

    /// Checks every rule, whoever made this configuration.
    ///
    /// # Errors
    /// All rules that are broken, each naming its setting.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let single = SECTIONS
            .iter()
            .flat_map(|section| section.settings)
            .filter_map(|setting| Some(format!("{} {}", setting.path(), (setting.check)(self).err()?)));
        let problems: Vec<Problem> =
            single.chain(rules::together(self)).map(|message| Problem { place: Place::Together, message }).collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }
}

/// The setting of a section and key.
pub(super) fn find(section: &str, key: &str) -> Option<&'static Setting> {
    SECTIONS.iter().find(|s| s.name == section)?.settings.iter().find(|setting| setting.key == key)
}

struct Loader {
    config: Config,
    problems: Vec<Problem>,
}

impl Loader {
    fn file(&mut self, path: &Path) {
        let whole = || Place::WholeFile(path.to_owned());
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.problem(whole(), format!("cannot be read: {error}")),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return self.problem(whole(), "is not UTF-8 text".to_owned());
        };
        let source = Source { path, text: &text };
        match toml_edit::Document::parse(text.as_str()) {
            Ok(document) => self.document(&source, document.as_table()),
            Err(error) => {
                // The parser says what it expected on further lines; one line holds it all.
                let message = error.message().trim().replace('\n', ", ");
                self.problem(source.place(error.span().map(|span| span.start)), message);
            }
        }
    }

    fn document(&mut self, source: &Source<'_>, root: &dyn TableLike) {
        for (name, item) in root.iter() {
            let place = || source.place(start_of_key(root, name));
            let Some(section) = SECTIONS.iter().find(|section| section.name == name) else {
                let message = if item.is_value() && !item.is_inline_table() {
                    unknown_key(name, closest_setting("", name))
                } else {
                    let hint = closest_section(name).map_or_else(String::new, |s| format!("; did you mean [{s}]?"));
                    format!("unknown section [{}]{hint}", name.escape_debug())
                };
                self.problem(place(), message);
                continue;
            };
            let Some(table) = item.as_table_like() else {
                self.problem(place(), format!("{0} is a section: write [{0}] and its keys below it", section.name));
                continue;
            };
            for (key, item) in table.iter() {
                let place = source.place(start_of_key(table, key));
                let Some(setting) = section.settings.iter().find(|setting| setting.key == key) else {
                    let path = format!("{name}.{key}");
                    self.problem(place, unknown_key(&path, closest_setting(name, key)));
                    continue;
                };
                if let Err(Misfit { clause, span }) = self.assign(setting, item) {
                    let place = span.map_or(place, |span| source.place(Some(span.start)));
                    self.problem(place, format!("{} {clause}", setting.path()));
                }
            }
        }
    }

    fn variable(&mut self, name: &str, value: &OsStr) {
        let place = Place::Variable(name.to_owned());
        let path = name[PREFIX.len()..].to_ascii_lowercase().replace(SEPARATOR, ".");
        match value.to_str() {
            Some(text) => self.text(place, &path, text),
            None => self.problem(place, "is not UTF-8 text".to_owned()),
        }
    }

    fn set(&mut self, argument: &str) {
        let Some((path, text)) = argument.split_once('=') else {
            return self.problem(
                Place::Set(argument.to_owned()),
                "must be SECTION.KEY=VALUE, as in limits.messages_per_second=5".to_owned(),
            );
        };
        let path = path.trim();
        // The text of a secret is not repeated, nor that of an unknown key, which may be a misspelt secret.
        let shown = match find_path(path).map(|setting| setting.kind) {
            None | Some(Kind::Secret | Kind::Tokens) => format!("{path}=..."),
            Some(_) => argument.to_owned(),
        };
        self.text(Place::Set(shown), path, text);
    }

    /// Sets what an environment variable or `--set` names.
    fn text(&mut self, place: Place, path: &str, text: &str) {
        let Some(setting) = find_path(path) else {
            let (section, key) = path.split_once('.').unwrap_or(("", path));
            let table = key.split_once('.').and_then(|(key, _)| find(section, key));
            let message = match table.filter(|setting| setting.kind == Kind::Tokens) {
                Some(table) => format!("{} can only be set as a whole", table.path()),
                None => unknown_key(path, closest_setting(section, key)),
            };
            return self.problem(place, message);
        };
        let outcome = item_of_text(setting.kind, text)
            .and_then(|item| self.assign(setting, &item).map_err(|misfit| misfit.clause));
        if let Err(clause) = outcome {
            self.problem(place, clause);
        }
    }

    fn flag(&mut self, flag: &Flag) {
        let value = match &flag.value {
            FlagValue::On => toml_edit::Value::from(true),
            FlagValue::Text(text) => toml_edit::Value::from(text),
            FlagValue::List(texts) => toml_edit::Value::from(texts.iter().collect::<toml_edit::Array>()),
        };
        let place = Place::Flag(flag.name);
        match find_path(flag.path) {
            Some(setting) => {
                if let Err(Misfit { clause, span: _ }) = self.assign(setting, &Item::from(value)) {
                    self.problem(place, clause);
                }
            }
            None => self.problem(place, unknown_key(flag.path, None)),
        }
    }

    fn port(&mut self, port: &OsStr) {
        match port.to_str().and_then(|text| text.parse::<u16>().ok()) {
            Some(port) => {
                let place = super::listen::ListenPlace::Port(port);
                self.config.server.listen.push(super::listen::Listen { pin: super::listen::Pin::Any, place });
            }
            None => {
                let not = excerpt(&port.to_string_lossy());
                self.problem(Place::Variable("PORT".to_owned()), format!("must be a port, 0 to 65535, not {not}"));
            }
        }
    }

    /// Reads one value and applies the setting's own rules to it.
    fn assign(&mut self, setting: &Setting, item: &Item) -> Result<(), Misfit> {
        (setting.read)(&mut self.config, item)?;
        (setting.check)(&self.config).map_err(|clause| Misfit { clause, span: item.span() })
    }

    fn problem(&mut self, place: Place, message: String) {
        self.problems.push(Problem { place, message });
    }
}

fn find_path(path: &str) -> Option<&'static Setting> {
    path.split_once('.').and_then(|(section, key)| find(section, key))
}

fn unknown_key(path: &str, closest: Option<String>) -> String {
    let hint = closest.map_or_else(String::new, |closest| format!("; did you mean {closest}?"));
    // A quoted key may hold a line end; a problem is one line.
    format!("unknown key {}{hint}", path.escape_debug())
}

fn start_of_key(table: &dyn TableLike, key: &str) -> Option<usize> {
    table.key(key).and_then(Key::span).map(|span| span.start)
}

/// The file that is being read.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    /// The place of a byte offset: lines and columns from 1, columns in characters, as editors count.
    fn place(&self, offset: Option<usize>) -> Place {
        let Some(before) = offset.and_then(|offset| self.text.get(..offset)) else {
            return Place::WholeFile(self.path.to_owned());
        };
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

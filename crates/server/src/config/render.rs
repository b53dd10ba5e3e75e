//! The configuration as documents: the commented file of all defaults, and the reference page.

use std::fmt::Write as _;

use super::define::Setting;
use super::settings::SECTIONS;

const COMMENT_COLUMNS: usize = 100;

/// A TOML file with every setting at its default, each explained. Loaded again, it changes nothing.
#[must_use]
pub fn default_file() -> String {
    let mut file = String::new();
    comment(
        &mut file,
        "The configuration of Switchboard: every setting, at its default. Keep what you change and delete the rest. \
         What is set here is overridden by the environment (SWITCHBOARD_SECTION__KEY=VALUE), that by --set \
         SECTION.KEY=VALUE, and that by the other flags. To check a file: switchboard config check --config FILE",
    );
    for section in SECTIONS {
        file.push('\n');
        comment(&mut file, section.doc);
        let _ = writeln!(file, "[{}]", section.name);
        for setting in section.settings {
            file.push('\n');
            comment(&mut file, setting.doc);
            comment(&mut file, &format!("Value: {}.", setting.allowed()));
            match setting.default() {
                Some(default) => drop(writeln!(file, "{} = {default}", setting.key)),
                None => drop(writeln!(file, "# {} = ...", setting.key)),
            }
        }
    }
    file
}

/// The reference of all settings, in Markdown: `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\
         \n\
         Made by `switchboard config doc`; do not edit.\n\
         \n\
         `switchboard serve` needs no configuration. What it takes comes from four layers, each overriding the ones \
         before it:\n\
         \n\
         1. a TOML file: `--config FILE`;\n\
         2. the environment: `SWITCHBOARD_LIMITS__MESSAGES_PER_SECOND=5`, with two underscores between section and key, \
         in any case of letters; variables without two underscores are ignored;\n\
         3. `--set limits.messages_per_second=5`, as often as you like;\n\
         4. the other flags, such as `--listen`.\n\
         \n\
         Unknown keys are errors. `switchboard config check` says whether all layers together are valid (exit code 2 \
         if not), and `switchboard config default` prints a file of all settings to start from.\n\
         \n\
         A duration is a number and a unit: `\"150ms\"`, `\"30s\"`, `\"10m\"`, `\"24h\"`, `\"90d\"`. A size is a number of \
         bytes, or has a unit: `\"64KiB\"`, `\"4MiB\"`, `\"1GiB\"`. Paths are relative to the directory in which the \
         server was started. In the environment and in `--set`, texts need no quotes, and the elements of a list may \
         be separated by commas.\n",
    );
    for section in SECTIONS {
        let _ = write!(page, "\n## {}\n\n{}\n", section.name, section.doc.trim());
        for setting in section.settings {
            let _ = write!(page, "\n### {}\n\n{}\n\n{}\n", setting.path(), setting.doc.trim(), facts(setting));
        }
    }
    page
}

fn facts(setting: &Setting) -> String {
    let default = setting.default().map_or_else(|| "unset".to_owned(), |default| format!("`{default}`"));
    format!("- Value: {}\n- Default: {default}\n- Variable: `{}`", setting.allowed(), setting.variable())
}

/// Writes `text` as comment lines, broken between words.
fn comment(file: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > COMMENT_COLUMNS {
            file.push_str(&line);
            file.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    file.push_str(&line);
    file.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Layers};
    use super::*;

    #[test]
    fn the_default_file_holds_every_key_and_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), default_file()).unwrap();
        let layers = Layers::default().file(Some(file.path().to_owned()));
        assert_eq!(Config::load(&layers), Ok(Config::default()));
        for setting in SECTIONS.iter().flat_map(|section| section.settings) {
            let line = format!("\n{} = ", setting.key);
            let unset = format!("\n# {} = ...\n", setting.key);
            assert!(default_file().contains(&line) || default_file().contains(&unset), "{}", setting.path());
        }
    }

    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page == reference(), "run: cargo run -p switchboard -- config doc > docs/configuration.md");
    }

    #[test]
    fn comments_are_broken_between_words() {
        let mut file = String::new();
        comment(&mut file, &"word ".repeat(40));
        assert!(file.lines().all(|line| line.starts_with("# word") && line.len() <= COMMENT_COLUMNS), "{file}");
        assert_eq!(file.matches("word").count(), 40);
    }
}

//! Configuration files and `--set` texts: whatever is in them, each problem has its place.

use std::cell::OnceCell;
use std::path::Path;
use switchboard_server::config::{Config, ConfigError, Layers, Place};
use tempfile::TempDir;

pub(super) const WORDS: &[&[u8]] = &[
    b"[server]\n",
    b"[limits]\n",
    b"[tls]\n",
    b"[udp]\n",
    b"listen = [\"127.0.0.1:0\"]\n",
    b"messages_per_second = 5\n",
    b"idle = \"30s\"\n",
    b"\"text://[::1]:9\"",
    b"limits.message_chars=",
    b"udp.tokens=",
    b"= {",
    b"}",
    b"\"\"\"",
    b"''",
    b"\"64KiB\"",
    b"\"90d\"",
    b"\"99999999999999999999d\"",
    b"1_000",
    b"0x7f",
    b"-1",
    b"true",
    b"[[a]]",
    b"a.b.c = 1\n",
    "é\u{202E}".as_bytes(),
    b"#",
    b"\n",
];

/// `--set` texts taken from one input.
const SETS_MAX: usize = 8;

pub(super) fn run(bytes: &[u8]) {
    thread_local! {
        static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    }
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        file(bytes, &folder.path().join("switchboard.toml"));
    });
    let text = String::from_utf8_lossy(bytes);
    let sets: Vec<String> = text.lines().take(SETS_MAX).map(str::to_owned).collect();
    match Config::load(&Layers::default().set(sets)) {
        Ok(config) => sound(&config),
        Err(error) => explained(&error, |place| matches!(place, Place::Set(_) | Place::Together)),
    }
}

fn file(bytes: &[u8], path: &Path) {
    std::fs::write(path, bytes).expect("a temporary file");
    match Config::load(&Layers::default().file(Some(path.to_owned()))) {
        Ok(config) => sound(&config),
        Err(error) => explained(&error, |place| match place {
            Place::File { path: named, line, column } => named == path && exists(bytes, *line, *column),
            Place::WholeFile(named) => named == path,
            Place::Together => true,
            Place::Variable(_) | Place::Set(_) | Place::Flag(_) => false,
        }),
    }
}

fn sound(config: &Config) {
    assert_eq!(config.validate(), Ok(()));
    let _ = config.core_limits();
}

fn explained(error: &ConfigError, is_right: impl Fn(&Place) -> bool) {
    assert!(!error.problems.is_empty(), "an error names a problem");
    for problem in &error.problems {
        assert!(is_right(&problem.place), "{problem:?}");
        assert!(!problem.message.is_empty() && !problem.message.contains('\n'), "{problem:?} is one line");
    }
}

/// Whether the file has such a line, and the line such a column or an end there. Lines and columns count from 1.
fn exists(bytes: &[u8], line: usize, column: usize) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let line = line.checked_sub(1).and_then(|line| text.split('\n').nth(line));
    line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&column))
}

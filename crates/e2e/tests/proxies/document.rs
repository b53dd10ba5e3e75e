//! docs/proxies.md, and the blocks of it that are run.

use std::path::Path;

use switchboard_e2e::{Server, ServerOptions};

/// The page.
pub(crate) struct Document(String);

/// A block of its lines.
#[derive(Clone)]
pub(crate) struct Block(String);

impl Document {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/proxies.md");
        Self(std::fs::read_to_string(path).expect("docs/proxies.md"))
    }

    /// The one block in this language that begins so.
    pub(crate) fn block(&self, language: &str, begin: &str) -> Block {
        let fence = format!("```{language}\n");
        let blocks = self.0.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
        let mut found = blocks.filter(|block| block.starts_with(begin));
        let block = found.next().unwrap_or_else(|| panic!("docs/proxies.md has no {language} that begins {begin:?}"));
        assert_eq!(found.count(), 0, "more than one {language} that begins {begin:?}");
        Block(format!("{block}\n"))
    }

    /// Starts a server with the very options of the `serve` line that has `words`, but on ports of its own.
    pub(crate) fn serve(&self, words: &str) -> Server {
        let mut lines = self.0.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0));
        let line = lines.find(|line| line.contains(words)).unwrap_or_else(|| panic!("no `serve` with {words}"));
        let mut options = ServerOptions::ephemeral().listen("0");
        let mut given = shell_words(line).into_iter();
        assert_eq!((given.next().as_deref(), given.next().as_deref()), (Some("switchboard"), Some("serve")));
        while let Some(word) = given.next() {
            if word == "--listen" {
                assert_eq!(given.next().as_deref(), Some(crate::SERVER), "the examples have one server");
            } else {
                options = options.arg(&word);
            }
        }
        Server::start(options)
    }
}

/// The words of a command, which has single quotes and lines that go on.
fn shell_words(line: &str) -> Vec<String> {
    let line = line.replace("\\\n", " ");
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

impl Block {
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// With this of the example in the place of that; the example has to have it.
    pub(crate) fn with(&self, that: &str, this: &str) -> Self {
        assert!(self.0.contains(that), "no {that:?} in:\n{}", self.0);
        Self(self.0.replace(that, this))
    }
}

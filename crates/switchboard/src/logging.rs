//! The log: to standard error, as text or JSON, coloured only for a terminal.

use std::io::{IsTerminal as _, stderr};

use switchboard_server::config::{Log, LogFormat, LogLevel};
use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging for the whole process. Once only: a second call is a mistake of the caller, and panics.
pub(crate) fn start(log: &Log) {
    let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing::subscriber::set_global_default(subscriber(log, colours, stderr)).expect("logging is started once");
}

/// What turns events into lines for `writer`.
fn subscriber<W>(log: &Log, colours: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_max_level(level(log.level))
        .with_target(false)
        .with_ansi(colours)
        .with_writer(writer);
    match log.format {
        LogFormat::Text => Box::new(builder.finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_ansi(false).finish()),
    }
}

const fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &Log) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(log, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(address = "127.0.0.1:9", text = "a\u{1b}[2J\n", "joined");
            tracing::debug!("hidden");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_lines_hold_level_message_and_fields_but_no_escapes() {
        let text = logged(&Log::default());
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(" INFO joined address=\"127.0.0.1:9\""), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn json_lines_are_one_object_each() {
        let text = logged(&Log { format: LogFormat::Json, ..Log::default() });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with('{') && text.ends_with("}\n"), "{text}");
        assert!(text.contains("\"level\":\"INFO\"") && text.contains("\"message\":\"joined\""), "{text}");
        assert!(text.contains("\"address\":\"127.0.0.1:9\""), "{text}");
    }

    #[test]
    fn the_level_is_the_least_that_is_logged() {
        assert_eq!(logged(&Log { level: LogLevel::Warn, ..Log::default() }), "");
        assert_eq!(logged(&Log { level: LogLevel::Debug, ..Log::default() }).lines().count(), 2);
    }
}

//! Standard output, of which the reader may have had enough.

use std::io::{ErrorKind, Write, stdout};

use crate::exit::Exit;

/// Prints `text`. A reader that closed the pipe, like `head`, is no failure.
pub(crate) fn print(text: &[u8]) -> Exit {
    let mut out = stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => Exit::Good,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Good,
        Err(error) => {
            eprintln!("switchboard: standard output: {error}");
            Exit::Disk
        }
    }
}

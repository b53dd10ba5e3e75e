//! Other programs that the client starts: the editor, and whatever opens links.

use crate::app::variable;
use crate::files;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

/// Opens the editor with a text, and waits: the text as it was left.
pub(crate) fn edit(directory: &Path, text: &str) -> Result<String, String> {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(variable).unwrap_or_else(|| "vi".to_owned());
    let told = |error: io::Error| format!("the editor: {error}");
    let path = files::draft(directory, text).map_err(told)?;
    // By the shell, since the variable may have arguments; the file's name is none of its business.
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(&path).status();
    let read = fs::read_to_string(&path);
    let _ = fs::remove_file(&path);
    match status {
        Ok(status) if status.success() => read.map_err(told),
        Ok(status) => Err(format!("the editor ended with {status}")),
        Err(error) => Err(told(error)),
    }
}

/// Opens a link with the desktop's program. It begins with `http`, so that it is no option.
pub(crate) fn open(link: &str) -> io::Result<()> {
    let program =
        variable("BROWSER").unwrap_or_else(|| if cfg!(target_os = "macos") { "open" } else { "xdg-open" }.to_owned());
    let mut child = Command::new(&program)
        .arg(link)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    tokio::task::spawn_blocking(move || child.wait());
    Ok(())
}

//! Libraries in C that are preloaded into the server, compiled when a test needs one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::require_tool;

/// Compiles `src/<name>.c` into a directory, and returns the library's path.
///
/// # Panics
/// There is no C compiler, or it refuses the source.
pub(crate) fn compile(name: &str, directory: &Path) -> PathBuf {
    let compiler = require_tool("cc", "a C compiler, Debian package gcc");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/{name}.c"));
    let library = directory.join(format!("{name}.so"));
    let built = Command::new(compiler)
        .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .args(["-ldl", "-lpthread"])
        .output()
        .expect("cc starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

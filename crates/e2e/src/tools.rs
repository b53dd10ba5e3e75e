//! The programs that the tests need: found, or missed in plain words. No test is skipped because one is missing.

use std::path::PathBuf;
use std::process::Command;

/// The path of `tool`, which `package` provides.
///
/// # Panics
/// It is not installed.
#[must_use]
pub fn require_tool(tool: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(tool))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("this test needs the program `{tool}` ({package}), and it is not in PATH"))
}

/// OpenBSD's netcat, whatever other netcat is called `nc`.
///
/// # Panics
/// It is not installed.
#[must_use]
pub fn require_openbsd_nc() -> PathBuf {
    const PACKAGE: &str = "Debian package netcat-openbsd";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own_name =
        std::env::split_paths(&path).map(|directory| directory.join("nc.openbsd")).find(|file| file.is_file());
    if let Some(file) = own_name {
        return file;
    }
    let nc = require_tool("nc", PACKAGE);
    let help = Command::new(&nc).arg("-h").output().expect("nc starts");
    let is_openbsd = [help.stdout, help.stderr].iter().any(|text| String::from_utf8_lossy(text).contains("OpenBSD"));
    assert!(is_openbsd, "this test needs OpenBSD's netcat ({PACKAGE}), and {} is another one", nc.display());
    nc
}

/// Chromium, under the name it has here.
///
/// # Panics
/// It is not installed.
#[must_use]
pub fn require_chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let other_names = ["chromium-browser", "google-chrome", "google-chrome-stable"];
    let other = std::env::split_paths(&path)
        .flat_map(|directory| other_names.map(|name| directory.join(name)))
        .find(|file| file.is_file());
    other.unwrap_or_else(|| require_tool("chromium", "Debian package chromium"))
}

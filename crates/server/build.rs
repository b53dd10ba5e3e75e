//! Embeds the page: its files plain and compressed, under a name made of what is in them.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What browsers are told of a file, by the end of its name. Files of other kinds are not part of the page.
const KINDS: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("webmanifest", "application/manifest+json"),
];

/// What is in the folder and not part of the page; `types.js` is for the type checker alone.
const NOT_PAGE: [&str; 3] = ["tests", "node_modules", "types.js"];

/// Stands in the files for the folder that their own bytes name.
const PLACEHOLDER: &str = "{assets}";

fn main() -> io::Result<()> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../web");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut paths = Vec::new();
    collect(&web, &mut paths)?;
    paths.sort();
    let mut digest = Sha256::new();
    let mut files = Vec::new();
    for path in &paths {
        let name = path.strip_prefix(&web).map_err(io::Error::other)?.to_string_lossy().into_owned();
        let bytes = fs::read(path)?;
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(&name);
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(&bytes);
        files.push((name, bytes));
    }
    let version: String = digest.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    // Relative to the document, which a proxy may have put below a path.
    let folder = format!("assets/{version}");
    let mut table = format!("pub(super) const VERSION: &str = {version:?};\npub(super) static FILES: &[Asset] = &[\n");
    for (number, (name, bytes)) in files.into_iter().enumerate() {
        let Some(kind) = kind(Path::new(&name)) else { continue };
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => text.replace(PLACEHOLDER, &folder).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        fs::write(out.join(format!("{number}.plain")), &bytes)?;
        fs::write(out.join(format!("{number}.gzip")), encoder.finish()?)?;
        // Writing into a string cannot fail.
        let _ = writeln!(
            table,
            "    Asset {{ name: {name:?}, kind: {kind:?}, plain: include_bytes!(concat!(env!(\"OUT_DIR\"), \
             \"/{number}.plain\")), gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.gzip\")) }},"
        );
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)
}

/// The page's files below a folder. Cargo looks at every one of them, and at the folders for new ones.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| NOT_PAGE.iter().any(|not| name == *not)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths)?;
        } else if kind(&path).is_some() {
            println!("cargo::rerun-if-changed={}", path.display());
            paths.push(path);
        }
    }
    Ok(())
}

fn kind(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?;
    KINDS.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind)
}

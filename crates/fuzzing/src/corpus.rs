//! The corpora: small inputs in files, a folder for each target, from which every run begins.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the corpora and the inputs that failed are kept, in the repository that this was built from.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs of a target by name, in the order of their names.
///
/// # Errors
/// The folder or one of its files cannot be read.
pub fn read(folder: &Path, target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let folder = folder.join("corpus").join(target);
    let with_place = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut inputs = Vec::new();
    for file in fs::read_dir(&folder).map_err(with_place)? {
        let file = file?;
        inputs.push((file.file_name().to_string_lossy().into_owned(), fs::read(file.path())?));
    }
    inputs.sort();
    Ok(inputs)
}

/// Keeps an input that failed, and says where.
///
/// # Errors
/// It cannot be written.
pub fn keep(folder: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let folder = folder.join("artifacts").join(target);
    fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    fs::write(&path, bytes)?;
    Ok(path)
}

//! The official suites and the clients of other languages: gets what they need, and runs them.

use crate::{clients, root, step, tools};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the official repository: a clone of it, with or without a work tree.
const REPOSITORY: &str = "SOCKETIO_REPOSITORY";
/// Names a folder with the jars of the Java client, where Maven Central is out of reach.
const JARS: &str = "SOCKETIO_JAVA_JARS";
/// Whence it can be cloned.
const HOME: &str = "https://github.com/socketio/socket.io";
/// The state of the repository whose tests are counted: a later one may have more.
const COMMIT: &str = "d2d753fe";
/// Where its files are put.
const PLACE: &str = "target/suites";
/// The packages that the clients' suites need, each before those that need it.
const PACKAGES: [&str; 4] = ["engine.io-parser", "engine.io-client", "socket.io-parser", "socket.io-client"];
const PROTOCOLS: [&str; 2] = ["docs/engine.io-protocol/v4-test-suite", "docs/socket.io-protocol/v5-test-suite"];
/// The suite of Socket.IO's protocol waits for one message after the other, and misses the second of two that came in
/// one piece unless its `ws` hands them out one at a time, as those before 8.17 do.
const WS: &str = "ws@8.16.0";

/// The suites of the two protocols: 25 tests of Engine.IO, 32 of Socket.IO.
pub(crate) fn protocols() -> Result<()> {
    unpack(&PROTOCOLS.map(str::to_owned))?;
    for folder in PROTOCOLS {
        step("npm", &["ci", "--no-audit", "--no-fund", "--prefix", &format!("{PLACE}/{folder}")], &[])?;
    }
    let folder = format!("{PLACE}/{}", PROTOCOLS[1]);
    step("npm", &["install", "--no-save", "--no-audit", "--no-fund", "--prefix", &folder, WS], &[])?;
    run("protocols")
}

/// The JavaScript clients' own suites.
pub(crate) fn own() -> Result<()> {
    let emitter = ["packages/socket.io-component-emitter".to_owned()];
    let folders: Vec<String> = PACKAGES.iter().map(|name| format!("packages/{name}")).chain(emitter).collect();
    unpack(&folders)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(root().join("crates/e2e/suites").join(file), root().join(PLACE).join(file)).context(file)?;
    }
    step("npm", &["ci", "--no-audit", "--no-fund", "--prefix", PLACE], &[])?;
    for name in PACKAGES {
        compile(name)?;
    }
    run("clients")
}

/// Clients of every language and several versions, through one list of checks.
pub(crate) fn many() -> Result<()> {
    tools::require(tools::JAVA)?;
    clients::install()?;
    step("npm", &["ci", "--no-audit", "--no-fund", "--prefix", "crates/e2e/clients/js"], &[])?;
    let manifest = ["--manifest-path", "crates/e2e/clients/rust/Cargo.toml", "--target-dir", "target/clients/rust"];
    step("cargo", &[&["build", "--locked"], &manifest[..]].concat(), &[])?;
    jars()?;
    step("cargo", &["run", "-p", "switchboard-e2e", "--bin", "clients"], &[])
}

/// Puts these folders of the official repository, as they were at [`COMMIT`], where the suites are run.
fn unpack(folders: &[String]) -> Result<()> {
    let Some(repository) = std::env::var_os(REPOSITORY).map(PathBuf::from) else {
        bail!(
            "the official suites are in no package, and not here: `git clone {HOME}`, and say where with \
             {REPOSITORY}=PATH"
        );
    };
    let path = repository.to_str().context("a path in UTF-8")?;
    let commit = format!("{COMMIT}^{{commit}}");
    let knows = Command::new("git").args(["-C", path, "cat-file", "-e", &commit]).status().context("git")?;
    if !knows.success() {
        bail!("{REPOSITORY}={path}: it is no clone of {HOME}, or too old or too shallow to have commit {COMMIT}");
    }
    let place = root().join(PLACE);
    fs::create_dir_all(&place)?;
    for folder in folders {
        let old = place.join(folder);
        if old.exists() {
            fs::remove_dir_all(&old).with_context(|| old.display().to_string())?;
        }
    }
    let archive = format!("{PLACE}.tar");
    let output = root().join(&archive);
    let mut arguments = vec!["-C", path, "archive", "--output", output.to_str().context("a path in UTF-8")?, COMMIT];
    arguments.extend(folders.iter().map(String::as_str));
    step("git", &arguments, &[])?;
    step("tar", &["-xf", &archive, "-C", PLACE], &[])
}

/// Translates a package's TypeScript into what Node takes for its own, as the package's tests expect it.
fn compile(name: &str) -> Result<()> {
    let folder = root().join(PLACE).join("packages").join(name);
    let mut sources = Vec::new();
    collect(&folder.join("lib"), &mut sources)?;
    let mut arguments: Vec<String> = sources.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let out = folder.join("build/cjs");
    arguments.extend(["--format=cjs", "--platform=node", "--target=es2018", "--log-level=warning"].map(str::to_owned));
    arguments.push(format!("--outbase={}", folder.join("lib").display()));
    arguments.push(format!("--outdir={}", out.display()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    step(&format!("{PLACE}/node_modules/.bin/esbuild"), &arguments, &[])
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if name.ends_with(".ts") && !name.ends_with(".d.ts") {
            sources.push(path);
        }
    }
    Ok(())
}

fn run(what: &str) -> Result<()> {
    step("cargo", &["build", "-p", "switchboard-server", "--examples"], &[])?;
    step("cargo", &["run", "-p", "switchboard-e2e", "--bin", "suites", "--", what], &[])
}

/// The Java client and what it needs: from Maven Central, or from where they are said to be.
fn jars() -> Result<()> {
    let place = root().join("target/clients/java");
    fs::create_dir_all(&place)?;
    let Some(folder) = std::env::var_os(JARS) else {
        let into = format!("-DoutputDirectory={}", place.display());
        let pom = "crates/e2e/clients/java/pom.xml";
        return step("mvn", &["-q", "-B", "-f", pom, "dependency:copy-dependencies", &into], &[]).context(format!(
            "the Java client is at Maven Central; where that is out of reach, {JARS}=FOLDER with its jars"
        ));
    };
    for entry in fs::read_dir(&folder).with_context(|| format!("{JARS}={}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jar") {
            fs::copy(&path, place.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

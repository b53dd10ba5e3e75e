//! The programs that the tests need beside cargo: found, installed, or named.

use anyhow::{Result, bail};
use std::process::{Command, Stdio};

/// A program and the Debian package that has it.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// The command; of several, any will do.
    commands: &'static [&'static str],
    package: &'static str,
}

const fn tool(commands: &'static [&'static str], package: &'static str) -> Tool {
    Tool { commands, package }
}

/// What `cargo xtask test` needs.
pub(crate) const TEST: &[Tool] = &[
    tool(&["cc"], "gcc"),
    tool(&["ncat"], "ncat"),
    tool(&["nc.openbsd"], "netcat-openbsd"),
    tool(&["nmap"], "nmap"),
    tool(&["openssl"], "openssl"),
    tool(&["node"], "nodejs"),
    tool(&["npm"], "npm"),
    tool(&["python3"], "python3"),
    tool(&["strace"], "strace"),
    tool(&["telnet"], "telnet"),
    tool(&["chromium", "google-chrome"], "chromium"),
    tool(&["nginx"], "nginx-light"),
    tool(&["unshare"], "util-linux"),
    tool(&["valgrind"], "valgrind"),
];

/// What `cargo xtask long proxies` needs beside that. A module of nginx is a file and no command.
pub(crate) const PROXIES: &[Tool] = &[
    tool(&["/usr/lib/nginx/modules/ngx_stream_module.so"], "libnginx-mod-stream"),
    tool(&["caddy"], "caddy"),
    tool(&["haproxy"], "haproxy"),
];

/// What the Java client among those of `cargo xtask long clients` needs: a JDK, which runs its program from the source.
pub(crate) const JAVA: &[Tool] = &[tool(&["javac"], "default-jdk-headless"), tool(&["mvn"], "maven")];

/// What `cargo xtask bench` needs.
pub(crate) const BENCH: &[Tool] =
    &[tool(&["cc"], "gcc"), tool(&["node"], "nodejs"), tool(&["npm"], "npm"), tool(&["python3"], "python3")];

/// Makes sure that every tool is there: as root, missing ones are installed; otherwise they are named.
pub(crate) fn require(tools: &[Tool]) -> Result<()> {
    let missing = missing(tools);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_root || !has("apt-get") {
        bail!("the tests need these programs; install them first: apt-get install {}", packages.join(" "));
    }
    crate::step("apt-get", &["update", "-qq"], &[])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    crate::step("apt-get", &arguments, &[("DEBIAN_FRONTEND", "noninteractive")])?;
    let missing = self::missing(tools);
    if let Some(tool) = missing.first() {
        bail!("{} is still missing after its package {} was installed", tool.commands[0], tool.package);
    }
    Ok(())
}

fn missing(tools: &[Tool]) -> Vec<Tool> {
    tools.iter().filter(|tool| !tool.commands.iter().any(|command| has(command))).copied().collect()
}

fn has(command: &str) -> bool {
    let finder = format!("command -v {command}");
    Command::new("sh").args(["-c", &finder]).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

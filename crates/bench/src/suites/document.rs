//! The published report: `results.md` with its plots, and the file of all samples.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;

use super::{Extent, Section, Suite, missing};
use crate::targets::Programs;

const INTRODUCTION: &str = "# Results

Written by `cargo xtask bench`. How it is measured, and what the words mean: [README.md](README.md). Figures are medians \
with their 95 % interval; of fewer than six rounds, with the least and the greatest. **Read the ratios**: microseconds are \
those of the machine at that hour.
";

/// Where a report goes.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The directory of the report and its plots.
    pub directory: &'a Path,
    /// The file of all samples, which is too large to be kept with the report.
    pub samples: &'a Path,
}

/// Writes the report. Parts that were not run stay as they are: each says when and how it was measured.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(places: Places<'_>, extent: Extent, programs: &Programs, sections: &[Section]) -> Result<()> {
    let Places { directory, samples } = places;
    let report = directory.join("results.md");
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let before = match fs::read_to_string(&report) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", report.display()))?,
    };
    let text = text(&before, |suite| {
        let section = sections.iter().find(|section| section.suite == suite)?;
        Some(section_text(section, extent, programs))
    });
    let plots = sections.iter().flat_map(|section| &section.plots);
    let plots = plots.map(|(name, svg)| (directory.join(name), svg));
    for (path, text) in plots.chain([(report, &text)]) {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let findings: Vec<_> = sections
        .iter()
        .map(|section| serde_json::json!({"suite": section.suite, "findings": section.findings}))
        .collect();
    crate::report::write_json(samples, &findings)
}

/// The report with the new sections, and with the text before of those that are not new.
fn text(before: &str, new: impl Fn(Suite) -> Option<String>) -> String {
    let kept = |suite: Suite| {
        let title = suite.title();
        before.split("\n## ").skip(1).find_map(|section| section.strip_prefix(title)?.strip_prefix('\n'))
    };
    let mut out = INTRODUCTION.to_owned();
    for &suite in Suite::value_variants() {
        if let Some(section) = new(suite).or_else(|| kept(suite).map(str::to_owned)) {
            let _ = write!(out, "\n## {}\n\n{}\n", suite.title(), section.trim());
        }
    }
    out
}

fn section_text(section: &Section, extent: Extent, programs: &Programs) -> String {
    let mut out = section.text.trim_end().to_owned();
    for (name, _) in &section.plots {
        let _ = write!(out, "\n\n![{}]({name})", name.trim_end_matches(".svg"));
    }
    let form = match extent {
        Extent::Quick => "quick",
        Extent::Full => "full",
    };
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let minutes = section.took.as_secs_f64() / 60.0;
    let _ = write!(out, "\n\nMeasured on {today} in the {form} form, in {minutes:.1} minutes.");
    if !programs.settings.is_empty() {
        let _ = write!(out, " Switchboard ran with `--set {}`.", programs.settings.join("`, `--set "));
    }
    let names: Vec<&str> = missing(programs).iter().map(|target| target.name()).collect();
    if !names.is_empty() {
        let _ = write!(out, " Not installed, and therefore left out: {}.", names.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_report_has_its_sections_its_plots_and_its_samples_and_keeps_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let samples = directory.path().join("samples.json");
        let places = Places { directory: directory.path(), samples: &samples };
        let programs = Programs {
            switchboard: PathBuf::from("switchboard"),
            floor: PathBuf::from("floor"),
            peers: PathBuf::from("peers"),
            settings: vec!["server.shards=1".to_owned()],
            data_parent: PathBuf::from("."),
        };
        let section = |suite, text: &str| Section {
            suite,
            text: text.to_owned(),
            plots: vec![("cpu-x.svg".to_owned(), "<svg/>".to_owned())],
            findings: serde_json::json!({"samples": [1]}),
            failures: 0,
            took: Duration::from_secs(90),
        };
        let report = || fs::read_to_string(directory.path().join("results.md")).unwrap();
        let storm = section(Suite::Storm, "| a storm |");
        write(places, Extent::Quick, &programs, &[section(Suite::Cpu, "| a table |"), storm]).unwrap();
        let text = report();
        for part in [
            "## CPU per delivery\n\n| a table |\n\n![cpu-x](cpu-x.svg)\n\nMeasured on ",
            "in the quick form, in 1.5 minutes. Switchboard ran with `--set server.shards=1`. Not installed",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(fs::read_to_string(directory.path().join("cpu-x.svg")).unwrap(), "<svg/>");
        assert!(fs::read_to_string(&samples).unwrap().contains("\"suite\": \"cpu\""));
        // Again, with other parts: what is not new stays, and everything is in its place.
        let (_, storm) = text.split_once("## A storm").unwrap();
        write(places, Extent::Full, &programs, &[section(Suite::Idle, "idle"), section(Suite::Cpu, "new")]).unwrap();
        let text = report();
        assert!(text.ends_with(storm) && !text.contains("| a table |"), "{text}");
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, ["## CPU per delivery", "## Idle connections", "## A storm of reconnects"]);
        assert!(text.contains("new\n\n![cpu-x]"), "{text}");
    }
}

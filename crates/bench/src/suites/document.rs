//! The published report: `results.md` with its plots, and `results.json` with every sample.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Extent, Section};
use crate::measure::Machine;
use crate::report::machine_line;
use crate::targets::Target;

/// Where a report goes, and what it cannot speak of.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The directory of the report and its plots.
    pub directory: &'a Path,
    /// The file of all samples, which is too large to be kept with the report.
    pub samples: &'a Path,
    /// Targets that are not installed.
    pub missing: &'a [Target],
}

/// Writes the report.
///
/// # Errors
/// When a file cannot be written.
pub fn write(places: Places<'_>, extent: Extent, machine: &Machine, sections: &[Section]) -> Result<()> {
    let Places { directory, samples, missing } = places;
    let put = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    put("results.md", &text(extent, machine, missing, sections))?;
    for (name, svg) in sections.iter().flat_map(|section| &section.plots) {
        put(name, svg)?;
    }
    let findings: Vec<_> = sections
        .iter()
        .map(|section| serde_json::json!({"suite": section.suite, "findings": section.findings}))
        .collect();
    crate::report::write_json(samples, &findings)
}

fn text(extent: Extent, machine: &Machine, missing: &[Target], sections: &[Section]) -> String {
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let (form, command) = match extent {
        Extent::Quick => ("quick", "cargo xtask bench --quick"),
        Extent::Full => ("full", "cargo xtask bench"),
    };
    let mut out = format!(
        "# Results\n\nWritten by `{command}` on {today}, in the {form} form. {} How it is measured, and what the words \
         mean: [README.md](README.md). Figures are medians with their 95 % interval; of fewer than six rounds, with \
         the least and the greatest. **Read the ratios**: microseconds are those of this machine at that hour.\n",
        machine_line(machine)
    );
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|target| target.name()).collect();
        let _ = write!(out, "\nNot installed, and therefore left out: {}.\n", names.join(", "));
    }
    for section in sections {
        let minutes = section.took.as_secs_f64() / 60.0;
        let _ = write!(out, "\n## {}\n\n{}\n", section.suite.title(), section.text.trim_end());
        for (name, _) in &section.plots {
            let _ = write!(out, "\n![{}]({name})\n", name.trim_end_matches(".svg"));
        }
        let _ = write!(out, "\nThis part took {minutes:.1} minutes.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::measure::machine;
    use crate::suites::Suite;

    #[test]
    fn a_report_has_its_sections_its_plots_and_its_samples() {
        let directory = tempfile::tempdir().unwrap();
        let section = Section {
            suite: Suite::Cpu,
            text: "| a table |".to_owned(),
            plots: vec![("cpu-x.svg".to_owned(), "<svg/>".to_owned())],
            findings: serde_json::json!({"samples": [1]}),
            failures: 0,
            took: Duration::from_secs(90),
        };
        let samples = directory.path().join("samples.json");
        let places = Places { directory: directory.path(), samples: &samples, missing: &[Target::Nats] };
        write(places, Extent::Quick, &machine(), &[section]).unwrap();
        let text = fs::read_to_string(directory.path().join("results.md")).unwrap();
        for part in
            ["cargo xtask bench --quick", "## CPU per delivery\n\n| a table |", "![cpu-x](cpu-x.svg)", "1.5 minutes"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(fs::read_to_string(directory.path().join("cpu-x.svg")).unwrap(), "<svg/>");
        assert!(fs::read_to_string(samples).unwrap().contains("\"suite\": \"cpu\""));
    }
}

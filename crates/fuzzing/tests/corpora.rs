//! Every input of the corpora passes, and the targets, their corpora and their `cargo fuzz` binaries belong together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use switchboard_fuzzing::{TARGETS, corpus};

/// A corpus holds a few dozen small inputs, so that it can be read and replayed in no time.
const INPUTS_MAX: usize = 80;
const INPUT_BYTES_MAX: usize = 4_096;

#[test]
fn every_input_of_the_corpora_passes() {
    for target in TARGETS {
        let inputs = corpus::read(&corpus::folder(), target.name).unwrap();
        assert!((1..=INPUTS_MAX).contains(&inputs.len()), "{} has {} inputs", target.name, inputs.len());
        for (name, bytes) in inputs {
            assert!(bytes.len() <= INPUT_BYTES_MAX, "{}/{name} has {} bytes", target.name, bytes.len());
            println!("{}/{name}", target.name);
            (target.run)(&bytes);
        }
    }
}

#[test]
fn every_target_passes_what_is_nothing_and_what_is_anything() {
    let anything: Vec<u8> = (0..=255).cycle().take(700).collect();
    for target in TARGETS {
        println!("{}", target.name);
        (target.run)(b"");
        (target.run)(&anything);
    }
}

#[test]
fn every_target_has_its_corpus_and_its_binary() {
    let names: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "names are different");
    assert_eq!(files(&corpus::folder().join("corpus")), names);
    let binaries = files(&corpus::folder().join("fuzz_targets"));
    assert_eq!(binaries, names.iter().map(|name| format!("{name}.rs")).collect());
    let manifest = fs::read_to_string(corpus::folder().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let listed = manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap().to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), names);
}

fn files(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

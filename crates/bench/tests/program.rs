//! The program itself against the real floor: small runs, read back from their JSON files.

use std::process::Command;

use serde_json::Value;

fn run(args: &[&str]) -> (String, Value) {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("findings.json");
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard-bench"))
        .args(args)
        .args(["--targets", "floor", "--floor", env!("CARGO_BIN_EXE_switchboard-bench-floor")])
        .arg("--json")
        .arg(&json)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let findings = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    (String::from_utf8(output.stdout).unwrap(), findings)
}

#[test]
fn a_tiny_fanout_over_the_floor() {
    let args =
        "fanout --receivers 20 --messages 50 --windows 1,4 --rate 500 --seconds 0.1 --rounds 2 --protocols tcp-text";
    let (table, findings) = run(&args.split(' ').collect::<Vec<_>>());
    let samples = findings["samples"].as_array().unwrap();
    let found: Vec<(u64, &str, u64)> = samples
        .iter()
        .map(|sample| {
            let (round, pace) = (sample["round"].as_u64().unwrap(), sample["pace"].as_str().unwrap());
            (round, pace, sample["deliveries"].as_u64().unwrap())
        })
        .collect();
    let round = |number| [(number, "window 1", 1_000), (number, "window 4", 4_000), (number, "500/s", 1_000)];
    assert_eq!(found, [round(1), round(2)].concat());
    for sample in samples {
        // The text of 64 bytes and its newline: the floor delivers what it was sent.
        assert_eq!(sample["frame_bytes"].as_f64(), Some(65.0));
        assert!(sample["cpu"]["total_us"].as_f64().unwrap() > 0.0);
        assert!(sample["latency"]["p50_ns"].as_u64().unwrap() <= sample["latency"]["p999_ns"].as_u64().unwrap());
    }
    assert_eq!(table.lines().filter(|line| line.starts_with("| tcp-text")).count(), 3, "{table}");
}

#[test]
fn several_senders_over_the_floor() {
    let args = "fanout --receivers 5 --senders 3 --messages 30 --windows 9 --rounds 1 --protocols tcp-json";
    let (_, findings) = run(&args.split(' ').collect::<Vec<_>>());
    assert_eq!(findings["samples"][0]["deliveries"].as_u64(), Some(30 * 9 * 7));
}

#[test]
fn idle_connections_at_the_floor() {
    let (table, findings) = run(&["idle", "--connections", "100,200", "--protocols", "tcp-text"]);
    let steps = findings["samples"].as_array().unwrap();
    let connections: Vec<_> = steps.iter().map(|step| step["connections"].as_u64().unwrap()).collect();
    assert_eq!(connections, [100, 200]);
    assert!(steps.iter().all(|step| step["us_per_connect"].as_f64().unwrap() > 0.0));
    assert!(table.contains("| tcp-text | floor "), "{table}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard-bench"))
        .args(["fanout", "--targets", "switchboard", "--switchboard", "/nowhere/switchboard"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("cannot start /nowhere/switchboard"), "{errors}");
}

#[test]
fn a_report_is_written_of_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard-bench"))
        .args(["all", "--quick", "--only", "startup", "--peers"])
        .arg(&nowhere)
        .arg("--switchboard")
        .arg(&nowhere)
        .arg("--out")
        .arg(directory.path())
        .arg("--json")
        .arg(directory.path().join("samples.json"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = std::fs::read_to_string(directory.path().join("results.md")).unwrap();
    for part in ["## Start-up", "Not installed, and therefore left out: io_uring floor, Switchboard"] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    let samples: Value =
        serde_json::from_slice(&std::fs::read(directory.path().join("samples.json")).unwrap()).unwrap();
    assert_eq!(samples[0]["suite"], "startup");
}

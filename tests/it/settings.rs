//! The daemon's command line as an operator sees it: what is printed where, and with which exit code; and the units of systemd.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const DAEMON: &str = env!("CARGO_BIN_EXE_trencadis");

/// Runs the daemon with arguments that make it stop by itself, in a clean environment.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(DAEMON)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the daemon can be run")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Exit code 78, nothing on standard output, and this one line on standard error.
fn assert_refused(output: &Output, line: &str) {
    assert_eq!(stderr(output), format!("trencadis: {line}\n"));
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(stdout(output), "");
}

/// A directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("settings").join(name);
    std::fs::create_dir_all(&path).expect("a directory");
    path
}

fn file(name: &str, text: &str) -> String {
    let path = directory("files").join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("text").to_owned()
}

#[test]
fn version_and_help() {
    for option in ["--version", "-v", "-V"] {
        let output = run(&[option], &[]);
        assert_eq!(stdout(&output), format!("trencadis {} (Redis protocol 7.2)\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(output.status.code(), Some(0));
    }
    let output = run(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    for part in ["Usage: trencadis [FILE]", "--check-config", "[network]", "--maxmemory 0"] {
        assert!(stdout(&output).contains(part), "{part}");
    }
    assert_eq!(stdout(&run(&["-h"], &[])), stdout(&output));
}

#[test]
fn the_shipped_file_is_valid_and_says_the_defaults() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/trencadis.toml");
    let output = run(&[shipped, "--check-config"], &[]);
    assert!(stdout(&output).starts_with("configuration is valid\n"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&run(&[shipped, "--print-config"], &[])), stdout(&run(&["--print-config"], &[])));
}

#[test]
fn arguments_win_over_environment_over_file_over_defaults() {
    let path = file("layers.toml", "[network]\nport = 7001\ntimeout = 7001\ntcp-keepalive = 7001\n");
    let environment = [("TRENCADIS__NETWORK__TIMEOUT", "7002"), ("TRENCADIS__NETWORK__TCP_KEEPALIVE", "7002")];
    let output = run(&[&path, "--tcp-keepalive", "7003", "--save", "", "--maxmemory", "1gb", "--print-config"], &environment);
    let printed = stdout(&output);
    for line in [
        &format!("port = 7001 # {path}:2"),
        "timeout = 7002 # environment TRENCADIS__NETWORK__TIMEOUT",
        "tcp-keepalive = 7003 # command line",
        "save = \"\" # command line",
        "maxmemory = \"1gb\" # command line",
        "maxclients = 10000 # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is missing in\n{printed}");
    }
}

#[test]
fn a_wrong_file_is_one_line_and_78() {
    assert_refused(&run(&["/nonexistent.toml"], &[]), "/nonexistent.toml: cannot be read: No such file or directory (os error 2)");
    for (name, text, line) in [
        ("value.toml", "[network]\nport = \"many\"\n", ":2: port: expected an integer from 0 to 65535, found \"many\""),
        ("key.toml", "[memory]\n\nmaxmemry = 1\n", ":3: maxmemry: unknown key; did you mean maxmemory?"),
        ("section.toml", "[netwrok]\n", ":1: netwrok: unknown section; did you mean [network]?"),
        ("place.toml", "[memory]\nport = 1\n", ":2: port: belongs in section [network], not in [memory]"),
        (
            "later.toml",
            "[cluster]\ncluster-enabled = true\n",
            ":2: cluster-enabled: not available yet: cluster mode is not there yet; leave it at \"no\"",
        ),
    ] {
        let path = file(name, text);
        assert_refused(&run(&[&path], &[]), &format!("{path}{line}"));
        assert_refused(&run(&["--check-config", &path], &[]), &format!("{path}{line}"));
    }
    let path = file("malformed.toml", "[network]\nport = = 1\n");
    let output = run(&[&path], &[]);
    assert!(stderr(&output).starts_with(&format!("trencadis: {path}:2: not TOML: ")), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1);
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn a_wrong_argument_or_variable_is_one_line_and_78() {
    assert_refused(&run(&["--prot", "7000"], &[]), "command line: --prot: unknown directive; did you mean --port?");
    assert_refused(&run(&["--appendonly", "maybe"], &[]), "command line: appendonly: expected yes or no, found \"maybe\"");
    assert_refused(
        &run(&[], &[("TRENCADIS__MEMORY__MAXMEMORY", "much")]),
        "environment TRENCADIS__MEMORY__MAXMEMORY: maxmemory: expected a size such as 100mb, found \"much\"",
    );
}

#[test]
fn passwords_are_not_printed() {
    let output = run(&["--requirepass", "hunter2", "--print-config"], &[]);
    assert!(!stdout(&output).contains("hunter2"));
    assert!(stdout(&output).contains("# requirepass is set, and not shown (command line)"));
}

/// A copy of the units whose service starts the daemon under test, in a directory of the test's own: tests run side by side.
fn units(test: &str) -> PathBuf {
    let into = directory(test);
    for name in ["trencadis.service", "trencadis.socket"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        let text = std::fs::read_to_string(from).expect("the unit").replace("/usr/bin/trencadis", DAEMON);
        std::fs::write(into.join(name), text).expect("its copy");
    }
    into
}

fn analyze(arguments: &[&str], units: &Path) -> Option<Output> {
    match Command::new("systemd-analyze").args(arguments).current_dir(units).env("SYSTEMD_COLORS", "0").output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("skipped: systemd-analyze is not installed");
            None
        }
    }
}

#[test]
fn systemd_understands_the_units() {
    let units = units("units-understood");
    let Some(output) = analyze(&["verify", "--man=no", "./trencadis.service", "./trencadis.socket"], &units) else { return };
    // An unknown value is "ignored" with exit code 0, so the silence is what counts.
    assert_eq!(stderr(&output), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_service_is_exposed_no_more_than_it_must_be() {
    let units = units("units-exposed");
    let Some(output) = analyze(&["security", "--offline=true", "--threshold=9", "./trencadis.service"], &units) else { return };
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
}

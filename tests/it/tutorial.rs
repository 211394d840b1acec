//! The tutorial's programs, as `cargo test` has built them, over TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const GET: &str = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const SET: &str = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n";
const UNIMPLEMENTED: &str = "-unimplemented\r\n";
/// Long for a server that is there, short for one who waits for a hanging test.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running example, ended with the test.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(name: &str) -> Program {
        let built = Path::new(env!("CARGO_BIN_EXE_trencadis")).with_file_name("examples").join(name);
        let mut child = Command::new(&built)
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error} (`cargo build --examples` builds it)", built.display()));
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        // What it prints later must find a reader.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let address = line.trim_end().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        Program { child, address: address.unwrap_or_else(|| panic!("{name} said {line:?}")) }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { stream }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    stream: TcpStream,
}

impl Client {
    fn asks(&mut self, request: &str, reply: &str) {
        self.stream.write_all(request.as_bytes()).unwrap();
        self.hears(reply);
    }

    fn hears(&mut self, reply: &str) {
        let mut bytes = vec![0; reply.len()];
        self.stream.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), reply);
    }
}

#[test]
fn one_socket_at_a_time_keeps_the_second_waiting_for_the_first() {
    let program = Program::start("spawning_single");
    let first = program.connect();
    let mut second = program.connect();
    let first_has_left = Arc::new(AtomicBool::new(false));
    let seen = first_has_left.clone();
    let waiting = thread::spawn(move || {
        second.asks(GET, UNIMPLEMENTED);
        seen.load(Ordering::SeqCst)
    });
    // Time for a wrong server to answer; a right one never does, however long this is.
    thread::sleep(Duration::from_millis(300));
    first_has_left.store(true, Ordering::SeqCst);
    drop(first);
    assert!(waiting.join().unwrap(), "the second was answered while the first was connected");
}

#[test]
fn a_task_per_socket_answers_the_second_while_the_first_is_silent() {
    let program = Program::start("spawning");
    let mut first = program.connect();
    let mut second = program.connect();
    second.asks(GET, UNIMPLEMENTED);
    first.asks(GET, UNIMPLEMENTED);
}

#[test]
fn shared_state_is_seen_by_all() {
    let program = Program::start("shared_state");
    let (mut first, mut second) = (program.connect(), program.connect());
    first.asks(GET, "$-1\r\n");
    first.asks(SET, "+OK\r\n");
    second.asks(GET, "$5\r\nhello\r\n");
}

#[test]
fn frames_that_arrive_in_pieces_are_put_together() {
    let program = Program::start("framing");
    let mut client = program.connect();
    client.stream.set_nodelay(true).unwrap();
    for byte in SET.bytes() {
        client.stream.write_all(&[byte]).unwrap();
    }
    client.hears("+OK\r\n");
    client.asks(&format!("{GET}{GET}"), "$5\r\nhello\r\n$5\r\nhello\r\n");
    client.asks("*1\r\n$7\r\nFLUSHME\r\n", "-unimplemented Unknown(");
}

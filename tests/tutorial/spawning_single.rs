//! One socket at a time: every request is answered with an error, and nobody else is heard until its client has had it.

use tokio::net::{TcpListener, TcpStream};
use trencadis::{Connection, Frame};

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_string());
    let listener = TcpListener::bind(address).await.unwrap();
    println!("listening on {}", listener.local_addr().unwrap());

    loop {
        let (socket, _) = listener.accept().await.unwrap();
        // The loop stands still until this client has asked something or left.
        process(socket).await;
    }
}

async fn process(socket: TcpStream) {
    let mut connection = Connection::new(socket);

    if let Some(frame) = connection.read_frame().await.unwrap() {
        println!("GOT: {frame:?}");

        let response = Frame::Error("unimplemented".to_string());
        connection.write_frame(&response).await.unwrap();
    }
}

//! A task per socket: a client that says nothing keeps nobody else waiting.

use tokio::net::{TcpListener, TcpStream};
use trencadis::{Connection, Frame};

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_string());
    let listener = TcpListener::bind(address).await.unwrap();
    println!("listening on {}", listener.local_addr().unwrap());

    loop {
        let (socket, _) = listener.accept().await.unwrap();
        // The socket moves into the task, which outlives this turn of the loop.
        tokio::spawn(async move {
            process(socket).await;
        });
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

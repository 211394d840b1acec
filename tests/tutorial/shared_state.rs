//! One map for all connections, behind a mutex: what one client sets, another gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use trencadis::Command::{self, Get, Set};
use trencadis::{Connection, Frame};

type Db = Arc<Mutex<HashMap<String, Bytes>>>;

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_string());
    let listener = TcpListener::bind(address).await.unwrap();
    println!("listening on {}", listener.local_addr().unwrap());

    let db: Db = Arc::new(Mutex::new(HashMap::new()));

    loop {
        let (socket, _) = listener.accept().await.unwrap();
        // A handle to the map, not the map.
        let db = db.clone();
        tokio::spawn(async move {
            process(socket, db).await;
        });
    }
}

async fn process(socket: TcpStream, db: Db) {
    let mut connection = Connection::new(socket);

    while let Some(frame) = connection.read_frame().await.unwrap() {
        let response = match Command::from_frame(frame).unwrap() {
            Set(cmd) => {
                let mut db = db.lock().unwrap();
                db.insert(cmd.key().to_string(), cmd.value().clone());
                Frame::Simple("OK".to_string())
            }
            Get(cmd) => {
                let db = db.lock().unwrap();
                match db.get(cmd.key()) {
                    Some(value) => Frame::Bulk(value.clone()),
                    None => Frame::Null,
                }
            }
            cmd => panic!("unimplemented {cmd:?}"),
        };

        connection.write_frame(&response).await.unwrap();
    }
}

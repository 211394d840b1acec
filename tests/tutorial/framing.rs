//! A connection made by hand: bytes gather in a buffer until `Frame::check` finds a whole frame there and `Frame::parse` reads it.

use std::collections::HashMap;
use std::io::{self, Cursor};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::{TcpListener, TcpStream};
use trencadis::Command::{self, Get, Set};
use trencadis::frame::Error::Incomplete;
use trencadis::{Frame, Result};

struct Connection {
    stream: BufWriter<TcpStream>,
    buffer: BytesMut,
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        Connection { stream: BufWriter::new(stream), buffer: BytesMut::with_capacity(4096) }
    }

    async fn read_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.parse_frame()? {
                return Ok(Some(frame));
            }
            // No bytes means that the peer has closed, which it may do between two frames only.
            if 0 == self.stream.read_buf(&mut self.buffer).await? {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err("connection reset by peer".into());
            }
        }
    }

    fn parse_frame(&mut self) -> Result<Option<Frame>> {
        let mut buf = Cursor::new(&self.buffer[..]);
        match Frame::check(&mut buf) {
            Ok(_) => {
                let len = buf.position() as usize;
                buf.set_position(0);
                let frame = Frame::parse(&mut buf)?;
                self.buffer.advance(len);
                Ok(Some(frame))
            }
            Err(Incomplete) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn write_frame(&mut self, frame: &Frame) -> io::Result<()> {
        match frame {
            Frame::Simple(val) => {
                self.stream.write_u8(b'+').await?;
                self.stream.write_all(val.as_bytes()).await?;
                self.stream.write_all(b"\r\n").await?;
            }
            Frame::Error(val) => {
                self.stream.write_u8(b'-').await?;
                self.stream.write_all(val.as_bytes()).await?;
                self.stream.write_all(b"\r\n").await?;
            }
            Frame::Integer(val) => {
                self.stream.write_u8(b':').await?;
                self.write_decimal(*val).await?;
            }
            Frame::Null => self.stream.write_all(b"$-1\r\n").await?,
            Frame::Bulk(val) => {
                self.stream.write_u8(b'$').await?;
                self.write_decimal(val.len() as i64).await?;
                self.stream.write_all(val).await?;
                self.stream.write_all(b"\r\n").await?;
            }
            other => unimplemented!("{other:?}"),
        }
        self.stream.flush().await
    }

    async fn write_decimal(&mut self, value: i64) -> io::Result<()> {
        self.stream.write_all(format!("{value}\r\n").as_bytes()).await
    }
}

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_string());
    let listener = TcpListener::bind(address).await.unwrap();
    println!("listening on {}", listener.local_addr().unwrap());

    loop {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            if let Err(error) = process(socket).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn process(socket: TcpStream) -> Result<()> {
    let mut connection = Connection::new(socket);
    let mut db = HashMap::new();

    while let Some(frame) = connection.read_frame().await? {
        let response = match Command::from_frame(frame)? {
            Set(cmd) => {
                db.insert(cmd.key().to_string(), cmd.value().clone());
                Frame::Simple("OK".to_string())
            }
            Get(cmd) => match db.get(cmd.key()) {
                Some(value) => Frame::Bulk(value.clone()),
                None => Frame::Null,
            },
            cmd => Frame::Error(format!("unimplemented {cmd:?}")),
        };
        connection.write_frame(&response).await?;
    }
    Ok(())
}

//! `Connection`: a stream of bytes seen as a stream of frames.

use std::future::poll_fn;
use std::io::{self, Cursor};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::error::{Error, Result};
use crate::resp::frame::{self, Frame, Scanner};

/// What one read takes at most. It lies on the stack, and only while the stream is polled.
const READ_BYTES: usize = 8 << 10;

/// Reads and writes frames on a stream: a TCP socket, or anything else that carries bytes.
///
/// A connection that waits for its peer owns no buffer: bytes are kept only while a frame is incomplete.
///
/// ```no_run
/// # async fn echo(socket: tokio::net::TcpStream) -> trencadis::Result<()> {
/// let mut connection = trencadis::Connection::new(socket);
/// while let Some(frame) = connection.read_frame().await? {
///     connection.write_frame(&frame).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connection<S = TcpStream> {
    stream: S,
    /// What has arrived of frames not returned yet; without memory of its own while there is none.
    buffer: BytesMut,
    /// How far the first of them has been looked at.
    scanner: Scanner,
}

impl<S> Connection<S> {
    /// A connection over `stream`. Put a `BufWriter` around a stream whose small writes are dear; a frame is one write.
    pub fn new(stream: S) -> Connection<S> {
        Connection { stream, buffer: BytesMut::new(), scanner: Scanner::default() }
    }
}

impl<S: AsyncRead + Unpin> Connection<S> {
    /// The next frame; `None` when the peer has closed after a whole one. Nothing is lost if the future is dropped.
    pub async fn read_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.parse_frame()? {
                return Ok(Some(frame));
            }
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(Error::Peer("connection reset by peer".to_owned())) };
            }
        }
    }

    fn parse_frame(&mut self) -> Result<Option<Frame>> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let Some(length) = self.scanner.advance(&self.buffer)? else { return Ok(None) };
        let frame = Frame::parse(&mut Cursor::new(&self.buffer[..length]))?;
        self.buffer.advance(length);
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        Ok(Some(frame))
    }

    /// Reads what has come. The bytes pass over the stack, so that a poll that finds none has allocated nothing.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [MaybeUninit::uninit(); READ_BYTES];
        let mut read = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        self.buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }
}

impl<S: AsyncWrite + Unpin> Connection<S> {
    /// Writes a frame and flushes it.
    pub async fn write_frame(&mut self, frame: &Frame) -> io::Result<()> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }
}

impl From<frame::Error> for Error {
    fn from(error: frame::Error) -> Error {
        Error::Peer(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tokio::io::duplex;

    fn bulk(text: &'static [u8]) -> Frame {
        Frame::Bulk(Bytes::from_static(text))
    }

    #[tokio::test]
    async fn frames_pass_through_a_stream() {
        // A pipe of seven bytes tears every frame apart.
        let (here, there) = duplex(7);
        let frames = [
            Frame::Array(vec![bulk(b"SET"), bulk(b"hello"), bulk(b"world, and a bit more")]),
            Frame::Null,
            Frame::Error("unimplemented".to_owned()),
            Frame::Array(vec![Frame::Array(vec![Frame::Integer(-1)]), Frame::Simple("OK".to_owned())]),
        ];
        let sent = frames.clone();
        let writer = async move {
            let mut connection = Connection::new(here);
            for frame in &sent {
                connection.write_frame(frame).await.unwrap();
            }
        };
        let reader = async move {
            let mut connection = Connection::new(there);
            let mut read = Vec::new();
            while let Some(frame) = connection.read_frame().await.unwrap() {
                read.push(frame);
                assert_eq!(connection.buffer.capacity() == 0, connection.buffer.is_empty());
            }
            read
        };
        let ((), read) = tokio::join!(writer, reader);
        assert_eq!(read, frames);
    }

    #[tokio::test]
    async fn a_peer_that_leaves_in_mid_frame_is_an_error() {
        let (mut here, there) = duplex(64);
        here.write_all(b"+OK\r\n$5\r\nhel").await.unwrap();
        drop(here);
        let mut connection = Connection::new(there);
        assert_eq!(connection.read_frame().await.unwrap(), Some(Frame::Simple("OK".to_owned())));
        assert_eq!(connection.read_frame().await.unwrap_err().to_string(), "connection reset by peer");
    }

    #[tokio::test]
    async fn what_is_no_frame_is_an_error() {
        let mut connection = Connection::new(&b"GET / HTTP/1.1\r\n"[..]);
        assert_eq!(connection.read_frame().await.unwrap_err().to_string(), "protocol error: invalid frame type byte 'G'");
    }
}

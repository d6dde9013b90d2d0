//! Connections that close after a given number of bytes of the answer, even in the middle of a header or a body.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Number of bytes that one connection still sends. Handlers set it through a clone.
#[derive(Clone)]
pub(crate) struct AnswerLimit(Arc<AtomicUsize>);

impl AnswerLimit {
    /// Closes the connection after `bytes` more bytes of the answer.
    pub(crate) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, LimitedListener>> for AnswerLimit {
    fn connect_info(stream: IncomingStream<'_, LimitedListener>) -> AnswerLimit {
        stream.io().answer_limit.clone()
    }
}

/// A listener that gives each connection its own [`AnswerLimit`].
pub(crate) struct LimitedListener(TcpListener);

impl LimitedListener {
    pub(crate) fn new(listener: TcpListener) -> LimitedListener {
        LimitedListener(listener)
    }
}

impl axum::serve::Listener for LimitedListener {
    type Io = LimitedSocket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LimitedSocket, SocketAddr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.0).await;
        (LimitedSocket { stream, answer_limit: AnswerLimit(Arc::new(AtomicUsize::new(usize::MAX))) }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// An accepted connection with a limit on the bytes that it sends.
pub(crate) struct LimitedSocket {
    stream: TcpStream,
    answer_limit: AnswerLimit,
}

impl AsyncRead for LimitedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for LimitedSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // `usize::MAX` means no limit, and is never counted down.
        let left = self.answer_limit.0.load(Ordering::SeqCst);
        if left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..bytes.len().min(left)]);
        if let Poll::Ready(Ok(written)) = written
            && left != usize::MAX
        {
            self.answer_limit.0.store(left - written, Ordering::SeqCst);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! Header names in the casing that was given. The HTTP library writes them in lower case, and some receivers of
//! webhooks look for `X-PinBridge-Signature` exactly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A stream that holds the head of the one request back until it is whole, spells its header names, and then passes
/// everything through.
pub struct SpelledHead<S> {
    inner: S,
    spellings: Vec<String>,
    /// The head, and the part of the body that was written with its end.
    held: Vec<u8>,
    /// How many bytes of `held` the inner stream has taken.
    passed: usize,
    is_head_whole: bool,
}

impl<S> SpelledHead<S> {
    pub fn new(inner: S, spellings: Vec<String>) -> Self {
        Self { inner, spellings, held: Vec::new(), passed: 0, is_head_whole: false }
    }
}

impl<S: AsyncWrite + Unpin> SpelledHead<S> {
    /// Writes what was held back, once the head is whole.
    fn poll_pass(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_head_whole && self.passed < self.held.len() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held[self.passed..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.passed += count;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SpelledHead<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_head_whole {
            ready!(this.poll_pass(cx))?;
            return Pin::new(&mut this.inner).poll_write(cx, bytes);
        }
        this.held.extend_from_slice(bytes);
        let end = this.held.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD);
        if let Some(end) = end {
            spell(&mut this.held[..end], &this.spellings);
            this.is_head_whole = true;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pass(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_pass(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SpelledHead<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buffer)
    }
}

/// Replaces each name of the head by its spelling, which has the same length.
fn spell(head: &mut [u8], spellings: &[String]) {
    // The first line has the method and the path.
    for line in head.split_mut(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = &mut line[..colon];
        if let Some(spelling) = spellings.iter().find(|spelling| spelling.as_bytes().eq_ignore_ascii_case(name)) {
            name.copy_from_slice(spelling.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Takes one byte at a time, and every second time none.
    #[derive(Default)]
    struct SlowSink {
        taken: Vec<u8>,
        is_ready: bool,
        is_flushed: bool,
    }

    impl AsyncWrite for SlowSink {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            this.is_ready = !this.is_ready;
            if !this.is_ready {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.taken.extend(bytes.first());
            Poll::Ready(Ok(bytes.len().min(1)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.get_mut().is_flushed = true;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    const GIVEN: &str =
        "POST /x-a:b HTTP/1.1\r\nx-a: x-a: b\r\nx-other: c\r\nx-cased: d\r\n\r\nx-a: body\r\n\r\nx-a: more";
    const SPELLED: &str =
        "POST /x-a:b HTTP/1.1\r\nX-A: x-a: b\r\nx-other: c\r\nX-CaSeD: d\r\n\r\nx-a: body\r\n\r\nx-a: more";

    async fn written(piece_bytes: usize) -> String {
        let spellings = vec!["X-A".to_owned(), "X-CaSeD".to_owned(), "X-Absent".to_owned()];
        let mut stream = SpelledHead::new(SlowSink::default(), spellings);
        for piece in GIVEN.as_bytes().chunks(piece_bytes) {
            let mut rest = piece;
            while !rest.is_empty() {
                let count = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, rest)).await.expect("written");
                rest = &rest[count..];
            }
        }
        poll_fn(|cx| Pin::new(&mut stream).poll_flush(cx)).await.expect("flushed");
        assert!(stream.inner.is_flushed);
        String::from_utf8(stream.inner.taken).expect("text")
    }

    #[tokio::test]
    async fn names_are_spelled_and_values_and_the_body_stay_however_the_request_is_cut() {
        for piece_bytes in 1..=GIVEN.len() {
            assert_eq!(written(piece_bytes).await, SPELLED, "pieces of {piece_bytes}");
        }
    }

    #[tokio::test]
    async fn nothing_leaves_before_the_head_is_whole() {
        let mut stream = SpelledHead::new(SlowSink::default(), Vec::new());
        let head = b"POST / HTTP/1.1\r\nx-a: b\r\n";
        poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, head)).await.expect("held back");
        poll_fn(|cx| Pin::new(&mut stream).poll_flush(cx)).await.expect("flushed");
        assert_eq!(stream.inner.taken, b"");
    }
}

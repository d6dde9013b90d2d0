//! A `fmt` layer that prints into memory.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parking_lot::Mutex;
use tracing::Subscriber;
use tracing_subscriber::{Layer, fmt, registry::LookupSpan};

/// All that a [`Printed::layer`] has printed.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).expect("UTF-8")
    }

    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let printed = self.clone();
        fmt::layer().with_ansi(false).with_writer(move || printed.clone())
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

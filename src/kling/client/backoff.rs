//! Delays between attempts. A delay is never shorter than the first one, and grows up to a limit.

use std::time::Duration;

/// Delays that grow by a factor up to a limit.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    factor: f64,
    limit: Duration,
    jitter: bool,
}

impl Backoff {
    fn new(first: Duration, factor: f64, limit: Duration, jitter: bool) -> Backoff {
        // The lower bound prevents a loop without a pause, the upper one an overflow of `mul_f64`, which panics.
        let next = first.clamp(Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
        Backoff { next, factor, limit, jitter }
    }

    /// Delays that double up to a minute. Each is longer by a random part of up to a half, so that many callers that
    /// Kling refused together do not return together.
    pub(crate) fn doubling(first: Duration) -> Backoff {
        Backoff::new(first, 2.0, Duration::from_secs(60), true)
    }

    /// Delays that grow by 1.3 up to 15 seconds.
    pub(crate) fn polling(first: Duration) -> Backoff {
        Backoff::new(first, 1.3, Duration::from_secs(15), false)
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next;
        // A first delay above the limit remains: the caller has chosen it.
        self.next = delay.mul_f64(self.factor).min(self.limit.max(delay));
        match self.jitter {
            true => delay + delay.mul_f64(0.5 * random_fraction()),
            false => delay,
        }
    }
}

/// Returns a random number from 0 to 1, or 0 if the OS has no randomness: a missing jitter is no reason to fail.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubling_delay_doubles_and_is_never_below_the_first() {
        let mut backoff = Backoff::doubling(Duration::from_secs(1));

        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let delay = backoff.delay();

            assert!(
                delay >= Duration::from_secs(seconds) && delay <= Duration::from_secs(seconds).mul_f64(1.5)
            );
        }
    }

    #[test]
    fn a_polling_delay_grows_to_15_seconds() {
        let mut backoff = Backoff::polling(Duration::from_secs(2));

        assert_eq!(backoff.delay(), Duration::from_secs(2));
        assert_eq!(backoff.delay(), Duration::from_millis(2600));
        for _ in 0..20 {
            backoff.delay();
        }
        assert_eq!(backoff.delay(), Duration::from_secs(15));
        assert_eq!(Backoff::polling(Duration::from_secs(20)).delay(), Duration::from_secs(20));
    }

    #[test]
    fn a_delay_has_a_lower_and_an_upper_bound() {
        assert_eq!(Backoff::polling(Duration::ZERO).delay(), Duration::from_millis(1));
        assert!(Backoff::doubling(Duration::MAX).delay() < Duration::from_secs(2 * 24 * 60 * 60));
    }
}

//! How long to wait before the next try. Its promise: never shorter than the first delay, growing up to a limit.

use std::time::Duration;

/// Delays that grow by a factor.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    factor: f64,
    limit: Duration,
    jitter: bool,
}

impl Backoff {
    fn new(first: Duration, factor: f64, limit: Duration, jitter: bool) -> Backoff {
        // Neither asks without a pause, nor multiplies past what a duration can hold.
        let next = first.clamp(Duration::from_millis(1), Duration::from_secs(24 * 60 * 60));
        Backoff { next, factor, limit, jitter }
    }

    /// Doubles up to a minute, each delay longer by up to a half at random, so that many callers that were turned away
    /// together don't come back together.
    pub(crate) fn doubling(first: Duration) -> Backoff {
        Backoff::new(first, 2.0, Duration::from_secs(60), true)
    }

    /// Grows by 1.3 up to 15 seconds.
    pub(crate) fn polling(first: Duration) -> Backoff {
        Backoff::new(first, 1.3, Duration::from_secs(15), false)
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let delay = self.next;
        // A first delay that is longer than the limit stays.
        self.next = delay.mul_f64(self.factor).min(self.limit.max(delay));
        match self.jitter {
            true => delay + delay.mul_f64(0.5 * random_fraction()),
            false => delay,
        }
    }
}

/// Between 0 and 1. Without randomness there is no jitter, which is not worth an error.
fn random_fraction() -> f64 {
    getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_waits_twice_as_long_each_time_and_never_less_than_the_first_delay() {
        let mut backoff = Backoff::doubling(Duration::from_secs(1));

        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let delay = backoff.delay();

            assert!(
                delay >= Duration::from_secs(seconds) && delay <= Duration::from_secs(seconds).mul_f64(1.5)
            );
        }
    }

    #[test]
    fn polling_slows_down_to_15_seconds() {
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
    fn a_delay_is_neither_nothing_nor_for_ever() {
        assert_eq!(Backoff::polling(Duration::ZERO).delay(), Duration::from_millis(1));
        assert!(Backoff::doubling(Duration::MAX).delay() < Duration::from_secs(2 * 24 * 60 * 60));
    }
}

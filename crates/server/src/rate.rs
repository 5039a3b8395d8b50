//! How often a key may be used: the generic cell rate algorithm (ITU-T I.371), which remembers one number a key.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Millis;

/// A minute in microseconds: fine enough for a limit of a million a minute.
const WINDOW: i64 = 60_000_000;

/// A limit of requests a minute. So many may come at once; afterwards they become free again one by one.
#[derive(Debug)]
pub struct Rate {
    per_minute: u32,
    /// When all requests will be free again, in microseconds since 1970.
    free_at: AtomicI64,
}

/// Where a key stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    pub per_minute: u32,
    /// Requests that may follow at once.
    pub remaining: i64,
    /// Seconds until all are free again; of a refused request, until the next is.
    pub reset_secs: i64,
}

impl Rate {
    pub const fn new(per_minute: u32) -> Self {
        Self { per_minute, free_at: AtomicI64::new(0) }
    }

    pub const fn per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Counts a request, or refuses it.
    pub fn spend(&self, now: Millis) -> Result<Spent, Spent> {
        let now = now.0.saturating_mul(1000);
        let each = WINDOW / i64::from(self.per_minute.max(1));
        let next = |free_at: i64| Some(free_at.max(now) + each).filter(|free_at| free_at - now <= WINDOW);
        let spent = |remaining: i64, micros: i64| Spent {
            per_minute: self.per_minute,
            remaining,
            reset_secs: micros.div_euclid(1_000_000) + i64::from(micros % 1_000_000 > 0),
        };
        match self.free_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(before) => {
                let used = before.max(now) + each - now;
                Ok(spent((WINDOW - used) / each, used))
            }
            Err(free_at) => Err(spent(0, free_at + each - now - WINDOW)),
        }
    }

    /// Goes on where `former` stood: a change of the key gives nothing back.
    pub fn go_on(&self, former: &Self) {
        self.free_at.store(former.free_at.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn so_many_pass_at_once_and_then_one_by_one() {
        let rate = Rate::new(60);
        let remaining: Vec<_> = (0..60).map(|_| rate.spend(Millis(0)).expect("passes").remaining).collect();
        assert_eq!(remaining, (0..60).rev().collect::<Vec<_>>());
        assert_eq!(rate.spend(Millis(0)), Err(Spent { per_minute: 60, remaining: 0, reset_secs: 1 }));
        assert!(rate.spend(Millis(999)).is_err());
        assert!(rate.spend(Millis(1000)).is_ok());
        assert!(rate.spend(Millis(1000)).is_err());
        assert_eq!(rate.spend(Millis(120_000)).map(|spent| spent.remaining), Ok(59));
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_twice_the_limit_nor_an_hour_more_than_its_share(
            per_minute in 1u32..500, pauses in proptest::collection::vec(0i64..400, 1..2000),
        ) {
            let rate = Rate::new(per_minute);
            let (mut now, mut passed) = (0, 0i64);
            for pause in pauses {
                now += pause;
                passed += i64::from(rate.spend(Millis(now)).is_ok());
                // What was free at the beginning, and what became free since.
                prop_assert!(passed <= i64::from(per_minute) + now * i64::from(per_minute) / 60_000 + 1);
            }
        }
    }
}

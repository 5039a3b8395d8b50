//! Randomness as a value. Nothing else in the server asks the operating system for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use testward_wire::keytext::ALPHABET;

/// Where random bytes come from: the operating system, or in tests a counter, so that whole answers can be compared.
#[derive(Debug, Clone)]
pub enum Random {
    System,
    Counted(Arc<AtomicU64>),
}

impl Random {
    /// Returns a source that always yields the same bytes. For tests.
    pub fn counted() -> Self {
        Self::Counted(Arc::default())
    }

    /// Fills `buffer`.
    ///
    /// Panics when the operating system has no randomness to give: going on would make guessable secrets.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
    pub fn fill(&self, buffer: &mut [u8]) {
        match self {
            Self::System => getrandom::fill(buffer).expect("the operating system must provide randomness"),
            Self::Counted(counter) => {
                for chunk in buffer.chunks_mut(32) {
                    let block = Sha256::digest(counter.fetch_add(1, Ordering::Relaxed).to_le_bytes());
                    chunk.copy_from_slice(&block[..chunk.len()]);
                }
            }
        }
    }

    /// Returns `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Returns `len` random base62 digits, each equally likely: bytes that would favour some digits are thrown away.
    pub fn base62(&self, len: usize) -> String {
        const UNBIASED: u8 = 248; // the largest multiple of 62 that fits a byte
        let mut text = String::with_capacity(len);
        while text.len() < len {
            let bytes = self.bytes::<64>();
            let digits =
                bytes.iter().filter(|byte| **byte < UNBIASED).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
            text.extend(digits.take(len - text.len()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_favours_no_digit() {
        let text = Random::System.base62(62_000);
        for digit in ALPHABET {
            let times = text.bytes().filter(|it| it == digit).count();
            // 1000 expected, standard deviation 31: seven deviations happen once in 10^11 runs.
            assert!((780..1220).contains(&times), "{} came {times} times", char::from(*digit));
        }
    }

    #[test]
    fn two_secrets_differ() {
        assert_ne!(Random::System.base62(32), Random::System.base62(32));
    }
}

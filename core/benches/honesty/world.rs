//! The worlds that the simulations draw from. Seeded: the same figures come out every time.

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0,1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller, one of the two).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// A judge's score on a rubric from 1 to 5: mean 3.87, sd 1.14.
    pub fn rubric(&mut self) -> f64 {
        let u = self.unit();
        [0.05, 0.13, 0.31, 0.64].iter().take_while(|&&c| u >= c).count() as f64 + 1.0
    }

    /// The same judge where the mean lies `shift` away: some scores move by a point.
    pub fn rubric_moved(&mut self, shift: f64) -> f64 {
        let score = self.rubric();
        // 64 % of the scores can rise by a point, 95 % can fall.
        if shift > 0.0 && score < 5.0 && self.unit() < shift / 0.64 {
            score + 1.0
        } else if shift < 0.0 && score > 1.0 && self.unit() < -shift / 0.95 {
            score - 1.0
        } else {
            score
        }
    }
}

/// The standard deviation of the rubric.
pub const SD: f64 = 1.137;

/// The share of runs in which something holds.
pub fn share(runs: u64, mut holds: impl FnMut() -> bool) -> f64 {
    (0..runs).filter(|_| holds()).count() as f64 / runs as f64
}

//! Choices on a tape: a generator draws from random numbers that are written down. A shorter tape, or one with smaller
//! numbers, plays back as a smaller case (a tape that has run out gives zeros), so shrinking needs to know nothing of the case.

/// Where a generator's choices come from.
pub struct Tape {
    seed: u64,
    random: bool,
    pub choices: Vec<u32>,
    at: usize,
}

impl Tape {
    /// Fresh choices.
    pub fn random(seed: u64) -> Tape {
        Tape {
            seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03,
            random: true,
            choices: Vec::new(),
            at: 0,
        }
    }
    /// Choices made before.
    pub fn replay(choices: &[u32]) -> Tape {
        Tape {
            seed: 0,
            random: false,
            choices: choices.to_vec(),
            at: 0,
        }
    }

    fn next(&mut self) -> u32 {
        if self.random {
            // SplitMix64
            self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            self.choices.push((z ^ (z >> 31)) as u32 >> 8);
        }
        let choice = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        choice
    }

    /// A number below `n`; the smallest tape gives 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n < 2 { 0 } else { self.next() as usize % n }
    }
    /// True in `percent` of 100 cases; the smallest tape gives false.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent.min(100)
    }
    /// One of several; the smallest tape gives the first.
    pub fn pick<'a, X>(&mut self, of: &'a [X]) -> &'a X {
        &of[self.below(of.len())]
    }
    /// One of several names.
    pub fn word(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }
    /// One of several, if there is any.
    pub fn maybe<X: Clone>(&mut self, of: &[X]) -> Option<X> {
        (!of.is_empty()).then(|| self.pick(of).clone())
    }
    /// Another order; the smallest tape keeps the order.
    pub fn shuffle<X>(&mut self, items: &mut [X]) {
        for i in 1..items.len() {
            let j = i - self.below(i + 1);
            items.swap(i, j);
        }
    }
}

/// The smallest choices found within `tries` for which `fails` still holds.
pub fn shrink(mut best: Vec<u32>, tries: usize, mut fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut left = tries;
    let mut attempt = |candidate: &[u32]| {
        left = left.saturating_sub(1);
        (left > 0).then(|| fails(candidate))
    };
    loop {
        let before = best.clone();
        let mut size = (best.len() / 2).max(1);
        loop {
            let mut at = 0;
            while at < best.len() {
                let mut candidate = best.clone();
                candidate.drain(at..(at + size).min(best.len()));
                match attempt(&candidate) {
                    None => return best,
                    Some(true) => best = candidate,
                    Some(false) => at += size,
                }
            }
            if size == 1 {
                break;
            }
            size /= 2;
        }
        for at in 0..best.len() {
            for smaller in [0, best[at] / 2, best[at].saturating_sub(1)] {
                if smaller >= best[at] {
                    continue;
                }
                let mut candidate = best.clone();
                candidate[at] = smaller;
                match attempt(&candidate) {
                    None => return best,
                    Some(true) => {
                        best = candidate;
                        break;
                    }
                    Some(false) => {}
                }
            }
        }
        if best == before {
            return best;
        }
    }
}

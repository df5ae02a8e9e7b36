//! Who gets which variant: a pure function of (salt, unit), the same in every language and in SQL.
//!
//! Law, with pinned vectors. SHA-256 and not BLAKE3, so that a data warehouse can compute an assignment again. This file is
//! the only one that names the crate.

use sha2::{Digest, Sha256};

use super::invalid;
use super::sum::sum;
use crate::error::Result;

/// Buckets of an assignment: weights are hundredths of a per cent.
pub const BUCKETS: u32 = 10_000;
const MOST_BUCKETS: u32 = 1_000_000;
const MOST_VARIANTS: usize = 1000;
/// What weights that are no binary fractions may be off by, in buckets.
const ROUNDING: f64 = 1e-9;

/// What a bucket decides. A unit's buckets for the two are independent, so that letting more units take part moves
/// nobody between the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Whether a unit takes part.
    Exposure,
    /// Which variant it gets.
    Variant,
}

impl Purpose {
    /// As it enters the hash.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Exposure => "exposure",
            Purpose::Variant => "variant",
        }
    }
}

/// The bucket of a unit.
///
/// # Formula
/// message = for each of (purpose, salt, unit): its length in bytes as four bytes, big-endian, then its UTF-8 bytes;
/// bucket = ⌊first 8 bytes of SHA-256(message), big-endian, · buckets / 2⁶⁴⌋. Bytes as they are: no Unicode normalisation, no
/// trimming.
///
/// # Errors
/// `invalid-argument` for an empty unit, or buckets outside 1 to 1,000,000.
///
/// # Source
/// statistics.md (j); reference values from Python's hashlib.
///
/// # Examples
/// ```
/// use trialplate::stats::{BUCKETS, Purpose, assign_bucket};
/// assert_eq!(assign_bucket(Purpose::Variant.as_str(), "exp-1", "user-1", BUCKETS)?, 4267);
/// assert!(assign_bucket("variant", "exp-1", "", BUCKETS).is_err());
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn assign_bucket(purpose: &str, salt: &str, unit: &str, buckets: u32) -> Result<u32> {
    if unit.is_empty() {
        return Err(invalid(
            "unit",
            "a unit has an id; the empty one would put everybody without one together",
        ));
    }
    if !(1..=MOST_BUCKETS).contains(&buckets) {
        return Err(invalid("buckets", format!("there are 1 to {MOST_BUCKETS} buckets")));
    }
    let mut hasher = Sha256::new();
    for part in [purpose, salt, unit] {
        let length = u32::try_from(part.len()).map_err(|_| invalid("unit", "an id is shorter than 4 GiB"))?;
        hasher.update(length.to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    let first = digest.iter().take(8).fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    Ok(((u128::from(first) * u128::from(buckets)) >> 64) as u32)
}

/// Whether a unit takes part, at a coverage of so many of the 10,000 buckets. A higher coverage only lets
/// more units in.
///
/// # Errors
/// `invalid-argument` for an empty unit, or a coverage above 10,000.
///
/// # Source
/// statistics.md (j).
///
/// # Examples
/// ```
/// use trialplate::stats::{BUCKETS, takes_part};
/// assert!(takes_part("exp-1", "user-1", BUCKETS)? && !takes_part("exp-1", "user-1", 0)?);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn takes_part(salt: &str, unit: &str, coverage: u32) -> Result<bool> {
    if coverage > BUCKETS {
        return Err(invalid("coverage", format!("a coverage is 0 to {BUCKETS} buckets")));
    }
    Ok(assign_bucket(Purpose::Exposure.as_str(), salt, unit, BUCKETS)? < coverage)
}

/// Turns weights into whole buckets: largest remainder, ties to the one that comes first.
///
/// # Errors
/// `invalid-argument` if a weight is negative or not finite, all are 0, there are none, or more than 1,000.
///
/// # Source
/// statistics.md (j).
///
/// # Examples
/// ```
/// assert_eq!(trialplate::stats::bucket_counts(&[1.0, 1.0, 1.0], 10_000)?, [3334, 3333, 3333]);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn bucket_counts(weights: &[f64], buckets: u32) -> Result<Vec<u32>> {
    let total = sum(weights.iter().copied());
    let usable = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && total > 0.0 && total.is_finite();
    if !usable {
        return Err(invalid("weights", "weights are finite numbers from 0, and one of them is above it"));
    }
    if weights.len() > MOST_VARIANTS || !(1..=MOST_BUCKETS).contains(&buckets) {
        return Err(invalid("weights", "there are at most 1,000 variants and 1,000,000 buckets"));
    }
    let exact: Vec<f64> = weights.iter().map(|w| w / total * f64::from(buckets)).collect();
    // 1,999.9999999 is 2,000 that a division has touched.
    let whole = |x: f64| libm::floor(x + ROUNDING);
    let mut counts: Vec<u32> = exact.iter().map(|&x| whole(x) as u32).collect();
    let mut left = i64::from(buckets) - counts.iter().map(|&n| i64::from(n)).sum::<i64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // Remainders that differ by a rounding are equal.
    let rest = |i: usize| libm::round((exact[i] - whole(exact[i])) / ROUNDING) as i64;
    order.sort_by_key(|&i| -rest(i));
    for &i in order.iter().cycle().take(weights.len() * 2) {
        if left > 0 && weights[i] > 0.0 {
            counts[i] += 1;
            left -= 1;
        }
    }
    Ok(counts)
}

/// Which variant each bucket gets.
///
/// An experiment stores the table and not cut points, so that new weights move only the units they must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentTable {
    /// (variant, how many buckets), from bucket 0 on.
    runs: Vec<(u32, u32)>,
}

impl AssignmentTable {
    /// Blocks in the order of the variants.
    ///
    /// # Errors
    /// `invalid-argument` as for [`bucket_counts`].
    pub fn new(weights: &[f64]) -> Result<AssignmentTable> {
        AssignmentTable::of_counts(&bucket_counts(weights, BUCKETS)?)
    }

    /// Blocks of so many buckets.
    ///
    /// # Errors
    /// `invalid-argument` as for [`AssignmentTable::from_runs`].
    pub fn of_counts(counts: &[u32]) -> Result<AssignmentTable> {
        AssignmentTable::from_runs((0..).zip(counts.iter().copied()).filter(|(_, n)| *n > 0).collect())
    }

    /// A table as [`AssignmentTable::runs`] showed it. Neighbouring runs of one variant become one.
    ///
    /// # Errors
    /// `invalid-argument` if the runs are empty, or more than 1,000,000 buckets or 1,000 variants.
    pub fn from_runs(runs: Vec<(u32, u32)>) -> Result<AssignmentTable> {
        let buckets: u64 = runs.iter().map(|(_, n)| u64::from(*n)).sum();
        let known = runs.iter().all(|(variant, n)| (*variant as usize) < MOST_VARIANTS && *n > 0);
        if !(1..=u64::from(MOST_BUCKETS)).contains(&buckets) || !known {
            return Err(invalid("table", "a table has 1 to 1,000,000 buckets and at most 1,000 variants"));
        }
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(runs.len());
        for (variant, n) in runs {
            match merged.last_mut() {
                Some((last, total)) if *last == variant => *total += n,
                _ => merged.push((variant, n)),
            }
        }
        Ok(AssignmentTable { runs: merged })
    }

    /// The variant of a unit, by the bucket that [`Purpose::Variant`] gives it.
    ///
    /// # Errors
    /// `invalid-argument` for an empty unit.
    ///
    /// # Examples
    /// ```
    /// use trialplate::stats::AssignmentTable;
    /// // Bucket 4267 of 10,000 lies in the first half.
    /// assert_eq!(AssignmentTable::new(&[1.0, 1.0])?.assign("exp-1", "user-1")?, 0);
    /// # Ok::<(), trialplate::Error>(())
    /// ```
    pub fn assign(&self, salt: &str, unit: &str) -> Result<u32> {
        let bucket = assign_bucket(Purpose::Variant.as_str(), salt, unit, self.buckets())?;
        self.variant(bucket).ok_or_else(|| invalid("table", "the table has no such bucket"))
    }

    /// The variant of every bucket: one look instead of a walk over the runs.
    pub fn lookup(&self) -> Vec<u32> {
        self.runs.iter().flat_map(|&(variant, n)| std::iter::repeat_n(variant, n as usize)).collect()
    }

    /// The buckets whose variant another table of the same size changes, in ascending order.
    pub fn moved_buckets(&self, other: &AssignmentTable) -> Vec<u32> {
        let differ = self.lookup().into_iter().zip(other.lookup()).map(|(a, b)| a != b);
        (0..).zip(differ).filter_map(|(bucket, differs)| differs.then_some(bucket)).collect()
    }

    /// As [`AssignmentTable::reweighted`], from weights.
    ///
    /// # Errors
    /// `invalid-argument` as for [`bucket_counts`].
    ///
    /// # Examples
    /// ```
    /// use trialplate::stats::AssignmentTable;
    /// let old = AssignmentTable::new(&[50.0, 30.0, 20.0])?;
    /// let (new, moved) = old.with_weights(&[30.0, 30.0, 40.0])?;
    /// assert_eq!((moved, old.moved_buckets(&new)[0]), (2000, 3000));
    /// assert_eq!(new.runs(), [(0, 3000), (2, 2000), (1, 3000), (2, 2000)]);
    /// # Ok::<(), trialplate::Error>(())
    /// ```
    pub fn with_weights(&self, weights: &[f64]) -> Result<(AssignmentTable, u32)> {
        self.reweighted(&bucket_counts(weights, self.buckets())?)
    }

    /// (variant, how many buckets), from bucket 0 on.
    pub fn runs(&self) -> &[(u32, u32)] {
        &self.runs
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> u32 {
        self.runs.iter().map(|(_, n)| n).sum()
    }

    /// The variant of a bucket.
    pub fn variant(&self, bucket: u32) -> Option<u32> {
        let mut end = 0;
        self.runs.iter().find_map(|&(variant, n)| {
            end += n;
            (bucket < end).then_some(variant)
        })
    }

    /// How many buckets each of `k` variants has.
    pub fn counts(&self, k: usize) -> Vec<u32> {
        let mut counts = vec![0; k];
        for &(variant, n) in &self.runs {
            if let Some(count) = counts.get_mut(variant as usize) {
                *count += n;
            }
        }
        counts
    }

    /// The table for new counts that moves the fewest buckets: a variant that shrinks gives up its highest buckets, one
    /// that grows takes freed ones from below, in the order of the variants. Also says how many moved.
    ///
    /// # Errors
    /// `invalid-argument` if the counts have another total.
    pub fn reweighted(&self, counts: &[u32]) -> Result<(AssignmentTable, u32)> {
        let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        if total != u64::from(self.buckets()) || counts.len() > MOST_VARIANTS {
            let reason = format!("the new weights fill {total} buckets; the table has {}", self.buckets());
            return Err(invalid("new_counts", reason));
        }
        let most = self.runs.iter().map(|(variant, _)| *variant as usize + 1).max().unwrap_or(0);
        let had = self.counts(most.max(counts.len()));
        let wanted = |variant: usize| counts.get(variant).copied().unwrap_or(0);
        let mut table = self.lookup();
        let mut surplus: Vec<u32> = (0..had.len()).map(|v| had[v].saturating_sub(wanted(v))).collect();
        let moved = surplus.iter().sum();
        let mut freed = Vec::new();
        for bucket in (0..table.len()).rev() {
            let left = &mut surplus[table[bucket] as usize];
            if *left > 0 {
                *left -= 1;
                freed.push(bucket);
            }
        }
        let mut freed = freed.into_iter().rev();
        for (variant, &had) in had.iter().enumerate() {
            for bucket in freed.by_ref().take(wanted(variant).saturating_sub(had) as usize) {
                table[bucket] = variant as u32;
            }
        }
        let table = AssignmentTable::from_runs(table.into_iter().map(|variant| (variant, 1)).collect())?;
        Ok((table, moved))
    }
}

//! One metric's scores in two runs, item by item, and the paired test on them.

use super::table::Table;
use crate::error::Result;
use crate::model::name::ItemKey;
use crate::model::run::Row;
use crate::stats::{self, ClusterMethod, Paired, Status};

/// The scores of one metric, or of one figure: per item its trials in both runs, either of which may be without.
pub(super) struct Column<'k> {
    pub(super) keys: Vec<&'k ItemKey>,
    pub(super) a: Vec<Vec<f64>>,
    pub(super) b: Vec<Vec<f64>>,
    /// Which cluster each item is in, if clusters were asked for.
    pub(super) clusters: Option<Vec<String>>,
}

/// One item with a score in both runs.
pub(super) struct Pair<'k> {
    pub(super) key: &'k ItemKey,
    pub(super) a: f64,
    pub(super) b: f64,
}

impl<'k> Column<'k> {
    pub(super) fn of(
        items: &[(&'k ItemKey, Option<&String>)],
        (a, b): (&Table, &Table),
        value: impl Fn(&Row) -> Option<f64>,
    ) -> Column<'k> {
        let trials = |table: &Table| items.iter().map(|(key, _)| table.trials(key, &value)).collect();
        let clusters: Option<Vec<String>> = items.iter().map(|(_, cluster)| cluster.cloned()).collect();
        Column { keys: items.iter().map(|(key, _)| *key).collect(), a: trials(a), b: trials(b), clusters }
    }

    /// The places of the items that are scored in both runs.
    fn paired(&self) -> impl Iterator<Item = usize> {
        (0..self.keys.len()).filter(|&i| !self.a[i].is_empty() && !self.b[i].is_empty())
    }

    /// The items without a score in the first run, and in the second.
    pub(super) fn missing(&self) -> (u64, u64) {
        let count = |arm: &[Vec<f64>]| arm.iter().filter(|trials| trials.is_empty()).count() as u64;
        (count(&self.a), count(&self.b))
    }

    /// Only the items that are scored in both runs.
    pub(super) fn complete(&self) -> Column<'k> {
        let pick = |arm: &[Vec<f64>]| self.paired().map(|i| arm[i].clone()).collect();
        Column {
            keys: self.paired().map(|i| self.keys[i]).collect(),
            a: pick(&self.a),
            b: pick(&self.b),
            clusters: self.clusters.as_ref().map(|of| self.paired().map(|i| of[i].clone()).collect()),
        }
    }

    pub(super) fn pairs(&self) -> Vec<Pair<'k>> {
        let mean = |trials: &[f64]| stats::mean_sd(trials).map(|found| found.mean);
        let pair = |i: usize| Some(Pair { key: self.keys[i], a: mean(&self.a[i])?, b: mean(&self.b[i])? });
        self.paired().filter_map(pair).collect()
    }

    /// The least and the most score in either run, paired or not.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let all = || self.a.iter().chain(&self.b).flatten().copied();
        Some((all().reduce(f64::min)?, all().reduce(f64::max)?))
    }

    /// The paired test, on items or on clusters of them, and how many clusters there are.
    pub(super) fn test(&self, alpha: f64) -> Result<(Paired, Option<u64>)> {
        let repeats = |arm: &[Vec<f64>]| -> Vec<Vec<Option<f64>>> {
            arm.iter().map(|trials| trials.iter().copied().map(Some).collect()).collect()
        };
        let mut test = stats::paired_repeats(&repeats(&self.a), &repeats(&self.b), alpha)?;
        let Some(clusters) = &self.clusters else { return Ok((test, None)) };
        let pairs = self.pairs();
        let of: Vec<&String> = self.paired().filter_map(|i| clusters.get(i)).collect();
        let clustered = |values: Vec<f64>| stats::paired_clustered(&values, &of, ClusterMethod::Cr2, alpha);
        let spread = |values: Vec<f64>| -> Result<Option<f64>> {
            let found = clustered(values)?;
            Ok(if found.status == Status::ZeroVariance { Some(0.0) } else { found.se })
        };
        let found = clustered(pairs.iter().map(|pair| pair.b - pair.a).collect())?;
        test.se_a = spread(pairs.iter().map(|pair| pair.a).collect())?;
        test.se_b = spread(pairs.iter().map(|pair| pair.b).collect())?;
        // What the items alone say (all moved the same, too few) the clusters can't mend.
        if test.status == Status::Ok {
            test.status = found.status;
            (test.se, test.df, test.t) = (found.se, found.df, found.t);
            (test.p_value, test.ci_low, test.ci_high) = (found.p_value, found.ci_low, found.ci_high);
        }
        Ok((test, Some(found.clusters as u64)))
    }
}

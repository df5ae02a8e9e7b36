//! The law of assignment: a pure function of the experiment's salt, its table of buckets, and the unit.

use super::record::Stored;
use crate::error::{Error, Result};
use crate::model::experiment::{Assignment, ExperimentState};
use crate::model::name::{FOREIGN_ID_RULE, foreign_id};
use crate::stats::{BUCKETS, Purpose, assign_bucket, takes_part};

/// The purpose of the hash that divides a layer among its experiments. Its salt is the layer's name.
const LAYER: &str = "layer";

/// Refuses what can be no unit.
pub(crate) fn check_unit(unit: &str) -> Result<()> {
    if foreign_id(unit) {
        return Ok(());
    }
    let reason = format!("a unit is {FOREIGN_ID_RULE}; it is whom you randomise, such as a user's id");
    Err(Error::InvalidArgument { argument: "unit".to_owned(), reason })
}

/// Why a unit takes no part, if so.
fn why_not(stored: &Stored, unit: &str) -> Result<Option<&'static str>> {
    Ok(match stored.experiment.state {
        ExperimentState::Registered => Some("not-started"),
        ExperimentState::Stopped | ExperimentState::Concluded => Some("ended"),
        ExperimentState::Running => match &stored.plan().layer {
            Some(layer) => {
                let bucket = assign_bucket(LAYER, layer, unit, BUCKETS)?;
                let owned = |(first, n): &(u32, u32)| (*first..first + n).contains(&bucket);
                (!stored.layer.iter().any(owned)).then_some("layer")
            }
            None => (!takes_part(&stored.plan().salt, unit, stored.coverage)?).then_some("coverage"),
        },
    })
}

/// Which variant the law gives a unit, whatever it was exposed to before.
pub(crate) fn by_law(stored: &Stored, unit: &str) -> Result<Assignment> {
    let bucket = assign_bucket(Purpose::Variant.as_str(), &stored.plan().salt, unit, BUCKETS)?;
    let why = why_not(stored, unit)?;
    let variant = stored.table()?.variant(bucket).filter(|_| why.is_none());
    Ok(assignment(stored, unit, bucket, variant.map(|v| v as usize), why))
}

/// The same assignment for a unit that keeps the variant it was exposed to.
pub(crate) fn kept(stored: &Stored, law: &Assignment, variant: usize) -> Assignment {
    assignment(stored, &law.unit, law.bucket, Some(variant), None)
}

fn assignment(
    stored: &Stored,
    unit: &str,
    bucket: u32,
    variant: Option<usize>,
    why: Option<&'static str>,
) -> Assignment {
    let variant = variant.and_then(|position| stored.plan().variants.get(position));
    Assignment {
        experiment: stored.name().clone(),
        unit: unit.to_owned(),
        takes_part: variant.is_some(),
        variant: variant.map(|v| v.name.clone()),
        version: variant.map(|v| v.version),
        bucket,
        why,
    }
}

/// Whether what a unit was exposed to may differ from what the law says now: only then is a look into the store needed.
pub(crate) fn may_be_kept(stored: &Stored, law: &Assignment) -> Result<bool> {
    if !stored.plan().sticky || stored.experiment.state != ExperimentState::Running {
        return Ok(false);
    }
    // A smaller coverage may have left an exposed unit outside.
    if law.why.is_some() {
        return Ok(true);
    }
    let now = stored.table()?.variant(law.bucket);
    Ok(stored.tables.iter().any(|table| table.variant(law.bucket) != now))
}

/// The lowest free buckets of a layer.
///
/// # Errors
/// `layer-full`.
pub(crate) fn take_from_layer(
    layer: &str,
    others: &[Stored],
    mine: &[(u32, u32)],
    wanted: u32,
) -> Result<Vec<(u32, u32)>> {
    let mut owner = vec![false; BUCKETS as usize];
    let mut own = vec![false; BUCKETS as usize];
    let in_layer =
        others.iter().filter(|other| !other.has_ended() && other.plan().layer.as_deref() == Some(layer));
    for (first, n) in in_layer.flat_map(|other| &other.layer) {
        owner[*first as usize..(first + n) as usize].fill(true);
    }
    for (first, n) in mine {
        own[*first as usize..(first + n) as usize].fill(true);
    }
    // Those that it has come first; it gives up its highest and takes the lowest free ones.
    let free = |i: &usize| !owner[*i] && !own[*i];
    let held = (0..own.len()).filter(|i| own[*i]);
    let mut taken: Vec<usize> = held.chain((0..own.len()).filter(free)).take(wanted as usize).collect();
    if taken.len() < wanted as usize {
        let free = taken.len() as f64 / f64::from(BUCKETS);
        return Err(Error::LayerFull { layer: layer.to_owned(), free: free.to_string() });
    }
    taken.sort_unstable();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for bucket in taken {
        match runs.last_mut() {
            Some((first, n)) if *first + *n == bucket as u32 => *n += 1,
            _ => runs.push((bucket as u32, 1)),
        }
    }
    Ok(runs)
}

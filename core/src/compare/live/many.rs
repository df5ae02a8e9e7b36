//! Several metrics over the same calls, in threads, and without a table of who scored what where nobody scored twice.

use super::pile::{Count, Groups, Scale, figures};
use super::{LiveGroup, LiveSummary, Question, summarise};
use crate::error::Result;
use crate::model::trace::Figure;
use crate::stats;
use crate::storage::kv::Read;
use crate::sync::parallel::{each, in_threads, processors};
use crate::traces::{Archive, Live, Packed, Part, fit, waiting_part};

/// So many values are worth a second thread.
const WORTH_A_THREAD: usize = 20_000;
/// So many values are held at once, or those of one metric.
const AT_ONCE: usize = 1 << 22;
/// Of more lists than this one is made, to find a place in.
const MANY_LISTS: usize = 64;

/// Summarises metrics over the same calls, all of them asked in the same way.
pub(crate) fn summarise_all<T: Read + ?Sized>(
    archive: &Archive<'_, T>,
    live: &Live,
    questions: Vec<Question>,
) -> Result<Vec<LiveSummary>> {
    let Some(first) = questions.first() else { return Ok(Vec::new()) };
    let groups = Groups::of(first, live);
    let values = live.rows().max(1);
    let threads = match values * questions.len() < WORTH_A_THREAD {
        true => 1,
        false => processors(),
    };
    let mut made = Vec::with_capacity(questions.len());
    let mut questions = questions.into_iter().peekable();
    while questions.peek().is_some() {
        let some = questions.by_ref().take((AT_ONCE / values).max(1)).collect();
        made.extend(Wave { archive, live, groups: &groups, threads }.summarise(some)?);
    }
    Ok(made)
}

/// Some of the metrics.
struct Wave<'a, 't, T: Read + ?Sized> {
    archive: &'a Archive<'t, T>,
    live: &'a Live,
    groups: &'a Groups,
    threads: usize,
}

/// What is done by whichever thread is free.
enum Task {
    /// A group of a metric: sort it, and take its figures.
    Group(usize, usize),
    /// A metric that is not as simple as that: its scores, if it is none that the calls carry.
    Whole(usize, Option<Packed>),
}

enum Done {
    Group(usize, Vec<f64>, LiveGroup),
    Whole(usize, LiveSummary),
}

impl<T: Read + ?Sized> Wave<'_, '_, T> {
    fn summarise(&self, questions: Vec<Question>) -> Result<Vec<LiveSummary>> {
        let (live, groups) = (self.live, self.groups);
        let parts = self.parts(&questions)?;
        let sizes = groups.sizes(live.rows());
        let scales: Vec<_> = questions
            .iter()
            .zip(&parts)
            .map(|(question, parts)| {
                let values = parts.iter().flatten().flat_map(Part::values);
                question.scale(values.map(|&x| (x, x)).reduce(stats::wider))
            })
            .collect();
        let mut tasks = Vec::new();
        for (i, (question, parts)) in questions.iter().zip(&parts).enumerate() {
            if parts.is_some() {
                tasks.extend((0..sizes.len()).map(|group| Task::Group(i, group)));
            } else {
                let figure = Figure::of(question.metric.as_str()).is_some();
                let packed = (!figure).then(|| live.packed(self.archive, &question.metric));
                tasks.push(Task::Whole(i, packed.transpose()?));
            }
        }
        let done = each(self.threads, &tasks, |task| {
            let (i, group) = match task {
                Task::Group(i, group) => (*i, *group),
                Task::Whole(i, packed) => {
                    let marks = packed.as_ref().map(|packed| live.unpack(packed)).transpose()?;
                    return Ok(Done::Whole(
                        *i,
                        summarise(questions[*i].clone(), live, groups, marks.as_ref())?,
                    ));
                }
            };
            let lists: Vec<&[f64]> = parts[i].iter().flatten().map(|part| part.of(group)).collect();
            let mut values = lists.concat();
            stats::sort(&mut values);
            let count = Count { traces: sizes[group], n: values.len() as u64, missing: 0 };
            let figures = figures(count, &[&values], scales[i]);
            Ok(Done::Group(i, values, LiveGroup { group: groups.name(group), figures }))
        })?;
        drop((parts, tasks));
        let mut sorted: Vec<Vec<(Vec<f64>, LiveGroup)>> = questions.iter().map(|_| Vec::new()).collect();
        let mut wholes: Vec<Option<LiveSummary>> = questions.iter().map(|_| None).collect();
        for done in done {
            match done {
                Done::Group(i, values, group) => sorted[i].push((values, group)),
                Done::Whole(i, summary) => wholes[i] = Some(summary),
            }
        }
        let all: Vec<_> = questions.into_iter().zip(sorted).zip(wholes.into_iter().zip(scales)).collect();
        each(self.threads, &all, |((question, sorted), (whole, scale))| match whole {
            Some(whole) => Ok(whole.clone()),
            None => Ok(together(question, sorted, *scale, live.rows())),
        })
    }

    /// Each metric's values by group, as far as they are numbers, one of a call, from one source, and each call is in one
    /// group.
    fn parts(&self, questions: &[Question]) -> Result<Vec<Option<Vec<Part>>>> {
        let simple = |question: &Question| {
            Figure::of(question.metric.as_str()).is_none()
                && (question.by.is_empty() || self.groups.partition())
        };
        let (of_row, count) = (&self.groups.of_row, self.groups.names.len().max(1));
        let mut waiting = Vec::with_capacity(questions.len());
        let found = in_threads(
            self.threads,
            |give| {
                for (i, question) in questions.iter().enumerate().filter(|(_, question)| simple(question)) {
                    for number in self.live.listed(self.archive, &question.metric)? {
                        give((i, self.live.segment(self.archive, &question.metric, number)?))?;
                    }
                    waiting.push((i, self.live.waiting(self.archive, &question.metric)?));
                }
                Ok(())
            },
            |(i, segment): (usize, Vec<u8>)| Ok((i, self.live.part(&segment, of_row, count)?)),
        )?;
        let mut parts: Vec<Option<Vec<Part>>> =
            questions.iter().map(|question| simple(question).then(Vec::new)).collect();
        let waiting = waiting.into_iter().map(|(i, waiting)| (i, waiting_part(&waiting, of_row, count)));
        for (i, part) in found.into_iter().chain(waiting) {
            parts[i] = parts[i].take().zip(part).map(|(mut parts, part)| {
                parts.push(part);
                parts
            });
        }
        let fitting = |(parts, question): (Option<Vec<Part>>, &Question)| {
            parts.filter(|parts| fit(parts, question.source))
        };
        Ok(parts.into_iter().zip(questions).map(fitting).collect())
    }
}

/// A metric over all calls, out of what it is by group.
fn together(
    question: &Question,
    sorted: &[(Vec<f64>, LiveGroup)],
    scale: Option<Scale>,
    rows: usize,
) -> LiveSummary {
    let mut lists: Vec<&[f64]> = sorted.iter().map(|(values, _)| values.as_slice()).collect();
    let mut one = Vec::new();
    if lists.len() > MANY_LISTS {
        one.extend(lists.iter().copied().flatten());
        stats::sort(&mut one);
        lists = vec![&one];
    }
    let n = lists.iter().map(|list| list.len() as u64).sum();
    let (figures, mut groups) = match (question.by.as_slice(), sorted) {
        ([], [(_, only)]) => (only.figures.clone(), Vec::new()),
        _ => {
            let count = Count { traces: rows as u64, n, missing: 0 };
            let groups = sorted.iter().map(|(_, group)| group).filter(|group| group.figures.traces > 0);
            (figures(count, &lists, scale), groups.cloned().collect())
        }
    };
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    LiveSummary {
        figures,
        groups,
        direction: question.config.as_ref().map(|config| config.direction),
        prompt: question.prompt.clone(),
        metric: question.metric.clone(),
        source: question.source,
        by: question.by.clone(),
    }
}

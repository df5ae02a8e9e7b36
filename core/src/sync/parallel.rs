//! Work for several processors, in threads that end with it. A system that gives no more threads makes it slower and no more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// How many threads are worth having.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Begins so many threads, or as many as there are to have.
fn begin<'scope, 'env, R: Send + 'scope, W: FnOnce() -> R + Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    count: usize,
    work: impl Fn() -> W,
) -> Vec<ScopedJoinHandle<'scope, R>> {
    (0..count).map_while(|_| Builder::new().spawn_scoped(scope, work()).ok()).collect()
}

type Made<R, E> = Result<Vec<(usize, R)>, E>;

/// What threads have made, or an error of one; their panics go on here.
fn end<R, E>(threads: Vec<ScopedJoinHandle<'_, Made<R, E>>>) -> Made<R, E> {
    let (mut made, mut failed) = (Vec::new(), None);
    for thread in threads {
        match thread.join() {
            Ok(Ok(some)) => made.extend(some),
            Ok(Err(error)) => failed = Some(error),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    failed.map_or(Ok(made), Err)
}

fn in_order<R>(mut made: Vec<(usize, R)>) -> Vec<R> {
    made.sort_by_key(|(i, _)| *i);
    made.into_iter().map(|(_, made)| made).collect()
}

/// What `work` makes of each task, in the order of the tasks; this thread works too.
pub(crate) fn each<T: Sync, R: Send, E: Send>(
    threads: usize,
    tasks: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    if threads < 2 || tasks.len() < 2 {
        return tasks.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut made = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(i) else { return Ok::<_, E>(made) };
            made.push((i, work(task)?));
        }
    };
    std::thread::scope(|scope| {
        let others = begin(scope, threads.min(tasks.len()) - 1, || some);
        let own = some();
        let mut made = end(others)?;
        made.extend(own?);
        Ok(in_order(made))
    })
}

/// Takes a task.
pub(crate) type Give<'a, T, E> = &'a mut dyn FnMut(T) -> Result<(), E>;

/// Lets `feed` give tasks, and threads work at them meanwhile; returns what they made, in the order of the tasks. What is
/// given waits until a thread takes it, so that only a few tasks are in memory.
pub(crate) fn in_threads<T: Send, R: Send, E: Send>(
    threads: usize,
    feed: impl FnOnce(Give<'_, T, E>) -> Result<(), E>,
    work: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (sender, receiver) = mpsc::sync_channel::<(usize, T)>(threads);
    // The threads' own: when the last of them has failed, nobody waits to be taken from any more.
    let receiver = Arc::new(Mutex::new(receiver));
    let (mut given, work) = (0, &work);
    let work_through = |receiver: Arc<Mutex<mpsc::Receiver<(usize, T)>>>| {
        let mut made = Vec::new();
        loop {
            let task = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((i, task)) = task else { return Ok(made) };
            made.push((i, work(task)?));
        }
    };
    std::thread::scope(|scope| {
        let begun = begin(scope, if threads < 2 { 0 } else { threads }, || {
            let receiver = receiver.clone();
            move || work_through(receiver)
        });
        drop(receiver);
        if begun.is_empty() {
            let mut made = Vec::new();
            feed(&mut |task| {
                made.push(work(task)?);
                Ok(())
            })?;
            return Ok(made);
        }
        let fed = feed(&mut |task| {
            // Nobody takes it only if the threads have failed, and that error is told below.
            let _ = sender.send((given, task));
            given += 1;
            Ok(())
        });
        drop(sender);
        let made = end(begun)?;
        fed.map(|()| in_order(made))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREADS: [usize; 4] = [0, 1, 2, 7];

    #[test]
    fn what_is_made_is_in_the_order_of_the_tasks() {
        for (threads, tasks) in THREADS.into_iter().flat_map(|t| [0u32, 1, 2, 500].map(|n| (t, n))) {
            let all: Vec<u32> = (0..tasks).collect();
            let twice: Vec<u32> = all.iter().map(|n| n * 2).collect();
            assert_eq!(each(threads, &all, |n| Ok::<_, ()>(n * 2)), Ok(twice.clone()));
            let fed =
                in_threads(threads, |give| all.iter().try_for_each(|n| give(*n)), |n| Ok::<_, ()>(n * 2));
            assert_eq!(fed, Ok(twice));
        }
    }

    #[test]
    fn an_error_is_handed_on_and_ends_it() {
        for threads in THREADS {
            let all: Vec<u32> = (0..300).collect();
            let odd = |n: u32| if n == 170 { Err("odd") } else { Ok(n) };
            assert_eq!(each(threads, &all, |n| odd(*n)), Err("odd"));
            assert_eq!(in_threads(threads, |give| all.iter().try_for_each(|n| give(*n)), odd), Err("odd"));
            // All of them fail, and who feeds is not left waiting.
            let none =
                in_threads(threads, |give| all.iter().try_for_each(|n| give(*n)), |_| Err::<u32, _>("none"));
            assert_eq!(none, Err("none"));
            let fed = in_threads(threads, |give| give(1).and(Err("feeding")), Ok::<u32, _>);
            assert_eq!(fed, Err("feeding"));
        }
    }

    #[test]
    fn a_panic_comes_out_where_it_was_asked_for() {
        for threads in THREADS {
            let all: Vec<u32> = (0..50).collect();
            let panics = |n: u32| if n == 20 { panic!("at 20") } else { Ok::<_, ()>(n) };
            let caught = std::panic::catch_unwind(|| each(threads, &all, |n| panics(*n)));
            assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"at 20"));
        }
    }
}

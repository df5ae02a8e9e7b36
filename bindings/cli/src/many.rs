//! `log-many` and `score-many`: JSON lines, sent in batches as they are read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use serde_json::{Value, json};
use trialplate::Store;

use crate::args::{Global, traces::Many};
use crate::fail::{Failure, Result};
use crate::{input, print, verbs};

/// So many lines are sent at once; a batch is written whole or not at all.
const BATCH: usize = 10_000;

/// Logs calls, and prints their ids when they are on disk.
pub(crate) fn log(a: &Many, global: &Global) -> Result<u8> {
    send(a, global, |store, calls| {
        let ids = verbs::of(store, "log_many", &json!({"calls": calls}))?["trace_ids"].take();
        print::out(&if global.json { print::lines(&ids) } else { print::traces::ids(&ids) })
    })?;
    Ok(0)
}

/// Scores traces, and prints how many scores there were.
pub(crate) fn score(a: &Many, global: &Global) -> Result<u8> {
    let mut count = 0;
    send(a, global, |store, scores| {
        count += verbs::of(store, "score_many", &json!({"scores": scores}))?["scores"].as_u64().unwrap_or(0);
        Ok(())
    })?;
    let count = Value::from(count);
    print::out(&if global.json {
        format!("{}\n", json!({"scores": count}))
    } else {
        format!("{}\n", print::count(&count, "score", "scores"))
    })?;
    Ok(0)
}

fn send(a: &Many, global: &Global, mut batch: impl FnMut(&Store, Vec<Value>) -> Result<()>) -> Result<()> {
    let file = a.lines.as_deref().filter(|file| *file != "-");
    let name = file.unwrap_or("stdin");
    let source: Box<dyn Read> = match file {
        None => Box::new(std::io::stdin()),
        Some(file) => Box::new(File::open(file).map_err(|e| Failure::file(file, e))?),
    };
    let store = verbs::to_write(global)?;
    let (mut values, mut lines, mut last) = (Vec::new(), Vec::new(), 0);
    for line in BufReader::new(source).split(b'\n') {
        last += 1;
        let line = line.map_err(|e| Failure::file(name, e))?;
        let line = std::str::from_utf8(&line).map_err(|_| input::bad(name, last, "it is not UTF-8 text"))?;
        if !line.trim().is_empty() {
            values.push(input::line(line, name, last)?);
            lines.push(last);
        }
        if values.len() == BATCH {
            batch(&store, std::mem::take(&mut values)).map_err(|e| e.within(name, &lines))?;
            lines.clear();
        }
    }
    if !values.is_empty() {
        batch(&store, values).map_err(|e| e.within(name, &lines))?;
    }
    store.close()?;
    Ok(())
}

//! One call of the task: a command, run by the shell, with JSON on stdin.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The core refuses far smaller outputs; what is longer is read and dropped.
const MAX_OUTPUT: u64 = 64 << 20;
/// So much of the end of stderr is kept for its last line.
const MAX_TAIL: usize = 4 << 10;
/// How often it is looked whether a command has ended that closed its stdout and stderr.
const TICK: Duration = Duration::from_millis(1);

/// What a command came to.
pub(super) enum Said {
    /// It went well, and printed this.
    Output(Vec<u8>),
    /// It failed, or took too long.
    Error(String),
    /// The shell did not find it.
    NoCommand(String),
}

pub(super) struct Answer {
    pub(super) said: Said,
    pub(super) took: Duration,
}

/// Runs the command once.
pub(super) fn ask(command: &str, given: String, limit: Option<Duration>) -> std::io::Result<Answer> {
    let begun = Instant::now();
    let left = || limit.map(|limit| limit.saturating_sub(begun.elapsed()));
    let mut child = shell(command).spawn()?;
    let (heard, stderr) = (listen(&mut child, given), Arc::new(Mutex::new(Vec::new())));
    let (sender, closed) = heard;
    keep_tail(&mut child, sender, &stderr);

    let mut output = None;
    let status = loop {
        let next = match left() {
            None => closed.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => closed.recv_timeout(left),
        };
        match next {
            Ok(Some(bytes)) => output = Some(bytes),
            Ok(None) => {}
            // Both are closed, so it is about to end.
            Err(RecvTimeoutError::Disconnected) => break wait(&mut child, left)?,
            Err(RecvTimeoutError::Timeout) => break None,
        }
    };
    let took = begun.elapsed();
    if status.is_none() {
        end(&mut child);
    }
    let last = last_line(&stderr.lock().unwrap_or_else(PoisonError::into_inner));
    let because = |what: String| if last.is_empty() { what } else { format!("{what}: {last}") };
    let said = match status {
        None => {
            Said::Error(because(format!("no answer within {} s", limit.unwrap_or_default().as_secs_f64())))
        }
        Some(status) if status.success() => Said::Output(output.unwrap_or_default()),
        Some(status) => match status.code() {
            Some(126 | 127) => Said::NoCommand(because("the shell can't run it".to_owned())),
            Some(code) => Said::Error(because(format!("exit code {code}"))),
            None => Said::Error(because(status.to_string())),
        },
    };
    Ok(Answer { said, took })
}

fn shell(command: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut shell = Command::new(shell);
    shell.arg(flag).arg(command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

type Closed = (Sender<Option<Vec<u8>>>, std::sync::mpsc::Receiver<Option<Vec<u8>>>);

/// Feeds stdin and reads stdout, each on a thread of its own: a command may do one before the other.
fn listen(child: &mut Child, given: String) -> Closed {
    let (sender, closed) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads nothing is gone before it is fed.
        std::thread::spawn(move || stdin.write_all(given.as_bytes()));
    }
    if let Some(mut stdout) = child.stdout.take() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What breaks off is told by the command's exit code.
            let _ = stdout.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut stdout, &mut std::io::sink());
            let _ = sender.send(Some(bytes));
        });
    }
    (sender, closed)
}

fn keep_tail(child: &mut Child, sender: Sender<Option<Vec<u8>>>, kept: &Arc<Mutex<Vec<u8>>>) {
    let Some(mut stderr) = child.stderr.take() else { return };
    let kept = Arc::clone(kept);
    std::thread::spawn(move || {
        let mut bytes = [0; MAX_TAIL];
        while let Ok(n @ 1..) = stderr.read(&mut bytes) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&bytes[..n]);
            let surplus = kept.len().saturating_sub(MAX_TAIL);
            kept.drain(..surplus);
        }
        let _ = sender.send(None);
    });
}

/// Waits for the end; `None` if the time is over before.
fn wait(child: &mut Child, left: impl Fn() -> Option<Duration>) -> std::io::Result<Option<ExitStatus>> {
    if left().is_none() {
        return child.wait().map(Some);
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if left().is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}

/// Ends the command and all that it started. It stays in this process's group, so that Ctrl-C ends it too; hence
/// its children are looked up.
fn end(child: &mut Child) {
    let pids = descendants(child.id());
    let _ = child.kill();
    if !pids.is_empty() && !cfg!(windows) {
        let pids = pids.iter().map(u32::to_string);
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -KILL \"$@\"", "sh"]).args(pids).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = kill.status();
    }
    let _ = child.wait();
}

/// Where there is no `ps` the command alone is ended.
fn descendants(of: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).stderr(Stdio::null()).output();
    let listed =
        listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let pairs: Vec<(u32, u32)> = listed
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        })
        .collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        let children = pairs.iter().filter(|(pid, of)| *of == parent && !found.contains(pid));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
        at += 1;
    }
    found.split_off(1)
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or_default().to_owned()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn said(command: &str, limit: Option<f64>) -> Answer {
        ask(command, "{\"a\": 1}".to_owned(), limit.map(Duration::from_secs_f64)).unwrap()
    }

    fn error(command: &str, limit: Option<f64>) -> String {
        match said(command, limit).said {
            Said::Error(text) => text,
            _ => panic!("{command} is no error"),
        }
    }

    #[test]
    fn what_commands_come_to() {
        assert!(matches!(said("cat", None).said, Said::Output(bytes) if bytes == b"{\"a\": 1}"));
        assert!(matches!(said("cat", Some(60.0)).said, Said::Output(bytes) if bytes == b"{\"a\": 1}"));
        // It neither reads its stdin nor keeps to one stream, and prints more than a pipe holds.
        let much = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero";
        assert!(matches!(said(much, None).said, Said::Output(bytes) if bytes.len() == 300_000));
        assert_eq!(error("echo one >&2; echo two >&2; echo >&2; exit 3", None), "exit code 3: two");
        assert_eq!(error("exit 3", None), "exit code 3");
        assert!(error("kill -KILL $$", None).contains("signal"));
        assert!(
            matches!(said("no-such-command", None).said, Said::NoCommand(text) if text.contains("no-such-command"))
        );
    }

    #[test]
    fn the_time_is_limited_for_all_that_it_started() {
        let begun = Instant::now();
        assert_eq!(
            error("echo begun >&2; sleep 30 | cat; echo no", Some(0.2)),
            "no answer within 0.2 s: begun"
        );
        assert_eq!(error("exec >&- 2>&-; sleep 30", Some(0.2)), "no answer within 0.2 s");
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(said("sleep 0.1", Some(60.0)).took >= Duration::from_millis(100));
    }
}

//! The built binary, driven as a shell drives it.

// Helpers of tests: a panic is how a test fails, and nothing outside sees them.
#![allow(clippy::unwrap_used, clippy::new_without_default, missing_docs, unreachable_pub)]

mod apply;
mod canaries;
mod doors;
mod eval;
mod gates;
mod help;
mod many;
mod registry;
mod report;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A folder with a store that is not there yet.
pub struct Shop {
    dir: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Said {
    /// Its stdout, if it went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Its stdout as JSON, if it went well.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Its code of exit and what stands between the brackets of `error[...]`.
    pub fn error(&self) -> (i32, &str) {
        let code = self.err.split_once("error[").and_then(|(_, rest)| rest.split_once(']'));
        (self.code, code.map_or("", |(code, _)| code))
    }
}

impl Shop {
    pub fn new() -> Shop {
        Shop { dir: tempfile::tempdir().unwrap() }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self) -> PathBuf {
        self.dir().join("prompts.tp")
    }

    /// The binary in the shop's folder, with an environment that it knows all of.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trialplate"));
        command.args(args).env_clear().env("TRIALPLATE_FILE", "prompts.tp").env("USER", "ada");
        command.current_dir(self.dir());
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        said(self.command(args), "")
    }

    pub fn feed(&self, args: &[&str], input: &str) -> Said {
        said(self.command(args), input)
    }

    /// Runs what must go well.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok()
    }

    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).json()
    }

    pub fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.dir().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

pub fn said(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A verb that reads no stdin may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap_or(-1) }
}

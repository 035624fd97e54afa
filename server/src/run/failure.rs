//! How a command fails: what is said on standard error, and the exit code.

use std::{fmt, process::ExitCode};

use server::config::Problem;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the settings are wrong; a line for each reason. Exit code 2.
    Usage(Vec<String>),
    /// It could not be done. Exit code 1.
    Failed(String),
}

impl Failure {
    /// One thing is wrong with the command line or the settings.
    pub fn usage(line: impl Into<String>) -> Self {
        Self::Usage(vec![line.into()])
    }

    /// It could not be done.
    pub fn failed(what: impl fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Usage(problems.iter().map(ToString::to_string).collect())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        vec![problem].into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(lines) => f.write_str(&lines.join("\n")),
            Self::Failed(what) => f.write_str(what),
        }
    }
}

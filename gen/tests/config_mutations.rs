//! No text makes the configuration loader panic: it loads or says what is wrong.

mod common;

use common::logloom;
use logloom::config::{Configuration, presets, starter};
use proptest::prelude::*;

/// One change to a file.
#[derive(Clone, Debug)]
enum Mutation {
    FlipBit { at: usize, bit: u32 },
    Delete { at: usize, length: usize },
    Insert { at: usize, token: &'static str },
    SwapTokens { first: usize, second: usize },
    Uncomment { line: usize },
}

const TOKENS: &[&str] = &[
    "0",
    "-1",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "0xffffffff",
    "1e400",
    "nan",
    "-inf",
    "\"\"",
    "\"Q99999999999.1\"",
    "\"Q0.0\"",
    "\"2^-0\"",
    "\"2^--3\"",
    "[]",
    "[[",
    "{}",
    "true",
    "\"\"\"",
    "= 4096",
    "\n[array]\n",
    "\nrows = 1\ncolumns = 1\n",
    "\nlayers = [4096, 4096, 4096]\n",
    "\u{feff}",
    "\0",
    "é",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<usize>(), 0..8u32).prop_map(|(at, bit)| Mutation::FlipBit { at, bit }),
        (any::<usize>(), 1..40usize).prop_map(|(at, length)| Mutation::Delete { at, length }),
        (any::<usize>(), prop::sample::select(TOKENS)).prop_map(|(at, token)| Mutation::Insert { at, token }),
        (any::<usize>(), any::<usize>()).prop_map(|(first, second)| Mutation::SwapTokens { first, second }),
        any::<usize>().prop_map(|line| Mutation::Uncomment { line }),
    ]
}

/// Starts and ends of the words between spaces and line ends.
fn tokens(text: &[u8]) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for (at, byte) in text.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            if at > start {
                tokens.push((start, at));
            }
            start = at + 1;
        }
    }
    tokens
}

fn mutate(text: &mut Vec<u8>, mutation: &Mutation) {
    if text.is_empty() {
        return;
    }
    match *mutation {
        Mutation::FlipBit { at, bit } => {
            let at = at % text.len();
            text[at] ^= 1 << bit;
        }
        Mutation::Delete { at, length } => {
            let at = at % text.len();
            let end = (at + length).min(text.len());
            text.drain(at..end);
        }
        Mutation::Insert { at, token } => {
            let at = at % text.len();
            text.splice(at..at, token.bytes());
        }
        Mutation::SwapTokens { first, second } => {
            let tokens = tokens(text);
            if tokens.is_empty() {
                return;
            }
            let (a, b) = (tokens[first % tokens.len()], tokens[second % tokens.len()]);
            let (a, b) = (a.min(b), a.max(b));
            if a.1 <= b.0 {
                let swapped = [&text[..a.0], &text[b.0..b.1], &text[a.1..b.0], &text[a.0..a.1], &text[b.1..]].concat();
                *text = swapped;
            }
        }
        Mutation::Uncomment { line } => {
            let marks: Vec<usize> = (1..text.len()).filter(|at| text[*at] == b'#' && text[at - 1] == b'\n').collect();
            if !marks.is_empty() {
                text.remove(marks[line % marks.len()]);
            }
        }
    }
}

/// A preset, its starter file, or a file without a preset, changed in up to eight places.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let base = (prop::sample::select(presets::NAMES), any::<bool>());
    (base, prop::collection::vec(mutation(), 1..8)).prop_map(|((preset, as_starter), mutations)| {
        let mut text =
            if as_starter { starter::text(preset).into_bytes() } else { presets::text(preset).as_bytes().to_vec() };
        for mutation in &mutations {
            mutate(&mut text, mutation);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn the_loader_never_panics(text in mutated()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        std::fs::write(&path, &text).unwrap();
        match Configuration::load(&path, &[]) {
            Ok(configuration) => {
                let (design, plan) = (configuration.design(), configuration.compiled.plan());
                prop_assert_eq!(design.validate(), Ok(()));
                prop_assert_eq!(design.banks(), plan.banks);
                prop_assert!(u64::from(design.weight_depth) >= plan.weight.depth());
            }
            Err(errors) => {
                prop_assert!(!errors.0.is_empty());
                // Each error on one line, so that editors and scripts can take them apart.
                prop_assert_eq!(errors.to_string().lines().count(), errors.0.len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn the_command_exits_with_0_or_2(text in mutated()) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.toml"), &text).unwrap();
        let output = logloom(folder.path(), &["check", "x.toml"]);
        let error = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => prop_assert!(output.stderr.is_empty()),
            Some(2) => prop_assert!(error.starts_with("error: x.toml") && output.stdout.is_empty(), "{}", error),
            other => prop_assert!(false, "{other:?}: {error}"),
        }
    }
}

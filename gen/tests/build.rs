//! `logloom build`: the words of its errors, and that it goes on where it was stopped. The tools are stand-ins of a few lines of
//! shell, which leave files as Yosys, nextpnr and icepack do.
#![cfg(unix)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use common::transcript;
use logloom::build::{Report, kept};

const CONFIG: &str =
    "preset = \"tiny\"\n[data]\ntrain = \"train.csv\"\ntest = \"train.csv\"\n[build]\nclock_mhz = 48\n";

const YOSYS: &str = r#"[ "$1" = -V ] && { echo "Yosys ${YOSYS_VERSION:-0.0}"; exit 0; }
for script; do :; done
of() { sed -n "s/.*$1 \"\([^\"]*\)\".*/\1/p" "$script"; }
echo yosys >>"$CALLS"
echo '{}' >"$(of write_json)"
echo '{"design": {"num_cells_by_type": {"SB_LUT4": '"${CELLS:-4321}"'}}}' >"$(of 'tee -q -o')"
"#;

/// nextpnr's stand-in; the seed decides the frequency.
const NEXTPNR: &str = r#"[ "$1" = --version ] && { echo "nextpnr ${NEXTPNR_VERSION:-0.0}"; exit 0; }
while [ $# -gt 0 ]; do
  case "$1" in
    --seed) seed=$2 ;;
    --asc) routed=$2 ;;
    --report) report=$2 ;;
  esac
  shift
done
echo "nextpnr $seed" >>"$CALLS"
[ "$NEXTPNR_DIES" = "$seed" ] && exit 134
echo "Info: 	         ICESTORM_LC:  ${LUTS:-4500}/ 7680    58%" >&2
echo "Info: 	        ICESTORM_RAM:    ${RAMS:-12}/   32    37%" >&2
[ -z "$LUTS" ] || { echo "ERROR: Unable to place cell" >&2; exit 1; }
if [ -n "$TOGETHER" ]; then
  touch "$CALLS.$seed"
  patience=300
  while [ "$(ls "$CALLS".* | wc -l)" -lt "$TOGETHER" ]; do
    [ $((patience -= 1)) -gt 0 ] || { echo "ERROR: left alone" >&2; exit 1; }
    sleep 0.1
  done
fi
[ -z "$HANG" ] || { echo half >"$routed"; touch "$CALLS.hangs"; sleep 3; exit 1; }
[ -z "$DIE" ] || { echo half >"$routed"; kill -KILL $$; }
echo "routed with seed $seed" >"$routed"
cat >"$report" <<END
{"fmax": {"clk": {"achieved": 5$seed.25}}, "utilization": {"ICESTORM_LC": {"used": 4500, "available": 7680}},
 "critical_paths": [{"from": "posedge clk", "to": "posedge clk", "path": [
  {"delay": 1.5, "to": {"cell": "u_serial_accelerator.u_accelerator.u_array.g_row[1].g_column[0].u_pe.sum_q_SB_DFF_Q"}},
  {"delay": 18.0, "to": {"cell": "u_serial_accelerator.u_accelerator.u_requantise.g_column[1].u_lane.value_q_SB_DFFSR_Q"}}]}]}
END
"#;

const ICEPACK: &str = r#"[ "$1" = -h ] && { echo "icepack"; exit 1; }
echo icepack >>"$CALLS"
cp "$1" "$2"
"#;

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("x.toml", CONFIG);
        write("train.csv", "0,0,0\n0,1,1\n1,0,1\n1,1,0\n");
        for (name, script) in [("yosys", YOSYS), ("nextpnr", NEXTPNR), ("icepack", ICEPACK)] {
            write(name, &format!("#!/bin/sh\n{script}"));
            let permissions = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(folder.path().join(name), permissions).unwrap();
        }
        Bench { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn build(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments, variables).output().expect("the command starts")
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let tool = |name: &str| self.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_logloom"));
        command
            .args(["build", "x.toml", "-o", "out"])
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env_remove("LOGLOOM_TOOLS")
            .env("LOGLOOM_YOSYS", tool("yosys"))
            .env("LOGLOOM_NEXTPNR_ICE40", tool("nextpnr"))
            .env("LOGLOOM_ICEPACK", tool("icepack"))
            .env("CALLS", tool("calls"))
            .envs(variables.iter().copied());
        command
    }

    /// The calls of tools since the last question.
    fn calls(&self) -> Vec<String> {
        let path = self.path().join("calls");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let _ = std::fs::remove_file(path);
        let mut calls: Vec<String> = text.lines().map(str::to_string).collect();
        // Placements run side by side.
        calls.sort();
        calls
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).unwrap();
    }
}

const HX8K: &[&str] = &["--board", "ice40-hx8k-b-evn"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [HX8K, more].concat()
}

/// What was taken to do a step differs from run to run.
fn without_seconds(text: &str) -> String {
    let line = |line: &str| match line.split_once(": ") {
        Some(("took", took)) => {
            let steps = took.split(", ").map(|step| step.rsplitn(3, ' ').last().unwrap_or_default());
            format!("took: {}", steps.map(|step| format!("{step} (seconds)")).collect::<Vec<_>>().join(", "))
        }
        Some((step, took)) if took.ends_with(" s") => format!("{step}: (seconds)"),
        _ => line.to_string(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

/// Those of the Verilog change with every line of it.
fn without_digests(json: &str) -> String {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    json.split('"').map(|word| if is_digest(word) { "(sha256)" } else { word }).collect::<Vec<_>>().join("\"")
}

#[test]
fn the_fastest_placement_becomes_the_bitstream() {
    let bench = Bench::new();
    insta::assert_snapshot!(without_seconds(&transcript(&bench.build(HX8K, &[]))));
    assert_eq!(bench.calls(), ["icepack", "nextpnr 1", "yosys"]);
    assert_eq!(bench.read("out/build/tiny.bin"), "routed with seed 1\n");
    insta::assert_snapshot!(without_digests(&bench.read("out/build.json")));
    for log in ["yosys.log", "nextpnr-seed-1.log", "pack.log"] {
        assert!(bench.read(&format!("out/build/{log}")).contains("out"), "{log}");
    }
    // What an error of Yosys names can be run again.
    let script = bench.read("out/build/yosys.ys");
    assert!(script.contains("board_top.v") && script.contains("build/yosys.statistics.json"), "{script}");
    let timings: Vec<serde_json::Value> = serde_json::from_str(&bench.read("out/build/timings.json")).unwrap();
    let steps: Vec<_> = timings.iter().map(|took| took["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["synthesise", "place and route seed 1", "pack"]);

    // Two more placements, and nothing else again; the same bytes whichever came first.
    let three = transcript(&bench.build(&with(&["--seeds", "3"]), &[]));
    assert!(three.starts_with("exit code 0"), "{three}");
    assert!(three.contains("Fmax                52.25 MHz (51.25 .. 53.25, 3 seeds)\n"), "{three}");
    assert_eq!(bench.calls(), ["icepack", "nextpnr 2", "nextpnr 3"]);
    assert_eq!(bench.read("out/build/tiny.bin"), "routed with seed 3\n");
    let json = bench.read("out/build.json");
    assert!(bench.build(&with(&["--seeds", "3"]), &[]).status.success());
    assert_eq!((bench.calls(), bench.read("out/build.json")), (vec![], json.clone()));
    let other = Bench::new();
    assert!(other.build(&with(&["--seeds", "3"]), &[]).status.success());
    assert!(other.read("out/build.json") == json);
}

#[test]
fn a_killed_build_goes_on_where_it_was() {
    let bench = Bench::new();
    let output = bench.build(HX8K, &[("DIE", "1")]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words.contains("error: nextpnr-ice40 failed with signal: 9") && words.contains("nextpnr-seed-1.log"),
        "{words}"
    );
    assert_eq!(bench.calls(), ["nextpnr 1", "yosys"]);
    assert!(!bench.path().join("out/build.json").exists());
    let output = bench.build(HX8K, &[]);
    assert!(output.status.success(), "{}", transcript(&output));
    assert_eq!(bench.calls(), ["icepack", "nextpnr 1"]);
    assert_eq!(bench.read("out/build/tiny.bin"), "routed with seed 1\n");
}

/// What `make bench` keeps is what was built, and `make bench-check` sees what became worse.
#[test]
fn a_build_is_judged_by_the_one_that_is_kept() {
    let bench = Bench::new();
    let built = |variables: &[(&str, &str)]| -> Report {
        let output = bench.build(HX8K, variables);
        assert!(output.status.success(), "{}", transcript(&output));
        serde_json::from_str(&bench.read("out/build.json")).unwrap()
    };
    let before = built(&[]);
    kept::keep(bench.path(), "digits-x", &before).unwrap();
    assert_eq!(bench.read("digits-x.json"), bench.read("out/build.json"));
    let before = kept::load(bench.path(), "digits-x").unwrap();
    let judged = kept::judge("digits-x", &before, &built(&[("YOSYS_VERSION", "0.1")]));
    assert_eq!(
        (judged.worse.len(), judged.remarks),
        (0, vec!["digits-x: built with yosys `Yosys 0.1`, kept with `Yosys 0.0`".into()])
    );
    let judged = kept::judge("digits-x", &before, &built(&[("YOSYS_VERSION", "0.2"), ("CELLS", "4500")]));
    assert_eq!(judged.worse, ["digits-x: 4500 LUTs against 4321 kept (ratio 1.041): more than 3 % more"]);
}

/// Each stand-in waits for the others.
#[test]
fn placements_run_side_by_side() {
    let bench = Bench::new();
    let output = bench.build(&with(&["--seeds", "3"]), &[("TOGETHER", "3"), ("RAYON_NUM_THREADS", "3")]);
    assert!(output.status.success(), "{}", transcript(&output));
}

#[test]
fn a_change_repeats_only_what_depends_on_it() {
    let bench = Bench::new();
    let constraints = Path::new(env!("CARGO_MANIFEST_DIR")).join("../constraints");
    let original =
        |ending: &str| std::fs::read_to_string(constraints.join(format!("ice40-hx8k-b-evn.{ending}"))).unwrap();
    bench.write("mine.toml", &original("toml"));
    bench.write("mine.pcf", &original("pcf"));
    let calls = |variables: &[(&str, &str)]| {
        let output = bench.build(&["--board", "mine.toml"], variables);
        assert!(output.status.success(), "{}", transcript(&output));
        bench.calls()
    };
    assert_eq!(calls(&[]), ["icepack", "nextpnr 1", "yosys"]);
    // What is no matter of hardware.
    let json = bench.read("out/build.json");
    bench.write("x.toml", &format!("{CONFIG}[training]\nepochs = 7\n"));
    assert!(calls(&[]).is_empty());
    assert_ne!(bench.read("out/build.json"), json);
    // The stand-ins leave the same files whatever they are given, so that nothing after them is done again but the bitstream.
    bench.write("mine.pcf", &format!("{}# moved\n", original("pcf")));
    assert_eq!(calls(&[]), ["icepack", "nextpnr 1"]);
    bench.write("x.toml", &format!("{CONFIG}[array]\nrows = 3\n"));
    assert_eq!(calls(&[]), ["icepack", "yosys"]);
    // The clock is in the Verilog, as the PLL, and nextpnr is told it.
    bench.write("x.toml", &CONFIG.replace("48", "36").replace("[build]", "[array]\nrows = 3\n[build]"));
    assert_eq!(calls(&[]), ["icepack", "nextpnr 1", "yosys"]);
    assert_eq!(calls(&[("YOSYS_VERSION", "0.1")]), ["icepack", "yosys"]);
    assert_eq!(calls(&[("YOSYS_VERSION", "0.1"), ("NEXTPNR_VERSION", "0.1")]), ["icepack", "nextpnr 1"]);
    assert!(calls(&[("YOSYS_VERSION", "0.1"), ("NEXTPNR_VERSION", "0.1")]).is_empty());
}

/// The command itself, while a tool runs.
#[test]
fn a_killed_command_goes_on_where_it_was() {
    let bench = Bench::new();
    let mut child = bench.command(HX8K, &[("HANG", "1")]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let hangs = bench.path().join("calls.hangs");
    while !hangs.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the command has ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // How far the tool is can be read while it runs.
    assert!(bench.read("out/build/nextpnr-seed-1.log").contains("ICESTORM_LC:  4500/"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bench.calls(), ["nextpnr 1", "yosys"]);
    let output = bench.build(HX8K, &[]);
    assert!(output.status.success(), "{}", transcript(&output));
    assert_eq!(bench.calls(), ["icepack", "nextpnr 1"]);
    assert_eq!(bench.read("out/build/tiny.bin"), "routed with seed 1\n");
}

#[test]
fn damaged_files_are_made_again() {
    let bench = Bench::new();
    assert!(bench.build(HX8K, &[]).status.success());
    bench.calls();
    let cases: [(&str, &[&str]); 4] = [
        ("out/build/seed-1.asc", &["icepack", "nextpnr 1"]),
        ("out/build/netlist.json", &["icepack", "yosys"]),
        ("out/build/tiny.bin", &["icepack"]),
        ("out/build/steps/synthesise.json", &["icepack", "yosys"]),
    ];
    for (file, calls) in cases {
        let good = bench.read(file);
        for bad in ["", "{", &good[..good.len() / 2]] {
            std::fs::write(bench.path().join(file), bad).unwrap();
            let output = bench.build(HX8K, &[]);
            assert!(output.status.success(), "{file}: {}", transcript(&output));
            assert_eq!(bench.calls(), calls, "{file} with {bad:?}");
        }
    }
}

#[test]
fn unknown_board() {
    let bench = Bench::new();
    insta::assert_snapshot!(transcript(&bench.build(&["--board", "icebraker"], &[])));
}

#[test]
fn board_file_with_a_mistake() {
    let bench = Bench::new();
    std::fs::write(bench.path().join("mine.toml"), "name = \"Mine\"\nfabric = \"ice40\"\nclock = 12\n").unwrap();
    insta::assert_snapshot!(transcript(&bench.build(&["--board", "mine.toml"], &[])));
}

#[test]
fn baud_that_the_clock_does_not_give() {
    let bench = Bench::new();
    std::fs::write(bench.path().join("x.toml"), format!("{CONFIG}[link]\nbaud = 5000000\n")).unwrap();
    insta::assert_snapshot!(transcript(&bench.build(HX8K, &[])));
}

/// What the other seeds gave is not thrown away.
#[test]
fn a_placement_that_fails_is_left_out() {
    let bench = Bench::new();
    let output = bench.build(&with(&["--seeds", "3"]), &[("NEXTPNR_DIES", "3")]);
    let words = transcript(&output);
    assert!(words.starts_with("exit code 0") && words.contains("place and route seed 3: left out: "), "{words}");
    assert!(words.contains("Fmax                51.75 MHz (51.25 .. 52.25, 2 seeds)\n"), "{words}");
    assert_eq!(bench.read("out/build/tiny.bin"), "routed with seed 2\n");
}

/// A bitstream is never that of other sources than those beside it.
#[test]
fn a_build_that_fails_leaves_no_bitstream() {
    let bench = Bench::new();
    assert!(bench.build(HX8K, &[]).status.success());
    std::fs::write(bench.path().join("x.toml"), CONFIG.replace("48", "75")).unwrap();
    assert!(!bench.build(HX8K, &[]).status.success());
    assert!(!bench.path().join("out/build/tiny.bin").exists() && !bench.path().join("out/build.json").exists());
}

#[test]
fn sprams_that_a_device_has_not() {
    let bench = Bench::new();
    let spram = CONFIG.replace("[data]", "[memory]\nweight_codes = \"spram\"\n[data]");
    std::fs::write(bench.path().join("x.toml"), &spram).unwrap();
    insta::assert_snapshot!(transcript(&bench.build(HX8K, &[])));
    // tiny has four banks.
    std::fs::write(bench.path().join("x.toml"), spram.replace("[memory]", "[array]\nrows = 8\n[memory]")).unwrap();
    insta::assert_snapshot!(transcript(&bench.build(&["--board", "icebreaker"], &[])));
}

#[test]
fn multiplier_blocks_that_a_device_has_not() {
    let bench = Bench::new();
    let blocks = "[arithmetic]\nfamily = \"exact\"\nform = \"block\"\nstages = 2\n[data]";
    std::fs::write(bench.path().join("x.toml"), CONFIG.replace("[data]", blocks)).unwrap();
    insta::assert_snapshot!(transcript(&bench.build(HX8K, &[])));
}

#[test]
fn clock_that_the_pll_cannot_make() {
    let bench = Bench::new();
    std::fs::write(bench.path().join("x.toml"), CONFIG.replace("48", "7.5")).unwrap();
    insta::assert_snapshot!(transcript(&bench.build(HX8K, &[])));
}

#[test]
fn clock_that_is_not_reached() {
    let bench = Bench::new();
    std::fs::write(bench.path().join("x.toml"), CONFIG.replace("48", "75")).unwrap();
    insta::assert_snapshot!(without_seconds(&transcript(&bench.build(HX8K, &[]))));
}

#[test]
fn design_that_does_not_fit() {
    let bench = Bench::new();
    let variables = [("LUTS", "9123"), ("RAMS", "34")];
    insta::assert_snapshot!(without_seconds(&transcript(&bench.build(HX8K, &variables))));
}

/// A board with LUTs enough and too few block memories is not proposed.
#[test]
fn memories_that_do_not_fit() {
    let bench = Bench::new();
    let variables = [("LUTS", "5000"), ("RAMS", "40")];
    insta::assert_snapshot!(without_seconds(&transcript(&bench.build(HX8K, &variables))));
}

#[test]
fn design_that_fits_no_board() {
    let bench = Bench::new();
    insta::assert_snapshot!(without_seconds(&transcript(&bench.build(HX8K, &[("LUTS", "123456")]))));
}

#[test]
fn link_of_no_board() {
    let bench = Bench::new();
    for link in ["axi", "wishbone", "spi"] {
        std::fs::write(bench.path().join("x.toml"), format!("{CONFIG}[link]\nkind = \"{link}\"\n")).unwrap();
        insta::assert_snapshot!(format!("link_of_no_board_{link}"), transcript(&bench.build(HX8K, &[])));
        assert!(bench.calls().is_empty() && !bench.path().join("out").exists());
    }
}

#[test]
fn folder_with_foreign_files() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path().join("out")).unwrap();
    std::fs::write(bench.path().join("out/thesis.txt"), "years of work").unwrap();
    insta::assert_snapshot!(transcript(&bench.build(HX8K, &[])));
    assert!(bench.calls().is_empty());
}

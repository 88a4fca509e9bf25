//! Multipliers of the user's own: the words of every error, and that one that is exact trains like the built-in family.

mod common;

use std::path::{Path, PathBuf};
use std::process::Output;

use logloom::flow::Tool;
use logloom::flow::testing::needs;

use common::{copy, logloom_with_tools as logloom, transcript};

/// What a guest needs besides its own lines.
const PRESET: &str = "preset = \"exact8\"\n[arithmetic]\nfamily = \"guest\"\n[guest]\n";

/// An exact unit of 8 bits.
const EXACT: &str = "\
module mul(A, B, O);
  input signed [7:0] A;
  input signed [7:0] B;
  output signed [15:0] O;
  assign O = A * B;
endmodule
";

const LINES: &str = "verilog = \"mul.v\"\nmodule = \"mul\"\noperands = \"signed\"\noperand_bits = 8\n";

/// A folder with `x.toml`, `mul.v` and other files.
fn folder(lines: &str, verilog: &str, files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), format!("{PRESET}{lines}")).unwrap();
    std::fs::write(folder.path().join("mul.v"), verilog).unwrap();
    for (name, contents) in files {
        std::fs::write(folder.path().join(name), contents).unwrap();
    }
    folder
}

/// What `logloom check` says; the guest's own lines and Verilog stand above it for the reader.
fn check(lines: &str, verilog: &str, files: &[(&str, &[u8])]) -> String {
    let folder = folder(lines, verilog, files);
    let output = logloom(folder.path(), &["check", "x.toml"]);
    assert!(output.stdout.is_empty(), "no data beside an error");
    let files = files.iter().filter(|(name, _)| name.ends_with(".c"));
    let files: String = files.map(|(_, contents)| String::from_utf8_lossy(contents)).collect();
    format!("{lines}\n{verilog}{files}\n{}", transcript(&output))
}

macro_rules! golden {
    ($($name:ident: $tools:expr, $lines:expr, $verilog:expr $(, $file:expr)*;)*) => {$(
        #[test]
        fn $name() {
            if needs(&$tools) {
                insta::assert_snapshot!(check($lines, $verilog, &[$($file),*]));
            }
        }
    )*};
}

const SIMULATED: [Tool; 4] = [Tool::Yosys, Tool::Verilator, Tool::Make, Tool::Cxx];

/// The lines of [`LINES`] and more.
macro_rules! lines {
    ($more:expr) => {
        &format!("{LINES}{}\n", $more)
    };
}

/// A unit with this body, and ports of 8 bits and of 16.
fn unit(body: &str) -> String {
    format!("module mul(input [7:0] A, input [7:0] B, output [15:0] O);\n{body}\nendmodule\n")
}

fn clocked(body: &str) -> String {
    format!(
        "module mul(input clk, input signed [7:0] A, input signed [7:0] B, output reg signed [15:0] O);\n{body}\nendmodule\n"
    )
}

golden! {
    nothing_said: [], "", EXACT;
    clock_without_a_latency: [], lines!("clock = \"clk\""), EXACT;
    latency_without_a_clock: [], lines!("latency = 1"), EXACT;
    table_and_function: [], lines!("table = \"x.npy\"\nc = \"x.c\""), EXACT;
    function_of_no_file: [], lines!("function = \"f\""), EXACT;
    not_an_identifier: [], lines!("a = \"a b\""), EXACT;
    missing_verilog: [], &LINES.replace("mul.v", "none.v"), EXACT;
    another_file_included: [Tool::Yosys], LINES, "`include \"other.v\"\n";
    unparsable: [Tool::Yosys], LINES, &EXACT.replace("assign O =", "assign O");
    unknown_module: [Tool::Yosys], &LINES.replace("\"mul\"", "\"mull\""), EXACT;
    missing_port: [Tool::Yosys], lines!("product = \"P\""), EXACT;
    output_for_an_operand: [Tool::Yosys], lines!("b = \"O\""), EXACT;
    port_too_many: [Tool::Yosys], LINES, &EXACT.replace("(A, B, O);", "(A, B, O, rst);\n  input rst;");
    wrong_width: [Tool::Yosys], &LINES.replace("operand_bits = 8", "operand_bits = 9"), EXACT;
    latch: [Tool::Yosys], LINES, &unit("reg l;\nalways @(*)\n  if (A[0]) l = B[0];\nassign O = {15'd0, l};");
    combinational_loop: [Tool::Yosys], LINES, &unit("wire x = A[0] & x;\nassign O = {15'd0, x};");
    undriven: [Tool::Yosys], LINES, &unit("wire x;\nassign O = {A[6:0] & B[6:0], 8'd0, x};");
    register_without_a_latency: [Tool::Yosys], LINES,
        &unit("reg [15:0] p;\nalways @(posedge A[0]) p <= A * B;\nassign O = p;");
    clock_that_falls: [Tool::Yosys], lines!("clock = \"clk\"\nlatency = 1"), &clocked("always @(negedge clk) O <= A * B;");
    latency_without_a_register: [Tool::Yosys], lines!("clock = \"clk\"\nlatency = 1"), &clocked("always @(*) O = A * B;");
    module_of_a_name_of_ours: [Tool::Yosys, Tool::Verilator, Tool::Make, Tool::Cxx],
        &LINES.replace("\"mul\"", "\"PE\""), &EXACT.replace("mul", "PE");
    module_of_a_name_around_a_unit: [Tool::Yosys],
        &LINES.replace("\"mul\"", "\"unit\""), &EXACT.replace("mul", "unit");
    module_of_a_name_that_is_put_into_cells: [Tool::Yosys],
        &LINES.replace("\"mul\"", "\"add_subtract\""), &EXACT.replace("mul", "add_subtract");
    module_of_the_name_of_a_cell: [Tool::Yosys], &LINES.replace("\"mul\"", "\"SB_LUT4\""), &EXACT.replace("mul", "SB_LUT4");
    module_of_a_keyword_of_systemverilog: SIMULATED, &LINES.replace("\"mul\"", "\"logic\""), &EXACT.replace("mul", "logic");
    product_of_zero_as_stated: [&SIMULATED[..], &[Tool::Cc]].concat(), lines!("c = \"x.c\""), &EXACT.replace("A * B", "A * B + 1"), ("x.c", b"int mul(int a, int b) { return a * b + 1; }\n");
    formats_of_another_width: [Tool::Yosys], lines!("[formats]\nactivation = \"Q5.3\"\ngradient = \"Q0.8\""), EXACT;
    another_latency: SIMULATED, lines!("clock = \"clk\"\nlatency = 2"), &clocked("always @(posedge clk) O <= A * B;");
    products_that_remember: SIMULATED, lines!("clock = \"clk\"\nlatency = 1"),
        &clocked("always @(posedge clk) O <= O + A * B;");
    directive_for_synthesis: SIMULATED, LINES, &EXACT.replace("  assign O = A * B;",
        "`ifdef SYNTHESIS\n  assign O = A * B + (A == 3 ? B : 0);\n`else\n  assign O = A * B;\n`endif");
    case_that_is_called_full: SIMULATED, LINES,
        &unit("reg [15:0] p;\nalways @* begin\n  p = 0;\n  case (B[1:0]) // synopsys full_case\n    0: p = 0;\n    1: p = A;\n    2: p = A << 1;\n  endcase\nend\nassign O = p;");
    memory_without_contents: SIMULATED, LINES,
        &unit("reg m [0:255];\ninitial m[3] = 1;\nassign O = {A[6:0] & B[6:0], 8'd0, m[A] & A != 0 & B != 0};");
    race: SIMULATED, lines!("clock = \"clk\"\nlatency = 1"),
        &clocked("reg signed [7:0] a, b;\nalways @(posedge clk) O = a * b;\nalways @(posedge clk) begin\n  a = A;\n  b = B;\nend");
    register_fed_back: [Tool::Yosys], lines!("clock = \"clk\"\nlatency = 1"),
        &clocked("reg [17:0] turn = 0;\nalways @(posedge clk) begin\n  turn <= turn + 1;\n  O <= A * B + &turn;\nend");
    one_port_for_both_operands: [Tool::Yosys], lines!("a = \"A\"\nb = \"A\""), EXACT;
    clock_as_an_operand: [Tool::Yosys], lines!("clock = \"clk\"\nlatency = 1"),
        &clocked("reg signed [15:0] p;\nalways @(posedge clk) p <= A * B;\nalways @* O = clk ? 0 : p;");
    quotient_by_zero: SIMULATED, &LINES.replace("\"signed", "\"unsigned"), &unit("assign O = A * B - (A % B);");
    delay: SIMULATED, LINES, &EXACT.replace("assign O", "assign #1 O");
    empty_module: [Tool::Yosys], LINES,
        &(unit("wire x;\nempty e (x);\nassign O = {A[6:0] & B[6:0], 8'd0, x};") + "module empty(output y);\nendmodule\n");
    submodule_that_is_kept_apart: [Tool::Yosys], LINES,
        &(unit("part p (A, B, O);\n") + "(* keep_hierarchy *)\nmodule part(input [7:0] a, b, output [15:0] o);\n  assign o = {a & b, 8'd0};\nendmodule\n");
    system_task: [Tool::Yosys], LINES, &EXACT.replace("endmodule", "  initial $finish;\nendmodule");
    unknown_products: SIMULATED, LINES, &unit("assign O = A[0] ? 16'bx : 16'd0;");
    product_of_zero: SIMULATED, LINES, &unit("assign O = {8'd0, A | B};");
    table_that_is_none: [Tool::Yosys], lines!("table = \"x.npy\""), EXACT, ("x.npy", b"PNG");
    table_of_fractions: [Tool::Yosys], lines!("table = \"x.npy\""), EXACT, ("x.npy", &npy("<f4", [2, 2], &[0; 16]));
    table_of_truth_values: [Tool::Yosys], lines!("table = \"x.npy\""), EXACT, ("x.npy", &npy("|b1", [2, 2], &[0; 4]));
    table_of_objects: [Tool::Yosys], lines!("table = \"x.npy\""), EXACT, ("x.npy", &npy("|O", [2, 2], &[0; 4]));
    table_of_another_shape: [Tool::Yosys], lines!("table = \"x.npy\""), EXACT, ("x.npy", &npy("<i4", [2, 2], &[0; 16]));
    table_beyond_the_port: [Tool::Yosys], lines!("table = \"x.npy\""), EXACT, ("x.npy", &npy("<i4", [256, 256], &[1; 4 << 16]));
    function_of_another_name: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT, ("x.c", b"int f(int a, int b) { return a * b; }\n");
    function_that_crashes: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT, ("x.c", b"int mul(int a, int b) { if (b == -3) *(volatile int*)0 = a; return a * b; }\n");
    function_that_never_returns: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT,
        ("x.c", b"int mul(int a, int b) { for (volatile int i = 0; a == -1 && b == 7;) i = i; return a * b; }\n");
    function_of_floating_point: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT, ("x.c", b"double mul(double a, double b) { return a * b; }\n");
    function_without_a_product: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT, ("x.c", b"void mul(int a, int b) {}\n");
    function_of_one_operand: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT, ("x.c", b"int mul(int a) { return a; }\n");
    function_of_a_library: [&SIMULATED[..], &[Tool::Cc]].concat(), lines!("c = \"x.c\""), EXACT,
        ("x.c", b"#include <math.h>\nint mul(int a, int b) { return (int)floor(1.5 * (a & 1)) + a * b; }\n");
    function_that_calls_what_is_not_there: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT,
        ("x.c", b"int my_mul(int a, int b);\nint mul(int a, int b) { return my_mul(a, b); }\n");
    unit_that_is_kept_apart: [Tool::Yosys], LINES, &EXACT.replace("module mul", "(* keep_hierarchy *) module mul");
    black_box_of_the_name_of_a_cell: [Tool::Yosys], LINES, &format!("(* blackbox *)\nmodule SB_LUT4(input a);\nendmodule\n{EXACT}");
    function_that_ends_the_program: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT,
        ("x.c", b"#include <stdlib.h>\nint mul(int a, int b) { exit(0); }\n");
    function_that_remembers: [Tool::Yosys, Tool::Cc], lines!("c = \"x.c\""), EXACT,
        ("x.c", b"int mul(int a, int b) { static int calls; return ++calls > 65536 && a == 5 && b == 3 ? 0 : a * b; }\n");
}

/// In the compiler's words.
#[test]
fn function_that_does_not_compile() {
    if needs(&[Tool::Yosys, Tool::Cc]) {
        let folder = folder(lines!("c = \"x.c\""), EXACT, &[("x.c", b"int mul(int a, int b) {\n  return a * c; }\n")]);
        let words = transcript(&logloom(folder.path(), &["check", "x.toml"]));
        let begins = "exit code 2\n--- stderr\nerror: x.toml:9: guest.c: x.c: does not compile: x.c:2:";
        assert!(words.starts_with(begins) && words.contains("error: "), "{words}");
        std::fs::write(folder.path().join("x.c"), "#include \"x.h\"\nint mul(int a, int b) { return a * b; }\n")
            .unwrap();
        std::fs::write(folder.path().join("x.h"), "#error no target\n").unwrap();
        let words = transcript(&logloom(folder.path(), &["check", "x.toml"]));
        assert!(words.contains("x.c: does not compile: ") && words.contains("x.h:1:"), "{words}");
    }
}

/// A NumPy array of these bytes.
fn npy(element: &str, shape: [usize; 2], data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': {shape:?}, }}\n")
        .replace('[', "(")
        .replace(']', ")");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// Products of operands of 8 bits by bit patterns.
fn table(product: impl Fn(i8, i8) -> i32) -> Vec<u8> {
    let products = (0..=255).flat_map(|a: u8| (0..=255).map(move |b: u8| (a as i8, b as i8)));
    let data: Vec<u8> = products.flat_map(|(a, b)| product(a, b).to_le_bytes()).collect();
    npy("<i4", [256, 256], &data)
}

fn state(output: &Output) -> String {
    assert!(output.status.success(), "{}", transcript(output));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    said["state_sha256"].as_str().unwrap().to_owned()
}

/// What a unit prints while it is simulated is not taken for its products.
#[test]
fn a_unit_may_print() {
    if !needs(&SIMULATED) {
        return;
    }
    let verilog = EXACT.replace("endmodule", "  always @* $display(\"differs 1 2 3 4\");\nendmodule");
    let folder = folder(LINES, &verilog, &[]);
    let checked = logloom(folder.path(), &["check", "x.toml"]);
    assert!(checked.status.success(), "{}", transcript(&checked));
}

/// The digits of the preset lie beside the examples.
fn with_digits(lines: &str, verilog: &str, files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = folder(lines, verilog, files);
    copy(&examples().join("data/digits"), &folder.path().join("data/digits"));
    std::fs::write(folder.path().join("exact.toml"), "preset = \"exact8\"\n").unwrap();
    folder
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// However the products are stated, and whatever runs the programs.
#[test]
fn an_exact_guest_trains_like_the_family() {
    if !needs(&[&SIMULATED[..], &[Tool::Cc]].concat()) {
        return;
    }
    let table = table(|a, b| i32::from(a) * i32::from(b));
    // As programs of their own have it.
    let c = b"#include <stdint.h>\n#define BITS 4\n#define SIGNED 0\nstatic int results;\n\
        int16_t mul(int8_t A, int8_t B) { return A * B; }\nint main(void) { return results; }\n";
    let verilog = format!("`timescale 1ns / 1ps\n{EXACT}");
    let folder = with_digits(LINES, &verilog, &[("x.npy", &table), ("x.c", c)]);
    let train = |config: &str, target: &str| {
        let run = format!("run-{config}-{target}");
        state(&logloom(folder.path(), &["train", config, "--target", target, "--epochs", "1", "--json", "-o", &run]))
    };
    let expected = train("exact.toml", "model");
    for (name, more) in [("table.toml", "table = \"x.npy\"\n"), ("c.toml", "c = \"x.c\"\n"), ("x.toml", "")] {
        std::fs::write(folder.path().join(name), format!("{PRESET}{LINES}{more}")).unwrap();
        assert_eq!(train(name, "model"), expected, "{name}");
    }
    for target in ["sim", "verilator"] {
        assert_eq!(train("x.toml", target), expected, "{target}");
    }
    let verify = |config: &str| {
        let arguments = ["verify", config, "--targets", "model,sim,verilator", "--steps", "1", "--json"];
        state(&logloom(folder.path(), &arguments))
    };
    assert_eq!(verify("table.toml"), verify("exact.toml"));
}

/// A registered unit, with more registers than a family has.
#[test]
fn a_pipelined_guest_agrees_on_all_targets() {
    if !needs(&SIMULATED) {
        return;
    }
    let body = "reg signed [15:0] p1, p2;\nalways @(posedge clk) begin\n  p1 <= A * B;\n  p2 <= p1;\n  O <= p2;\nend";
    let lines =
        format!("{LINES}clock = \"clk\"\nlatency = 3\n[array]\nrows = 3\ncolumns = 5\ninterconnect = \"broadcast\"\n");
    let folder = with_digits(&lines, &clocked(body), &[]);
    state(&logloom(folder.path(), &["verify", "x.toml", "--targets", "model,sim,verilator", "--steps", "1", "--json"]));
}

/// What is built for a board: the unit's own Verilog is synthesised with everything around it.
#[test]
fn a_guest_in_a_netlist_agrees_with_the_model() {
    if !needs(&SIMULATED) {
        return;
    }
    let folder = folder(LINES, EXACT, &[]);
    copy(&examples().join("data"), &folder.path().join("data"));
    let tiny = PRESET.replace("exact8", "tiny");
    let formats = "[formats]\nactivation = \"Q3.4\"\ngradient = \"Q0.7\"\n";
    std::fs::write(folder.path().join("x.toml"), format!("{tiny}{LINES}{formats}")).unwrap();
    state(&logloom(folder.path(), &["verify", "x.toml", "--targets", "model,netlist", "--steps", "1", "--json"]));
}

/// A table that is another one for a single pair.
#[test]
fn verilog_that_differs_from_what_is_stated() {
    if !needs(&SIMULATED) {
        return;
    }
    let table = table(|a, b| i32::from(a) * i32::from(b) + i32::from((a, b) == (-5, 7)));
    let folder = folder(lines!("table = \"x.npy\""), EXACT, &[("x.npy", &table)]);
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
    let units = logloom(folder.path(), &["units", "--guest", "x.toml"]);
    insta::assert_snapshot!(transcript(&units));
}

/// As the C of some circuits of EvoApproxLib has it.
#[test]
fn function_with_its_operands_the_other_way_round() {
    if !needs(&SIMULATED) {
        return;
    }
    let verilog = EXACT.replace("A * B", "A * (B & -8'sd4)");
    let function: &[u8] = b"int mul(signed char B, signed char A) { return A * (B & -4); }\n";
    let folder = folder(lines!("c = \"x.c\""), &verilog, &[("x.c", function)]);
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
    let other = format!("{PRESET}{}", lines!("c = \"x.c\"\na = \"B\"\nb = \"A\""));
    std::fs::write(folder.path().join("x.toml"), other).unwrap();
    let units = logloom(folder.path(), &["units", "--guest", "x.toml"]);
    assert!(units.status.success(), "{}", transcript(&units));
}

/// Operands of more bits than are simulated pair by pair.
const WIDE: &str = "verilog = \"mul.v\"\nmodule = \"mul\"\noperands = \"unsigned\"\noperand_bits = 11\n\
    c = \"x.c\"\n[formats]\nactivation = \"Q3.7\"\ngradient = \"Q0.10\"\n";

#[test]
fn a_wide_guest_agrees_on_all_targets() {
    if !needs(&[&SIMULATED[..], &[Tool::Cc]].concat()) {
        return;
    }
    let unit = |product| {
        format!("module mul(input [10:0] A, input [10:0] B, output [21:0] O);\nassign O = {product};\nendmodule\n")
    };
    let c = b"int mul(int a, int b) { return a * b; }\n";
    let folder = with_digits(WIDE, &unit("A * B"), &[("x.c", c)]);
    let arguments = ["verify", "x.toml", "--targets", "model,sim,verilator", "--steps", "1", "--json"];
    state(&logloom(folder.path(), &arguments));

    // A corner, which is simulated for certain.
    std::fs::write(folder.path().join("mul.v"), unit("A == 2047 && B == 513 ? 0 : A * B")).unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &arguments)));
    std::fs::write(folder.path().join("x.toml"), format!("{PRESET}{WIDE}").replace("c = \"x.c\"\n", "")).unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
}

/// A guest and a family have the same figures, where they are the same.
#[test]
fn units_as_json() {
    if !needs(&SIMULATED) {
        return;
    }
    let folder = folder(LINES, EXACT, &[]);
    let unit = |arguments: &[&str]| -> serde_json::Value {
        let output = logloom(folder.path(), &[&["units"], arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", transcript(&output));
        let mut said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["units"].as_array().unwrap().len(), 1);
        said["units"][0].take()
    };
    let guest = unit(&["--guest", "x.toml"]);
    let family = unit(&["exact", "operand_bits=8 form=star", "--luts"]);
    assert_eq!(guest["errors"], family["errors"]);
    assert!(guest["errors"].is_object() && guest["luts"].as_array().is_some_and(|luts| luts.len() == 2), "{guest}");
    assert_eq!((&guest["family"], &family["family"]), (&"guest".into(), &"exact".into()));
    // The same product, in another frame.
    for (guest, family) in guest["luts"].as_array().unwrap().iter().zip(family["luts"].as_array().unwrap()) {
        assert!(guest["product"].as_u64() > Some(50), "{guest}");
        assert_eq!(guest["fabric"], family["fabric"]);
        assert!(guest["pe"].as_u64() >= guest["product"].as_u64(), "{guest}");
    }
}

/// It is characterised all the same.
#[test]
fn units_of_a_guest_that_cannot_be_trained_with() {
    if !needs(&SIMULATED) {
        return;
    }
    let verilog = EXACT.replace("A * B", "(A * B) | 16'sd1");
    let folder = folder(LINES, &verilog, &[]);
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["units", "--guest", "x.toml"])));
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["units", "--guest", "x.toml", "--prove"])));
}

/// The example: its Verilog is what its function says, its hardware its reference, and it learns.
#[test]
fn the_example_is_proved_and_learns() {
    if !needs(&[&SIMULATED[..], &[Tool::Cc]].concat()) {
        return;
    }
    let units = logloom(&examples(), &["units", "--guest", "guest.toml", "--prove"]);
    assert!(units.status.success(), "{}", transcript(&units));
    let run = tempfile::tempdir().unwrap();
    let arguments = ["train", "guest.toml", "--epochs", "10", "--json", "-o", run.path().to_str().unwrap()];
    let trained = logloom(&examples(), &arguments);
    let said: serde_json::Value = serde_json::from_slice(&trained.stdout).unwrap();
    assert!(said["test_accuracy"].as_f64().unwrap() > 0.9, "{said}");
}

/// The page *Bring your own multiplier*, followed word by word: its files are written, its commands run.
#[test]
fn the_page_can_be_followed() {
    if !needs(&[&SIMULATED[..], &[Tool::Cc]].concat()) {
        return;
    }
    let page = std::fs::read_to_string(examples().join("../docs/guests.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(&examples(), folder.path());
    let mut commands = 0;
    for block in page.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap();
        match kind.split_once(' ') {
            Some((_, file)) => std::fs::write(folder.path().join(file), format!("{text}\n")).unwrap(),
            None if kind == "sh" => {
                for line in text.lines() {
                    let words: Vec<&str> = line.split(' ').collect();
                    assert_eq!(words[0], "logloom");
                    let output = logloom(folder.path(), &words[1..]);
                    assert!(output.status.success(), "{line}\n{}", transcript(&output));
                    commands += 1;
                }
            }
            None => {}
        }
    }
    assert_eq!(commands, 9);
}

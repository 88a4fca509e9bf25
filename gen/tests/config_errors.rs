//! The words of every configuration error: file, line, key, what is wrong, what to do.

mod common;

use common::{logloom, transcript};

/// What `logloom check` says about a file of this text; the text stands above it for the reader.
fn check(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    let output = logloom(folder.path(), &["check", "x.toml"]);
    assert!(output.stdout.is_empty(), "no data beside an error");
    format!("{}\n{}", text.trim_end(), transcript(&output))
}

macro_rules! golden {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(check($text));
        }
    )*};
}

const DIGITS: &str = "preset = \"digits\"\n";

/// The preset with these lines below it.
macro_rules! digits {
    ($lines:expr) => {
        &format!("{DIGITS}{}", $lines)
    };
}

golden! {
    not_toml: "[array]\nrows = = 8\n";
    unterminated_string: "preset = \"digits\n";
    duplicate_key: digits!("[array]\nrows = 4\nrows = 8\n");
    unknown_key: digits!("[array]\nrow = 8\n");
    unknown_key_of_another_section: digits!("[array]\nbatch = 8\n");
    unknown_key_with_control_characters: digits!("\"a\\u001b[31m\\nb\" = 1\n");
    unknown_key_like_no_other: digits!("[array]\nzzz = 8\n");
    unknown_section: digits!("[aray]\nrows = 8\n");
    unknown_section_like_no_other: digits!("[zzz]\nrows = 8\n");
    section_as_value: "array = 8\n";
    value_as_section: digits!("[array.rows]\nx = 1\n");
    several_problems_in_order: digits!("[training]\nbatch = 0\nepochs = \"many\"\n[array]\nrows = 65\n");
    unknown_preset: "preset = \"digit\"\n";
    string_for_integer: digits!("[array]\nrows = \"8\"\n");
    fraction_for_integer: digits!("[array]\nrows = 8.5\n");
    integer_for_string: digits!("[arithmetic]\nfamily = 3\n");
    date_for_path: digits!("[data]\ntrain = 2020-01-01\n");
    rows_out_of_range: digits!("[array]\nrows = 65\n");
    integer_beyond_64_bits: digits!("[array]\nrows = 99999999999999999999\n");
    negative_integer: digits!("[training]\nepochs = -1\n");
    batch_zero: digits!("[training]\nbatch = 0\n");
    accumulator_depth_not_a_power_of_two: digits!("[array]\naccumulator_depth = 48\n");
    accumulator_too_wide_to_shift: digits!(
        "[array]\naccumulator_bits = 48\n[formats]\nactivation = \"Q15.0\"\ngradient = \"Q15.0\"\n"
    );
    accumulator_too_narrow: digits!("[array]\naccumulator_bits = 16\n");
    unknown_family: digits!("[arithmetic]\nfamily = \"mitchel\"\n");
    fraction_bits_above_the_width: digits!("[formats]\nactivation = \"Q2.5\"\ngradient = \"Q0.7\"\n[arithmetic]\nfraction_bits = 9\ndropped_bits = 0\n");
    fraction_bits_out_of_range: digits!("[arithmetic]\nfraction_bits = 16\n");
    dropped_bits_above_the_product: digits!("[formats]\nactivation = \"Q2.5\"\ngradient = \"Q0.7\"\n[arithmetic]\ndropped_bits = 20\n");
    fraction_bits_with_exact: digits!("[arithmetic]\nfamily = \"exact\"\nfraction_bits = 4\n");
    form_with_mitchell: digits!("[arithmetic]\nform = \"star\"\n");
    family_unknown: digits!("[arithmetic]\nfamily = \"mitchel\"\n");
    alphabet_without_one: digits!("[arithmetic]\nfamily = \"asm\"\nalphabet = [3, 5]\n");
    alphabet_of_an_even_letter: digits!("[arithmetic]\nfamily = \"asm\"\nalphabet = [1, 2]\n");
    alphabet_with_mitchell: digits!("[arithmetic]\nalphabet = [1, 3]\n");
    alphabet_empty: digits!("[arithmetic]\nfamily = \"asm\"\nalphabet = []\n");
    shifts_that_cover_little: digits!("[arithmetic]\nfamily = \"rccm\"\nshifts = [0, 1, 0, 1]\n");
    shifts_of_an_odd_number: digits!("[arithmetic]\nfamily = \"rccm\"\nshifts = [0, 1, 2]\n");
    segments_of_the_wrong_size: digits!("[arithmetic]\nfamily = \"realm\"\nsegments = 6\n");
    segments_finer_than_the_fraction: digits!("[arithmetic]\nfamily = \"realm\"\nsegments = 16\nfraction_bits = 3\n");
    carry_without_a_fraction: digits!("[arithmetic]\nrounding = \"carry\"\nfraction_bits = 0\n");
    exponents_of_none: digits!("[arithmetic]\nfamily = \"pow2\"\nexponents = 0\n");
    exponents_above_the_width: digits!("[formats]\nactivation = \"Q2.5\"\ngradient = \"Q0.7\"\n[arithmetic]\nfamily = \"pow2\"\nexponents = 9\n");
    side_of_no_array: digits!("[arithmetic]\nfamily = \"pow2\"\nside = \"left\"\n");
    side_of_a_family_that_has_one: digits!("[arithmetic]\nfamily = \"csd\"\nside = \"moving\"\n");
    terms_of_none: digits!("[arithmetic]\nfamily = \"csd\"\nterms = 0\n");
    terms_beyond_the_exact_ones: digits!("[formats]\nactivation = \"Q1.2\"\ngradient = \"Q0.3\"\n[arithmetic]\nfamily = \"csd\"\nterms = 3\n");
    corrections_out_of_range: digits!("[arithmetic]\nfamily = \"iterative\"\ncorrections = 3\n");
    corrections_beyond_the_exact_ones: digits!("[formats]\nactivation = \"Q1.2\"\ngradient = \"Q0.3\"\n[arithmetic]\nfamily = \"iterative\"\ncorrections = 2\n");
    kept_bits_too_few: digits!("[arithmetic]\nfamily = \"drum\"\nkept_bits = 1\n");
    kept_bits_of_the_whole_operand: digits!("[formats]\nactivation = \"Q2.5\"\ngradient = \"Q0.7\"\n[arithmetic]\nfamily = \"drum\"\nkept_bits = 8\n");
    registers_out_of_range: digits!("[arithmetic]\nstages = 3\n");
    blocks_without_their_registers: digits!("[arithmetic]\nfamily = \"exact\"\nform = \"block\"\n");
    weight_scale_not_a_power: digits!("[training]\nweight_scale = [\"0.3\", \"2^-1\"]\n");
    weight_scale_of_another_length: digits!("[training]\nweight_scale = [\"2^-1\"]\n");
    weight_scale_of_numbers: digits!("[training]\nweight_scale = [1, 2]\n");
    weight_scale_empty: digits!("[training]\nweight_scale = []\n");
    not_a_format: digits!("[formats]\nactivation = \"5.10\"\n");
    format_too_wide: digits!("[formats]\nweight = \"Q9.20\"\n");
    formats_of_two_widths: digits!("[formats]\ngradient = \"Q1.10\"\n");
    not_a_rate: digits!("[training]\nlearning_rate = \"0.1\"\n");
    rate_out_of_range: digits!("[training]\nlearning_rate = \"2^-16\"\n");
    milestone_of_zero: digits!("[training]\nmilestones = [0]\n");
    more_milestones_than_shifts: digits!(format!("[training]\nmilestones = {:?}\n", [1; 32]));
    alphabet_of_codes_wider_than_a_word: digits!("[arithmetic]\nfamily = \"asm\"\nalphabet = [1, 3, 5, 7]\n");
    products_wider_than_the_accumulator: digits!("[arithmetic]\ndropped_bits = 0\n");
    codes_wider_than_a_word: digits!("[arithmetic]\nfamily = \"csd\"\nterms = 3\n");
    one_layer: digits!("[network]\nlayers = [64]\n");
    layer_of_a_string: digits!("[network]\nlayers = [64, \"32\", 10]\n");
    layer_of_zero: digits!("[network]\nlayers = [64, 0, 10]\n");
    too_many_layers: digits!(format!("[network]\nlayers = {:?}\n", [1; 65]));
    layers_missing: "[data]\ntrain = \"x.csv\"\n";
    weights_do_not_fit: digits!("[memory]\nweight_depth = 200\n");
    activations_do_not_fit: digits!("[memory]\nactivation_depth = 112\n");
    gradients_do_not_fit: digits!("[memory]\ngradient_depth = 8\n");
    weights_fit_no_memory: digits!("[network]\nlayers = [4096, 4096, 10]\n");
    activations_fit_no_memory: digits!("[training]\nbatch = 4096\n[network]\nlayers = [64, 320, 10]\n");
    depth_not_in_tiles: digits!("[memory]\nweight_depth = 370\n");
    depth_beyond_the_address: digits!("[memory]\nweight_depth = 262144\n");
    logits_do_not_fit: digits!("[array]\naccumulator_depth = 16\n");
    logits_fit_no_memory: digits!("[training]\nbatch = 4096\n[array]\ncolumns = 4\n");
    batch_does_not_fit: digits!("[memory]\nbatch_depth = 8\n");
    programs_do_not_fit: digits!("[memory]\nprogram_depth = 8\n");
    not_a_name: "name = \"a b\"\npreset = \"digits\"\n";
    empty_path: digits!("[data]\ntrain = \"\"\n");
    labels_missing: digits!("[data]\ntrain = \"train.idx\"\n");
    link_unknown: digits!("[link]\nkind = \"wishbon\"\n");
    baud_without_a_uart: digits!("[link]\nkind = \"wishbone\"\nbaud = 115200\n");
    baud_out_of_range: digits!("[link]\nbaud = 300\n");
    labels_of_csv: digits!("[data]\ntrain = \"train.csv\"\ntrain_labels = \"labels.idx\"\n");
    test_fraction_out_of_range: digits!("[data]\ntest_fraction = 1.0\n");
    test_fraction_not_a_number: digits!("[data]\ntest_fraction = nan\n");
    test_fraction_beside_a_test_file: digits!("[data]\ntrain = \"a.csv\"\ntest = \"b.csv\"\ntest_fraction = 0.5\n");
    test_labels_without_a_test_file: digits!("[data]\ntrain = \"a.csv\"\ntest_labels = \"b.idx\"\n");
    one_not_above_zero: digits!("[data]\nzero = 16\n");
}

/// A preset's accumulator is as wide as its own family needs; another one has its own.
#[test]
fn another_family_has_an_accumulator_of_its_own() {
    for settings in
        ["family = \"drum\"", "family = \"ternary\"", "family = \"iterative\"", "family = \"pow2\"\nside = \"both\""]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.toml"), format!("{DIGITS}[arithmetic]\n{settings}\n")).unwrap();
        let output = logloom(folder.path(), &["check", "x.toml"]);
        assert!(output.status.success(), "{settings}: {}", transcript(&output));
    }
}

#[test]
fn missing_file() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
}

#[test]
fn folder_for_file() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "."])));
}

#[test]
fn not_text() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), b"preset = \"digits\"\n# \xff\n").unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
}

#[test]
fn too_large() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["check", "x.toml"])));
}

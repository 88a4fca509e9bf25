//! The words of errors in data files, checkpoints and folders, and that nothing is overwritten.

mod common;

use std::path::Path;

use common::{logloom, transcript};

/// Three classes of two features each.
const GOOD: &str = "0,0,0\n0,1,1\n1,0,2\n1,1,0\n";

const CONFIG: &str =
    "preset = \"tiny\"\n[network]\nlayers = [2, 4, 3]\n[data]\ntrain = \"train.csv\"\ntest = \"test.csv\"\n";

fn folder(train: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("x.toml", CONFIG);
    write("train.csv", train);
    write("test.csv", GOOD);
    folder
}

fn train(folder: &Path, arguments: &[&str]) -> String {
    transcript(&logloom(folder, &[&["train", "x.toml", "--epochs", "1", "-o", "run"], arguments].concat()))
}

macro_rules! data {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            let folder = folder($text);
            insta::assert_snapshot!(train(folder.path(), &[]));
            assert!(!folder.path().join("run").exists(), "nothing is left behind");
        }
    )*};
}

data! {
    label_out_of_range: "0,0,0\n0,1,3\n";
    another_number_of_features: "0,0,0,0\n";
    nan_in_csv: "0,nan,0\n";
    empty_csv: "";
    not_a_number: "0,0,0\n0,x,1\n";
}

#[test]
fn missing_data_file() {
    let folder = folder(GOOD);
    std::fs::remove_file(folder.path().join("test.csv")).unwrap();
    insta::assert_snapshot!(train(folder.path(), &[]));
}

/// The part that is held back takes samples away; the complaint counts as the file does.
#[test]
fn label_out_of_range_in_a_file_to_be_split() {
    let folder = folder("0,0,0\n0,1,1\n1,0,2\n1,1,0\n0,0,0\n0,1,1\n1,0,3\n");
    std::fs::write(folder.path().join("x.toml"), CONFIG.replace("test = \"test.csv\"", "test_fraction = 0.5")).unwrap();
    insta::assert_snapshot!(train(folder.path(), &[]));
}

#[test]
fn too_few_samples_to_hold_back() {
    let folder = folder("0,0,0\n");
    let text = CONFIG.replace("test = \"test.csv\"", "test_fraction = 0.1");
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    insta::assert_snapshot!(train(folder.path(), &[]));
}

/// IDX files of two samples with two features.
fn idx(folder: &Path, images: &[u8], labels: &[u8]) {
    let text = CONFIG.replace("\"train.csv\"", "\"images\"\ntrain_labels = \"labels\"");
    std::fs::write(folder.join("x.toml"), text).unwrap();
    std::fs::write(folder.join("images"), images).unwrap();
    std::fs::write(folder.join("labels"), labels).unwrap();
}

const IMAGES: &[u8] = &[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 1, 0];
const LABELS: &[u8] = &[0, 0, 8, 1, 0, 0, 0, 2, 0, 2];

#[test]
fn idx_files_are_read() {
    let folder = folder("");
    idx(folder.path(), IMAGES, LABELS);
    assert!(train(folder.path(), &[]).starts_with("exit code 0"));
}

#[test]
fn truncated_idx() {
    let folder = folder("");
    idx(folder.path(), &IMAGES[..14], LABELS);
    insta::assert_snapshot!(train(folder.path(), &[]));
}

#[test]
fn idx_of_wrong_magic() {
    let folder = folder("");
    idx(folder.path(), b"PNG is not IDX", LABELS);
    insta::assert_snapshot!(train(folder.path(), &[]));
}

#[test]
fn idx_of_other_length_than_its_labels() {
    let folder = folder("");
    idx(folder.path(), IMAGES, &[0, 0, 8, 1, 0, 0, 0, 1, 0]);
    insta::assert_snapshot!(train(folder.path(), &[]));
}

#[test]
fn resume_without_a_checkpoint() {
    let folder = folder(GOOD);
    insta::assert_snapshot!(train(folder.path(), &["--resume"]));
    assert!(!folder.path().join("run").exists());
}

#[test]
fn resume_of_another_network() {
    let folder = folder(GOOD);
    train(folder.path(), &[]);
    let text = CONFIG.replace("[2, 4, 3]", "[2, 5, 3]");
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    insta::assert_snapshot!(train(folder.path(), &["--resume"]));
}

#[test]
fn resume_of_another_seed() {
    let folder = folder(GOOD);
    train(folder.path(), &[]);
    insta::assert_snapshot!(train(folder.path(), &["--resume", "--seed", "9"]));
}

#[test]
fn resume_of_a_truncated_checkpoint() {
    let folder = folder(GOOD);
    train(folder.path(), &[]);
    let path = folder.path().join("run/checkpoint.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    insta::assert_snapshot!(train(folder.path(), &["--resume"]));
    assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len() - 10);
}

/// Before anything is trained.
#[test]
fn foreign_files_in_a_folder() {
    for (name, snapshot) in [
        ("checkpoint.safetensors", "foreign_checkpoint"),
        ("curve.csv", "foreign_table"),
        ("curve.svg", "foreign_picture"),
    ] {
        let folder = folder(GOOD);
        let path = folder.path().join("run").join(name);
        std::fs::create_dir(folder.path().join("run")).unwrap();
        std::fs::write(&path, "mine").unwrap();
        insta::assert_snapshot!(snapshot, train(folder.path(), &[]));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path().join("run")).unwrap().count(), 1);
    }
}

/// Nobody may ever write to the other end.
#[cfg(unix)]
#[test]
fn pipe_in_place_of_a_file() {
    let folder = folder(GOOD);
    let path = folder.path().join("run/curve.svg");
    std::fs::create_dir(folder.path().join("run")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    insta::assert_snapshot!("foreign_picture", train(folder.path(), &[]));
}

#[test]
fn file_in_place_of_the_folder() {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("run"), "mine").unwrap();
    insta::assert_snapshot!(train(folder.path(), &[]));
}

#[test]
fn option_out_of_range() {
    let folder = folder(GOOD);
    insta::assert_snapshot!(train(folder.path(), &["--batch", "0"]));
    let output = logloom(folder.path(), &["train", "x.toml", "--epochs", "1000001"]);
    insta::assert_snapshot!("epochs_out_of_range", transcript(&output));
}

#[test]
fn infer_with_a_checkpoint_of_another_network() {
    let folder = folder(GOOD);
    train(folder.path(), &[]);
    let text = CONFIG.replace("[2, 4, 3]", "[2, 5, 3]");
    std::fs::write(folder.path().join("x.toml"), text).unwrap();
    let arguments = ["infer", "x.toml", "--checkpoint", "run/checkpoint.safetensors", "--data", "test.csv"];
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &arguments)));
}

#[test]
fn infer_of_another_number_of_features() {
    let folder = folder(GOOD);
    train(folder.path(), &[]);
    std::fs::write(folder.path().join("test.csv"), "0,0,0,0\n").unwrap();
    let arguments = ["infer", "x.toml", "--checkpoint", "run/checkpoint.safetensors", "--data", "test.csv"];
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &arguments)));
}

#[test]
fn verify_of_spram_on_a_fabric_that_has_none() {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("x.toml"), format!("{CONFIG}[memory]\nweight_codes = \"spram\"\n")).unwrap();
    let verify = ["verify", "x.toml", "--targets", "model,netlist:ecp5", "--steps", "1"];
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &verify)));
}

#[test]
fn verify_of_one_target() {
    let folder = folder(GOOD);
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["verify", "x.toml", "--targets", "model"])));
}

/// Nothing compared is nothing shown.
#[test]
fn verify_of_no_steps() {
    let folder = folder(GOOD);
    insta::assert_snapshot!(transcript(&logloom(
        folder.path(),
        &["verify", "x.toml", "--targets", "model,sim", "--steps", "0"]
    )));
}

#[test]
fn bisect_without_a_target() {
    let folder = folder(GOOD);
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &["bisect", "x.toml"])));
}

#[test]
fn bisect_against_a_board_that_is_not_there() {
    let folder = folder(GOOD);
    let arguments = ["bisect", "x.toml", "--target", "sim", "--against", "serial:nowhere"];
    insta::assert_snapshot!(transcript(&logloom(folder.path(), &arguments)));
}

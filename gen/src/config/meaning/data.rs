//! The samples.

use std::path::Path;

use super::Meaning;
use crate::config::configuration::{Data, Test};
use crate::config::origin::Origin;
use crate::config::written::{Entry, Value};
use crate::data::{self, FileFormat, Normalise, Source};

impl Meaning<'_> {
    /// The files of `data.train` or `data.test`, told apart by their names.
    fn source(&mut self, key: &'static str, labels_key: &'static str) -> Option<Source> {
        let folder = self.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let path = folder.join(self.text(key)?);
        match data::format_of(&path) {
            format @ (FileFormat::Csv | FileFormat::Npz) => {
                let extension = if format == FileFormat::Csv { "csv" } else { "npz" };
                self.without(&[labels_key], &format!("beside {key}: a .{extension} file holds its labels"));
                Some(if format == FileFormat::Csv { Source::Csv(path) } else { Source::Npz(path) })
            }
            FileFormat::Idx => match self.text(labels_key) {
                Some(labels) => Some(Source::Idx { inputs: path, labels: folder.join(labels) }),
                None => {
                    let what = format!("an IDX file has no labels, and {labels_key} is missing");
                    self.conflict(&[key], what, format!("add {labels_key}, or name a .csv or .npz file"));
                    None
                }
            },
        }
    }

    pub(super) fn data(&mut self) -> Option<Data> {
        let train = self.source("data.train", "data.train_labels");
        let test = if self.value("data.test").is_some() {
            self.without(&["data.test_fraction", "data.split_seed"], "beside data.test");
            self.source("data.test", "data.test_labels").map(Test::Source)
        } else {
            self.without(&["data.test_labels"], "without data.test");
            let fraction = self.real("data.test_fraction").unwrap_or_else(|| {
                let default = Entry { value: Value::Real(0.2), origin: Origin::Default };
                self.written.insert("data.test_fraction", default);
                0.2
            });
            Some(Test::HeldBack { fraction, seed: self.or_default("data.split_seed", 0) })
        };
        let (min, max) = (self.real("data.zero")? as f32, self.real("data.one")? as f32);
        let normalise = Normalise::Range { min, max };
        if normalise.coefficients().is_err() {
            self.conflict(
                &["data.one", "data.zero"],
                format!("data.one = {max:?} is not above data.zero = {min:?}"),
                "name the stored values that become 0.0 and 1.0",
            );
        }
        Some(Data { train: train?, test: test?, normalise })
    }
}

//! What a training run achieved, epoch by epoch: a table (CSV) and a picture (SVG).

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::{Deserialize, Serialize};

use crate::files::{self, WriteError};

/// The figures of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// How many epochs are complete.
    pub epoch: u32,
    /// Mean loss per training sample, in nats. NaN or infinite values leave a gap in the picture.
    pub loss: f64,
    /// Fraction of the training samples that were classified correctly, 0 to 1.
    pub train_accuracy: f64,
    /// The same of the test samples.
    pub test_accuracy: f64,
    /// Values that were clipped to their format's range during this epoch, where the design counts them.
    pub saturated: Option<u64>,
    /// Weight updates during this epoch that rounded to zero, where the design counts them.
    pub zero_updates: Option<u64>,
    /// All weight updates during this epoch.
    pub updates: u64,
    /// Clock cycles of this epoch, where the target counts them.
    pub cycles: Option<u64>,
}

/// The first line of every table. Also how an own table is recognised before it is replaced.
const CSV_HEADER: &str = "epoch,loss,train_accuracy,test_accuracy,saturated,zero_updates,updates,cycles";

/// The table: one line per epoch, columns as the fields of [`EpochRecord`], what is not counted as an empty field.
pub fn to_csv(records: &[EpochRecord]) -> String {
    // The header is written apart, so that an empty run has one too.
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(format!("{CSV_HEADER}\n").into_bytes());
    for record in records {
        writer.serialize(record).expect("numbers always fit into a CSV record in memory");
    }
    let bytes = writer.into_inner().expect("memory can always be flushed");
    String::from_utf8(bytes).expect("numbers are ASCII")
}

/// Writes the table in one step.
///
/// # Errors
/// [`WriteError`], also if `path` is a file that Logloom did not write.
pub fn write_csv(path: &Path, records: &[EpochRecord]) -> Result<(), WriteError> {
    files::replace(path, to_csv(records).as_bytes(), is_csv)
}

/// Whether a file begins like the table.
pub fn is_csv(head: &[u8]) -> bool {
    head.starts_with(CSV_HEADER.as_bytes())
}

/// Writes the picture in one step.
///
/// # Errors
/// [`WriteError`], also if `path` is a file that Logloom did not write.
pub fn write_svg(path: &Path, title: &str, records: &[EpochRecord]) -> Result<(), WriteError> {
    files::replace(path, to_svg(title, records).as_bytes(), is_svg)
}

/// Whether a file begins like the picture.
pub fn is_svg(head: &[u8]) -> bool {
    head.windows(SVG_MARK.len()).any(|window| window == SVG_MARK.as_bytes())
}

const SVG_MARK: &str = "<!-- learning curve by logloom -->";

const SIZE: (u32, u32) = (880, 560);
/// Pixels: the title, and the height of the upper panel below it.
const TITLE_HEIGHT: u32 = 46;
const ACCURACY_HEIGHT: u32 = 300;
/// Pixels right of the panels, for the names and last values of the lines.
const LABEL_WIDTH: u32 = 120;
const LABEL_HEIGHT: i32 = 17;
const FONT: &str = "sans-serif";

const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const FAINT_INK: RGBColor = RGBColor(0x5b, 0x66, 0x73);
const GRID: RGBColor = RGBColor(0xe4, 0xe8, 0xec);
// Distinguishable without colour vision, and in print by lightness.
const TEST: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const TRAIN: RGBColor = RGBColor(0x2f, 0x74, 0xb5);
const LOSS: RGBColor = RGBColor(0x46, 0x50, 0x5c);

struct Line {
    name: &'static str,
    colour: RGBColor,
    /// (epoch, value); values may be NaN or infinite.
    points: Vec<(u32, f64)>,
}

impl Line {
    fn new(name: &'static str, colour: RGBColor, records: &[EpochRecord], value: impl Fn(&EpochRecord) -> f64) -> Self {
        Self { name, colour, points: records.iter().map(|r| (r.epoch, value(r))).collect() }
    }

    fn finite(&self) -> impl Iterator<Item = f64> + '_ {
        self.points.iter().map(|p| p.1).filter(|v| v.is_finite())
    }
}

/// The picture: accuracy of both sets above, loss below, against epochs. Equal arguments give equal bytes; text is
/// set in the viewer's sans-serif font.
pub fn to_svg(title: &str, records: &[EpochRecord]) -> String {
    let train = Line::new("train", TRAIN, records, |r| 100.0 * r.train_accuracy);
    let test = Line::new("test", TEST, records, |r| 100.0 * r.test_accuracy);
    let loss = Line::new("loss", LOSS, records, |r| r.loss);
    let epochs = epoch_range(records);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let (heading, panels) = root.split_vertically(TITLE_HEIGHT);
        let (upper, lower) = panels.split_vertically(ACCURACY_HEIGHT);
        let accuracy_range = accuracy_range(train.finite().chain(test.finite()));
        let loss_range = 0.0..loss.finite().fold(0.0, f64::max).max(1e-6) * 1.08;
        let in_memory: Result<(), DrawingError> = (|| {
            root.fill(&WHITE)?;
            heading.draw(&Text::new(title.to_owned(), (20, 16), (FONT, 19).into_font().color(&INK)))?;
            panel(&upper, "accuracy, %", epochs.clone(), accuracy_range, &[train, test], |v| format!("{v:.1} %"))?;
            panel(&lower, "loss", epochs, loss_range, &[loss], significant)?;
            root.present()
        })();
        in_memory.expect("drawing into a string cannot fail");
    }
    mark(svg)
}

type DrawingError = DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>;

/// Puts the mark behind the opening tag, where any viewer ignores it.
fn mark(svg: String) -> String {
    let after_tag = svg.find('>').map_or(0, |at| at + 1);
    let (tag, rest) = svg.split_at(after_tag);
    let mut marked = String::with_capacity(svg.len() + SVG_MARK.len() + 1);
    let _ = write!(marked, "{tag}\n{SVG_MARK}{rest}");
    marked
}

/// From the first epoch to the last, and at least one apart.
fn epoch_range(records: &[EpochRecord]) -> Range<u32> {
    let first = records.iter().map(|r| r.epoch).min().unwrap_or(0);
    let last = records.iter().map(|r| r.epoch).max().unwrap_or(0);
    if first < last { first..last } else { first.saturating_sub(1)..first.saturating_sub(1) + 1 }
}

/// Percent, from a round number below the lowest value to 100. At least ten wide, so that noise does not fill the panel.
fn accuracy_range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let lowest = values.fold(90.0, f64::min);
    (lowest / 10.0).floor().max(0.0) * 10.0..100.5
}

/// Three significant digits, as people write them.
fn significant(value: f64) -> String {
    let decimals = if value == 0.0 { 2 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize };
    format!("{value:.decimals$}")
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    y_name: &str,
    epochs: Range<u32>,
    values: Range<f64>,
    lines: &[Line],
    last_value: impl Fn(f64) -> String,
) -> Result<(), DrawingError> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_bottom(6)
        .margin_left(12)
        .margin_right(LABEL_WIDTH)
        .x_label_area_size(38)
        .y_label_area_size(58)
        .build_cartesian_2d(epochs, values)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(FAINT_INK)
        .x_desc("epoch")
        .y_desc(y_name)
        .y_labels(6)
        .x_labels(11)
        .y_label_formatter(&|v| tick(*v))
        .label_style((FONT, 13).into_font().color(&FAINT_INK))
        .axis_desc_style((FONT, 14).into_font().color(&INK))
        .draw()?;

    let mut labels = Vec::new();
    for line in lines {
        for run in line.points.split(|p| !p.1.is_finite()).filter(|run| !run.is_empty()) {
            chart.draw_series(LineSeries::new(run.iter().copied(), line.colour.stroke_width(2)))?;
        }
        if let Some(&(epoch, value)) = line.points.iter().rfind(|p| p.1.is_finite()) {
            chart.draw_series([Circle::new((epoch, value), 3, line.colour.filled())])?;
            let (x, y) = chart.backend_coord(&(epoch, value));
            labels.push((y, x, format!("{} {}", line.name, last_value(value)), line.colour));
        }
    }

    // Names stand beside the ends of the lines, so no legend hides a curve; close ends push their names apart.
    labels.sort_by_key(|label| label.0);
    let (left, top) = area.get_base_pixel();
    let mut lowest = i32::MIN;
    for (y, x, text, colour) in labels {
        let y = y.max(lowest);
        lowest = y.saturating_add(LABEL_HEIGHT);
        let style = (FONT, 14).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(text, (x - left + 10, y - top), style))?;
    }
    Ok(())
}

/// An axis number without trailing zeros.
fn tick(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A run that learns: loss falls exponentially, accuracy approaches 97 and 99 %.
    fn run(epochs: u32) -> Vec<EpochRecord> {
        (1..=epochs)
            .map(|epoch| {
                let rest = (-f64::from(epoch) / 5.0).exp();
                let ripple = f64::from(epoch * 7 % 5) * 0.002;
                EpochRecord {
                    epoch,
                    loss: 0.05 + 2.1 * rest,
                    train_accuracy: 0.992 - 0.75 * rest,
                    test_accuracy: 0.970 - 0.70 * rest + ripple,
                    saturated: Some(epoch.into()),
                    zero_updates: Some(10),
                    updates: 1000,
                    cycles: (epoch % 2 == 0).then_some(1 << 40),
                }
            })
            .collect()
    }

    /// Every text element, in order.
    fn texts(svg: &str) -> Vec<String> {
        svg.split("<text").skip(1).map(|t| t.split('>').nth(1).unwrap().trim().replace("\n</text", "")).collect()
    }

    #[test]
    fn table_reads_back() {
        let text = to_csv(&run(3));
        assert_eq!(text.lines().next(), Some(CSV_HEADER));
        let back: Vec<EpochRecord> =
            csv::Reader::from_reader(text.as_bytes()).deserialize().map(|r| r.unwrap()).collect();
        assert_eq!(back, run(3));
        assert_eq!(to_csv(&[]), format!("{CSV_HEADER}\n"));
    }

    /// The header is a constant; the fields are written in the order of the struct.
    #[test]
    fn table_line_is_fixed() {
        let record = EpochRecord {
            epoch: 1,
            loss: 0.25,
            train_accuracy: 0.5,
            test_accuracy: 1.0,
            saturated: Some(2),
            zero_updates: None,
            updates: 4,
            cycles: None,
        };
        assert_eq!(to_csv(&[record]).lines().nth(1), Some("1,0.25,0.5,1.0,2,,4,"));
    }

    #[test]
    fn picture_names_the_last_values() {
        let svg = to_svg("digits & <co>", &run(40));
        assert_eq!(svg, to_svg("digits & <co>", &run(40)));
        let texts = texts(&svg);
        for expected in
            ["train 99.2 %", "test 97.0 %", "loss 0.0507", "epoch", "accuracy, %", "digits &amp; &lt;co&gt;"]
        {
            assert!(texts.iter().any(|t| t == expected), "{expected} is missing in {texts:?}");
        }
    }

    #[test]
    fn close_ends_do_not_overlap() {
        let mut records = run(5);
        records[4].test_accuracy = records[4].train_accuracy;
        let svg = to_svg("", &records);
        let y = |name: &str| -> i32 {
            let element = svg.split("<text").find(|t| t.contains(name)).unwrap();
            element.split(" y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        assert!((y("train ") - y("test ")).abs() >= LABEL_HEIGHT);
    }

    #[test]
    fn degenerate_runs_are_drawn() {
        let count = |svg: &str, element: &str| svg.matches(element).count();
        assert_eq!(count(&to_svg("none", &[]), "<circle"), 0);
        assert_eq!(count(&to_svg("one", &run(1)), "<circle"), 3);
        let mut diverged = run(6);
        diverged[3].loss = f64::NAN;
        diverged[5].loss = f64::INFINITY;
        let svg = to_svg("diverged", &diverged);
        // Loss in two pieces: epochs 1 to 3 and epoch 5, whose value is the last to be named.
        assert_eq!(count(&svg, "<polyline"), count(&to_svg("", &run(6)), "<polyline") + 1);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let zero =
            EpochRecord { loss: 0.0, train_accuracy: 0.0, test_accuracy: 0.0, epoch: u32::MAX, ..run(1)[0].clone() };
        assert_eq!(count(&to_svg("zero", &[zero]), "<circle"), 3);
    }

    #[test]
    fn files_replace_their_own_kind_only() {
        let folder = tempfile::tempdir().unwrap();
        let (table, picture) = (folder.path().join("run.csv"), folder.path().join("run.svg"));
        for epochs in [3, 4] {
            write_csv(&table, &run(epochs)).unwrap();
            write_svg(&picture, "run", &run(epochs)).unwrap();
        }
        assert_eq!(fs::read_to_string(&table).unwrap(), to_csv(&run(4)));
        assert_eq!(fs::read_to_string(&picture).unwrap(), to_svg("run", &run(4)));
        assert!(matches!(write_csv(&picture, &run(3)), Err(WriteError::Foreign { .. })));
        assert!(matches!(write_svg(&table, "run", &run(3)), Err(WriteError::Foreign { .. })));
    }
}

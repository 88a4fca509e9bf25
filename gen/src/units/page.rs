//! The pages of the documentation that show units: tables in Markdown, a picture for each fabric.

use std::fmt::Write as _;
use std::sync::Arc;

use logloom_hdl::arith::Arithmetic;
use plotters::prelude::*;

use super::array::Array;
use super::{Measured, against_exact};

/// Errors, in percent where not said otherwise; where weights have a coding of their own, a table of theirs below.
pub fn errors(units: &[&Measured]) -> String {
    let mut text = String::from(
        "| family | parameters | wrong | mean | bias | lowest (operands) | highest (operands) | largest absolute (operands) | WMED |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for unit in units {
        let errors = &unit.errors;
        let about = if errors.drawn { "about " } else { "" };
        let [low, high] = [errors.lowest, errors.highest]
            .map(|e| format!("{:.2} ({} x {})", 100.0 * e.value, e.operands[0], e.operands[1]));
        let worst = errors.worst_case;
        writeln!(
            text,
            "| {} | `{}` | {about}{:.2} | {about}{:.3} | {about}{:+.3} | {low} | {high} | {} ({} x {}) | {about}{:.4} |",
            unit.family,
            unit.parameters,
            100.0 * errors.probability,
            100.0 * errors.mean,
            100.0 * errors.bias,
            worst.value,
            worst.operands[0],
            worst.operands[1],
            100.0 * errors.weighted
        )
        .expect("writing to a string");
    }
    text + &weights(units)
}

/// Empty where no weights have a coding of their own.
fn weights(units: &[&Measured]) -> String {
    let mut text = String::new();
    for unit in units {
        let Some(errors) = &unit.errors.weights else { continue };
        if text.is_empty() {
            text += "\nWeights that are coded otherwise than the stationary operands above, which then are those of weight updates; a is \
                     the moving operand:\n\n\
                     | family | parameters | bound | largest absolute (operands) | WMED |\n|---|---|---|---|---|\n";
        }
        let about = if errors.drawn { "about " } else { "" };
        let worst = errors.worst_case;
        writeln!(
            text,
            "| {} | `{}` | {} | {} ({} x {}) | {about}{:.4} |",
            unit.family,
            unit.parameters,
            errors.bound.to_string().replace('|', "\\|"),
            worst.value,
            worst.operands[0],
            worst.operands[1],
            100.0 * errors.weighted
        )
        .expect("writing to a string");
    }
    text
}

/// Cells, speed and accuracy on the fabric that `units` were measured on.
pub fn costs(units: &[&Measured], all: &[Measured]) -> String {
    let mut text = String::from(
        "| family | parameters | sum bits | edge LUTs | PE LUTs | carries | flip-flops | MHz: median (range) | exact rows / PE | toggles |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for unit in units {
        let Some(cost) = &unit.cost else { continue };
        let [median, least, most] = cost.speed();
        let ratio = match against_exact(unit, all) {
            Some(ratio) if ratio < 1.0 => format!("**{ratio:.2}: loses**"),
            Some(ratio) => format!("{ratio:.2}"),
            None => String::new(),
        };
        writeln!(
            text,
            "| {} | `{}` | {} | {} | {} | {} | {} | {median:.0} ({least:.0} .. {most:.0}) | {ratio} | {:.1} |",
            unit.family,
            unit.parameters,
            cost.sum_bits,
            cost.edge_luts,
            cost.pe.sites,
            cost.pe.carry,
            cost.pe.dff,
            unit.toggles
        )
        .expect("writing to a string");
    }
    text
}

/// Whole arrays.
pub fn arrays(arrays: &[(Arc<dyn Arithmetic>, Array)]) -> String {
    let mut text = String::from(
        "| family | parameters | array | elements | sum bits | MHz | 10^9 products/s | places | s |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for (unit, array) in arrays {
        let elements = array.rows * array.columns;
        writeln!(
            text,
            "| {} | `{}` | {}x{} | {elements} | {} | {:.1} | {:.1} | {} | {:.0} |",
            unit.name(),
            unit.parameters(),
            array.rows,
            array.columns,
            array.sum_bits,
            array.routed.fmax,
            f64::from(elements) * array.routed.fmax / 1e3,
            array.usage(),
            array.routed.seconds
        )
        .expect("writing to a string");
    }
    text
}

/// Test accuracies.
pub fn accuracies(units: &[&Measured]) -> String {
    let mut text = String::from("| family | parameters | mean | worst | each seed |\n|---|---|---|---|---|\n");
    for unit in units {
        let Some(accuracy) = &unit.accuracy else { continue };
        let each: Vec<String> = accuracy.each.iter().map(|a| format!("{:.2}", 100.0 * a)).collect();
        writeln!(
            text,
            "| {} | `{}` | {:.2} | {:.2} | {} |",
            unit.family,
            unit.parameters,
            100.0 * accuracy.mean,
            100.0 * accuracy.worst,
            each.join(" ")
        )
        .expect("writing to a string");
    }
    text
}

/// How the hardware was shown to be the reference.
pub fn proofs(units: &[&Measured]) -> String {
    let mut text = String::from(
        "| family | parameters | method | pairs of codes | operands encoded | s |\n|---|---|---|---|---|---|\n",
    );
    for unit in units {
        let Some(proof) = &unit.proof else { continue };
        writeln!(
            text,
            "| {} | `{}` | all pairs swept | {} | {} | {:.0} |",
            unit.family, unit.parameters, proof.pairs, proof.encoded, proof.seconds
        )
        .expect("writing to a string");
    }
    text
}

const SIZE: (u32, u32) = (900, 560);
const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const GRID: RGBColor = RGBColor(0xe4, 0xe8, 0xec);
// Distinguishable without colour vision.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x80, 0x80, 0x80),
];

/// LUTs of the processing element against the mean relative error: units on the line are beaten by none in both. Filled marks
/// have operands of 16 bits.
pub fn pareto(title: &str, units: &[Measured]) -> String {
    let points: Vec<(&Measured, f64, f64)> = units
        .iter()
        .filter_map(|unit| Some((unit, (unit.cost.as_ref()?.pe.sites as f64).log2(), 100.0 * unit.errors.mean)))
        // Errors beyond this, of codes that are right only on average, say little about training.
        .filter(|(_, _, error)| *error <= 30.0)
        .collect();
    let most_luts = points.iter().map(|p| p.1).fold(7.0, f64::max);
    let most_error = points.iter().map(|p| p.2).fold(1.0, f64::max);
    let mut families: Vec<&str> = Vec::new();
    for (unit, _, _) in &points {
        if !families.contains(&unit.family) {
            families.push(unit.family);
        }
    }
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let drawn: Result<(), DrawingAreaErrorKind<_>> = (|| {
            root.fill(&WHITE)?;
            let mut chart = ChartBuilder::on(&root)
                .caption(title, ("sans-serif", 19).into_font().color(&INK))
                .margin(14)
                .x_label_area_size(42)
                .y_label_area_size(58)
                .build_cartesian_2d(4.0..most_luts + 0.2, -0.3..most_error * 1.08)?;
            chart
                .configure_mesh()
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID)
                .x_desc("LUTs of a processing element")
                .y_desc("mean relative error, %")
                .x_labels(7)
                .x_label_formatter(&|luts| format!("{:.0}", luts.exp2()))
                .draw()?;
            let mut front: Vec<(f64, f64)> = points.iter().map(|p| (p.1, p.2)).collect();
            front.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            let mut best = f64::INFINITY;
            front.retain(|p| {
                let better = p.1 < best;
                best = best.min(p.1);
                better
            });
            chart.draw_series(LineSeries::new(front, INK.mix(0.4)))?;
            for (index, family) in families.iter().enumerate() {
                let own: Vec<&(&Measured, f64, f64)> = points.iter().filter(|p| p.0.family == *family).collect();
                let colour = COLOURS[index % COLOURS.len()];
                let style = |unit: &Measured| match unit.operand_bits > 8 {
                    true => colour.filled(),
                    false => colour.stroke_width(2),
                };
                // There are more families than colours that people tell apart: the first are circles, the others squares.
                if index < COLOURS.len() {
                    let marks = own.iter().map(|(unit, luts, error)| Circle::new((*luts, *error), 5, style(unit)));
                    let legend = move |(x, y)| Circle::new((x + 8, y), 5, colour.filled());
                    chart.draw_series(marks)?.label(*family).legend(legend);
                } else {
                    let square = |style| Rectangle::new([(-5, -5), (5, 5)], style);
                    let marks =
                        own.iter().map(|(unit, luts, error)| EmptyElement::at((*luts, *error)) + square(style(unit)));
                    let legend = move |(x, y)| Rectangle::new([(x + 3, y - 5), (x + 13, y + 5)], colour.filled());
                    chart.draw_series(marks)?.label(*family).legend(legend);
                }
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE)
                .border_style(GRID)
                .label_font(("sans-serif", 14).into_font().color(&INK))
                .draw()?;
            root.present()
        })();
        drawn.expect("drawing into a string cannot fail");
    }
    svg
}

//! The accelerator on a board: the top with clock, reset and pins.

use logloom_hdl::design::Design;
use logloom_hdl::link::uart::serial_accelerator;
use tera::{Context, Tera};

use super::{EmitError, Plan, accelerator_behind, digest, header};
use crate::board::Board;
use crate::board::pll::{Dividers, Setting};

/// Name of the top module of a board.
pub const TOP: &str = "board_top";

/// Where the top module of a board and its constraints lie in the folder.
pub const TOP_FILE: &str = "board/board_top.v";

/// As [`accelerator`](super::accelerator()), behind its link and on a board whose PLL is set to `clock`: `board/board_top.v`,
/// `board/pins.<ending>`.
///
/// # Errors
/// [`EmitError`].
pub fn board(design: &Design, config: &str, board: &Board, clock: &Setting, baud: u32) -> Result<Plan, EmitError> {
    let clock_hz = (clock.mhz * 1e6).round() as u32;
    let mut plan = accelerator_behind(design, config, |digest| serial_accelerator(design, digest, clock_hz, baud))?;
    plan.add(TOP_FILE, top(board, clock, &header(&digest::design(design))));
    plan.add(constraints_file(board), board.constraints.as_bytes());
    Ok(plan)
}

/// Where the constraints of a board lie in the folder.
pub fn constraints_file(board: &Board) -> String {
    format!("board/pins.{}", board.device.fabric.constraints_extension())
}

fn top(board: &Board, clock: &Setting, header: &str) -> String {
    let level = |level: Option<crate::board::Level>| level.map(|level| level.name());
    let mut context = Context::new();
    context.insert("header", header);
    context.insert("title", &board.title);
    context.insert("input_mhz", &board.clock_mhz);
    context.insert("mhz", &clock.mhz);
    context.insert("vco_mhz", &clock.vco_mhz);
    context.insert("reset", &level(board.reset));
    context.insert("led", &level(board.led));
    context.insert("pad", &board.pll_pad);
    let (primitive, dividers) = match clock.dividers {
        Dividers::Ice40 { divr, divf, divq, filter_range } => {
            ("ice40", vec![("divr", divr), ("divf", divf), ("divq", divq), ("filter_range", filter_range)])
        }
        Dividers::Ecp5 { clki_div, clkfb_div, clkop_div } => {
            // Half a turn of the oscillator's divider, as the vendor's tools have it.
            let phase = ("clkop_cphase", clkop_div / 2);
            ("ecp5", vec![("clki_div", clki_div), ("clkfb_div", clkfb_div), ("clkop_div", clkop_div), phase])
        }
        Dividers::Gowin { idiv_sel, fbdiv_sel, odiv_sel } => {
            ("gowin", vec![("idiv_sel", idiv_sel), ("fbdiv_sel", fbdiv_sel), ("odiv_sel", odiv_sel)])
        }
    };
    context.insert("primitive", primitive);
    for (name, value) in dividers {
        context.insert(name, &value);
    }
    context.insert("device", board.device.name.trim_start_matches("Gowin "));
    let template = include_str!("templates/board/board_top.v");
    Tera::one_off(template, &context, false).expect("the template matches its values")
}

//! The accelerator behind a link, to be put into a design of the user's own.

use logloom_hdl::design::Design;
use logloom_hdl::link::axi::axi_accelerator;
use logloom_hdl::link::spi::spi_accelerator;
use logloom_hdl::link::wishbone::wishbone_accelerator;
use tera::{Context, Tera};

use super::{EmitError, Plan, accelerator, accelerator_behind, digest, header};

/// How a host reaches the accelerator. Not part of the design: the same programs and checkpoints fit behind every link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Pins of a board; bits per second.
    Uart { baud: u32 },
    /// Pins beside those of a board.
    Spi,
    /// A bus inside the FPGA.
    Wishbone,
    /// AXI4-Lite and AXI4-Stream inside the FPGA.
    Axi,
}

/// Name of the top module of an accelerator for AXI.
pub const AXI_TOP: &str = "axi_top";

/// Where it lies in the folder.
pub const AXI_TOP_FILE: &str = "axi/axi_top.v";

/// As [`accelerator`](super::accelerator()), with what its link puts before the host port. Behind a UART it is the accelerator alone:
/// that takes a clock, which is known for a board.
///
/// # Errors
/// [`EmitError`].
pub fn linked(design: &Design, config: &str, link: Link) -> Result<Plan, EmitError> {
    match link {
        Link::Uart { .. } => accelerator(design, config),
        Link::Spi => accelerator_behind(design, config, |digest| spi_accelerator(design, digest)),
        Link::Wishbone => accelerator_behind(design, config, |digest| wishbone_accelerator(design, digest)),
        Link::Axi => {
            let mut plan = accelerator_behind(design, config, |digest| axi_accelerator(design, digest))?;
            let mut context = Context::new();
            context.insert("header", &header(&digest::design(design)));
            let top = Tera::one_off(include_str!("templates/axi/axi_top.v"), &context, false);
            plan.add(AXI_TOP_FILE, top.expect("the template matches its values"));
            Ok(plan)
        }
    }
}

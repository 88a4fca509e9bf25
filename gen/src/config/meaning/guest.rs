//! The multiplier of the user's own.

use std::path::Path;
use std::sync::Arc;

use logloom_hdl::arith::exact::MULTIPLIER_BLOCK;
use logloom_hdl::arith::guest::{Guest, Operands};
use logloom_hdl::arith::{Arithmetic, Exact, Form, unit};
use logloom_hdl::array::pe::ADD_SUBTRACT;
use logloom_hdl::design::Design;
use logloom_hdl::link::axi::axi_accelerator;
use logloom_hdl::link::spi::spi_accelerator;
use logloom_hdl::link::uart::serial_accelerator;
use logloom_hdl::link::wishbone::wishbone_accelerator;
use logloom_hdl::rtl::ElaborationError;

use super::Meaning;
use crate::config::error::{ConfigError, ConfigErrors};
use crate::config::keys::{self, GUEST, KEYS};
use crate::config::origin::Origin;
use crate::config::written::{Entry, Value};
use crate::emit::{AXI_TOP, BOARD_TOP};
use crate::flow::cache::Cache;
use crate::guest::{Description, Inspected, Meaning as Products, Problem};

impl Meaning<'_> {
    /// The guest of a configuration, whatever may be wrong with the rest.
    pub(super) fn guest_alone(mut self, legal: bool) -> Result<Guest, ConfigErrors> {
        if self.text("arithmetic.family") != Some(GUEST) {
            self.conflict(&["arithmetic.family"], "describes no guest", format!("choose \"{GUEST}\""));
            return Err(ConfigErrors(self.errors));
        }
        let width = self.format("formats.activation").bits;
        let guest = self.guest(width, legal);
        guest.filter(|_| self.errors.is_empty()).ok_or(ConfigErrors(self.errors))
    }

    fn complain(&mut self, Problem { key, what, remedy }: Problem) {
        let also: &[&str] =
            if key == "formats.activation" { &["formats.gradient", "guest.operand_bits"] } else { &["guest.verilog"] };
        self.conflict(&[&[key], also].concat(), what, remedy);
    }

    /// A word of `[guest]`, or its default.
    fn guest_word(&mut self, key: &'static str, default: &str) -> String {
        let default = Entry { value: Value::Text(default.to_string()), origin: Origin::Default };
        self.written.entry(key).or_insert(default);
        self.text(key).expect("it was written").to_string()
    }

    /// What `[guest]` says, if that is enough.
    fn description(&mut self) -> Option<Description> {
        for key in ["guest.verilog", "guest.module", "guest.operands", "guest.operand_bits"] {
            if self.value(key).is_none() {
                let kind = &keys::find(key).expect("it is in the table").kind;
                self.errors.push(ConfigError {
                    location: self.path.display().to_string(),
                    key: Some(key.to_string()),
                    what: "is missing".to_string(),
                    remedy: format!("add {kind}, under [guest]"),
                });
            }
        }
        let latency = self.or_default("guest.latency", 0);
        match (latency, self.value("guest.clock").is_some()) {
            (0, true) => {
                self.conflict(
                    &["guest.clock"],
                    "a clock without a latency",
                    "state the cycles from operands to product in guest.latency",
                );
            }
            (1.., false) => {
                self.conflict(
                    &["guest.latency"],
                    "a latency without a clock",
                    "name the port of the clock in guest.clock",
                );
            }
            _ => {}
        }
        if self.value("guest.c").is_some() && self.value("guest.table").is_some() {
            self.conflict(
                &["guest.c", "guest.table"],
                "stated twice: there is a table too",
                "remove guest.c or guest.table",
            );
        }
        if self.value("guest.c").is_none() {
            self.without(&["guest.function"], "without guest.c");
        }
        if !self.errors.is_empty() {
            return None;
        }
        let folder = self.path.parent().unwrap_or(Path::new("")).to_path_buf();
        let file = |text: &str| folder.join(text);
        let verilog = file(self.text("guest.verilog")?);
        let module = self.text("guest.module")?.to_string();
        let meaning = match (self.text("guest.table").map(file), self.text("guest.c").map(file)) {
            (Some(table), _) => Products::Table(table),
            (None, Some(file)) => Products::Function { file, function: self.guest_word("guest.function", &module) },
            (None, None) => Products::Simulated,
        };
        Some(Description {
            verilog,
            moving: self.guest_word("guest.a", "A"),
            stationary: self.guest_word("guest.b", "B"),
            product: self.guest_word("guest.product", "O"),
            clock: self.text("guest.clock").map(str::to_string),
            latency,
            operands: if self.text("guest.operands")? == "signed" { Operands::Signed } else { Operands::Unsigned },
            bits: self.integer("guest.operand_bits")?,
            module,
            meaning,
        })
    }

    /// The multiplier of the user's own; if `legal`, only one whose products with 0 are 0.
    pub(super) fn guest(&mut self, operand_bits: u32, legal: bool) -> Option<Guest> {
        let parameters = KEYS.iter().map(|key| key.name).filter(|key| keys::is_parameter(key));
        let parameters: Vec<&'static str> = parameters.chain(["arithmetic.stages"]).collect();
        self.without(&parameters, "with family = \"guest\"");
        let cache = Cache::standard();
        let description = self.description()?;
        let unit = self.sound(Inspected::new(description, &cache))?;
        self.sound(unit.takes(operand_bits))?;
        // Before the unit is simulated beside them.
        self.refuse_names(&unit, &modules_around_a_unit().expect("an exact unit is elaborated"))?;
        let products = self.sound(unit.products(&cache))?;
        let guest = unit.guest(operand_bits, &products);
        self.guest = Some(unit);
        if legal { self.suitable(guest.validate().map(|()| guest)) } else { Some(guest) }
    }

    /// What was made of the guest, if nothing was wrong with it.
    fn sound<T>(&mut self, made: Result<T, Problem>) -> Option<T> {
        made.map_err(|problem| self.complain(problem)).ok()
    }

    /// The key that states the products of the guest.
    pub(super) fn key_of_products(&self) -> &'static str {
        self.guest.as_ref().map_or("guest.verilog", Inspected::key_of_products)
    }

    /// None if a module of the guest has a name that Logloom gives to one of its own; case makes no difference to a file.
    pub(super) fn refuse_names(&mut self, guest: &Inspected, ours: &[String]) -> Option<()> {
        let defined = guest.modules().iter();
        let clash = defined.flat_map(|own| ours.iter().find(|name| name.eq_ignore_ascii_case(own)).map(|_| own)).next();
        let Some(name) = clash.cloned() else { return Some(()) };
        self.conflict(
            &["guest.verilog"],
            format!("Logloom has a module `{name}` of its own"),
            "rename that of the guest",
        );
        None
    }
}

/// What takes the place of a guest in the search for names.
fn in_place_of_a_guest(operand_bits: u32) -> Arc<dyn Arithmetic> {
    Arc::new(Exact { operand_bits, form: Form::Rows, stages: 0 })
}

/// The modules around a unit by itself.
fn modules_around_a_unit() -> Result<Vec<String>, ElaborationError> {
    let unit = unit(in_place_of_a_guest(8).as_ref())?;
    let modules = unit.hierarchy()?;
    let names = modules.iter().map(|module| module.name.as_str());
    // In the place of the last two, whoever has them, synthesis puts cells of the device.
    Ok(names.chain(["unit_bound", "sweep", "tabulate", ADD_SUBTRACT, MULTIPLIER_BLOCK]).map(String::from).collect())
}

/// The modules that an accelerator of this shape has, whatever its link and its board.
pub(super) fn modules_beside_a_guest(design: &Design) -> Result<Vec<String>, ElaborationError> {
    let arithmetic = in_place_of_a_guest(design.operand_bits());
    let design = &Design { arithmetic, accumulator_bits: 48, ..design.clone() };
    let tops = [
        serial_accelerator(design, 0, 12_000_000, 1_000_000)?,
        spi_accelerator(design, 0)?,
        wishbone_accelerator(design, 0)?,
        axi_accelerator(design, 0)?,
    ];
    let mut names: Vec<String> = [BOARD_TOP, AXI_TOP, "frame", "pll", "testbench"].map(String::from).to_vec();
    for top in tops {
        names.extend(top.hierarchy()?.iter().map(|module| module.name.clone()));
    }
    Ok(names)
}

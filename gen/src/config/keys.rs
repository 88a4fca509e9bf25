//! The table of configuration keys: name, kind, default and help in one place. Reading, errors, suggestions
//! and the commented starter file all come from it.

use crate::nearest::nearest;
use logloom_hdl::arith::family::{Choices, Family, Parameter, Value};
use logloom_hdl::arith::guest::{MAX_LATENCY, UNIT_BITS};
use logloom_hdl::arith::{FAMILIES, MAX_STAGES};
use std::fmt;
use std::sync::LazyLock;

/// What may stand behind a key, as far as it can be judged without looking at other keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Letters, digits, `_` and `-`; names files and the top module.
    Name,
    /// A whole number, inclusive bounds.
    Integer { min: u32, max: u32 },
    /// A power of two, inclusive bounds.
    PowerOfTwo { min: u32, max: u32 },
    /// A number strictly above `above` and strictly below `below`.
    Real { above: f64, below: f64 },
    /// One of the listed words.
    Choice(Vec<&'static str>),
    /// A fixed-point format `Q<int>.<frac>` with 1 + int + frac bits, inclusive bounds on the bits.
    Format { min_bits: u32, max_bits: u32 },
    /// A power of two up to one, written `2^-n` with n up to `max`.
    Rate { max: u32 },
    /// Powers of two up to one, at least one, each written `2^-n` with n up to `max`.
    Rates { max: u32 },
    /// Layer sizes: at least two whole numbers, inclusive bounds for each.
    Layers { min: u32, max: u32 },
    /// Whole numbers, at least one, inclusive bounds for each.
    Integers { min: u32, max: u32 },
    /// A name of Verilog or C: letters, digits and `_`.
    Identifier,
    /// A path, relative to the folder of the configuration file.
    Path,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Name => f.write_str("a name of letters, digits, _ and -"),
            Kind::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Kind::PowerOfTwo { min, max } => write!(f, "a power of two from {min} to {max}"),
            Kind::Real { above, below } => write!(f, "a number between {above} and {below}"),
            Kind::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Kind::Format { min_bits, max_bits } => {
                write!(f, "a format \"Q<int>.<frac>\" with 1 + int + frac from {min_bits} to {max_bits} bits")
            }
            Kind::Rate { max } => write!(f, "a power of two from \"2^0\" to \"2^-{max}\""),
            Kind::Rates { max } => write!(f, "a list of powers of two, each from \"2^0\" to \"2^-{max}\""),
            Kind::Layers { min, max } => {
                write!(f, "a list of two or more layer sizes, each from {min} to {max}")
            }
            Kind::Integers { min, max } => write!(f, "a list of whole numbers from {min} to {max}"),
            Kind::Identifier => f.write_str("a name of letters, digits and _"),
            Kind::Path => f.write_str("a path, relative to the configuration file"),
        }
    }
}

/// What happens when neither the file nor its preset has the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Absent {
    /// An error.
    Required,
    /// The value, as it would stand in the file.
    Default(&'static str),
    /// Computed from other values; the text says how.
    Derived(&'static str),
    /// Stays away.
    Optional,
}

/// One key of the configuration file.
#[derive(Debug)]
pub struct Key {
    /// `section.key`, or `key` at the top of the file.
    pub name: &'static str,
    pub kind: Kind,
    pub absent: Absent,
    /// One line for people who write the file.
    pub help: String,
}

impl Key {
    /// `""` at the top of the file.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within its section.
    pub fn short(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, short)| short)
    }
}

fn key(name: &'static str, kind: Kind, absent: Absent, help: &str) -> Key {
    Key { name, kind, absent, help: help.to_string() }
}

const fn integer(min: u32, max: u32) -> Kind {
    Kind::Integer { min, max }
}

const fn power(min: u32, max: u32) -> Kind {
    Kind::PowerOfTwo { min, max }
}

/// Single precision must hold differences and quotients of such numbers.
const NUMBER: Kind = Kind::Real { above: -1e15, below: 1e15 };

/// The `arithmetic.family` that is in no list: whatever the section `[guest]` describes.
pub const GUEST: &str = "guest";

/// What `link.kind` may be.
pub const LINKS: [&str; 4] = ["uart", "spi", "wishbone", "axi"];

const OPERAND: Kind = Kind::Format { min_bits: 4, max_bits: 16 };

/// Every key, in the order in which files are written and shown.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = before_families();
    keys.extend(family_keys());
    keys.push(key(
        "arithmetic.stages",
        integer(0, MAX_STAGES),
        Absent::Default("1"),
        "pipeline registers inside a product",
    ));
    keys.extend(guest_keys());
    keys.extend(after_families());
    keys
});

/// The key of a family's parameter.
pub fn of_parameter(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.section() == "arithmetic" && key.short() == name).expect("every parameter has a key")
}

/// Whether the key is that of a family's parameter.
pub fn is_parameter(name: &str) -> bool {
    let parameters = FAMILIES.iter().flat_map(|family| family.parameters);
    name.strip_prefix("arithmetic.")
        .is_some_and(|short| parameters.into_iter().any(|parameter| parameter.name == short))
}

/// One key for each name of a parameter, whichever families have it.
fn family_keys() -> Vec<Key> {
    let all = || FAMILIES.iter().flat_map(|family| family.parameters.iter().map(move |parameter| (family, parameter)));
    let mut keys: Vec<Key> = Vec::new();
    for (_, parameter) in all() {
        if keys.iter().any(|key| key.short() == parameter.name) {
            continue;
        }
        let sharing: Vec<(&Family, &Parameter)> = all().filter(|(_, other)| other.name == parameter.name).collect();
        let families: Vec<&str> = sharing.iter().map(|(family, _)| family.name).collect();
        let kind =
            sharing.iter().map(|(_, parameter)| kind_of(&parameter.choices)).reduce(united).expect("at least one");
        keys.push(Key {
            // Leaked once per parameter: the keys live as long as the program.
            name: format!("arithmetic.{}", parameter.name).leak(),
            kind,
            absent: Absent::Optional,
            help: format!("{}: {} (default {})", families.join(", "), parameter.help, defaults(&sharing)),
        });
    }
    keys
}

/// What families take with operands of 16 bits when nobody says.
fn defaults(sharing: &[(&Family, &Parameter)]) -> String {
    let text = |parameter: &Parameter| match parameter.choices.default(16) {
        Value::Integer(number) => number.to_string(),
        Value::Integers(numbers) => format!("{numbers:?}"),
        Value::Word(word) => word,
    };
    let first = text(sharing[0].1);
    if sharing.iter().all(|(_, parameter)| text(parameter) == first) {
        return first;
    }
    let each: Vec<String> = sharing.iter().map(|(family, p)| format!("{} with {}", text(p), family.name)).collect();
    each.join(", ")
}

fn kind_of(choices: &Choices) -> Kind {
    match *choices {
        Choices::Integer { min, max, .. } => Kind::Integer { min, max },
        Choices::Integers { min, max, .. } => Kind::Integers { min, max },
        Choices::Word { words, .. } => Kind::Choice(words.to_vec()),
    }
}

/// What either of two families takes; each refuses later what only the other one takes.
fn united(a: Kind, b: Kind) -> Kind {
    match (a, b) {
        (Kind::Integer { min: a, max: b }, Kind::Integer { min: c, max: d }) => integer(a.min(c), b.max(d)),
        (Kind::Integers { min: a, max: b }, Kind::Integers { min: c, max: d }) => {
            Kind::Integers { min: a.min(c), max: b.max(d) }
        }
        (Kind::Choice(mut a), Kind::Choice(b)) => {
            a.extend(b.into_iter().filter(|word| !a.contains(word)).collect::<Vec<_>>());
            Kind::Choice(a)
        }
        _ => panic!("families that share the name of a parameter share its type"),
    }
}

fn before_families() -> Vec<Key> {
    vec![
        key("name", Kind::Name, Absent::Derived("the file's name"), "names the accelerator"),
        key("preset", Kind::Choice(super::presets::NAMES.to_vec()), Absent::Optional, "the values to start from"),
        key(
            "array.rows",
            integer(1, 64),
            Absent::Default("8"),
            "rows of processing elements: inputs that are summed in one pass",
        ),
        key("array.columns", integer(1, 64), Absent::Default("8"), "columns of processing elements: outputs per pass"),
        key(
            "array.accumulator_bits",
            integer(16, 48),
            Absent::Derived("the smallest in which no sum of the network can wrap"),
            "width of an accumulator below the array",
        ),
        key(
            "array.accumulator_depth",
            power(4, 4096),
            Absent::Derived("the smallest that holds a batch of logits"),
            "vectors that an accumulator memory holds",
        ),
        key(
            "array.roundings",
            Kind::Choice(vec!["any", "nearest"]),
            Absent::Default("\"any\""),
            "roundings of updates that the hardware has; nearest alone spares a generator per column",
        ),
        key(
            "array.interconnect",
            Kind::Choice(vec!["systolic", "broadcast"]),
            Absent::Default("\"systolic\""),
            "how codes reach the elements of a row: from one to the next, or all at once (small for a few columns, slow for many)",
        ),
        key(
            "array.subtraction",
            Kind::Choice(vec!["complement", "adder"]),
            Absent::Default("\"complement\""),
            "how elements subtract products that come with a sign: from the complement of the sum (small on iCE40), or in the adder (small on ECP5 and Gowin)",
        ),
        key(
            "array.softmax_lanes",
            Kind::Choice(vec!["all", "one"]),
            Absent::Default("\"all\""),
            "logits that the loss unit takes per cycle: those of all columns, or one (small)",
        ),
        key(
            "array.counters",
            Kind::Choice(vec!["all", "training"]),
            Absent::Default("\"all\""),
            "events that are counted: all, or cycles, loss and correct predictions alone (small)",
        ),
        key(
            "arithmetic.family",
            Kind::Choice(FAMILIES.iter().map(|family| family.name).chain([GUEST]).collect()),
            Absent::Default("\"mitchell\""),
            "how two operands become a product; \"guest\" by a multiplier of your own, which [guest] describes",
        ),
    ]
}

/// The keys of the section `[guest]`.
fn guest_keys() -> Vec<Key> {
    let (least, most) = (*UNIT_BITS.start(), *UNIT_BITS.end());
    vec![
        key("guest.verilog", Kind::Path, Absent::Optional, "the file of a multiplier of your own"),
        key("guest.module", Kind::Identifier, Absent::Optional, "its module"),
        key(
            "guest.a",
            Kind::Identifier,
            Absent::Optional,
            "port of the moving operand: an activation or gradient (default \"A\")",
        ),
        key(
            "guest.b",
            Kind::Identifier,
            Absent::Optional,
            "port of the stationary operand, such as a weight (default \"B\")",
        ),
        key("guest.product", Kind::Identifier, Absent::Optional, "port of the product (default \"O\")"),
        key("guest.clock", Kind::Identifier, Absent::Optional, "port of the clock, where the product is registered"),
        key("guest.latency", integer(0, MAX_LATENCY), Absent::Optional, "cycles from operands to product (default 0)"),
        key(
            "guest.operands",
            Kind::Choice(vec!["signed", "unsigned"]),
            Absent::Optional,
            "two's complement, or unsigned: then Logloom adds the signs",
        ),
        key("guest.operand_bits", integer(least, most), Absent::Optional, "width of each of its operands"),
        key(
            "guest.table",
            Kind::Path,
            Absent::Optional,
            "its products as a NumPy array (.npy); without this and guest.c they are simulated",
        ),
        key("guest.c", Kind::Path, Absent::Optional, "a file of C with its products as a function"),
        key("guest.function", Kind::Identifier, Absent::Optional, "that function (default: named like the module)"),
    ]
}

fn after_families() -> Vec<Key> {
    vec![
        key("formats.activation", OPERAND, Absent::Default("\"Q5.10\""), "activations and inputs"),
        key("formats.gradient", OPERAND, Absent::Default("\"Q1.14\""), "gradients; as wide as activations"),
        key(
            "formats.weight",
            Kind::Format { min_bits: 8, max_bits: 24 },
            Absent::Default("\"Q3.12\""),
            "master weights and biases",
        ),
        key(
            "memory.activation_depth",
            integer(1, 1 << 20),
            Absent::Derived("the smallest that fits the network"),
            "words per bank; a multiple of the number of banks",
        ),
        key(
            "memory.gradient_depth",
            integer(1, 1 << 20),
            Absent::Derived("the smallest that fits the network"),
            "words per bank; a multiple of the number of banks",
        ),
        key(
            "memory.weight_depth",
            integer(1, 1 << 20),
            Absent::Derived("the smallest that fits the network"),
            "words per bank; a multiple of the number of banks",
        ),
        key(
            "memory.weight_codes",
            Kind::Choice(vec!["stored", "encoded", "spram"]),
            Absent::Default("\"stored\""),
            "in a memory of their own; or made from the weights on their way into the array: encoders instead of a memory; \
             or in SPRAM (iCE40 UP5K)",
        ),
        key(
            "memory.batch_depth",
            power(1, 4096),
            Absent::Derived("the smallest that fits the batch"),
            "samples that the per-sample memories hold",
        ),
        key(
            "memory.program_depth",
            power(2, 1024),
            Absent::Derived("the smallest that fits the programs"),
            "instructions that the program memory holds",
        ),
        key(
            "link.kind",
            Kind::Choice(LINKS.to_vec()),
            Absent::Default("\"uart\""),
            "how a host reaches the accelerator: over pins (uart, spi), or a bus inside the FPGA (wishbone, axi)",
        ),
        key("link.baud", integer(1200, 12_000_000), Absent::Default("1000000"), "bits per second of a UART"),
        key("network.layers", Kind::Layers { min: 1, max: 4096 }, Absent::Required, "inputs, hidden layers, classes"),
        key("training.batch", integer(1, 4096), Absent::Default("16"), "samples per step"),
        key(
            "training.learning_rate",
            Kind::Rate { max: 15 },
            Absent::Default("\"2^-3\""),
            "per batch mean; the mean divides by the next power of two >= batch",
        ),
        key(
            "training.milestones",
            Kind::Integers { min: 1, max: 1_000_000 },
            Absent::Optional,
            "epochs after which the learning rate is halved; [24, 24] quarters it after 24",
        ),
        key(
            "training.rounding",
            Kind::Choice(vec!["nearest", "stochastic"]),
            Absent::Default("\"nearest\""),
            "how an update is rounded to the master's grid",
        ),
        key(
            "training.weight_scale",
            Kind::Rates { max: 8 },
            Absent::Derived("2^0 for every layer"),
            "for each layer, the weight that a master weight of 1.0 stands for",
        ),
        key("training.epochs", integer(0, 1_000_000), Absent::Default("40"), "passes over the training data"),
        key("training.seed", integer(0, u32::MAX), Absent::Default("0"), "of initial weights, shuffling and rounding"),
        key(
            "build.clock_mhz",
            Kind::Real { above: 0.0, below: 1000.0 },
            Absent::Derived("as near to that of the board as the PLL makes it"),
            "MHz of the accelerator on a board, made by the PLL",
        ),
        key("data.train", Kind::Path, Absent::Required, "training samples: .idx images, .csv or .npz"),
        key("data.train_labels", Kind::Path, Absent::Optional, "labels of .idx training images"),
        key(
            "data.test",
            Kind::Path,
            Absent::Optional,
            "test samples; without them a part of the training data is held back",
        ),
        key("data.test_labels", Kind::Path, Absent::Optional, "labels of .idx test images"),
        key(
            "data.test_fraction",
            Kind::Real { above: 0.0, below: 1.0 },
            Absent::Optional,
            "the part held back when data.test is absent (default 0.2)",
        ),
        key("data.split_seed", integer(0, u32::MAX), Absent::Optional, "chooses the part held back (default 0)"),
        key("data.zero", NUMBER, Absent::Default("0.0"), "the stored value that becomes 0.0"),
        key("data.one", NUMBER, Absent::Default("1.0"), "the stored value that becomes 1.0, for example 255 for bytes"),
    ]
}

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The sections in order, each once, without the top of the file.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&'static str> = Vec::new();
    for key in KEYS.iter() {
        if !key.section().is_empty() && !sections.contains(&key.section()) {
            sections.push(key.section());
        }
    }
    sections
}

/// The known key that was probably meant by an unknown `section.key`: the same word in another section, else
/// the most alike in the same section, else the most alike anywhere.
pub fn suggest(section: &str, short: &str) -> Option<&'static str> {
    if let Some(key) = KEYS.iter().find(|key| key.short() == short) {
        return Some(key.name);
    }
    let within = KEYS.iter().filter(|key| key.section() == section);
    if let Some(found) = nearest(short, within.map(Key::short)) {
        let same = KEYS.iter().find(|key| key.section() == section && key.short() == found);
        return same.map(|key| key.name);
    }
    let found = nearest(short, KEYS.iter().map(Key::short))?;
    KEYS.iter().find(|key| key.short() == found).map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (i, key) in KEYS.iter().enumerate() {
            assert!(KEYS[..i].iter().all(|other| other.name != key.name), "{}", key.name);
        }
    }

    #[test]
    fn suggestions_find_typos_and_wrong_sections() {
        assert_eq!(suggest("array", "row"), Some("array.rows"));
        assert_eq!(suggest("array", "batch"), Some("training.batch"));
        assert_eq!(suggest("training", "learningrate"), Some("training.learning_rate"));
        assert_eq!(suggest("array", "zzz"), None);
    }
}

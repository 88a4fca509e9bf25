//! The instruction set (section 4 of the specification): one table per instruction.
//!
//! Encoder, decoder, disassembler, the hardware's decoder and `docs/isa.md` come from the tables.
use std::fmt::Write;

/// Words of an instruction.
pub const WORDS: usize = 8;

/// An encoded instruction.
pub type Words = [u32; WORDS];

/// Bits of an instruction with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub word: u32,
    /// Lowest bit in the word.
    pub low: u32,
    pub bits: u32,
    pub meaning: &'static str,
    /// Names of the values 0, 1, .. where they have names; values beyond are illegal.
    pub values: &'static [&'static str],
}

impl Field {
    /// Highest bit in the word.
    pub const fn high(&self) -> u32 {
        self.low + self.bits - 1
    }

    /// The value in an encoded instruction.
    pub const fn get(&self, words: &Words) -> u32 {
        words[self.word as usize] >> self.low & self.mask()
    }

    const fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.bits)
    }

    /// Sets the value in an encoded instruction whose field is 0.
    fn put(&self, words: &mut Words, value: u32) {
        assert!(value <= self.mask(), "{} = {value} does not fit {} bits", self.name, self.bits);
        words[self.word as usize] |= value << self.low;
    }
}

/// Bits of the opcode, the same in every instruction.
pub const OPCODE: Field = Field { name: "opcode", word: 0, low: 0, bits: 4, meaning: "which instruction", values: &[] };

/// An instruction that does not mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    #[error("illegal opcode {0}")]
    Opcode(u32),
    #[error("illegal operand: {field} = {value}")]
    Operand { field: &'static str, value: u32 },
}

/// A type that a field can hold.
trait Value: Copy {
    const NAMES: &'static [&'static str] = &[];
    fn to_bits(self) -> u32;
    /// `None` for a value without meaning.
    fn from_bits(bits: u32) -> Option<Self>;
}

macro_rules! number {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn to_bits(self) -> u32 {
                self.into()
            }

            fn from_bits(bits: u32) -> Option<Self> {
                bits.try_into().ok()
            }
        }
    )+};
}
number!(u8, u16);

/// Defines an enumeration that a field can hold, values from 0 on.
macro_rules! choice {
    ($(#[$doc:meta])* $Name:ident { $first:ident = $first_name:literal $(, $Variant:ident = $name:literal)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $Name {
            #[default]
            $first,
            $($Variant),+
        }

        impl Value for $Name {
            const NAMES: &'static [&'static str] = &[$first_name $(, $name)+];

            fn to_bits(self) -> u32 {
                self as u32
            }

            fn from_bits(bits: u32) -> Option<Self> {
                const ALL: &[$Name] = &[$Name::$first $(, $Name::$Variant)+];
                ALL.get(bits as usize).copied()
            }
        }
    };
}

choice! {
    /// Memory of the moving matrix.
    Moving { Activation = "activation", Gradient = "gradient" }
}
choice! {
    /// Memory of the stationary matrix.
    Stationary { WeightCode = "weight", Gradient = "gradient", Activation = "activation" }
}
choice! {
    /// Memory of the result.
    Dest { Activation = "activation", Gradient = "gradient", Weight = "weight", Accumulator = "accumulator" }
}
choice! {
    /// How a matrix is stored: whether its vectors are the rows or the columns in memory.
    By { Row = "row", Column = "column" }
}
choice! {
    /// Rounding of weight updates.
    Rounding { Nearest = "nearest", Stochastic = "stochastic" }
}
choice! {
    /// How far a SOFTMAX goes; each includes those before it, and `Gradient` includes all.
    Passes { Gradient = "gradient", Argmax = "argmax", LogSum = "log_sum", Loss = "loss" }
}

/// Defines an instruction: a structure of its fields, their constants, and the two conversions.
macro_rules! instruction {
    ($(#[$doc:meta])* $Name:ident, $module:ident = $opcode:literal {
        $($FIELD:ident $field:ident: $type:ty = $word:literal [$low:literal; $bits:literal] $meaning:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $Name {
            $(#[doc = $meaning] pub $field: $type),*
        }

        #[doc = concat!("Opcode and fields of [`", stringify!($Name), "`].")]
        pub mod $module {
            use super::*;

            pub const OPCODE: u32 = $opcode;
            $(
                #[doc = $meaning]
                pub const $FIELD: Field = Field {
                    name: stringify!($field),
                    word: $word,
                    low: $low,
                    bits: $bits,
                    meaning: $meaning,
                    values: <$type as Value>::NAMES,
                };
            )*
            /// All fields but the opcode.
            pub const FIELDS: &[Field] = &[$($FIELD),*];
        }

        impl $Name {
            /// # Panics
            /// If a number is wider than its field.
            pub fn encode(&self) -> Words {
                let mut words = [0; WORDS];
                OPCODE.put(&mut words, $opcode);
                $($module::$FIELD.put(&mut words, self.$field.to_bits());)*
                words
            }

            #[allow(unused_variables, reason = "an instruction may have no field")]
            fn decode(words: &Words) -> Result<Self, Illegal> {
                Ok(Self {
                    $($field: {
                        let field = $module::$FIELD;
                        let value = field.get(words);
                        Value::from_bits(value)
                            .ok_or(Illegal::Operand { field: field.name, value })?
                    }),*
                })
            }
        }
    };
}

instruction! {
    /// `dest[m x n] = moving[m x k] * stationary[k x n]`, requantised.
    Gemm, gemm = 1 {
        MOVING moving: Moving = 0 [4; 1] "memory of the moving matrix";
        MOVING_BY moving_by: By = 0 [5; 1]
            "moving vector m is this row or column of the stored matrix";
        STATIONARY stationary: Stationary = 0 [6; 2] "memory of the stationary matrix";
        STATIONARY_BY stationary_by: By = 0 [8; 1]
            "stationary vector k is this row or column of the stored matrix";
        DEST dest: Dest = 0 [9; 2] "memory of the result";
        DEST_BY dest_by: By = 0 [11; 1] "result vector m is written as this row or column";
        ROUNDING rounding: Rounding = 0 [12; 1] "rounding of weight updates";
        SHIFT shift: u8 = 0 [13; 5] "right shift of the requantiser";
        SALT salt: u8 = 0 [24; 8] "mixed into the seed of the rounding generators";
        M m: u16 = 1 [0; 16] "moving vectors, at least 1; a dimension";
        K k: u16 = 1 [16; 16] "length of a moving vector, at least 1; a dimension";
        N n: u16 = 2 [0; 16] "length of a result vector, at least 1; a dimension";
        BLOCK block: u16 = 2 [16; 16] "moving vectors per block, 1..=D";
        MOVING_BASE moving_base: u16 = 3 [0; 16] "first tile of the moving matrix";
        MOVING_STRIDE moving_stride: u16 = 3 [16; 16] "tiles per tile row of the moving matrix";
        STATIONARY_BASE stationary_base: u16 = 4 [0; 16] "first tile of the stationary matrix";
        STATIONARY_STRIDE stationary_stride: u16 = 4 [16; 16]
            "tiles per tile row of the stationary matrix";
        DEST_BASE dest_base: u16 = 5 [0; 16] "first tile of the result";
        DEST_STRIDE dest_stride: u16 = 5 [16; 16] "tiles per tile row of the result";
        MASK_BASE mask_base: u16 = 6 [0; 16]
            "first tile of the activations whose `pass` bits gate a gradient";
        MASK_STRIDE mask_stride: u16 = 6 [16; 16] "tiles per tile row of those activations";
        ACC_BASE acc_base: u16 = 7 [0; 16] "first accumulator address";
    }
}

instruction! {
    /// Prediction, loss and output gradient of the logits in the accumulators.
    Softmax, softmax = 2 {
        PASSES passes: Passes = 0 [4; 2] "the last thing to compute";
        SHIFT shift: u8 = 0 [13; 5] "requantiser shift to logits with 8 fraction bits";
        M m: u16 = 1 [0; 16] "samples, 1..=B";
        N n: u16 = 2 [0; 16] "classes, at least 1; a dimension";
        DEST_BASE dest_base: u16 = 5 [0; 16] "first tile of the gradient";
        DEST_STRIDE dest_stride: u16 = 5 [16; 16] "tiles per tile row of the gradient";
        ACC_BASE acc_base: u16 = 7 [0; 16] "address of the first logit";
    }
}

instruction! {
    /// Stops; STATUS.halted is set.
    Halt, halt = 3 {}
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    Gemm(Gemm),
    Softmax(Softmax),
    Halt,
}

impl Instruction {
    /// # Panics
    /// If a number is wider than its field.
    pub fn encode(&self) -> Words {
        match self {
            Instruction::Gemm(gemm) => gemm.encode(),
            Instruction::Softmax(softmax) => softmax.encode(),
            Instruction::Halt => Halt {}.encode(),
        }
    }

    /// Bits outside the fields are ignored.
    pub fn decode(words: &Words) -> Result<Self, Illegal> {
        match OPCODE.get(words) {
            gemm::OPCODE => Gemm::decode(words).map(Instruction::Gemm),
            softmax::OPCODE => Softmax::decode(words).map(Instruction::Softmax),
            halt::OPCODE => Halt::decode(words).map(|Halt {}| Instruction::Halt),
            opcode => Err(Illegal::Opcode(opcode)),
        }
    }
}

/// An instruction as data, for the disassembler, the documentation and the hardware's decoder.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    pub name: &'static str,
    pub opcode: u32,
    pub summary: &'static str,
    pub fields: &'static [Field],
}

/// All instructions.
pub const INSTRUCTIONS: &[Description] = &[
    Description {
        name: "gemm",
        opcode: gemm::OPCODE,
        summary: "`dest[m x n] = moving[m x k] * stationary[k x n]`, requantised.",
        fields: gemm::FIELDS,
    },
    Description {
        name: "softmax",
        opcode: softmax::OPCODE,
        summary: "Prediction, loss and output gradient of the logits in the accumulators.",
        fields: softmax::FIELDS,
    },
    Description { name: "halt", opcode: halt::OPCODE, summary: "Stops; STATUS.halted is set.", fields: halt::FIELDS },
];

/// A field by the names of its instruction and itself.
pub fn field(instruction: &str, name: &str) -> Option<Field> {
    let instruction = INSTRUCTIONS.iter().find(|i| i.name == instruction)?;
    instruction.fields.iter().find(|f| f.name == name).copied()
}

/// One line per instruction of a program: number, name, fields. Numbers that are 0 are left out; an
/// instruction that means nothing is shown with its reason. A last incomplete instruction is shown raw.
pub fn disassemble(program: &[u32]) -> String {
    let mut text = String::new();
    let (instructions, rest) = program.as_chunks::<WORDS>();
    for (number, words) in instructions.iter().enumerate() {
        write!(text, "{number:4}  ").expect("writing to a string");
        disassemble_one(&mut text, words);
        text.push('\n');
    }
    if !rest.is_empty() {
        writeln!(text, "{:4}  incomplete {rest:08x?}", instructions.len()).expect("writing to a string");
    }
    text
}

fn disassemble_one(text: &mut String, words: &Words) {
    let opcode = OPCODE.get(words);
    let Some(instruction) = INSTRUCTIONS.iter().find(|i| i.opcode == opcode) else {
        *text += &Illegal::Opcode(opcode).to_string();
        return;
    };
    *text += instruction.name;
    for field in instruction.fields {
        let value = field.get(words);
        if let Some(name) = field.values.get(value as usize) {
            write!(text, " {}={name}", field.name)
        } else if !field.values.is_empty() {
            write!(text, " {}={value} (illegal)", field.name)
        } else if value != 0 {
            write!(text, " {}={value}", field.name)
        } else {
            Ok(())
        }
        .expect("writing to a string");
    }
}

/// The page `docs/isa.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "<!-- Made from the tables in hdl/src/control/isa.rs; run the tests with UPDATE=1 to renew. -->\n\n\
         # Instruction set\n\n\
         An instruction is eight 32-bit words; bits 3:0 of word 0 are its opcode, and bits outside the\n\
         fields are ignored. Section 4 of the [specification](specification.md) says what each one does.\n",
    );
    for instruction in INSTRUCTIONS {
        let Description { name, opcode, summary, fields } = instruction;
        let title = name.to_uppercase();
        write!(page, "\n## {title}\n\nOpcode {opcode}. {summary}\n").expect("writing to a string");
        if fields.is_empty() {
            continue;
        }
        page += "\n| field | word | bits | meaning |\n|---|---|---|---|\n";
        for field in *fields {
            let values: Vec<String> =
                field.values.iter().enumerate().map(|(value, name)| format!("{value} {name}")).collect();
            let separator = if values.is_empty() { "" } else { ": " };
            let bits = if field.bits == 1 { field.low.to_string() } else { format!("{}:{}", field.high(), field.low) };
            writeln!(
                page,
                "| {} | {} | {bits} | {}{separator}{} |",
                field.name,
                field.word,
                field.meaning,
                values.join(", ")
            )
            .expect("writing to a string");
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_page_is_current() {
        crate::page::check("isa.md", &markdown());
    }

    #[test]
    fn fields_do_not_overlap() {
        for instruction in INSTRUCTIONS {
            let mut used: Words = [0; WORDS];
            for field in instruction.fields.iter().chain([&OPCODE]) {
                assert!(field.high() < 32);
                assert_eq!(field.get(&used), 0, "{} {}", instruction.name, field.name);
                field.put(&mut used, field.mask());
                assert!(field.values.len() <= 1 << field.bits.min(16));
            }
        }
    }

    #[test]
    fn every_field_is_found_by_name() {
        assert_eq!(field("gemm", "shift"), Some(gemm::SHIFT));
        assert_eq!(field("softmax", "acc_base"), Some(softmax::ACC_BASE));
        assert_eq!(field("halt", "shift"), None);
        assert_eq!(field("nop", "shift"), None);
    }

    #[test]
    fn a_known_instruction_has_its_specified_bits() {
        let gemm = Gemm {
            moving: Moving::Gradient,
            moving_by: By::Column,
            stationary: Stationary::Activation,
            dest: Dest::Weight,
            dest_by: By::Column,
            rounding: Rounding::Stochastic,
            shift: 21,
            salt: 0xA5,
            m: 65,
            k: 16,
            n: 32,
            block: 7,
            mask_stride: 3,
            acc_base: 9,
            ..Gemm::default()
        };
        let words = Instruction::Gemm(gemm).encode();
        assert_eq!(words[0], 1 | 1 << 4 | 1 << 5 | 2 << 6 | 2 << 9 | 1 << 11 | 1 << 12 | 21 << 13 | 0xA5 << 24);
        assert_eq!(words[1..4], [16 << 16 | 65, 7 << 16 | 32, 0]);
        assert_eq!(words[6..], [3 << 16, 9]);
    }

    #[test]
    fn a_disassembled_program() {
        let softmax = Softmax { passes: Passes::Gradient, shift: 4, m: 16, n: 10, ..Softmax::default() };
        let mut program = Instruction::Softmax(softmax).encode().to_vec();
        program.extend(Instruction::Halt.encode());
        program.extend([0; 8]);
        program.extend([1 | 3 << 6, 0, 0, 0, 0, 0, 0, 0]);
        program.push(7);
        let expected = "   0  softmax passes=gradient shift=4 m=16 n=10\n   1  halt\n   \
             2  illegal opcode 0\n   3  gemm moving=activation moving_by=row stationary=3 (illegal) \
             stationary_by=row dest=activation dest_by=row rounding=nearest\n   4  incomplete [00000007]\n";
        assert_eq!(disassemble(&program), expected);
    }

    #[test]
    #[should_panic(expected = "shift = 32 does not fit 5 bits")]
    fn a_number_wider_than_its_field_is_refused() {
        let gemm = Gemm { shift: 32, ..Gemm::default() };
        gemm.encode();
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_again(words: Words, opcode in 0u32..6) {
            let mut words = words;
            words[0] = words[0] & !15 | opcode;
            match Instruction::decode(&words) {
                Ok(instruction) => {
                    let encoded = instruction.encode();
                    prop_assert_eq!(Instruction::decode(&encoded), Ok(instruction));
                    let description = INSTRUCTIONS.iter().find(|i| i.opcode == opcode).unwrap();
                    for field in description.fields {
                        prop_assert_eq!(field.get(&encoded), field.get(&words));
                    }
                }
                Err(Illegal::Opcode(found)) => {
                    prop_assert_eq!(found, opcode);
                    prop_assert!(!(1..=3).contains(&opcode));
                }
                Err(Illegal::Operand { field, value }) => {
                    prop_assert_eq!((field, value), ("stationary", 3));
                }
            }
        }
    }
}

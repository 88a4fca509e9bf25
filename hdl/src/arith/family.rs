//! A family before its parameters are chosen: what a configuration sets of each.

use super::{Arithmetic, FAMILIES, ParameterError, check_operand_bits};
use std::sync::Arc;

/// A family before its parameters are chosen.
#[derive(Debug)]
pub struct Family {
    /// As written in a configuration.
    pub name: &'static str,
    /// One line for people who choose.
    pub summary: &'static str,
    /// What a configuration sets besides the operand width and the pipeline registers.
    pub parameters: &'static [Parameter],
    /// Settings of the parameters that the tables of units show and the tests sweep, in the form of
    /// [`Arithmetic::parameters`]; what is left out has its default, with operands of 16 bits and no pipeline registers.
    pub units: &'static [&'static str],
    /// What [`Family::with`] calls. The values may not suit each other: [`Arithmetic::validate`] says.
    pub make: fn(&Values) -> Arc<dyn Arithmetic>,
}

/// A parameter of a family. Families that share a name share its help and the type of its values.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub choices: Choices,
    /// One line for people who write configurations.
    pub help: &'static str,
}

/// The values that a parameter may take, and the one it takes when nobody says.
#[derive(Clone, Copy, Debug)]
pub enum Choices {
    Integer {
        min: u32,
        max: u32,
        /// Given the operand width.
        default: fn(u32) -> u32,
    },
    Integers {
        min: u32,
        max: u32,
        default: &'static [u32],
    },
    Word {
        words: &'static [&'static str],
        default: &'static str,
    },
}

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Integer(u32),
    Integers(Vec<u32>),
    Word(String),
}

impl Choices {
    pub fn default(&self, operand_bits: u32) -> Value {
        match *self {
            Choices::Integer { default, .. } => Value::Integer(default(operand_bits)),
            Choices::Integers { default, .. } => Value::Integers(default.to_vec()),
            Choices::Word { default, .. } => Value::Word(default.to_owned()),
        }
    }
}

/// What a family is made from.
#[derive(Clone, Debug)]
pub struct Values {
    /// W: width of a signed operand.
    pub operand_bits: u32,
    /// Pipeline registers inside a product.
    pub stages: u32,
    /// Every parameter of the family.
    parameters: Vec<(&'static str, Value)>,
}

impl Values {
    /// The value of each parameter as `given`, or its default.
    ///
    /// # Panics
    /// If a value given is not of the parameter's type.
    pub fn new(family: &Family, operand_bits: u32, stages: u32, mut given: impl FnMut(&str) -> Option<Value>) -> Self {
        let value = |parameter: &Parameter| {
            let default = parameter.choices.default(operand_bits);
            let value = given(parameter.name).unwrap_or_else(|| default.clone());
            assert_eq!(std::mem::discriminant(&value), std::mem::discriminant(&default), "{}", parameter.name);
            (parameter.name, value)
        };
        Self { operand_bits, stages, parameters: family.parameters.iter().map(value).collect() }
    }

    /// All parameters in the family's order.
    pub fn parameters(&self) -> &[(&'static str, Value)] {
        &self.parameters
    }

    fn get(&self, name: &str) -> &Value {
        let found = self.parameters.iter().find(|(own, _)| *own == name);
        &found.unwrap_or_else(|| panic!("the family has no parameter {name}")).1
    }

    /// # Panics
    /// If the family has no such parameter, here and below: a slip in its own file.
    pub fn integer(&self, name: &str) -> u32 {
        match self.get(name) {
            Value::Integer(value) => *value,
            other => panic!("{name} is {other:?}"),
        }
    }

    pub fn integers(&self, name: &str) -> &[u32] {
        match self.get(name) {
            Value::Integers(values) => values,
            other => panic!("{name} is {other:?}"),
        }
    }

    pub fn word(&self, name: &str) -> &str {
        match self.get(name) {
            Value::Word(word) => word,
            other => panic!("{name} is {other:?}"),
        }
    }
}

impl Family {
    /// The family with parameters as [`Arithmetic::parameters`] writes them: `operand_bits=8 fraction_bits=4`, in any order.
    /// What is left out has its default, with operands of 16 bits and no pipeline registers.
    ///
    /// # Errors
    /// The first parameter that the family has not, or whose value does not suit it.
    pub fn parse(&self, text: &str) -> Result<Arc<dyn Arithmetic>, ParameterError> {
        let mut given: Vec<(&'static str, Value)> = Vec::new();
        // A list may be written as in a configuration, with blanks.
        let text = text.replace(", ", ",");
        for setting in text.split_whitespace() {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let own = self.parameters.iter().find(|parameter| parameter.name == name);
            let of_all = ["operand_bits", "stages"].into_iter().find(|of_all| *of_all == name);
            let Some(name) = own.map(|parameter| parameter.name).or(of_all) else {
                let known: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name).collect();
                return Err(ParameterError::new(
                    "settings",
                    format!("there is no `{}`", name.escape_debug()),
                    format!("choose from operand_bits, {}, stages", known.join(", ")),
                ));
            };
            if given.iter().any(|(before, _)| *before == name) {
                return Err(ParameterError::new(name, "is set twice", "remove one of the two"));
            }
            let value = match own {
                Some(parameter) => parameter.parse(value)?,
                None => Value::Integer(integer(name, value)?),
            };
            given.push((name, value));
        }
        let find = |name: &str| given.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
        let of_all = |name, default| match find(name) {
            Some(Value::Integer(number)) => number,
            _ => default,
        };
        let (operand_bits, stages) = (of_all("operand_bits", 16), of_all("stages", 0));
        // A default may depend on the width.
        check_operand_bits(operand_bits)?;
        self.with(&Values::new(self, operand_bits, stages, find))
    }

    /// The family with these values.
    ///
    /// # Errors
    /// The first value that does not suit it.
    pub fn with(&self, values: &Values) -> Result<Arc<dyn Arithmetic>, ParameterError> {
        let made = (self.make)(values);
        made.validate()?;
        if made.latency() != values.stages {
            let problem = format!("products of family {} have no registers inside", self.name);
            return Err(ParameterError::new("stages", problem, "choose 0"));
        }
        Ok(made)
    }

    /// Every unit of [`units`](Self::units).
    pub fn made(&self) -> impl Iterator<Item = Arc<dyn Arithmetic>> {
        self.units.iter().map(|text| self.parse(text).unwrap_or_else(|error| panic!("{}: {text}: {error}", self.name)))
    }
}

impl Parameter {
    fn parse(&self, text: &str) -> Result<Value, ParameterError> {
        match self.choices {
            Choices::Integer { min, max, .. } => {
                let number = integer(self.name, text)?;
                ParameterError::check(self.name, number, min..=max)?;
                Ok(Value::Integer(number))
            }
            Choices::Integers { min, max, .. } => {
                let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
                let numbers =
                    bare.split(',').map(|number| integer(self.name, number)).collect::<Result<Vec<_>, _>>()?;
                numbers.iter().try_for_each(|&number| ParameterError::check(self.name, number, min..=max))?;
                Ok(Value::Integers(numbers))
            }
            Choices::Word { words, .. } if words.contains(&text) => Ok(Value::Word(text.to_owned())),
            Choices::Word { words, .. } => {
                let problem = format!("there is no `{}`", text.escape_debug());
                Err(ParameterError::new(self.name, problem, format!("choose one of {}", words.join(", "))))
            }
        }
    }
}

fn integer(parameter: &'static str, text: &str) -> Result<u32, ParameterError> {
    text.parse().map_err(|_| {
        let problem = format!("`{}` is not a whole number", text.escape_debug());
        ParameterError::new(
            parameter,
            problem,
            "write settings as in `fraction_bits=4 dropped_bits=16` or `alphabet=1,3`",
        )
    })
}

/// The family of that name.
pub fn find(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::{asm, exact, mitchell};
    use super::*;

    #[test]
    fn every_family_is_made_from_its_defaults() {
        for family in FAMILIES {
            for bits in [4, 8, 16] {
                let made = family.with(&Values::new(family, bits, 0, |_| None)).unwrap();
                assert_eq!(made.name(), family.name);
                assert_eq!(made.operand_bits(), bits);
                let names: Vec<String> =
                    made.parameters().split(' ').map(|p| p.split_once('=').unwrap().0.to_owned()).collect();
                let parameters = family.parameters.iter().map(|p| p.name);
                let expected: Vec<&str> = ["operand_bits"].into_iter().chain(parameters).chain(["stages"]).collect();
                assert_eq!(names, expected, "{}", family.name);
            }
        }
    }

    /// Settings are read back as they are written.
    #[test]
    fn every_unit_has_the_parameters_that_its_text_sets() {
        for family in FAMILIES {
            for (text, made) in family.units.iter().zip(family.made()) {
                let parameters = made.parameters();
                for setting in text.split(' ') {
                    assert!(parameters.split(' ').any(|own| own == setting), "{setting} in {parameters}");
                }
                assert_eq!(family.parse(&parameters).unwrap().parameters(), parameters);
            }
        }
    }

    #[test]
    fn settings_that_do_not_suit_are_named() {
        let error = |text: &str| {
            let ParameterError { parameter, problem, remedy } = mitchell::FAMILY.parse(text).unwrap_err();
            assert!(!remedy.is_empty());
            format!("{parameter}: {problem}")
        };
        assert_eq!(error("fraction_bits=x"), "fraction_bits: `x` is not a whole number");
        assert_eq!(error("fraction_bits=16"), "fraction_bits: 16 is outside 0..=15");
        assert_eq!(error("operand_bits=3"), "operand_bits: 3 is outside 4..=16");
        assert_eq!(error("form=rows"), "settings: there is no `form`");
        assert_eq!(error("fraction_bits=3 fraction_bits=4"), "fraction_bits: is set twice");
        assert_eq!(error("operand_bits=8 operand_bits=8"), "operand_bits: is set twice");
        assert_eq!(error("stages=1 stages=1"), "stages: is set twice");
        assert_eq!(error("fraction_bits=\u{1b}[31m"), "fraction_bits: `\\u{1b}[31m` is not a whole number");
        assert_eq!(error("\u{1b}[31m=1"), "settings: there is no `\\u{1b}[31m`");
        assert!(exact::FAMILY.parse("form=oval").unwrap_err().to_string().contains("choose one of rows, star"));
    }

    #[test]
    fn lists_are_read_as_they_are_shown() {
        let set = |text: &str| asm::FAMILY.parse(text).map(|made| made.parameters());
        let expected = set("alphabet=1,3");
        assert!(expected.is_ok());
        assert_eq!([set("alphabet=[1,3]"), set("alphabet=[1, 3]")], [expected.clone(), expected]);
        assert!(set("alphabet=[1,3").is_err());
    }

    #[test]
    fn families_have_names_of_their_own() {
        for family in FAMILIES {
            assert_eq!(FAMILIES.iter().filter(|other| other.name == family.name).count(), 1, "{}", family.name);
            assert!(std::ptr::eq(find(family.name).unwrap(), family));
        }
    }
}

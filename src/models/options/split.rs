//! `--split`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::data::Split;

/// The parser of a split, with what its help says of each.
pub fn split_parser(help: [&'static str; 3]) -> impl TypedValueParser<Value = Split> {
    let value = |(split, help): (Split, _)| PossibleValue::new(split.name()).help(help);
    let values = Split::ALL.into_iter().zip(help).map(value);
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Split>())
}

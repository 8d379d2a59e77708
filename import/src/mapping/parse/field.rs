//! A field, and what can be seen of it by itself.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{
    Read,
    said::{needed, nothing_left, strings, table_of, text_of},
    zone,
};
use crate::mapping::{
    field::{Condition, Field, Template, Unit},
    shape::Shape,
};

/// What can be seen of a field by itself.
pub(super) fn checked(field: Field, path: &str, shape: &Shape) -> Read<Field> {
    if let Shape::Word(words) = shape
        && let Some(wrong) = field.outcomes().into_iter().find(|word| !words.contains(word))
    {
        return Err(format!("{path} is {wrong:?}; allowed is {}", words.join(", ")));
    }
    if field.unit.is_some() && !matches!(shape, Shape::Span | Shape::Time) {
        return Err(format!("{path}.unit: only a time or a length has one"));
    }
    if (field.format.is_some() || field.zone.is_some() || field.shift.is_some())
        && !matches!(shape, Shape::Time)
    {
        return Err(format!("{path}: only a time has a format, a zone or a shift"));
    }
    if matches!(shape, Shape::Span) && field.unit.is_none() {
        return Err(format!("{path}.unit: is needed: ms, s, min, h or clock"));
    }
    Ok(field)
}

pub(super) fn field(value: Value, path: &str) -> Read<Field> {
    let template = |text: &str| Template::new(text).map_err(|error| format!("{path}: {error}"));
    match value {
        Value::String(text) => Ok(Field { from: template(&text)?, ..Field::default() }),
        Value::Integer(number) => Ok(Field { from: template(&number.to_string())?, ..Field::default() }),
        Value::Boolean(flag) => Ok(Field { from: template(&flag.to_string())?, ..Field::default() }),
        Value::Table(mut table) => {
            let dotted = format!("{path}.");
            let from = template(&needed(&mut table, &dotted, "from")?)?;
            let words = words(&mut table, &dotted)?;
            let default = match table.remove("default") {
                None => None,
                Some(Value::String(text)) => Some(text),
                Some(other) => Some(other.to_string()),
            };
            let unit = text_of(&mut table, &dotted, "unit")?.map(|name| unit(&dotted, &name)).transpose()?;
            let format = text_of(&mut table, &dotted, "format")?;
            let named = text_of(&mut table, &dotted, "zone")?;
            let zone = named.map(|name| zone(&format!("{dotted}zone"), &name)).transpose()?;
            let shift =
                table.remove("shift").map(|value| field(value, &format!("{dotted}shift"))).transpose()?;
            let when = condition(table.remove("when"), &format!("{dotted}when"))?;
            nothing_left(
                &table,
                &dotted,
                &["from", "words", "default", "unit", "format", "zone", "shift", "when"],
            )?;
            Ok(Field { from, words, default, unit, format, zone, shift: shift.map(Box::new), when })
        }
        other => Err(format!("{path} is {other}; allowed is a text, a number, true, false or a table")),
    }
}

fn words(table: &mut Table, path: &str) -> Read<Option<BTreeMap<String, String>>> {
    let Some(words) = table_of(table, path, "words")? else { return Ok(None) };
    let words = words.into_iter().map(|(from, to)| match to {
        Value::String(to) => Ok((from, to)),
        Value::Integer(to) => Ok((from, to.to_string())),
        other => Err(format!("{path}words.{from} is {other}; allowed is a text")),
    });
    words.collect::<Read<_>>().map(Some)
}

fn unit(path: &str, name: &str) -> Read<Unit> {
    let found = Unit::NAMES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, unit)| *unit)
        .ok_or_else(|| format!("{path}unit is {name:?}; allowed is ms, s, min, h or clock"))
}

pub(super) fn condition(value: Option<Value>, path: &str) -> Read<Condition> {
    let columns = match value {
        None => return Ok(Condition::default()),
        Some(Value::Table(columns)) => columns,
        Some(_) => return Err(format!("{path}: a table of columns and their values is needed")),
    };
    let columns = columns.into_iter().map(|(column, values)| {
        let values = strings(Some(values), &format!("{path}.{column}"))?;
        Ok((column.to_lowercase(), values))
    });
    columns.collect::<Read<_>>().map(Condition)
}

//! A mapping's text, read and checked. Every complaint names the key, what it says and what is allowed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use toml::{Table, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Fields, Lookup, Mapping, Node, Rule,
    field::{Field, Template},
    shape::{Key, NounKind, Shape},
};
use crate::read::Dialect;

mod field;
mod said;

use field::{checked, condition, field};
use said::{needed, nothing_left, strings, table_of, tables_of, text_of};

type Read<T> = Result<T, String>;

/// Reads a mapping.
pub(super) fn mapping(text: &str) -> Read<Mapping> {
    let mut table: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let system = needed(&mut table, "", "system")?;
    let dialect = text_of(&mut table, "", "dialect")?.map(|name| dialect(&name)).transpose()?;
    let zone = text_of(&mut table, "", "time_zone")?.map(|name| zone("time_zone", &name)).transpose()?;
    let language = text_of(&mut table, "", "language")?.unwrap_or_else(|| "en".to_owned());
    let lookups = lookups(&mut table)?;
    let rules = rules(&mut table, &lookups)?;
    let mut passed_over = BTreeMap::new();
    for section in ["ignored", "later"] {
        for (name, reason) in table_of(&mut table, "", section)?.unwrap_or_default() {
            let Value::String(reason) = reason else {
                return Err(format!("{section}.{name}: a reason is needed"));
            };
            passed_over.insert(name.to_lowercase(), reason);
        }
    }
    nothing_left(&table, "", &[])?;
    if rules.is_empty() {
        return Err(
            "says of nothing what becomes of it: [[items]], [[plans]] and the like are needed".to_owned()
        );
    }
    let zone = zone.unwrap_or(TimeZone::UTC);
    Ok(Mapping {
        system,
        dialect,
        zone,
        language,
        lookups,
        rules,
        passed_over,
        hash: xxh3_64(text.as_bytes()),
    })
}

fn dialect(name: &str) -> Read<Dialect> {
    match name {
        "mysql" => Ok(Dialect::Mysql),
        "postgresql" => Ok(Dialect::Postgresql),
        "oracle" => Ok(Dialect::Oracle),
        other => Err(format!("dialect is {other:?}; allowed is mysql, postgresql or oracle")),
    }
}

fn zone(key: &str, name: &str) -> Read<TimeZone> {
    let found = TimeZoneDatabase::bundled().get(name);
    found.map_err(|_| format!("{key} is {name:?}; allowed is an IANA time zone, such as Asia/Seoul"))
}

fn lookups(table: &mut Table) -> Read<Vec<Lookup>> {
    let mut lookups = Vec::new();
    for (at, mut table) in tables_of(table, "", "lookups")?.into_iter().enumerate() {
        let path = format!("lookups[{at}].");
        let name = needed(&mut table, &path, "name")?.to_lowercase();
        let key = needed(&mut table, &path, "key")?;
        let key = Template::new(&key).map_err(|text| format!("{path}key: {text}"))?;
        let of_table = needed(&mut table, &path, "table")?.to_lowercase();
        let columns = strings(table.remove("columns"), &format!("{path}columns"))?;
        let columns = columns.iter().map(|column| column.to_lowercase()).collect();
        nothing_left(&table, &path, &["name", "table", "key", "columns"])?;
        lookups.push(Lookup { name, table: of_table, key, columns });
    }
    Ok(lookups)
}

fn rules(table: &mut Table, lookups: &[Lookup]) -> Read<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut stage = 0_u16;
    for noun in NounKind::ALL {
        for (at, table) in tables_of(table, "", noun.name())?.into_iter().enumerate() {
            let path = format!("{}[{at}].", noun.name());
            let (mut rule, part_of) = rule(noun, table, &path, lookups)?;
            let same = |other: &&Rule| other.noun == noun && other.makes;
            match part_of {
                Some(whole) => {
                    let made = rules.iter().filter(same).find(|other| other.name == whole);
                    let made = made.ok_or_else(|| {
                        format!(
                            "{path}part_of is {whole:?}; allowed is the name of an earlier one of {}",
                            noun.name()
                        )
                    })?;
                    rule.stage = made.stage;
                }
                None => {
                    if rules.iter().filter(same).any(|other| other.name == rule.name) {
                        return Err(format!(
                            "{path}name is {:?}, as an earlier one: give it another",
                            rule.name
                        ));
                    }
                    rule.stage = stage;
                    stage = stage.checked_add(1).ok_or("has too many rules")?;
                }
            }
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn rule(noun: NounKind, mut table: Table, path: &str, lookups: &[Lookup]) -> Read<(Rule, Option<String>)> {
    let of_table = needed(&mut table, path, "table")?.to_lowercase();
    let name = text_of(&mut table, path, "name")?.unwrap_or_else(|| of_table.clone());
    let part_of = text_of(&mut table, path, "part_of")?;
    let when = condition(table.remove("when"), &format!("{path}when"))?;
    let each = text_of(&mut table, path, "each")?.map(|column| column.to_lowercase());
    let repeats = matches!(table.remove("repeats"), Some(Value::Boolean(true)));
    let deleted = table.remove("deleted").map(|value| field(value, &format!("{path}deleted"))).transpose()?;
    let joins = joins(&mut table, path, lookups)?;
    let fields = fields(table, path, noun.keys())?;
    let needs = if part_of.is_none() { noun.needs() } else { &[] };
    if let Some(missing) = noun.names().iter().chain(needs).find(|key| !fields.contains_key(**key)) {
        return Err(format!("{path}{missing}: is needed"));
    }
    let mut columns = BTreeSet::new();
    collect(&fields, &mut columns);
    columns.extend(when.columns().map(str::to_owned));
    columns.extend(deleted.iter().flat_map(Field::columns).map(str::to_owned));
    columns.extend(joins.iter().flat_map(|(_, key)| key.columns()).map(str::to_owned));
    let is_own = |column: &String| !is_looked_up(column, lookups) && !is_of_each(column, each.as_deref());
    columns.retain(is_own);
    columns.extend(each.clone());
    let makes = part_of.is_none();
    let rule = Rule {
        noun,
        name,
        table: of_table,
        stage: 0,
        makes,
        when,
        each,
        joins,
        repeats,
        deleted,
        fields,
        columns,
    };
    Ok((rule, part_of))
}

fn is_looked_up(column: &str, lookups: &[Lookup]) -> bool {
    column.split_once('.').is_some_and(|(name, _)| lookups.iter().any(|lookup| lookup.name == name))
}

fn is_of_each(column: &str, each: Option<&str>) -> bool {
    each.is_some_and(|each| {
        column == each || column.strip_prefix(each).is_some_and(|rest| rest.starts_with('.'))
    })
}

/// `join = { tag = "{tag_id}" }`: the row of that lookup with this key.
fn joins(table: &mut Table, path: &str, lookups: &[Lookup]) -> Read<Vec<(usize, Template)>> {
    let mut joins = Vec::new();
    for (name, key) in table_of(table, path, "join")?.unwrap_or_default() {
        let at = lookups.iter().position(|lookup| lookup.name == name.to_lowercase());
        let at = at.ok_or_else(|| format!("{path}join.{name}: there is no lookup of this name"))?;
        let Value::String(key) = key else { return Err(format!("{path}join.{name}: a template is needed")) };
        joins.push((at, Template::new(&key).map_err(|text| format!("{path}join.{name}: {text}"))?));
    }
    Ok(joins)
}

fn fields(table: Table, path: &str, keys: &'static [Key]) -> Read<Fields> {
    let mut fields = Fields::new();
    for (key, value) in table {
        let Some((name, shape)) = keys.iter().find(|(name, _)| *name == key) else {
            let allowed = keys.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(format!("{path}{key}: there is no such key; allowed is {allowed}"));
        };
        fields.insert(name, node(value, &format!("{path}{key}"), shape)?);
    }
    Ok(fields)
}

fn node(value: Value, path: &str, shape: &Shape) -> Read<Node> {
    Ok(match shape {
        Shape::Texts => {
            let Value::Array(values) = value else { return Err(format!("{path}: a list is needed")) };
            let numbered = values.into_iter().enumerate();
            Node::Several(
                numbered.map(|(at, value)| field(value, &format!("{path}[{at}]"))).collect::<Read<_>>()?,
            )
        }
        Shape::Things(keys) => {
            let Value::Array(values) = value else {
                return Err(format!("{path}: a list of tables is needed"));
            };
            let mut things = Vec::new();
            for (at, value) in values.into_iter().enumerate() {
                let path = format!("{path}[{at}]");
                let Value::Table(mut table) = value else { return Err(format!("{path}: a table is needed")) };
                let when = condition(table.remove("when"), &format!("{path}.when"))?;
                things.push((when, fields(table, &format!("{path}."), keys)?));
            }
            Node::Things(things)
        }
        Shape::Named => {
            let Value::Table(table) = value else { return Err(format!("{path}: a table is needed")) };
            let named = table.into_iter().map(|(name, value)| {
                let field = field(value, &format!("{path}.{name}"))?;
                Ok((name, field))
            });
            Node::Named(named.collect::<Read<_>>()?)
        }
        shape => Node::One(checked(field(value, path)?, path, shape)?),
    })
}

fn collect(fields: &Fields, columns: &mut BTreeSet<String>) {
    let mut add = |field: &Field| columns.extend(field.columns().into_iter().map(str::to_owned));
    for node in fields.values() {
        match node {
            Node::One(field) => add(field),
            Node::Several(fields) => fields.iter().for_each(&mut add),
            Node::Named(fields) => fields.values().for_each(&mut add),
            Node::Things(_) => {}
        }
    }
    for node in fields.values() {
        let Node::Things(things) = node else { continue };
        for (when, fields) in things {
            columns.extend(when.columns().map(str::to_owned));
            collect(fields, columns);
        }
    }
}

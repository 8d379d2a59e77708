//! Rows that are written in a dialect read back equal, whatever they hold. A failure prints the rows and how to repeat it.

use std::io;

use proptest::{collection::vec, option, prelude::*};

use super::super::{Dialect, Format, Value, rows};

/// A way to write rows.
#[derive(Debug, Clone, Copy)]
enum Hand {
    Mysql,
    MysqlHex,
    Postgresql,
    PostgresqlEscaped,
    PostgresqlCopy,
    PostgresqlDollars,
    Oracle,
    OracleAll,
}

type Cell = Option<String>;

fn text(hand: Hand, cell: &Cell) -> String {
    let Some(text) = cell else {
        return if matches!(hand, Hand::PostgresqlCopy) { "\\N" } else { "NULL" }.to_owned();
    };
    let doubled = || format!("'{}'", text.replace('\'', "''"));
    match hand {
        Hand::Mysql => {
            let escaped =
                text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\0', "\\0");
            format!("'{escaped}'")
        }
        Hand::MysqlHex => format!("0x{}", text.bytes().map(|byte| format!("{byte:02X}")).collect::<String>()),
        Hand::Postgresql | Hand::Oracle => doubled(),
        Hand::PostgresqlEscaped => {
            let escaped = text.chars().map(|char| match char {
                '\\' | '\'' => format!("\\{char}"),
                '\n' => "\\n".to_owned(),
                odd if odd.is_ascii_control() => format!("\\x{:02x}", u32::from(odd)),
                wide if !wide.is_ascii() => format!("\\U{:08X}", u32::from(wide)),
                other => other.to_string(),
            });
            format!("E'{}'", escaped.collect::<String>())
        }
        Hand::PostgresqlCopy => {
            text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r")
        }
        Hand::PostgresqlDollars if !text.contains('$') => format!("$x${text}$x$"),
        Hand::PostgresqlDollars => doubled(),
        Hand::OracleAll if !text.contains("]'") => format!("q'[{text}]'"),
        Hand::OracleAll => doubled(),
    }
}

/// A dump of a table with two columns.
fn dump(hand: Hand, all: &[[Cell; 2]]) -> String {
    let row = |row: &[Cell; 2]| format!("{}, {}", text(hand, &row[0]), text(hand, &row[1]));
    let mut dump = "CREATE TABLE t (a text, b text);\n".to_owned();
    match hand {
        Hand::PostgresqlCopy => {
            dump += "COPY t (a, b) FROM stdin;\n";
            for [a, b] in all {
                dump += &format!("{}\t{}\n", text(hand, a), text(hand, b));
            }
            dump += "\\.\n";
        }
        Hand::Oracle => all.iter().for_each(|one| dump += &format!("INSERT INTO t VALUES ({});\n", row(one))),
        Hand::OracleAll => {
            let into = all.iter().map(|one| format!("INTO t (a, b) VALUES ({})\n", row(one)));
            dump += &format!("INSERT ALL {} SELECT * FROM dual;\n", into.collect::<String>());
        }
        _ => {
            let values = all.iter().map(|one| format!("({})", row(one))).collect::<Vec<_>>().join(",\n");
            dump += &format!("INSERT INTO t VALUES {values};\n");
        }
    }
    dump
}

fn read(dialect: Dialect, dump: &str) -> Vec<[Cell; 2]> {
    let source = Box::new(io::Cursor::new(dump.as_bytes().to_vec()));
    let mut rows = rows(source, Format::Sql(dialect), "").unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = row.values.into_iter().map(|value| match value {
            Value::Null => None,
            Value::Text(text) => Some(text),
            Value::Bytes(bytes) => Some(String::from_utf8(bytes).unwrap()),
            Value::Odd(odd) => panic!("{odd}"),
        });
        all.push(<[Cell; 2]>::try_from(cells.collect::<Vec<_>>()).unwrap());
    }
    all
}

/// Texts with a liking for what dumps stumble over.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\\\\'\"`\n\r\t$;,()\\[\\]{}<>/*#NEqx.\u{0}\u{1a}-]{0,12}",
        "[가-힣ぁ-ん👻👩‍🚀é'\\\\]{0,8}",
    ]
}

proptest! {
    #[test]
    fn rows_read_back_equal(all in vec([option::of(any_text()), option::of(any_text())], 1..6)) {
        for (hand, dialect) in [
            (Hand::Mysql, Dialect::Mysql),
            (Hand::MysqlHex, Dialect::Mysql),
            (Hand::Postgresql, Dialect::Postgresql),
            (Hand::PostgresqlEscaped, Dialect::Postgresql),
            (Hand::PostgresqlCopy, Dialect::Postgresql),
            (Hand::PostgresqlDollars, Dialect::Postgresql),
            (Hand::Oracle, Dialect::Oracle),
            (Hand::OracleAll, Dialect::Oracle),
        ] {
            let dump = dump(hand, &all);
            prop_assert_eq!(read(dialect, &dump), all.clone(), "{:?}: {}", hand, dump);
        }
    }

    #[test]
    fn no_text_makes_a_reader_fall_over(text in any::<Vec<u8>>()) {
        for dialect in [Dialect::Mysql, Dialect::Postgresql, Dialect::Oracle] {
            let source = Box::new(io::Cursor::new([b"INSERT INTO t (a) VALUES (".to_vec(), text.clone()].concat()));
            let mut rows = rows(source, Format::Sql(dialect), "").unwrap();
            while let Ok(Some(_)) = rows.next() {}
        }
    }
}

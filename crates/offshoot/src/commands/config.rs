//! `offshoot config`.

use anyhow::Result;
use serde_json::json;

use super::{print, print_json};
use crate::args::Output;
use crate::config::{KEYS, Settings};
use crate::style::{self, Cell, Table};

/// Prints every setting with its value and where it comes from. A token is never printed.
pub(crate) fn run(settings: &Settings, output: Output) -> Result<()> {
    let shown = |name: &str| {
        settings.get(name).map(|(value, source)| {
            let value = match name {
                "token" => "(hidden)".into(),
                _ => value.clone(),
            };
            (value, source.to_string())
        })
    };
    if output.json {
        let entries: Vec<_> = KEYS
            .iter()
            .map(|key| {
                let (value, source) = shown(key.name).unzip();
                json!({ "key": key.name, "value": value, "source": source,
                        "variable": key.variable, "help": key.help })
            })
            .collect();
        return print_json(&entries);
    }
    let mut table = Table::new(&["KEY", "VALUE", "FROM", "MEANING"]);
    for key in KEYS {
        let (value, source) = match shown(key.name) {
            Some((toml::Value::String(text), source)) => (text, source),
            Some((value, source)) => (value.to_string(), source),
            None => ("-".to_owned(), "default".to_owned()),
        };
        let source = settings.surroundings.shown(&source);
        table.row(vec![
            key.name.into(),
            value.into(),
            source.into(),
            Cell::faint(key.help),
        ]);
    }
    print(&table.render(style::stdout()))
}

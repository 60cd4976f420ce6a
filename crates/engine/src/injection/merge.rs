//! Our part of a configuration beside what the person has there already.

use std::path::Path;

use serde_json::Value;

/// Larger files are not those of settings.
const FILE_BYTES: u64 = 1024 * 1024;

/// Writes JSON on one line; any other text stays as it is.
pub(super) fn compact(content: &str) -> String {
    serde_json::from_str::<Value>(content).map_or_else(|_| content.to_owned(), |it| it.to_string())
}

/// Adds ours to a text of theirs.
pub(super) fn with_text(theirs: &str, ours: &str) -> Result<String, String> {
    let unread = |_| "what is set there already cannot be read".to_owned();
    let mut all: Value = serde_json::from_str(theirs).map_err(unread)?;
    let ours: Value = serde_json::from_str(ours).map_err(|err| err.to_string())?;
    add(&mut all, ours);
    Ok(all.to_string())
}

/// Adds ours to a file of theirs; one that is not there holds nothing.
pub(super) fn with_file(theirs: &Path, ours: &str) -> Result<String, String> {
    let shown = theirs.display();
    match theirs.metadata() {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(ours.to_owned()),
        Ok(found) if found.is_file() && found.len() <= FILE_BYTES => {}
        _ => return Err(format!("{shown} cannot be read")),
    }
    let text = std::fs::read_to_string(theirs);
    let text = text.map_err(|err| format!("{shown} cannot be read: {err}"))?;
    with_text(&text, ours).map_err(|err| format!("{shown}: {err}"))
}

/// Objects are joined key by key, lists end to end; of anything else, ours counts.
fn add(theirs: &mut Value, ours: Value) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in ours {
                match theirs.get_mut(&key) {
                    Some(known) => add(known, value),
                    None => drop(theirs.insert(key, value)),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => theirs.extend(ours),
        (theirs, ours) => *theirs = ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays() {
        let theirs = r#"{"plugin":["theirs"],"theme":"dark","hooks":{"Stop":[1]}}"#;
        let ours = r#"{"plugin":["ours"],"hooks":{"Stop":[2],"Start":[3]}}"#;
        let all: Value = serde_json::from_str(&with_text(theirs, ours).unwrap()).unwrap();
        let expected = serde_json::json!({
            "plugin": ["theirs", "ours"],
            "theme": "dark",
            "hooks": {"Stop": [1, 2], "Start": [3]},
        });
        assert_eq!(all, expected);
        assert!(with_text("{ // comment", ours).is_err());
        assert_eq!(with_file(Path::new("/none/at/all"), ours).unwrap(), ours);
        assert!(with_file(Path::new("/"), ours).is_err());
    }
}

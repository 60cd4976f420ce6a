//! The JSON Schema of definitions, for editors: made from the same types that read them.

use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Definition, Region};

/// Where schemas of OpenAPI refer to.
const COMPONENTS: &str = "#/components/schemas/";

/// Returns the schema of a definition (JSON Schema 2020-12).
pub fn schema() -> Value {
    let mut parts = Vec::new();
    Definition::schemas(&mut parts);
    let parts = parts.into_iter().map(|(name, part)| (name, plain(&part)));
    let mut schema = plain(&Definition::schema());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Definition of an agent");
    schema["$defs"] = Value::Object(parts.collect());
    schema
}

/// A part as JSON Schema has it, with references into `$defs`.
fn plain(part: &RefOr<Schema>) -> Value {
    let mut value = json!(part);
    refer(&mut value);
    value
}

fn refer(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get_mut("$ref")
                && let Some(name) = target.strip_prefix(COMPONENTS)
            {
                *target = format!("#/$defs/{name}");
            }
            map.values_mut().for_each(refer);
        }
        Value::Array(all) => all.iter_mut().for_each(refer),
        _ => {}
    }
}

impl PartialSchema for Region {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .description(Some("A part of the screen, without its empty lines."))
            .pattern(Some(
                r"^(screen|bottom\([1-9][0-9]*\)|after-last-rule|prompt-box)$",
            ));
        RefOr::T(Schema::Object(text.build()))
    }
}

impl ToSchema for Region {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    /// Says what a schema does not allow in a value. Knows the words that ours use.
    fn refused(schema: &Value, part: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
        if let Some(name) = part["$ref"]
            .as_str()
            .and_then(|to| to.strip_prefix("#/$defs/"))
        {
            assert!(schema["$defs"][name].is_object(), "{name} is defined");
            return refused(schema, &schema["$defs"][name], value, at, out);
        }
        if let Some(choices) = part["oneOf"].as_array() {
            let fits = |choice: &&Value| {
                let mut wrong = Vec::new();
                refused(schema, choice, value, at, &mut wrong);
                wrong.is_empty()
            };
            if choices.iter().filter(fits).count() != 1 {
                out.push(format!("{at}: none of the choices"));
            }
            return;
        }
        let kinds = match &part["type"] {
            Value::Array(kinds) => kinds.clone(),
            kind => vec![kind.clone()],
        };
        let kind = match value {
            Value::Object(_) => "object",
            Value::Array(_) => "array",
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::Null => "null",
        };
        if !kinds.contains(&json!(kind)) {
            out.push(format!("{at}: {kind} instead of {kinds:?}"));
        }
        if part["enum"]
            .as_array()
            .is_some_and(|all| !all.contains(value))
        {
            out.push(format!("{at}: {value} is no choice"));
        }
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            refused(schema, &part["items"], item, &format!("{at}[{index}]"), out);
        }
        for required in part["required"].as_array().into_iter().flatten() {
            if value.get(required.as_str().unwrap()).is_none() {
                out.push(format!("{at}: {required} is missing"));
            }
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            let known = part["properties"]
                .get(key)
                .unwrap_or(&part["additionalProperties"]);
            match known.is_object() {
                true => refused(schema, known, inner, &format!("{at}.{key}"), out),
                false => out.push(format!("{at}: {key} is unknown")),
            }
        }
    }

    fn findings(text: &str) -> Vec<String> {
        let value: Value = toml::from_str(text).unwrap();
        let (schema, mut out) = (schema(), Vec::new());
        refused(&schema, &schema, &value, "", &mut out);
        out
    }

    #[test]
    fn shipped_definitions_fit_and_mistakes_do_not() {
        for id in Definitions::shipped_ids() {
            let text = Definitions::shipped(id).unwrap();
            assert_eq!(findings(text), Vec::<String>::new(), "{id}");
        }
        let good = "id = \"x\"\nname = \"X\"\n";
        assert_eq!(findings(good), Vec::<String>::new());
        for bad in [
            "name = \"X\"",
            "id = \"x\"\nname = 1",
            "id = \"x\"\nname = \"X\"\nnmae = \"Y\"",
            "id = \"x\"\nname = \"X\"\n[typing]\nbusy = \"sleeps\"",
            "id = \"x\"\nname = \"X\"\n[[titles]]\nid = \"a\"\npattern = \"b\"",
        ] {
            assert_eq!(findings(bad).len(), 1, "{bad}: {:?}", findings(bad));
        }
    }
}
